// States that a real server does not get into on demand: errors, conflicts, missing rights, a stream that breaks off.
// Against the mock; the same pages against the real binary are in real.test.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { until } from "./assent.mjs";
import { accessible, launch, open, signIn } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Runs a test with a page at a mock of its own. */
async function withPage(options, run) {
  const mock = await startMock(options);
  const { page, complaints, close } = await open(browser, { url: mock.url, ...options });
  try {
    await run(page, mock);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    mock.stop();
  }
}

test("a wrong password says what to do, and an ended session brings the login", () =>
  withPage({}, async (page, mock) => {
    await page.goto("/");
    await page.getByLabel("Name").fill("admin");
    await page.getByLabel("Password").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("name and password do not belong together").waitFor();
    await page.getByRole("alert").getByText("bad_credentials").waitFor();
    await accessible(page, "login with an error");
    await signIn(page);
    mock.world.signedIn = null;
    await page.getByRole("link", { name: "Sources" }).click();
    await page.getByRole("heading", { name: "Sign in to Assent" }).waitFor();
  }));

test("an error shows code, message and hint, and can be tried again", () =>
  withPage({}, async (page, mock) => {
    await signIn(page);
    mock.world.kind = "broken";
    await page.reload();
    const alert = page.getByRole("alert");
    await alert.getByText("the server could not read its state").waitFor();
    await alert.getByText("the server's log says more").waitFor();
    await alert.getByText("internal", { exact: true }).waitFor();
    await accessible(page, "overview with an error");
    mock.world.kind = "full";
    await alert.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("heading", { name: "Destinations" }).waitFor();
  }));

test("a refresh that fails leaves what was loaded on the page", () =>
  withPage({}, async (page, mock) => {
    await signIn(page);
    await page.getByText("crm has not delivered").waitFor();
    mock.world.kind = "broken";
    await page.getByRole("alert").getByText("the server could not read its state").waitFor();
    assert.ok(await page.getByText("crm has not delivered").isVisible());
  }));

test("a conflict shows both versions, and each can be taken", () =>
  withPage({}, async (page, mock) => {
    await signIn(page);
    await page.goto("/w/acme/sources/web");
    await page.getByLabel("Region of all its events").fill("de");
    Object.assign(
      mock.world.sources.find(({ name }) => name === "web"),
      { region: "FR", version: 7 },
    );
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Somebody else changed this in the meantime.").waitFor();
    const differs = page.getByRole("region", { name: "What differs" });
    assert.match(await differs.innerText(), /removed:\s+"region": "FR"/);
    assert.match(await differs.innerText(), /added:\s+"region": "DE"/);
    await accessible(page, "conflict");
    await page.getByRole("button", { name: "Take theirs" }).click();
    const region = page.getByLabel("Region of all its events");
    await until("theirs stands in the field", async () => (await region.inputValue()) === "FR");
    await page.getByLabel("Region of all its events").fill("de");
    mock.world.sources.find(({ name }) => name === "web").version = 9;
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("button", { name: "Save mine over it" }).click();
    await page.getByRole("status").getByText("Saved").waitFor();
    assert.equal(mock.world.sources.find(({ name }) => name === "web").region, "DE");
  }));

test("what a file declares is read-only, and the file is named", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.goto("/w/acme/destinations/ads/settings");
    await page.getByText("This is declared by").getByText("workspace.yaml").waitFor();
    const save = page.getByRole("button", { name: "Save", exact: true });
    assert.equal(await save.getAttribute("aria-disabled"), "true");
    assert.ok(await page.getByLabel("URL", { exact: true }).isDisabled());
    await save.focus();
    await page.getByText("Declared by workspace.yaml: change it there.").waitFor();
  }));

test("a viewer sees why buttons do nothing, and no keys", () =>
  withPage({}, async (page, mock) => {
    for (const source of mock.world.sources) source.write_key = null;
    await page.goto("/");
    await signIn(page, { name: "vera" });
    await page.goto("/w/acme/sources/web");
    await page.getByText("The write key is shown to admins and owners only.").waitFor();
    await page.getByRole("button", { name: "Save", exact: true }).focus();
    await page.getByText("This needs the role admin; yours is viewer.").waitFor();
    await page.goto("/w/acme/settings/audit");
    await page.getByText("This needs the role admin; yours is viewer.").waitFor();
    await page.goto("/w/acme/events/msg-1");
    await page.getByRole("tab", { name: "As received" }).click();
    await page.getByText("Personal data is masked.").waitFor();
  }));

