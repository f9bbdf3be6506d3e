// What TrustArc or OneTrust left in a browser, on the real binary: refusals are taken over always, grants only under the
// words and vendors of today, with a time, and while they hold; the rest is asked about.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { PASSWORD, startAssent } from "../e2e/console/assent.mjs";
import { button, firstLayer, launch, started, until } from "./browser.mjs";

const DAY_MS = 86_400_000;
/** Targeting was two groups and two buckets before. */
const CATEGORIES = ["required", "functionality", "performance", { name: "targeting", aliases: ["C0004", "BG5", "ta-4", "ta-5"] }];
const KEYS = { "/eu": "wk_eu", "/us": "wk_us" };
let browser, site, server;
/** One that vouches for grants, and one that does not. */
const servers = {};

function page(request, answer) {
  const { pathname, searchParams } = new URL(request.url, site);
  if (!KEYS[pathname]) return answer.writeHead(404).end();
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  answer.end(`<!doctype html><html lang="en"><title>Shop</title><script>
    var a=window.analytics=window.analytics||[];["track","page","identify","ready","on"].forEach(function(m){a[m]=function(){a.push([m].concat([].slice.call(arguments)))}});
    a._writeKey="${KEYS[pathname]}";a.page()</script>
    <script async src="${servers[searchParams.get("at")].url}/analytics.js/v1/${KEYS[pathname]}/analytics.min.js"></script>
    <main><h1>Shop</h1></main>`);
}

before(async () => {
  server = createServer(page).listen(0, "127.0.0.1");
  await once(server, "listening");
  site = `http://127.0.0.1:${server.address().port}`;
  const sources = [
    { name: "eu", kind: "browser", write_key: "wk_eu", region: "DE" },
    { name: "us", kind: "browser", write_key: "wk_us", region: "US-CA" },
  ];
  const vendors = [
    { id: "ga", name: "Google Analytics", category: "performance" },
    { id: "ads", name: "Ads", category: "targeting" },
  ];
  const start = (grants) => {
    const take_over = { from: ["onetrust", "trustarc"], ...(grants && { grants }) };
    const banner = { version: 2, vendors, take_over, tags: [{ id: "t", kind: "script", src: "/t.js", categories: ["targeting"], purpose: "advertising", vendor: "ads" }] };
    return startAssent({ workspace: "acme", sources, consent: { default_regime: "by-region", categories: CATEGORIES, banner } });
  };
  servers.vouched = await start({ version: 2, vendors: ["ga"] });
  servers.refusals = await start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await Promise.all(Object.values(servers).map((one) => one.stop()));
  server?.close();
});

const onetrust = (groups, daysAgo, more = "") => ({
  OptanonConsent: `isGpcEnabled=0&datestamp=Mon+Nov+02+2026&version=202409.1.0${more}&consentId=c-1&interactionCount=1&groups=${encodeURIComponent(groups)}`,
  ...(daysAgo !== undefined && { OptanonAlertBoxClosed: new Date(Date.now() - daysAgo * DAY_MS).toISOString() }),
});

/** A visitor who has such cookies, on the first page after the switch. */
async function arrive(testing, path, cookies, at = "vouched", prepare = undefined) {
  const context = await browser.newContext();
  await prepare?.(context);
  testing.after(() => context.close());
  const { hostname: domain } = new URL(site);
  await context.addCookies(Object.entries(cookies).map(([name, value]) => ({ name, value, domain, path: "/" })));
  const tab = await context.newPage();
  tab.asked = [];
  tab.on("request", (one) => tab.asked.push([new URL(one.url()).pathname, one.postData()]));
  await tab.goto(`${site}${path}?at=${at}`);
  await started(tab);
  return tab;
}

