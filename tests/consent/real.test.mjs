// What the SDK sends, given to the real binary: today's collector records the refusal of somebody unknown without a name,
// the grant and its withdrawal under theirs, and stores nothing that was refused.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startAssent } from "../e2e/console/assent.mjs";
import { openSegment } from "./beside.mjs";
import { button, launch, until, visit } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

let browser, assent;
before(async () => {
  const sources = [{ name: "web", kind: "browser", write_key: "wk_test" }];
  assent = await startAssent({ workspace: "acme", sources, destinations: [], consent: { default_regime: "opt-in" } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await assent?.stop();
});

/** Has a visitor press these buttons, each when what the one before sends has come, and gives the server all of it. */
async function pass(testing, clicks) {
  const collector = await startCollector({ ...REGIMES.eu, tags: [] });
  const { page, context } = await visit(browser, collector);
  testing.after(async () => {
    await context.close();
    collector.close();
  });
  const posts = () => collector.requests.filter(({ method }) => method === "POST");
  for (const [name, requests] of clicks) {
    await button(page, name).click();
    await page.evaluate(() => void window.analytics.track("After"));
    await until(`what ${name} sends has come`, () => posts().length === requests);
  }
  await give(posts());
}

async function give(posts) {
  for (const { path, body } of posts) {
    const answer = await fetch(assent.url + path, { method: "POST", body: JSON.stringify(body) });
    const { success, receipt } = await answer.json();
    assert.deepEqual([answer.status, success, /^[0-9a-f]{32}$/.test(receipt)], [200, true, path === "/v1/consent"]);
  }
}

async function counted(name, label = "") {
  const text = await (await fetch(`${assent.url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name}{`) && one.includes(label));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("a refusal by somebody unknown leaves a number and nothing else", async (testing) => {
  await pass(testing, [["Reject all", 1]]);
  assert.equal(await counted("assent_collect_choices_total", 'recorded="anonymous"'), 1);
  assert.equal(await counted("assent_collect_choices_total", 'recorded="known"'), 0);
  assert.equal(await counted("assent_collect_accepted_total"), 0);
});

test("a grant and its withdrawal are of one visitor; only what was granted is stored", async (testing) => {
  await pass(testing, [["Accept all", 2], ["Withdraw consent", 3]]);
  assert.equal(await counted("assent_collect_choices_total", 'recorded="known"'), 2);
  assert.equal(await counted("assent_collect_accepted_total"), 2, "the grant itself and the event under it");
  assert.equal(await counted("assent_collect_refused_total", 'reason="withdrawn"'), 1);
});

test("beside Segment's SDK a withdrawal is known, and what Segment's goes on to send is not stored", async (testing) => {
  const { tab, collector, told, segment } = await openSegment(browser, testing, "withAssent", REGIMES.eu);
  const has = (name) => segment().some(({ event }) => event === name);
  await button(tab, "Accept all").click();
  await until("what was called comes", () => has("Early"));
  await button(tab, "Withdraw consent").click();
  await until("the withdrawal comes", () => told().length === 2);
  await tab.evaluate(() => void window.analytics.track("After"));
  await until("Segment's SDK goes on", () => has("After"));
  const posts = collector.requests.filter(({ method }) => method === "POST");
  const withdrawal = posts.findIndex(({ events: [event] }) => event.context?.consent?.method === "withdraw");
  const [recorded, stored] = [await counted("assent_collect_choices_total", 'recorded="known"'), await counted("assent_collect_accepted_total")];
  await give(posts.slice(0, withdrawal));
  const under = await counted("assent_collect_accepted_total");
  assert.ok(under > stored, "what was granted is stored");
  await give(posts.slice(withdrawal));
  assert.equal(await counted("assent_collect_accepted_total"), under, "nothing that follows is");
  assert.ok((await counted("assent_collect_choices_total", 'recorded="known"')) >= recorded + 2);
});

test("beside Segment's SDK an opt-out of everything is known although Segment's drops its own report", async (testing) => {
  const { tab, collector, told, segment } = await openSegment(browser, testing, "withAssent", REGIMES.california);
  await until("what was called comes", () => segment().length > 0);
  await tab.evaluate(() => window.assent.consent.withdraw());
  await until("the opt-out comes", () => told().length === 1);
  const before = await counted("assent_collect_choices_total", 'recorded="known"');
  await give(collector.requests.filter(({ method }) => method === "POST"));
  assert.equal(await counted("assent_collect_choices_total", 'recorded="known"'), before + 1);
});
