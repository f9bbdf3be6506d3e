// A page on which Segment's own SDK captures and Assent asks, for the tests that look at what then arrives.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { build } from "../../web/sdk/node_modules/esbuild/lib/main.js";
import { CHOICE, startCollector } from "./collector.mjs";

/** What each way of joining the two needs of the settings. */
export const SURFACES = { withAssent: [], withTrustArc: ["trustarc"], withOneTrust: ["onetrust"] };
/** How each way calls performance and targeting in the stamps of Segment's SDK. */
export const KEYS = { withAssent: ["performance", "targeting"], withTrustArc: ["ta-3", "ta-4"], withOneTrust: ["C0002", "C0004"] };

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL("wrappers.mjs", import.meta.url))],
  bundle: true,
  minify: true,
  write: false,
  define: { "process.env.NODE_ENV": '"production"' },
});
const bundle = outputFiles[0].text;

/** Assent's script as the page of a consent manager carries it, and whatever else is to run in its head. */
export const page = (inline = "", content = "") => ({
  head: '<script nonce="bm9uY2U" src="/analytics.js/v1/wk_test/analytics.min.js" data-global-segment-analytics-key="assent" data-consent-only></script>',
  inline: () => inline,
  content,
});

/** The page without Segment's SDK: what arrives of ours is `told`, of Segment's `segment`; `errors` are the page's own. */
export async function open(browser, testing, settings, { gpc = false, errors = [], unmapped = false, ...content } = page()) {
  const collector = await startCollector({ ...settings, tags: [] }, content);
  // Nothing but these destinations, and mostly none without a category: the case in which the wrappers lose most.
  collector.consentSettings = { allCategories: Object.values(KEYS).flat(), hasUnmappedDestinations: unmapped };
  const context = await browser.newContext();
  if (gpc) await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => true }));
  const complaints = [];
  testing.after(async () => {
    assert.deepEqual(complaints, errors, "the browser has no complaint but of the page's own errors");
    await context.close();
    collector.close();
  });
  const tab = await context.newPage();
  tab.on("pageerror", (error) => complaints.push(error.message));
  await tab.route("**/segment.js", (route) => route.fulfill({ contentType: "text/javascript", body: bundle }));
  await tab.goto(collector.url);
  await tab.waitForFunction(() => window.assent?.initialized);
  const events = () => collector.requests.filter(({ method }) => method === "POST").flatMap(({ events: all }) => all);
  const isOurs = ({ context: { library } }) => !library || library.version.startsWith("assent-");
  const told = () => events().filter((event) => event.event === CHOICE && isOurs(event));
  const segment = () => events().filter((event) => !isOurs(event));
  return { collector, context, tab, told, segment };
}

/** The page with Segment's SDK, joined in one of the ways; `wrapper` are the settings of that. */
export async function openSegment(browser, testing, way, settings, { wrapper = {}, ...options } = {}) {
  const opened = await open(browser, testing, { ...settings, surfaces: SURFACES[way] }, { ...page(), ...options });
  await opened.tab.evaluate(() => {
    const script = document.createElement("script");
    script.nonce = "bm9uY2U";
    script.src = "/segment.js";
    document.head.append(script);
  });
  await opened.tab.waitForFunction(() => window.startSegment);
  await opened.tab.evaluate((args) => window.startSegment(...args), [way, wrapper]);
  return opened;
}
