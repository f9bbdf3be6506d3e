// For what the rows of an answer are used: who must say so, what is sent, and what the page shows, by the mock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function withLake(run, { who = {}, look = {}, prepare = () => undefined } = {}) {
  const mock = await startMock();
  prepare(mock.world);
  const { page, complaints, close } = await open(browser, { url: mock.url, ...look });
  try {
    await signIn(page, who);
    await page.goto("/w/acme/lake");
    await shown(page);
    await run(page, mock);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    mock.stop();
  }
}

const use = (page) => page.getByLabel("Use of the rows", { exact: true }).and(page.locator("select"));
const runs = (page) => page.getByRole("button", { name: "Run" });
const optionsOf = (select) => select.locator("option").allTextContents();

test("an owner reads the whole table without a word, and a part of it for a use", () =>
  withLake(async (page, { world }) => {
    await page.getByLabel("SQL").fill("select 1");
    await runs(page).click();
    await page.getByRole("status").getByText("the whole table").waitFor();
    assert.deepEqual(world.questions.at(-1), { sql: "select 1", rows_max: 1000 });
    await use(page).selectOption("Advertising");
    await page.getByLabel("For whom").selectOption("third_party");
    // Without a category nothing is asked.
    assert.equal(await runs(page).getAttribute("aria-disabled"), "true");
    await page.getByLabel("targeting").check();
    await page.getByLabel("functionality").check();
    await page.getByLabel("SQL").press("Control+Enter");
    const line = "rows that may be used for advertising under functionality and targeting, for a third party";
    await page.getByRole("status").getByText(line).waitFor();
    const declared = { purpose: "advertising", categories: ["functionality", "targeting"], recipient: "third_party" };
    assert.deepEqual(world.questions.at(-1), { sql: "select 1", rows_max: 1000, use: declared });
    // The line is about what was read, not about what the control says now.
    await use(page).selectOption("Whole table, as the operator");
    await page.getByRole("status").getByText(line).waitFor();
    await accessible(page, "the lake, read for a use");
  }));

test("an analyst begins with analytics, has no whole table, and is told what is missing", () =>
  withLake(
    async (page, { world }) => {
      assert.equal(await use(page).inputValue(), "analytics");
      assert.ok(!(await optionsOf(use(page))).some((text) => text.includes("Whole table")));
      await page.getByLabel("performance").and(page.locator(":checked")).waitFor();
      await runs(page).click();
      await page.getByRole("status").getByText("used for analytics under performance").waitFor();
      const declared = { purpose: "analytics", categories: ["performance"], recipient: "service_provider" };
      assert.deepEqual(world.questions.at(-1).use, declared);
      await page.getByLabel("performance").uncheck();
      await runs(page).hover();
      await page.getByText("Tick the categories that the use needs.").waitFor();
      await page.getByLabel("SQL").press("Control+Enter");
      assert.equal(world.questions.length, 1);
    },
    { who: { name: "anna" } },
  ));

test("an analyst without that category ticks one first; a viewer is asked for no use", async () => {
  const prepare = ({ categories }) => {
    categories.categories = categories.categories.filter(({ name }) => name !== "performance");
  };
  await withLake(
    async (page) => {
      await page.getByLabel("targeting").waitFor();
      assert.equal(await runs(page).getAttribute("aria-disabled"), "true");
      await page.getByLabel("targeting").check();
      assert.equal(await runs(page).getAttribute("aria-disabled"), null);
    },
    { who: { name: "anna" }, prepare },
  );
  await withLake(async (page) => assert.equal(await use(page).count(), 0), { who: { name: "vera" } });
});

test("by keyboard: a purpose of one's own, also one that begins like another", () =>
  withLake(async (page, { world }) => {
    await page.getByLabel("SQL").focus();
    await page.keyboard.press("Tab");
    await page.keyboard.type("Another");
    await page.keyboard.press("Tab");
    await page.keyboard.type("sales-model");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByRole("status").getByText("used for sales-model under required").waitFor();
    const declared = { purpose: "sales-model", categories: ["required"], recipient: "service_provider" };
    assert.deepEqual(world.questions.at(-1).use, declared);
  }));

for (const dark of [false, true]) {
  test(`at 320 px, ${dark ? "dark" : "light"}: the control fits and axe finds nothing`, () =>
    withLake(
      async (page) => {
        await page.getByLabel("performance").waitFor();
        await use(page).selectOption("Another purpose");
        await fits(page, "the lake with a use");
        await accessible(page, "the lake with a use at 320 px");
      },
      { who: { name: "anna" }, look: { size: NARROW, dark } },
    ));
}
