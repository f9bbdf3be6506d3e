// Copies from the npm package what a page may load from Assent into `dist/`: the script that Segment serves as
// `analytics.min.js` and the chunks that it loads later. The code is left as published; only its licence notice is
// put in front (the published files carry none) and the pointer to a source map, which is not served, is cut.

import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const sdk = join(here, "node_modules/@segment/analytics-next");
const dist = join(here, "dist");
const CHUNK = /\.bundle\.[0-9a-f]+\.js$/;

const { version } = JSON.parse(await readFile(join(sdk, "package.json"), "utf8"));
const licence = (await readFile(join(sdk, "LICENSE.MD"), "utf8")).trim();
const notice = `/*! @segment/analytics-next ${version}\n\n${licence}\n*/\n`;

async function copy(from, to) {
  const code = await readFile(join(sdk, "dist/umd", from), "utf8");
  await writeFile(join(dist, to), notice + code.replace(/\n?\/\/# sourceMappingURL=\S+\s*$/, "\n"));
}

await rm(dist, { recursive: true, force: true });
await mkdir(join(dist, "bundles"), { recursive: true });
await cp(join(sdk, "LICENSE.MD"), join(dist, "LICENSE"));
await copy("standalone.js", "analytics.min.js");
const chunks = (await readdir(join(sdk, "dist/umd"))).filter((name) => CHUNK.test(name));
if (chunks.length === 0) throw new Error(`no chunks in ${sdk}/dist/umd: has the package changed its layout?`);
for (const chunk of chunks) await copy(chunk, `bundles/${chunk}`);
console.log(`segment-sdk: analytics-next ${version}, ${chunks.length} chunks, in web/segment-sdk/dist`);