test("live: pause, filter, a drawer, and a stream that comes back", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.goto("/w/acme/live");
    await page.getByRole("button", { name: /Signed Up/ }).first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByText("Paused").waitFor();
    await page.getByLabel("What happened").selectOption("refused");
    await page.getByText("Not stored: nobody consented").first().waitFor();
    await page.getByRole("button", { name: /Signed Up/ }).first().waitFor({ state: "detached" });
    await page.getByLabel("What happened").selectOption("failing");
    await page.getByRole("searchbox").fill("nothing like it");
    await page.getByText("No event matches the filter.").waitFor();
    await page.getByRole("searchbox").fill("cart");
    await page.getByRole("button", { name: /Cart Viewed/ }).first().click();
    const drawer = page.getByRole("dialog", { name: "Event" });
    await drawer.getByText("the visitor had refused a needed category").waitFor();
    await page.keyboard.press("Escape");
    await drawer.waitFor({ state: "detached" });
  }));

test("dead letters: one, chosen ones, a reason, a text, and how far they are", () =>
  withPage({}, async (page, mock) => {
    await signIn(page);
    await page.goto("/w/acme/destinations/crm/dead-letters");
    await page.getByRole("heading", { name: "58 dead letters" }).waitFor();
    await page.getByText("38 kept back by consent today").waitFor();
    await page.getByRole("row", { name: /msg-4001/ }).getByRole("button", { name: "Retry" }).click();
    await page.getByRole("heading", { name: "57 dead letters" }).waitFor();
    await page.getByText("1 delivered").waitFor();
    await page.getByLabel("Choose msg-4002-order-completed").check();
    await page.getByLabel("Choose msg-4003-order-completed").check();
    await page.getByRole("button", { name: "Retry 2 chosen" }).click();
    await page.getByRole("heading", { name: "55 dead letters" }).waitFor();
    await page.getByLabel("Part of the answer").fill("no such");
    await page.getByRole("heading", { name: "12 dead letters" }).waitFor();
    await page.getByLabel("Part of the answer").fill("");
    await page.getByLabel("Reason").selectOption("refused");
    await page.getByRole("heading", { name: "12 dead letters" }).waitFor();
    await page.getByRole("button", { name: "Retry all that match" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Retry", exact: true }).click();
    await page.getByText("No dead letter matches the filter.").waitFor();
    assert.equal(mock.world.deadLetters.length, 43);
    await page.getByLabel("Reason").selectOption("backlog_over_budget");
    await page.getByRole("row", { name: /1,240 events/ }).getByRole("button", { name: "Retry" }).hover();
    await page.getByText("it cannot be sent again by name").waitFor();
  }));

test("a destination is paused after a question, and resumed", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.goto("/w/acme/destinations/warehouse-hook");
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Pause", exact: true }).press("Enter");
    await page.getByRole("dialog").getByRole("button", { name: "Pause destination" }).click();
    await page.getByText("Paused by admin").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("Paused by admin").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Pause", exact: true }).waitFor();
  }));

test("lake: a failing query, a chart, a file, a saved question", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.goto("/w/acme/lake");
    await page.getByLabel("SQL").fill("select fail from events");
    await page.keyboard.press("Control+Enter");
    await page.getByRole("alert").getByText("no column named").waitFor();
    await page.getByLabel("SQL").fill("select ");
    await page.getByRole("button", { name: /received_at/ }).click();
    const sql = page.getByLabel("SQL");
    await until("the column stands in the query", async () => (await sql.inputValue()) === "select received_at");
    await page.getByRole("button", { name: "Run" }).click();
    await page.getByText("60 rows").waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    assert.equal(file.suggestedFilename(), "assent.csv");
    await page.getByRole("button", { name: "Save query" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Times");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name: "Times", exact: true }).click();
  }));

test("a token is shown once", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.goto("/w/acme/settings/tokens");
    await page.getByRole("button", { name: "New token" }).click();
    const dialog = page.getByRole("dialog", { name: "New token" });
    await dialog.getByLabel("Name").fill("deploy");
    await dialog.getByRole("button", { name: "Create token" }).click();
    await dialog.getByText("asn_mock_2f9c81d04c").waitFor();
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("cell", { name: "deploy", exact: true }).waitFor();
    // The list is there before the dialog is gone.
    await page.getByText("asn_mock").first().waitFor({ state: "detached" });
  }));

test("the theme is kept and wins over the system", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.getByRole("button", { name: "admin" }).click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    await page.reload();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
  }));

test("the keyboard reaches the content first and every page after", () =>
  withPage({}, async (page) => {
    await signIn(page);
    await page.reload();
    await page.getByRole("heading", { name: "Destinations" }).waitFor();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to the content" }).press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "content");
    await page.getByRole("link", { name: "Lake" }).press("Enter");
    await page.getByRole("heading", { name: "Lake", level: 1 }).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  }));
