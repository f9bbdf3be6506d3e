// What the SDK sends, given to the real binary: today's collector records the refusal of somebody unknown without a name,
// the grant and its withdrawal under theirs, and stores nothing that was refused.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startAssent } from "../e2e/console/assent.mjs";
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
  for (const { path, body } of posts()) {
    const answer = await fetch(assent.url + path, { method: "POST", body: JSON.stringify(body) });
    assert.deepEqual([answer.status, await answer.text()], [200, '{"success":true}']);
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
