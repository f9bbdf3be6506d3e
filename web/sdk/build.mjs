// Builds what the collector embeds:
//   dist/analytics.min.js           served for each write key, with an ETag; holds the placeholder "__WRITE_KEY__"
//   dist/sdk/choices.<hash>.js      the preference centre; its name changes with its content, so it never goes stale
//   dist/assent.mjs                 the same core as an ES module
//   dist/snippet.js                 what a page carries in its head
//   dist/manifest.json              every file with its size, plain and compressed
// and refuses to build what is larger than its budget.

import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const { version } = JSON.parse(await readFile(join(here, "package.json"), "utf8"));
const HASH_CHARS = 8;
/** Bytes after gzip at its best, from the design and issue 4. */
export const BUDGETS = { "analytics.min.js": 12 * 1024, choices: 6 * 1024 };

async function bundle(entry, { format = "iife", define = {} } = {}) {
  const { outputFiles } = await build({
    entryPoints: [join(here, "src", entry)],
    bundle: true,
    minify: true,
    format,
    target: ["chrome111", "firefox115", "safari16.4"],
    charset: "utf8",
    legalComments: "none",
    define,
    write: false,
  });
  return Buffer.from(outputFiles[0].contents);
}

const choices = await bundle("choices.ts");
const hash = createHash("sha256").update(choices).digest("hex").slice(0, HASH_CHARS);
const chunk = `choices.${hash}.js`;
const define = { __CHOICES__: JSON.stringify(chunk), __LIBRARY__: JSON.stringify(`assent-${version}`) };
const files = {
  "analytics.min.js": await bundle("script.ts", { define }),
  [`sdk/${chunk}`]: choices,
  "assent.mjs": await bundle("module.ts", { format: "esm", define }),
  "snippet.js": await bundle("snippet.ts"),
};

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
