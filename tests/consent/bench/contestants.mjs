// What a page carries to ask its visitors, once for each way of doing it, as its makers' guides say to put it there: the
// same four categories, English, equal buttons, files from the page's own host, compressed beforehand.

import { readFile, readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "../../../web/sdk/node_modules/esbuild/lib/main.js";
import { REGIMES } from "../settings.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const read = (path) => readFile(here(path), "utf8");
const KEY = "wk_bench";
const { texts, categories } = REGIMES.eu;
const optional = categories.filter(({ id }) => id !== "required");

async function bundle(path) {
  const define = { "process.env.NODE_ENV": '"production"' };
  const { outputFiles } = await build({ entryPoints: [here(path)], bundle: true, minify: true, write: false, target: "chrome111", define, legalComments: "none" });
  return outputFiles[0].text;
}

async function assent() {
  const dist = "../../../web/sdk/dist/";
  const snippet = (await read(`${dist}snippet.js`)).replace("ASSENT_HOST", "").replace("WRITE_KEY", KEY);
  const script = (await read(`${dist}analytics.min.js`)).replaceAll('"__WRITE_KEY__"', JSON.stringify(KEY));
  const files = {
    [`/analytics.js/v1/${KEY}/analytics.min.js`]: script,
    [`/v1/projects/${KEY}/settings`]: JSON.stringify({ integrations: { "Segment.io": { apiKey: KEY } }, assent: { ...REGIMES.eu, tags: [] } }),
  };
  for (const name of await readdir(here(`${dist}sdk`))) files[`/sdk/${name}`] = await read(`${dist}sdk/${name}`);
  return { head: `<script>${snippet}</script>`, files };
}

async function klaro() {
  const services = optional.map(({ id, name }) => ({ name: id, title: name, purposes: [id], default: false }));
  const purposes = Object.fromEntries(optional.map(({ id, name, description }) => [id, { title: name, description }]));
  const en = { consentNotice: { title: texts.title, description: texts.body, learnMore: texts.choose }, ok: texts.accept, acceptAll: texts.accept, decline: texts.reject, purposes };
  const config = { acceptAll: true, hideDeclineAll: false, noticeAsModal: false, lang: "en", translations: { en }, services };
  const files = { "/config.js": `var klaroConfig = ${JSON.stringify(config)}`, "/klaro.js": await read("node_modules/klaro/dist/klaro.js") };
  return { head: '<script defer src="/config.js"></script><script defer data-config="klaroConfig" src="/klaro.js"></script>', files };
}

const VANILLA = "node_modules/vanilla-cookieconsent/dist/";
const vanillaConfig = () => ({
  // It takes a driven browser for a bot, and shows nothing.
  hideFromBots: false,
  categories: { required: { enabled: true, readOnly: true }, ...Object.fromEntries(optional.map(({ id }) => [id, {}])) },
  language: {
    default: "en",
    translations: {
      en: {
        consentModal: { title: texts.title, description: texts.body, acceptAllBtn: texts.accept, acceptNecessaryBtn: texts.reject, showPreferencesBtn: texts.choose },
        preferencesModal: {
          title: texts.control, acceptAllBtn: texts.accept, acceptNecessaryBtn: texts.reject, savePreferencesBtn: texts.save, closeIconLabel: texts.close,
          sections: categories.map(({ id, name, description }) => ({ title: name, description, linkedCategory: id })),
        },
      },
    },
  },
});

async function vanilla() {
  const run = `CookieConsent.run(${JSON.stringify(vanillaConfig())})`;
  const files = { "/cookieconsent.css": await read(`${VANILLA}cookieconsent.css`), "/cookieconsent.js": await read(`${VANILLA}cookieconsent.umd.js`), "/config.js": run };
  const head = '<link rel="stylesheet" href="/cookieconsent.css"><script defer src="/cookieconsent.js"></script><script defer src="/config.js"></script>';
  return { head, files };
}

/** Segment's own: it captures and obeys, and needs somebody to ask. */
async function segment(asking) {
  const settings = { integrations: { "Segment.io": { apiKey: KEY } }, plan: {}, consentSettings: { allCategories: optional.map(({ id }) => id) } };
  const files = { ...asking?.files, "/segment.js": await bundle("segment.mjs"), [`/v1/projects/${KEY}/settings`]: JSON.stringify(settings) };
  return { head: `${asking?.head ?? ""}<script defer src="/segment.js"></script>`, files };
}

/** Name → what is in the page's head, files by path, whether there is a banner. */
export async function contestants() {
  const banner = await vanilla();
  return {
    "nothing (the page alone)": { head: "", files: {}, asks: false },
    "Assent (banner and SDK)": { ...(await assent()), asks: true },
    "klaro": { ...(await klaro()), asks: true },
    "vanilla-cookieconsent": { ...banner, asks: true },
    "analytics-next + consent-tools (no banner)": { ...(await segment()), asks: false },
    "analytics-next + consent-tools + vanilla-cookieconsent": { ...(await segment(banner)), asks: true },
  };
}

export const compressed = (text) => gzipSync(text, { level: 9 });
