// Shadow mode in front of pages that another platform asks on: what is told, and that nothing else happens. The platforms
// are played by what their readers find: the globals and cookies of TrustArc's and OneTrust's interfaces.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { launch, stored, until } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const QUIET_MS = 300;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const ONETRUST = `
  window.OneTrust = { IsAlertBoxClosed: () => document.cookie.includes("OptanonAlertBoxClosed") };
  window.OnetrustActiveGroups = ",C0001,C0002,";`;

/** A page with the platform's script and ours; no other script of Assent's. */
async function open(testing, platform, { prepare, gpc = false } = {}) {
  const nonce = "bm9uY2U";
  const head = `<script nonce="${nonce}">${platform}</script><script nonce="${nonce}" async src="/sdk/shadow.js" data-write-key="wk_test"></script>`;
  const collector = await startCollector(REGIMES.eu, { head, inline: () => "" });
  const context = await browser.newContext();
  if (gpc) await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => true }));
  await prepare?.(context, collector);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  testing.after(async () => {
    assert.deepEqual(complaints, [], "the browser has no complaint");
    await context.close();
    collector.close();
  });
  await page.goto(collector.url);
  const told = () => collector.requests.filter(({ path }) => path === "/v1/consent/shadow");
  return { page, context, collector, told };
}

const cookies = (...all) => (context, { url }) => context.addCookies(all.map(([name, value]) => ({ name, value, url })));

test("it asks nobody, stores nothing and enforces nothing", async (testing) => {
  const { page, context, collector, told } = await open(testing, ONETRUST, { prepare: cookies(["site", "1"]) });
  await until("the page is told", () => told().length === 1);
  await page.evaluate(() => window.scrollTo(0, 500));
  await pause(QUIET_MS);
  assert.deepEqual(collector.requests.map(({ method, path }) => `${method} ${path}`), ["GET /sdk/shadow.js", "POST /v1/consent/shadow"]);
  const { headers, body } = told()[0];
  assert.deepEqual([headers.cookie, headers.referer], [undefined, undefined], "nobody is named, and no page");
  assert.deepEqual(body, { writeKey: "wk_test", gpc: false, platform: "onetrust", granted: ["C0001", "C0002"], chosen: false });
  const nothing = { localStorage: [], sessionStorage: [], indexedDB: [], cacheStorage: [], serviceWorkers: [] };
  assert.deepEqual(await stored(context, page), { cookies: ["site"], ...nothing });
  assert.equal(await page.getByRole("button").count(), 0);
  assert.equal(await page.evaluate(() => typeof window.analytics), "undefined");
});

const DAYS_AGO = new Date(Date.now() - 12.5 * 86_400_000).toISOString();
const trustarc = (answer) => `window.truste = { eu: { bindMap: { domain: "example.com" } }, cma: { callApi: (name, domain) =>
  name === "getGDPRConsentDecision" && domain === "example.com" ? ${JSON.stringify(answer)} : { error: "Call is not available" } } };`;

const HELD = {
  "OneTrust, chosen twelve days ago": [
    ONETRUST,
    [["OptanonAlertBoxClosed", DAYS_AGO]],
    { platform: "onetrust", granted: ["C0001", "C0002"], chosen: true, days: 12 },
  ],
  "OneTrust's cookies alone": [
    "",
    [["OptanonConsent", "isGpcEnabled=0&groups=C0001%3A1%2CC0002%3A0%2CC0004%3A1"], ["OptanonAlertBoxClosed", encodeURIComponent(DAYS_AGO)]],
    { platform: "onetrust", granted: ["C0001", "C0004"], chosen: true, days: 12 },
  ],
  "TrustArc, chosen": [trustarc({ source: "asserted", consentDecision: [1, 3] }), [], { platform: "trustarc", granted: ["ta-1", "ta-3"], chosen: true }],
  "TrustArc, implied": [trustarc({ source: "implied", consentDecision: [0] }), [], { platform: "trustarc", granted: [], chosen: false }],
  "TrustArc's cookie alone": ["", [["notice_gdpr_prefs", "0,1:sig:implied,us"]], { platform: "trustarc", granted: ["ta-1", "ta-2"], chosen: true }],
};

for (const [name, [platform, kept, expected]] of Object.entries(HELD)) {
  test(`what is told of ${name}`, async (testing) => {
    const { told } = await open(testing, platform, { prepare: cookies(...kept), gpc: true });
    await until("the page is told", () => told().length === 1);
    assert.deepEqual(told()[0].body, { writeKey: "wk_test", gpc: true, ...expected });
  });
}

test("a platform that comes late and breaks first is waited for; what is chosen then is told when the page goes", async (testing) => {
  const late = `window.truste = { cma: { callApi() { throw new Error("too early"); } } };
    setTimeout(() => { ${trustarc({ source: "implied", consentDecision: [1] })} }, 700);`;
  const { page, collector, told } = await open(testing, late);
  await until("the page is told", () => told().length === 1);
  await page.evaluate(() => {
    window.truste.cma.callApi = () => ({ source: "asserted", consentDecision: [1, 2] });
  });
  await page.goto(`${collector.url}sdk/shadow.js`);
  await until("the choice is told", () => told().length === 2);
  const said = told().map(({ body }) => [body.chosen, body.granted.join()]);
  assert.deepEqual(said, [[false, "ta-1"], [true, "ta-1,ta-2"]]);
});
