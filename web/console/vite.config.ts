// Builds what the binary embeds: `dist/index.html` and hashed files under `dist/assets`. The page obeys
// `default-src 'self'; style-src 'self'`: no inline script or style is written, and small assets are not inlined as
// `data:` addresses, which that policy refuses.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { previewScript } from "./preview-script.ts";

/** `npm run dev` serves the sources and passes everything else on to a server: the mock, or a real one. */
const SERVER = process.env.ASSENT_URL ?? "http://127.0.0.1:8090";

export default defineConfig({
  plugins: [react(), previewScript()],
  build: {
    assetsInlineLimit: 0,
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: ["chrome123", "firefox121", "safari17.5"],
  },
  // The SDK's sources and the texts of the banner lie beside the console.
  server: {
    proxy: { "/api": SERVER, "/docs": SERVER, "/ledger": SERVER, "/v1": SERVER },
    fs: { allow: ["../..", "."] },
  },
});