const kept = async (tab) => (await tab.evaluate(() => localStorage.getItem("assent_choice")))?.split("~");
/** What was taken over: granted, refused, and how long ago. */
async function taken(tab) {
  await until("it is taken over", () => kept(tab));
  const [, version, at, granted, refused, , how] = await kept(tab);
  assert.deepEqual([version, how], ["2", "imported.page"]);
  return { granted, refused, days: Math.round((Date.now() - Number.parseInt(at, 36)) / DAY_MS) };
}
const preferences = (tab) => tab.evaluate(() => window.analytics.consent.preferences());
const isAsked = (tab) => firstLayer(tab).waitFor({ timeout: 5_000 }).then(() => true, () => false);
/** Long enough for the file that takes over, which comes with the settings. */
const settled = (tab) => tab.waitForLoadState("networkidle");

test("OneTrust, everything refused: nobody is asked again, and the day of the refusal stays", async (testing) => {
  const tab = await arrive(testing, "/eu", onetrust("C0001:1,C0002:0,C0003:0,C0004:0", 20));
  assert.deepEqual(await taken(tab), { granted: "", refused: "functionality.performance.targeting", days: 20 });
  await firstLayer(tab).waitFor({ state: "detached" });
  await tab.reload();
  await started(tab);
  await settled(tab);
  assert.equal(await firstLayer(tab).count(), 0);
});

test("OneTrust: a grant counts with its time under today's words, where all vendors were named", async (testing) => {
  const tab = await arrive(testing, "/eu", onetrust("C0001:1,C0002:1,C0003:1,C0004:1", 20));
  // Of targeting a vendor was not named then.
  assert.deepEqual(await taken(tab), { granted: "functionality.performance", refused: "", days: 20 });
  assert.deepEqual(await preferences(tab), { required: true, functionality: true, performance: true, targeting: false });
  assert.ok(await isAsked(tab), "about the rest");
});

test("OneTrust: where nobody vouches for the words, refusals alone are taken, and the rest is asked about", async (testing) => {
  const tab = await arrive(testing, "/eu", onetrust("C0001:1,C0002:1,C0003:1,C0004:0", 20), "refusals");
  assert.deepEqual(await taken(tab), { granted: "", refused: "targeting", days: 20 });
  assert.ok(await isAsked(tab));
  await button(tab, "Accept all").click();
  await until("a choice made here takes its place", async () => (await kept(tab))[6] === "accept_all.first");
});

test("nothing is taken: a grant that has ended, a banner that nobody answered, words in an address", async (testing) => {
  const ended = await arrive(testing, "/eu", onetrust("C0001:1,C0002:1,C0003:1,C0004:1", 200));
  const open = await arrive(testing, "/eu", onetrust("C0001:1,C0002:0,C0003:0,C0004:0"));
  const landed = `&landingPath=${encodeURIComponent("https://shop.test/?a=1&groups=C0002:1,C0003:1")}`;
  const forged = await arrive(testing, "/eu", onetrust("C0001:1,C0002:0,C0003:0,C0004:0", 1, landed));
  for (const tab of [ended, open]) {
    await settled(tab);
    assert.deepEqual([await kept(tab), await isAsked(tab)], [undefined, true]);
  }
  assert.equal((await taken(forged)).granted, "");
});

test("TrustArc keeps no time: refusals alone, from any of its cookies", async (testing) => {
  const required = await arrive(testing, "/eu", { notice_preferences: "0:", notice_gdpr_prefs: "0:" });
  assert.deepEqual(await taken(required), { granted: "", refused: "functionality.performance.targeting", days: 0 });
  const some = await arrive(testing, "/eu", { cmapi_cookie_privacy: "permit_1|2|3" });
  assert.deepEqual(await taken(some), { granted: "", refused: "targeting", days: 0 });
  const level = await arrive(testing, "/eu", { notice_preferences: "0:" });
  assert.deepEqual(await taken(level), { granted: "", refused: "functionality.performance.targeting", days: 0 });
  const all = await arrive(testing, "/eu", { notice_gdpr_prefs: "0,1,2,3,4:" });
  await settled(all);
  assert.deepEqual([await kept(all), await isAsked(all)], [undefined, true]);
});

