// Builds what the collector embeds:
//   dist/analytics.min.js           served for each write key, with an ETag; holds the placeholder "__WRITE_KEY__"
//   dist/sdk/<chunk>.<hash>.js      what is loaded when it is needed: `choices`, the preference centre; `trustarc` and
//                                   `onetrust`, what Assent looks like to scripts made for them; `tcf` and `gpp`, the
//                                   IAB's interfaces; `frames`, other sites' frames; `handoff`, links to other sites;
//                                   `elsewhere`, what was refused on other devices; `takeover`, what another platform
//                                   left. The names change with the content of any, so none goes stale, and the core
//                                   carries one hash instead of a list
//   dist/assent.mjs                 the same core as an ES module
//   dist/snippet.js                 what a page carries in its head
//   dist/{tcf,gpp}-stub.js          the same for TCF and GPP, before any vendor's tag
//   dist/block.js                   keeps back what scripts of the page ask from known hosts
//   dist/shadow.js                  tells what another consent platform holds, for a comparison before the switch
//   dist/manifest.json              every file with its size, plain and compressed
// and refuses to build what is larger than its budget.

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const { version } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
const HASH_CHARS = 8;
/** Bytes after gzip at its best, from the design and issue 4. */
const KB = 1024;
export const BUDGETS = {
  "analytics.min.js": 12 * KB,
  choices: 6 * KB,
  trustarc: 2 * KB,
  onetrust: 2 * KB,
  tcf: 14 * KB,
  gpp: 5 * KB,
  frames: 2 * KB,
  handoff: 2 * KB,
  elsewhere: 2 * KB,
  takeover: 2 * KB,
  "block.js": KB,
  "shadow.js": 1.5 * KB,
};
/**
 * Names of the core's own that no page, store or server knows: letters stand for them in the core, the same in each chunk.
 * What a stub leaves for its chunk is no such name (`callback` of GPP's): stubs keep every name.
 */
const OWN =
  "retryMs lingering mayStore mayCollect surroundings isOnline announce overrides chooser passOn keepsNothing refresh isPermitted held identity post signals resume isRefusedElsewhere isSignalled followers textVersion madeAt collects leave wake adopt taken around permit shared store told optional each drop begin take tell emit root release update domains report banner look read days gpcNotice".split(
    " ",
  );
/** None of them is a name of anything else. */
const LETTERS = "eimpqwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$fgjkloubcrsdan";
const contract = await readFile(join(here, "src", "settings.ts"), "utf8");
const theirs = OWN.filter((name) => new RegExp(`\\b${name}\\??:`).test(contract));
if (theirs.length) throw new Error(`the settings have ${theirs} too: no letter may stand for what the server writes`);
if (OWN.length > LETTERS.length) throw new Error(`${OWN.length} names, and ${LETTERS.length} letters for them`);
const CHUNKS = ["choices", "trustarc", "onetrust", "tcf", "gpp", "frames", "handoff", "elsewhere", "takeover"];

const target = ["chrome111", "firefox115", "safari16.4"];

/** Hands a style sheet over as its text, as Vite does, without what only its readers need. */
const styles = {
  name: "styles",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /\.css\?inline$/ }, ({ path, resolveDir }) => ({ path: join(resolveDir, path.split("?")[0]) }));
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true, target });
      // It keeps the space before a variable's value and before what stands in for it.
      return { contents: code.trim().replace(/(--\w+:|var\([\w-]+,) /g, "$1"), loader: "text" };
    });
  },
};

async function bundle(entry, { format = "iife", define = {}, own = OWN } = {}) {
  const { outputFiles } = await build({
    entryPoints: [join(here, "src", entry)],
    bundle: true,
    minify: true,
    format,
    target,
    plugins: [styles],
    charset: "utf8",
    legalComments: "none",
    define,
    write: false,
  });
  // What esbuild leaves: functions that are used once, and variables between two steps. Two and a half percent.
  const { code } = await minify(outputFiles[0].text, {
    compress: { passes: 3 },
    // Also what the browser calls something: nothing of the browser by these names is used.
    mangle: { properties: { builtins: true, regex: new RegExp(`^(${own.join("|")})$`) } },
    nameCache: { props: { props: Object.fromEntries(OWN.map((name, at) => [`$${name}`, LETTERS[at]])) } },
    ecma: 2022,
    toplevel: true,
    module: format === "esm",
    format: { comments: false },
  });
  // Of a short file the second pass takes the function around it away as well; its names would be the page's.
  const isOpen = format === "iife" && !code.startsWith('"use strict";(()=>{');
  return Buffer.from(isOpen ? `(()=>{${code}})();` : code);
}

const files = {};
const chunks = await Promise.all(CHUNKS.map((chunk) => bundle(`${chunk}.ts`)));
const hash = createHash("sha256").update(Buffer.concat(chunks)).digest("hex").slice(0, HASH_CHARS);
for (const [index, content] of chunks.entries()) files[`sdk/${CHUNKS[index]}.${hash}.js`] = content;
const define = { __CHUNKS__: JSON.stringify(hash), __LIBRARY__: JSON.stringify(`assent-${version}`) };
files["analytics.min.js"] = await bundle("script.ts", { define });
files["assent.mjs"] = await bundle("module.ts", { format: "esm", define });
for (const name of ["snippet", "tcf-stub", "gpp-stub", "block", "shadow"])
  files[`${name}.js`] = await bundle(`${name}.ts`, { own: [] });

await rm(dist, { recursive: true, force: true });
await mkdir(join(dist, "sdk"), { recursive: true });
const manifest = {};
for (const [name, content] of Object.entries(files)) {
  await writeFile(join(dist, name), content);
  manifest[name] = { bytes: content.length, gzip: gzipSync(content, { level: 9 }).length };
}
await writeFile(join(dist, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);

for (const [name, { bytes, gzip }] of Object.entries(manifest)) {
  const most = BUDGETS[name.replace(/^sdk\/(\w+)\..*/, "$1")];
  console.log(`sdk: ${name}: ${bytes} bytes, ${gzip} compressed${most ? ` of ${most}` : ""}`);
  if (most && gzip > most) throw new Error(`${name} is ${gzip - most} bytes over its budget of ${most}`);
}
