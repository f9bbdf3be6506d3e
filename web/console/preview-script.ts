// Builds the script of the banner's preview (`src/preview/frame.ts`) as one classic script with a name of its own in
// `dist/assets`; `import script from "virtual:preview-script"` is its address.
//
// It is no part of the console's own bundle: a sandboxed frame has an origin of its own, and to it a module of the
// console would be another site's. The SDK shows nothing in frames, because the top window asks; here the frame stands
// for the visitor's window, and the sources stay as they are.

import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";

const ID = "virtual:preview-script";
const ENTRY = fileURLToPath(new URL("src/preview/frame.ts", import.meta.url));
const DEV_PATH = "/@preview-script.js";

async function bundle(): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: "warn",
    define: { "window.top": "window" },
    build: {
      write: false,
      target: ["chrome123", "firefox121", "safari17.5"],
      lib: { entry: ENTRY, formats: ["iife"], name: "assentPreview" },
    },
  });
  const [first] = [made].flat();
  const chunk = first && "output" in first ? first.output[0] : undefined;
  if (chunk?.type !== "chunk") throw new Error(`${ENTRY} did not become a script`);
  return chunk.code;
}

export function previewScript(): Plugin {
  let isServed = false;
  return {
    name: "preview-script",
    configResolved(config) {
      isServed = config.command === "serve";
    },
    configureServer(server) {
      server.middlewares.use(DEV_PATH, (_request, response, next) => {
        bundle().then((code) => response.setHeader("content-type", "text/javascript").end(code), next);
      });
    },
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    async load(id) {
      if (id !== `\0${ID}`) return null;
      if (isServed) return `export default ${JSON.stringify(DEV_PATH)};`;
      const file = this.emitFile({ type: "asset", name: "preview.js", source: await bundle() });
      return `export default import.meta.ROLLUP_FILE_URL_${file};`;
    },
  };
}
