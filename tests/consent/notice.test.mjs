// The notice of the real binary's demo: what a browser holds after every kind of choice is what the cookie declaration
// lists, and the page can be read by everybody.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startDemo } from "../e2e/console/assent.mjs";
import { accessible, button, firstLayer, launch, stored, until, visit } from "./browser.mjs";

let browser, demo, declared;
before(async () => {
  demo = await startDemo();
  browser = await launch();
  const answer = await fetch(`${demo.url}/v1/projects/wk_demo/cookies.json`);
  assert.equal(answer.headers.get("set-cookie"), null);
  declared = (await answer.json()).cookies;
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

const escaped = (name) => name.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");

/** Of the names of a kind, those that nobody declared. */
const undeclared = (kind, names) => {
  const known = declared.filter((one) => one.kind === kind).map(({ name }) => new RegExp(`^${escaped(name)}$`));
  return names.filter((name) => !known.some((pattern) => pattern.test(name)));
};

test("whatever is chosen, the browser holds only what the declaration lists, and cookies no longer than it says", async (testing) => {
  for (const choice of ["Accept all", "Reject all"]) {
    const host = new URL(demo.url).host;
    const { page, context } = await visit(browser, { host }, { url: `${demo.url}/demo?as=eu` });
    testing.after(() => context.close());
    await firstLayer(page).waitFor();
    await button(page, choice).click();
    await until("the choice is kept", async () => (await context.cookies()).length > 0);
    await page.evaluate(() => window.analytics.identify("u-1", { plan: "pro" }));
    await page.evaluate(() => window.analytics.group("g-1", { name: "Acme" }));
    const { cookies, localStorage, sessionStorage } = await stored(context, page);
    const others = [undeclared("cookie", cookies), undeclared("local", localStorage), undeclared("session", sessionStorage)];
    assert.deepEqual(others, [[], [], []], choice);
    for (const { name, expires } of await context.cookies()) {
      const { lasts } = declared.find((one) => one.kind === "cookie" && one.name === name);
      const days = (expires * 1_000 - Date.now()) / 86_400_000;
      assert.ok(days <= Number.parseInt(lasts, 10) + 0.01, `${name} lies for ${days} days, declared are ${lasts}`);
    }
  }
});

test("the banner leads to the notice, which is accessible, fits 320 px with its tables and runs nothing", async (testing) => {
  const host = new URL(demo.url).host;
  const { page, context } = await visit(browser, { host }, { url: `${demo.url}/demo?as=eu` });
  testing.after(() => context.close());
  await page.getByRole("link", { name: "Cookie notice" }).click();
  await page.getByRole("heading", { level: 1, name: "Cookie notice of machines.example" }).waitFor();
  await accessible(page, "the notice");
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), "the page does not scroll sideways");
  const wide = await page.locator(".w").evaluateAll((frames) => frames.filter((one) => one.scrollWidth > one.clientWidth).length);
  assert.equal(wide, 0, "nor does a table: its rows are blocks, each line with the name of its column");
  const [first] = await page.locator("td").evaluateAll((cells) => cells.map((cell) => getComputedStyle(cell, "::before").content));
  assert.match(first, /^"From"/);
  assert.ok((await page.getByRole("columnheader", { name: "From" }).count()) > 0, "and it is a table still");
  await accessible(page, "the notice at 320 px");
  assert.equal(await page.locator("script").count(), 0);
  assert.deepEqual(await stored(context, page).then(({ cookies }) => cookies), []);
});
