// OneTrust's functions where what is on record is not plain: words that were replaced, a category that is new, several groups
// that became one, a choice that was taken over and is silent about something, markup that is a drawing.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, page } from "./beside.mjs";
import { button, launch, until } from "./browser.mjs";
import { REGIMES } from "./settings.mjs";

const NONE = { required: true, functionality: false, performance: false, targeting: false };
const DAY_MS = 86_400_000;

let browser;
before(async () => void (browser = await launch()));
after(() => browser.close());

/** A page with a choice on record, as the script keeps it: words, granted, refused, how, and how many days ago. */
async function visit(testing, more = {}, { words = 3, granted = "", refused = "", how = "choose.first", daysAgo = 1 } = {}) {
  const at = (Date.now() - daysAgo * DAY_MS).toString(36);
  const choice = `1~${words}~${at}~${granted}~${refused}~~${how}~1`;
  const opened = await open(browser, testing, { ...REGIMES.eu, surfaces: ["onetrust"], ...more }, page());
  await opened.tab.evaluate((kept) => localStorage.setItem("assent_choice", kept), choice);
  const again = async () => {
    await opened.tab.reload();
    await opened.tab.waitForFunction(() => window.OneTrust?.UpdateConsent);
  };
  await again();
  const groups = () => opened.tab.evaluate(() => window.OnetrustActiveGroups);
  const latest = async () => (await until("it is told", () => opened.told().at(-1))).context.consent.categoryPreferences;
  return { ...opened, again, groups, latest };
}

const texts = { ...REGIMES.eu.texts, version: 4, askAgainBelow: 4 };
const grouped = REGIMES.eu.categories.map((one) => (one.id === "targeting" ? { ...one, aliases: ["C0004", "C0005"] } : one));

test("UpdateConsent makes no grant anew that was given to other words", async (testing) => {
  const { tab, latest } = await visit(testing, { texts }, { granted: "performance", refused: "functionality.targeting" });
  await tab.evaluate(() => window.OneTrust.UpdateConsent("Category", "C0003:1"));
  assert.deepEqual(await latest(), { ...NONE, functionality: true });
});

test("UpdateConsent follows what was chosen in another tab since", async (testing) => {
  const { tab, latest } = await visit(testing, {}, { granted: "performance.targeting", refused: "functionality" });
  const withdrawn = `1~3~${Date.now().toString(36)}~~functionality.performance.targeting~~withdraw.control~1`;
  await tab.evaluate((kept) => {
    // Of the same tab: nothing tells this page of it.
    localStorage.setItem("assent_choice", kept);
    window.OneTrust.UpdateConsent("Category", "C0003:1");
  }, withdrawn);
  assert.deepEqual(await latest(), { ...NONE, functionality: true });
});

test("closing keeps what was granted before something new was asked, with its day", async (testing) => {
  const { tab, groups, latest, told } = await visit(testing, {}, { granted: "performance.targeting" });
  await button(tab, "Accept all").waitFor();
  await tab.evaluate(() => window.OneTrust.Close());
  await button(tab, "Accept all").waitFor({ state: "detached" });
  assert.equal(await groups(), ",C0001,C0002,C0004,");
  assert.deepEqual(await latest(), { ...NONE, performance: true, targeting: true });
  assert.ok(Date.now() - Date.parse(told().at(-1).timestamp) > DAY_MS / 2, told().at(-1).timestamp);
});

test("several groups that are one category: all are told, and one that is refused refuses it", async (testing) => {
  const chosen = { granted: "performance.targeting", refused: "functionality" };
  const { tab, groups, latest } = await visit(testing, { categories: grouped }, chosen);
  assert.equal(await groups(), ",C0001,C0002,C0004,C0005,");
  await tab.evaluate(() => window.OneTrust.UpdateConsent("Category", "C0004:1,C0005:0"));
  assert.equal(await groups(), ",C0001,C0002,");
  assert.deepEqual(await latest(), { ...NONE, performance: true });
});

test("of several groups that are one category one alone grants nothing that was refused", async (testing) => {
  const chosen = { granted: "performance", refused: "functionality.targeting" };
  const { tab, groups, told } = await visit(testing, { categories: grouped }, chosen);
  await tab.evaluate(() => window.OneTrust.UpdateConsent("Category", "C0004:1"));
  assert.equal(await groups(), ",C0001,C0002,");
  await tab.evaluate(() => window.OneTrust.UpdateConsent("Category", "C0004:1,C0005:1"));
  assert.equal(await groups(), ",C0001,C0002,C0004,C0005,");
  await until("that alone is told", () => told().length === 1);
});

test("its cookie says what holds, also while words that were replaced are asked about again", async (testing) => {
  const chosen = { granted: "performance", refused: "functionality.targeting" };
  const { tab, context, collector, again } = await visit(testing, { texts }, chosen);
  await tab.evaluate(() => {
    document.cookie = "OptanonConsent=groups=C0001:1,C0002:1; path=/";
  });
  await again();
  const said = (await context.cookies(collector.url)).find(({ name }) => name === "OptanonConsent").value;
  assert.equal(new URLSearchParams(said).get("groups"), "C0001:1,C0003:0,C0002:0,C0004:0");
});

test("a choice that was taken over and is silent about something leaves the banner open", async (testing) => {
  const { tab, context } = await visit(testing, {}, { refused: "targeting", how: "imported.page" });
  const isClosed = () => tab.evaluate(() => [window.OneTrust.IsAlertBoxClosed(), window.OneTrust.IsAlertBoxClosedAndValid()]);
  const written = async () => (await context.cookies()).some(({ name }) => name === "OptanonAlertBoxClosed");
  await button(tab, "Accept all").waitFor();
  assert.deepEqual([await isClosed(), await written()], [[false, false], false]);
  await button(tab, "Accept all").click();
  await until("it is answered", written);
  assert.deepEqual(await isClosed(), [true, true]);
});

test("a drawing with a group in its class throws nothing", async (testing) => {
  const { tab } = await visit(testing);
  const held = await tab.evaluate(async () => {
    const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    drawing.setAttribute("class", "icon optanon-category-C0004");
    document.body.append(drawing);
    await new Promise(requestAnimationFrame);
    return drawing.dataset.category;
  });
  assert.equal(held, "targeting");
});
