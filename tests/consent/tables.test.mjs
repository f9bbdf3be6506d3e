// Chromium makes every visit of `expected/*.json`, and whatever it sends, stores or shows differently fails.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { button, firstLayer, launch, started, stored, until, visit } from "./browser.mjs";
import { RECEIPT, startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const TABLES = ["eu", "eu-buffer", "uk", "california", "rest"];
const read = (name) => JSON.parse(readFileSync(new URL(`expected/${name}.json`, import.meta.url)));
/** After everything expected has come, how long something more may take to show itself. */
const QUIET_MS = 300;
const WAIT_MS = 30_000;
const AT_ONCE = 5;
const CATEGORIES = ["functionality", "performance", "targeting"];

const words = (preferences) => CATEGORIES.map((id) => id + (preferences[id] ? "+" : "-")).join(" ");

/** How a request reads in a table. `ids` are the identifier at the beginning and at the end of its phase. */
function line({ method, path }, event, ids) {
  const short = path.replace("wk_test", "{key}").replace(/choices\.\w+\.js/, "choices.{hash}.js");
  if (!event) return `${method} ${short}`;
  const { consent } = event.context;
  const id = !event.anonymousId ? "none" : event.anonymousId === ids.after ? "stored" : event.anonymousId === ids.before ? "withdrawn" : "unknown";
  const { atCapture, method: by, layer } = consent;
  const call = path === "/v1/consent" ? "" : `${event.type} '${event.event ?? event.name}' `;
  const captured = atCapture ? ` at capture: ${words(atCapture)}` : "";
  const how = by ? ` by: ${by} on: ${layer}` : "";
  return `${method} ${short} ${call}id=${id} consent: ${words(consent.categoryPreferences)}${captured}${how}`;
}

const rows = (requests) => requests.flatMap((one) => (one.events.length ? one.events : [null]).map((event) => [one, event]));

const spa = (page, name) =>
  page.evaluate((title) => {
    history.pushState({}, "", `/page/${title.replaceAll(" ", "-")}`);
    window.analytics.page(title);
  }, name);

async function look(page, ms) {
  for (const end = Date.now() + ms; ; ) {
    for (const where of ["scrollHeight", "clientTop"]) {
      await page.evaluate((to) => window.scrollTo(0, document.documentElement[to]), where);
      await pause(Math.min(500, ms / 4));
    }
    if (Date.now() >= end) return;
  }
}

async function wait(page, ms) {
  await look(page, ms / 2);
  await spa(page, "Page two");
  await page.keyboard.press("Escape");
  await page.evaluate(() => window.analytics.track("Seen"));
  await spa(page, "Page three");
  await look(page, ms / 2);
}

async function choose(page, table, kind) {
  const asks = REGIMES[table.regime].regime.first === "ask";
  if (kind === "keep" || kind === "confirm") return chooseOverGpc(page, asks ? "Choose" : "Your Privacy Choices", kind);
  if (asks && kind !== "partial") return button(page, kind === "reject" ? "Reject all" : "Accept all").click();
  await button(page, asks ? "Choose" : "Your Privacy Choices").click();
  if (kind !== "partial") return page.getByRole("dialog").getByRole("button", { name: kind === "reject" ? "Reject all" : "Accept all" }).click();
  const [name, on] = asks ? ["Performance", true] : ["Targeting or advertising", false];
  await page.getByRole("switch", { name }).setChecked(on);
  if (asks) await checkNothingTicked(page);
  return button(page, "Save choices").click();
}

/** Accepts everything while the browser sends GPC, and answers the second step. */
async function chooseOverGpc(page, control, kind) {
  await button(page, control).click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept all" }).click();
  return button(page, kind === "keep" ? "Keep my opt-out" : "Allow this anyway").click();
}

async function checkNothingTicked(page) {
  for (const name of ["Functionality", "Targeting or advertising"]) {
    assert.equal(await page.getByRole("switch", { name }).isChecked(), false, `${name} is not ticked beforehand`);
  }
}

const ACTS = {
  load: async () => {},
  wait: ({ page }) => wait(page, 400),
  "wait 30 s": ({ page }) => wait(page, WAIT_MS),
  choose: ({ page }, table, { case: name }) => choose(page, table, name.replace(/^GPC, accept and /, "").split(/[ :]/)[0]),
  after: async ({ page }) => {
    await page.evaluate(() => window.analytics.track("After"));
    await spa(page, "Page after");
  },
  withdraw: ({ page }) => button(page, "Withdraw consent").click(),
  reload: async ({ page }) => {
    await page.goto(page.url().replace(/\/page\/.*/, "/"));
    await started(page);
  },
};

const anonymousId = async (context) => (await context.cookies()).find(({ name }) => name === "ajs_anonymous_id")?.value;

async function checkPhase(visited, collector, table, one, expected, ids) {
  const from = expected.phase === "load" ? 0 : collector.requests.length;
  await ACTS[expected.phase](visited, table, one);
  const got = () => rows(collector.requests.slice(from));
  await until(`${expected.requests.length} requests of ${expected.phase}`, () => got().length >= expected.requests.length, 5).catch(() => {});
  await pause(QUIET_MS);
  const { context, page } = visited;
  // A choice is kept as untold until the page has read the answer, which may be later than the server's record of it.
  const untold = (key) => expected.localStorage.includes(key) || page.evaluate((one) => localStorage.getItem(one) === null, key);
  await until(`the answers of ${expected.phase} are read`, () => untold("assent_untold"));
  ids.before = ids.after ?? ids.before;
  ids.after = await anonymousId(context);
  ids.seen.add(ids.after);
  const where = `${table.regime}, ${one.case}, ${expected.phase}`;
  assert.deepEqual(got().map(([request, event]) => line(request, event, ids)).sort(), [...expected.requests].sort(), where);
  const { cookies, localStorage, ...never } = await stored(context, page);
  assert.deepEqual({ cookies, localStorage }, { cookies: expected.cookies, localStorage: expected.localStorage }, where);
  for (const kind of table.never) assert.deepEqual(never[kind], [], `${where}: ${kind}`);
  if (expected.shows) assert.deepEqual(await shown(page), [...expected.shows].sort(), where);
}

async function shown(page) {
  const all = [
    ["First layer", firstLayer(page)],
    ...["Privacy choices", "Your Privacy Choices", "Withdraw consent"].map((name) => [name, button(page, name)]),
    ["Opt-out request honored", page.getByText("Opt-out request honored")],
  ];
  const seen = await Promise.all(all.map(async ([name, locator]) => ((await locator.count()) ? name : null)));
  return seen.filter(Boolean).sort();
}

/** Who is not named is not to be known again: a number is used once and is in no storage, nor is that of the receipt. */
async function checkReceipts({ context, page }, collector, ids) {
  const events = rows(collector.requests).flatMap(([, event]) => event ?? []);
  const kept = JSON.stringify([await context.cookies(), await page.evaluate(() => ({ ...localStorage }))]);
  assert.ok(!kept.includes(RECEIPT), "a receipt is kept nowhere");
  for (const event of events.filter(({ anonymousId }) => !ids.seen.has(anonymousId))) {
    assert.ok(CATEGORIES.every((id) => !event.context.consent.categoryPreferences[id]), "only a refusal goes without an identifier");
    assert.deepEqual(Object.keys(event.context), ["consent"]);
    assert.deepEqual([event.anonymousId, event.userId], [undefined, undefined]);
    assert.equal(events.filter(({ messageId }) => messageId === event.messageId).length, 1, "a number is used once");
    assert.ok(!kept.includes(event.messageId), "a number is kept nowhere");
  }
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

// Obligations 1, 2, 7, 10.
describe("expected tables", { concurrency: AT_ONCE }, () => {
  for (const name of TABLES) {
    const table = read(name);
    for (const one of table.cases) {
      test(`${name}: ${one.case}`, async (testing) => {
        const collector = await startCollector({ ...REGIMES[table.regime], before: table.before });
        const visited = await visit(browser, collector, { gpc: one.gpc });
        testing.after(async () => {
          await visited.context.close();
          collector.close();
        });
        const ids = { seen: new Set() };
        for (const phase of one.phases) await checkPhase(visited, collector, table, one, phase, ids);
        assert.deepEqual(visited.strangers, [], "no other host is asked");
        assert.deepEqual(visited.complaints, [], "the browser has no complaint");
        await checkReceipts(visited, collector, ids);
      });
    }
  }
});
