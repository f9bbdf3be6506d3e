// A page in a frame of another site: it asks nobody, goes by the page around it where each knows the other, and keeps
// nothing of that. Whoever is not known gets no answer and is not believed, and no message sets a choice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { button, launch, until, visit } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

/** After the frame has asked twice in vain. */
const UNANSWERED_MS = 1_300;

let browser;
before(async () => void (browser = await launch()));
after(() => browser?.close());

/** A page with a frame of another site. `top` and `frame`: whom each of them knows, by the two origins. */
async function open(testing, { top = (frame) => [frame], frame: known = (_, top) => [top], settings = REGIMES.eu, surfaces = [] } = {}) {
  const [around, within] = await Promise.all([startCollector(settings), startCollector(settings)]);
  const [outer, inner] = [[around, "news.site.test"], [within, "shop.site.test"]].map(([one, name]) => `http://${name}:${one.host.split(":")[1]}`);
  // Each keeps to its own host: what one has stored the other cannot read.
  const of = (name, frames) => ({ ...settings, tags: [], surfaces: ["frames", ...surfaces], frames, storage: { domain: name } });
  around.settings = of("news.site.test", top(inner, outer));
  within.settings = of("shop.site.test", known(inner, outer));
  around.page = { frames: inner, content: `<iframe id="shop" src="${inner}/page/shop" title="Shop"></iframe>` };
  const visited = await visit(browser, around, { url: outer });
  testing.after(async () => {
    assert.deepEqual(visited.complaints, [], "the browser has no complaint");
    await visited.context.close();
    for (const one of [around, within]) one.close();
  });
  const frame = await (await visited.page.waitForSelector("#shop")).contentFrame();
  await frame.waitForFunction(() => window.analytics?.initialized);
  const preferences = () => frame.evaluate(() => window.analytics.consent.preferences());
  const posts = () => within.requests.filter(({ method }) => method === "POST").flatMap(({ body }) => body.batch ?? [body]);
  return { ...visited, frame, preferences, posts };
}

const NOTHING = { required: true, functionality: false, performance: false, targeting: false };
const ALL = { required: true, functionality: true, performance: true, targeting: true };
const kept = (frame) => frame.evaluate(() => ({ cookies: document.cookie, local: Object.keys(localStorage) }));

test("it goes by the choice of the page around it, keeps none of it, and forgets with it", async (testing) => {
  const { page, frame, preferences, posts } = await open(testing);
  await pause(UNANSWERED_MS);
  assert.deepEqual([await preferences(), posts(), await kept(frame)], [NOTHING, [], { cookies: "", local: [] }]);
  await button(page, "Accept all").click();
  await until("the frame knows", async () => (await preferences()).targeting);
  await frame.evaluate(() => void window.analytics.track("In the frame"));
  await until("its event comes", () => posts().length > 0);
  const [event] = posts();
  assert.deepEqual([event.event, event.context.consent.categoryPreferences], ["In the frame", ALL]);
  assert.equal(await frame.evaluate(() => window.analytics.consent.isChosen()), false, "nobody chose there");
  const { cookies, local } = await kept(frame);
  assert.match(cookies, /^ajs_anonymous_id=[^;]*$/);
  assert.deepEqual(local, []);
  const count = posts().length;
  await button(page, "Withdraw consent").click();
  await until("the frame knows of the withdrawal", async () => !(await preferences()).performance);
  await frame.evaluate(() => void window.analytics.track("After"));
  await pause(UNANSWERED_MS);
  assert.deepEqual([posts().length, await kept(frame)], [count, { cookies: "", local: [] }]);
});

test("a frame sends nothing unasked: nobody could refuse it there", async (testing) => {
  const { page, frame, posts } = await open(testing, { settings: { ...REGIMES.eu, before: "always-load" } });
  await frame.evaluate(() => void window.analytics.track("Unasked"));
  await button(page, "Reject all").click();
  await frame.evaluate(() => void window.analytics.track("Refused"));
  await pause(UNANSWERED_MS);
  assert.deepEqual(posts(), []);
});

test("OneTrust's scripts there follow the page around, and none loads anew at it", async (testing) => {
  const { page, frame } = await open(testing, { surfaces: ["onetrust"] });
  await frame.waitForFunction(() => window.OneTrust?.OnConsentChanged);
  await frame.evaluate(() => {
    window.heard = [];
    for (const name of ["consent.onetrust", "OTConsentApplied"]) addEventListener(name, () => window.heard.push(name));
  });
  await button(page, "Accept all").click();
  await frame.waitForFunction(() => window.heard.length);
  await pause(UNANSWERED_MS);
  assert.deepEqual(await frame.evaluate(() => [window.heard, window.OnetrustActiveGroups]), [["consent.onetrust"], ",C0001,C0003,C0002,C0004,"]);
});

test("a choice that is there already is answered at once, some of it too", async (testing) => {
  const { page } = await open(testing);
  await button(page, "Choose").click();
  await page.getByRole("switch", { name: "Performance" }).check();
  await button(page, "Save choices").click();
  await page.reload();
  const frame = await (await page.waitForSelector("#shop")).contentFrame();
  await frame.waitForFunction(() => window.analytics?.consent?.preferences()?.performance);
  assert.deepEqual(await frame.evaluate(() => window.analytics.consent.preferences()), { ...NOTHING, performance: true });
});

test("who is not known to the page around gets no answer", async (testing) => {
  const { page, preferences } = await open(testing, { top: () => ["https://other.example"] });
  await button(page, "Accept all").click();
  await pause(UNANSWERED_MS);
  assert.deepEqual(await preferences(), NOTHING);
});

test("a page around that is not known is not believed", async (testing) => {
  const { page, preferences } = await open(testing, { frame: () => ["https://other.example"] });
  await button(page, "Accept all").click();
  await page.evaluate((all) => document.querySelector("#shop").contentWindow.postMessage({ assent: { says: { categories: all, refusedVendors: [] } } }, "*"), ALL);
  await pause(UNANSWERED_MS);
  assert.deepEqual(await preferences(), NOTHING);
});

test("nobody but the page around is believed, and no message sets a choice there", async (testing) => {
  // The forger is of a site that is known, only not the page around.
  const { page, frame, preferences } = await open(testing, { frame: (own, top) => [top, own] });
  await frame.evaluate((all) => {
    window.postMessage({ assent: { says: { categories: all, refusedVendors: [] } } }, "*");
    window.top.postMessage({ assent: { says: { categories: all, refusedVendors: [] } } }, "*");
    for (const wrong of ["text", null, 7, { assent: null }, { assent: { says: 1 } }]) window.top.postMessage(wrong, "*");
  }, ALL);
  await pause(UNANSWERED_MS);
  assert.deepEqual([await preferences(), await page.evaluate(() => window.analytics.consent.preferences())], [NOTHING, NOTHING]);
});

test("what somebody refused on the frame's own site stays refused", async (testing) => {
  const { page, frame, preferences } = await open(testing);
  await frame.evaluate(() => window.analytics.consent.choose({ categories: { functionality: true, performance: true } }));
  await button(page, "Accept all").click();
  await until("the frame knows", async () => (await preferences()).performance);
  assert.deepEqual(await preferences(), { ...ALL, targeting: false });
  await button(page, "Withdraw consent").click();
  await until("both must grant", async () => !(await preferences()).performance);
});