test("what was several there is refused as a whole by one refusal", async (testing) => {
  const groups = await arrive(testing, "/eu", onetrust("C0001:1,C0002:1,C0003:1,C0004:1,BG5:0", 20), "refusals");
  assert.deepEqual(await taken(groups), { granted: "", refused: "targeting", days: 20 });
  const buckets = await arrive(testing, "/eu", { notice_gdpr_prefs: "0,1,2,3:" });
  assert.deepEqual(await taken(buckets), { granted: "", refused: "targeting", days: 0 });
});

test("California: what was refused there neither runs nor is said of the first event, before it is taken over", async (testing) => {
  const tab = await arrive(testing, "/us", onetrust("C0001:1,C0002:1,C0003:1,C0004:0", 5), "refusals");
  const [, first] = await until("the page's first call arrives", () => tab.asked.find(([path]) => path === "/v1/b"));
  const { consent } = JSON.parse(first).batch[0].context;
  assert.deepEqual(consent.categoryPreferences, { required: true, functionality: true, performance: true, targeting: false });
  assert.deepEqual(tab.asked.filter(([path]) => path === "/t.js"), []);
  const free = await arrive(testing, "/us", {}, "refusals");
  await until("its tag runs where nothing was refused", () => free.asked.find(([path]) => path === "/t.js"));
});

test("California: until what was refused there can be read, nothing goes out and nothing runs", async (testing) => {
  let failures = 0;
  const failing = (context) => context.route("**/sdk/takeover.*.js", (route) => (failures++ < 2 ? route.abort() : route.continue()));
  const tab = await arrive(testing, "/us", onetrust("C0001:1,C0002:1,C0003:1,C0004:0", 5), "refusals", failing);
  const [, first] = await until("the page's first call arrives", () => tab.asked.find(([path]) => path === "/v1/b"));
  assert.equal(JSON.parse(first).batch[0].context.consent.categoryPreferences.targeting, false);
  assert.deepEqual([failures, tab.asked.filter(([path]) => path === "/t.js")], [3, []]);
});

test("California: what was not refused stays on, in the page and on the server's record", async (testing) => {
  const tab = await arrive(testing, "/us", onetrust("C0001:1,C0002:1,C0003:1,C0004:0", 500), "refusals");
  assert.deepEqual(await taken(tab), { granted: "", refused: "targeting", days: 500 });
  assert.deepEqual(await preferences(tab), { required: true, functionality: true, performance: true, targeting: false });
  const anonymousId = await tab.evaluate(() => window.analytics.user().anonymousId());
  const found = await until("the server has it", async () => {
    const { items } = await onRecord("refusals", anonymousId);
    return items.find(({ presented }) => presented?.method === "imported");
  });
  assert.deepEqual([found.granted, found.refused, found.presented.textHash], [[], ["targeting"], undefined]);
});

test("who has answered here is not asked what another platform knows", async (testing) => {
  const tab = await arrive(testing, "/eu", {});
  await button(tab, "Accept all").click();
  await until("it is kept", () => kept(tab));
  await tab.context().addCookies(
    Object.entries(onetrust("C0001:1,C0002:0,C0003:0,C0004:0", 0)).map(([name, value]) => ({ name, value, url: site })),
  );
  await tab.reload();
  await started(tab);
  await settled(tab);
  assert.equal((await kept(tab))[6], "accept_all.first");
});

async function onRecord(at, anonymousId) {
  const { url } = servers[at];
  const headers = { "content-type": "application/json", "x-assent": "1" };
  const body = JSON.stringify({ name: "admin", password: PASSWORD });
  const signedIn = await fetch(`${url}/api/v1/session`, { method: "POST", headers, body });
  const cookie = signedIn.headers.getSetCookie()[0].split(";")[0];
  return (await fetch(`${url}/api/v1/workspaces/acme/choices?anonymous_id=${anonymousId}`, { headers: { cookie } })).json();
}
