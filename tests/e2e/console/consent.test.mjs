// The consent pages in states that a real server does not get into on demand. Against the mock; the same pages in front of
// the real binary are in consent-real.test.mjs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { accessible, launch, NARROW, open, shown, signIn } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Runs a test with a page of its own, signed in at a mock of its own. */
async function withPage(path, run, who = {}) {
  const mock = await startMock();
  const { page, complaints, close } = await open(browser, { url: mock.url });
  try {
    await signIn(page, who);
    await page.goto(`/w/acme/consent/${path}`);
    await run(page, mock);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    mock.stop();
  }
}

async function lookUp(page, by, text) {
  await page.getByLabel("By", { exact: true }).selectOption({ label: by });
  await page.getByLabel(by, { exact: true }).fill(text);
  await page.getByRole("button", { name: "Look up" }).click();
}

test("a person's choices: what holds, each choice with its words, and what was on record earlier", () =>
  withPage("people", async (page, mock) => {
    await lookUp(page, "User id", "u-1");
    await page.getByRole("heading", { name: "3 choices" }).waitFor();
    const held = page.locator(".facts").first();
    assert.match(await held.innerText(), /functionality\s+Granted[\s\S]+performance\s+Refused/);
    const latest = page.getByRole("listitem").filter({ hasText: "Withdrew" });
    await latest.getByRole("button", { name: "What was shown" }).click();
    const dialog = page.getByRole("dialog", { name: "What was shown" });
    await dialog.getByText("Alle ablehnen").waitFor();
    await accessible(page, "the words that were shown");
    await page.keyboard.press("Escape");
    const day = new Date(Date.now() - 50 * 86_400_000).toISOString().slice(0, 16);
    await page.getByLabel("As it was at").fill(day);
    await page.getByRole("button", { name: "Look up" }).click();
    await page.getByRole("heading", { name: "1 choice", exact: true }).waitFor();
    await page.getByRole("heading", { name: /On record by/ }).waitFor();
    // Whoever looks somebody up is written down: nothing asks again by itself.
    assert.equal(mock.world.lookUps, 2);
    assert.doesNotMatch(page.url(), /u-1/);
  }));

test("nobody is found, and somebody is known without a choice", () =>
  withPage("people", async (page, mock) => {
    await lookUp(page, "Anonymous id", "nobody");
    await page.getByText("Nobody is known by this identifier").waitFor();
    mock.world.choices = [];
    await lookUp(page, "User id", "u-1");
    await page.getByText("No choice on record").waitFor();
    await accessible(page, "somebody without a choice");
  }));

test("a receipt is found by its number and kept byte for byte", () =>
  withPage("people", async (page, mock) => {
    const [{ receipt }] = mock.world.choices;
    await lookUp(page, "Receipt number", receipt);
    await page.getByRole("heading", { name: "Receipt", exact: true }).waitFor();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download" }).click(),
    ]);
    assert.equal(file.suggestedFilename(), `receipt-${receipt}.json`);
    const kept = await readFile(await file.path(), "utf8");
    const served = await page.evaluate(async (number) => {
      const answer = await fetch(`/api/v1/workspaces/acme/choices/${number}/receipt`);
      return answer.text();
    }, receipt);
    assert.equal(kept, served);
    assert.match(kept, / $/, "the mock's receipt ends with a space, which a rewritten text would not");
    await lookUp(page, "Receipt number", "00000000000000000000000000000000");
    await page.getByText("There is no choice with this number").waitFor();
  }));

test("whoever may not see choices reads why", () =>
  withPage(
    "people",
    async (page) => {
      await page.getByText("This needs the role admin; yours is viewer.").waitFor();
      assert.equal(await page.getByRole("button", { name: "Look up" }).count(), 0);
    },
    { name: "vera" },
  ));

test("a ledger that is not open says what that means, and comes back by itself", () =>
  withPage("ledger", async (page, mock) => {
    await page.getByText("18,204").waitFor();
    const published = page.getByText("Last published").locator("..");
    await published.getByText(/3 min/).waitFor();
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Keep it" }).click(),
    ]);
    assert.equal((await readFile(await file.path(), "utf8")).split("\n")[1], "18204");
    mock.world.isLedgerClosed = true;
    await page.reload();
    await page.getByRole("alert").getByText("nothing is published").waitFor();
    await accessible(page, "a ledger that is not open");
    mock.world.isLedgerClosed = false;
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.getByText("18,204").waitFor();
  }));

test("choices that come while the ledger does not grow are told", () =>
  withPage("ledger", async (page, mock) => {
    // Later counts are compared with the first: it must not have the new choices already.
    const counted = page.waitForResponse((answer) => answer.url().includes("/consent/rates"));
    await page.reload();
    await counted;
    await page.getByText("18,204").waitFor();
    const more = { regime: "eu", banner_version: 3, language: "en", choices: 4, by_category: [] };
    mock.world.moreRates = [{ ...more, accepted_all: 4, partial: 0, rejected_all: 0, withdrawn: 0 }];
    await page.getByRole("alert").getByText("the ledger does not grow").waitFor({ timeout: 40_000 });
    await accessible(page, "a ledger that does not grow");
  }));

test("opt-in rates follow the span", () =>
  withPage("rates", async (page) => {
    await page.getByRole("row", { name: /European Union.+version 2.+9,120/ }).waitFor();
    await page.getByText("12.9K").waitFor();
    await page.getByRole("button", { name: "7 days" }).click();
    await page.getByText("since 7 days ago").or(page.getByText("since 6 days ago")).waitFor();
  }));

test("at 320 px the current tab is in sight, and a sentence stands on its own lines", () =>
  withPage("rates", async (page) => {
    await page.setViewportSize(NARROW);
    for (const [path, name] of [
      ["rates", "Opt-in rates"],
      ["people", "People"],
      ["ledger", "Ledger"],
      ["banner", "Banner"],
    ]) {
      await page.goto(`/w/acme/consent/${path}`);
      await shown(page);
      const { x, width } = await page.getByRole("link", { name, exact: true }).boundingBox();
      assert.ok(x >= 0 && x + width <= NARROW.width, `${name} from ${x} to ${x + width}`);
      if (path !== "rates") continue;
      const sentence = await page.getByText("Choices that were recorded, by what").boundingBox();
      assert.ok(sentence.width > NARROW.width / 2, `the sentence is ${sentence.width} px wide`);
    }
  }));
