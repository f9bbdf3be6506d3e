// The editor of the banner with its preview, the versions and the simulation, against the mock: refusals, conflicts,
// roles, and that looking at a banner records nothing.

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

/** Runs a test with a page of its own, signed in at a mock of its own. */
async function withPage(path, run, { who = {}, prepare = () => undefined } = {}) {
  const mock = await startMock();
  prepare(mock.world);
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

const banner = (page) => page.frameLocator("iframe[title='The banner as a visitor sees it']");
const save = (page) => page.getByRole("button", { name: "Save", exact: true });
const written = (mock) => mock.world.categories.banner;

test("words: Assent's stand in the field, the preview follows, and saving offers the next version", () =>
  withPage("banner", async (page, mock) => {
    const title = page.getByLabel("Title", { exact: true });
    assert.equal(await title.getAttribute("placeholder"), "Your privacy on this site");
    await banner(page).getByRole("heading", { name: "Your privacy on this site" }).waitFor();
    assert.equal(await save(page).getAttribute("aria-disabled"), "true");
    await title.fill("Your choice at Acme");
    await banner(page).getByRole("heading", { name: "Your choice at Acme" }).waitFor();
    await save(page).click();
    const dialog = page.getByRole("dialog", { name: "A new version of the words?" });
    await dialog.waitFor();
    await accessible(page, "a new version is offered");
    await dialog.getByRole("button", { name: "Save as version 3" }).click();
    await page.getByRole("status").getByText("Words version 3").waitFor();
    assert.equal(written(mock).languages.en.title, "Your choice at Acme");
    assert.deepEqual([written(mock).version, written(mock).ask_again_below], [3, 3]);
    // Emptied, Assent's words stand there again, and so they do in what is sent.
    await title.fill("");
    await save(page).click();
    await dialog.getByLabel(/Ask those again/).uncheck();
    await dialog.getByRole("button", { name: "Save as version 4" }).click();
    await page.getByRole("status").getByText("Words version 4").waitFor();
    assert.deepEqual(written(mock).languages.en, {});
    assert.equal(written(mock).ask_again_below, 3);
  }));

test("what is no change of words is saved under the same version", () =>
  withPage("banner/more", async (page, mock) => {
    await page.getByLabel("Days that an identifier lives").fill("30");
    await page.getByLabel("How visitors find their choices again").selectOption("none");
    await save(page).click();
    await page.getByRole("status").getByText("Words version 2").waitFor();
    assert.deepEqual([written(mock).identifier_days, written(mock).control, written(mock).version], [30, "none", 2]);
  }));

test("a language that nobody has read is refused at its field, before and when it is saved", () =>
  withPage("banner/words", async (page, mock) => {
    await page.getByLabel("Add a language").selectOption("fr");
    const reader = page.getByLabel("Read by");
    await page.getByText("Your last change is refused").waitFor();
    assert.equal(await reader.getAttribute("aria-invalid"), "true");
    await accessible(page, "a refusal at its field");
    await page.getByRole("link", { name: "Tags" }).click();
    await page.getByRole("link", { name: /Words.+refused/ }).waitFor();
    await page.getByRole("button", { name: "Show the field" }).click();
    await reader.and(page.locator(":focus")).waitFor();
    await reader.fill("J. Roe, 2026-11-22");
    await banner(page).getByRole("button", { name: "Tout refuser" }).waitFor();
    await save(page).click();
    await page.getByRole("button", { name: "Save as version 3" }).click();
    await page.getByRole("status").getByText("Saved").waitFor();
    assert.equal(written(mock).languages.fr.reviewed, "J. Roe, 2026-11-22");
  }));

test("what steers is refused with the reason, at the button's field", () =>
  withPage("banner/words", async (page) => {
    await page.getByLabel("Button that refuses all").fill("No, I want nothing of all this at all");
    const field = page.locator("[data-place='languages.en.reject']");
    await field.getByText(/accepting and refusing must be equal/).waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    await field.getByText(/accepting and refusing must be equal/).waitFor({ state: "detached" });
  }));

test("before a choice: what no regime allows is refused beside it", () =>
  withPage("banner/rules", async (page, mock) => {
    await page.getByLabel("European Union, EEA and Switzerland").selectOption("cookieless");
    await page.locator("[data-place='before.eu']").getByText(/is not lawful/).waitFor();
    await page.getByLabel("European Union, EEA and Switzerland").selectOption("block");
    await page.getByLabel("Goes with performance").fill("_ga, _ga_*");
    await save(page).click();
    await page.getByRole("status").getByText("Saved").waitFor();
    assert.equal(written(mock).before, undefined);
    const performance = mock.world.categories.categories.find(({ name }) => name === "performance");
    assert.deepEqual(performance.erase, ["_ga", "_ga_*"]);
  }));

test("vendors and tags are added, and go", () =>
  withPage("banner/vendors", async (page, mock) => {
    await page.getByRole("button", { name: "Add vendor" }).click();
    const vendor = page.getByRole("group", { name: "Vendor 2" });
    await vendor.getByLabel("Id").fill("ads");
    await page.getByLabel("Name", { exact: true }).nth(1).fill("Example Ads");
    await page.getByRole("link", { name: "Tags" }).click();
    await page.getByRole("button", { name: "Remove ga" }).click();
    await page.getByRole("button", { name: "Add tag" }).click();
    await page.getByLabel("Id", { exact: true }).fill("pixel");
    await page.getByLabel("Address").fill("https://ads.example/p.gif");
    await page.getByLabel("Kind").selectOption("img");
    await page.getByLabel("Vendor").selectOption("ads");
    await page.getByLabel("targeting").check();
    await save(page).click();
    await page.getByRole("button", { name: "Save as version 3" }).click();
    await page.getByRole("status").getByText("Saved").waitFor();
    assert.deepEqual(written(mock).vendors.at(-1), { id: "ads", name: "Example Ads", category: "targeting" });
    const tag = { id: "pixel", kind: "img", src: "https://ads.example/p.gif", categories: ["targeting"] };
    assert.deepEqual(written(mock).tags, [{ ...tag, purpose: "analytics", vendor: "ads" }]);
  }));

test("the preview is the SDK: it asks, follows a choice, honours the signal, and tells nobody", () =>
  withPage("banner", async (page, mock) => {
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.getByText("targeting refused").waitFor();
    await banner(page).getByRole("button", { name: "Choose" }).click();
    await banner(page).getByRole("dialog").getByLabel("Performance").check();
    await accessible(page, "the preference centre in the preview");
    await banner(page).getByRole("button", { name: "Save choices" }).click();
    await page.getByText("After the choice:").waitFor();
    await page.getByText("performance granted").waitFor();
    await banner(page).getByRole("button", { name: "Withdraw consent" }).click();
    await page.getByText("performance refused").waitFor();
    await page.getByLabel("Where the visitor is").selectOption("US-CA");
    await banner(page).getByRole("button", { name: "Your Privacy Choices" }).waitFor();
    await page.getByText("targeting granted").waitFor();
    await page.getByLabel("Their browser sends Global Privacy Control").check();
    await banner(page).getByText("Opt-out request honored").waitFor();
    await page.getByText("targeting refused").waitFor();
    await page.getByLabel("Where the visitor is").selectOption("DE");
    await page.getByLabel("Their language").selectOption("ar");
    await banner(page).locator("[dir=rtl]").first().waitFor();
    assert.deepEqual(asked.filter((url) => /\/v1\/(t|b|p)$/.test(url)), []);
    const foreign = asked.filter((url) => !url.startsWith(mock.url));
    assert.deepEqual(foreign, []);
    const kept = await page.evaluate(() => [document.cookie, ...Object.keys(localStorage)]);
    assert.deepEqual(kept.filter((one) => /assent_choice/.test(one)), []);
  }));

test("a draft outlives a look at another page, and can be simulated", () =>
  withPage("banner/rules", async (page) => {
    await page.getByLabel("Where no region has a row").selectOption("opt-in");
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.getByRole("link", { name: "Consent" }).click();
    await page.getByText("Not saved").waitFor();
    await page.getByRole("link", { name: "Simulation" }).click();
    await page.getByText("1 part of it would change").click();
    await page.getByText("by-region").waitFor();
    await page.getByRole("button", { name: "Simulate" }).click();
    await page.getByRole("row", { name: /warehouse-hook.+−4,256/ }).waitFor();
    await page.getByText("312 people who have chosen would be asked again.").waitFor();
    await page.getByRole("button", { name: "30 days" }).click();
    await page.getByRole("button", { name: "Simulate" }).click();
    await page.getByText("Only a part was looked at.").waitFor();
  }));

test("versions are compared in words", () =>
  withPage("versions", async (page) => {
    await page.getByRole("row", { name: /terraform/ }).getByRole("button").click();
    const compared = page.locator("#versions-compared");
    await compared.getByRole("heading", { name: /Words: German/ }).getByText("new").waitFor();
    await compared.locator("ins").getByText("Alle ablehnen").waitFor();
    await page.getByRole("row", { name: /admin/ }).first().getByRole("button").click();
    await compared.locator("ins").getByText("Ihre Wahl bei Acme").waitFor();
    await compared.getByRole("heading", { name: /Vendor: Google Analytics/ }).waitFor();
    assert.equal(await compared.getByText("Alle ablehnen").count(), 0, "what stayed is no difference");
    await accessible(page, "two versions compared");
  }));

test("what a file declares is read-only, and previewed all the same", () =>
  withPage(
    "banner",
    async (page) => {
      await page.getByText("This is declared by").getByText("workspace.yaml").waitFor();
      assert.ok(await page.getByLabel("Title", { exact: true }).isDisabled());
      await save(page).focus();
      await page.getByText("Declared by workspace.yaml: change it there.").waitFor();
      await banner(page).getByRole("button", { name: "Accept all" }).waitFor();
    },
    { prepare: (world) => Object.assign(world.categories, { declared_by: "workspace.yaml" }) },
  ));

test("a viewer sees the banner and why it cannot be changed", () =>
  withPage(
    "banner",
    async (page) => {
      await page.getByText("This needs the role admin; yours is viewer.").first().waitFor();
      assert.ok(await page.getByLabel("Title", { exact: true }).isDisabled());
      await banner(page).getByRole("button", { name: "Accept all" }).waitFor();
      await page.goto("/w/acme/consent/versions");
      await page.getByText("This needs the role admin; yours is viewer.").waitFor();
    },
    { who: { name: "vera" } },
  ));

test("a conflict shows both, and either can be kept", () =>
  withPage("banner/more", async (page, mock) => {
    await page.getByLabel("Days that an identifier lives").fill("30");
    const { banner: theirs } = mock.world.categories;
    mock.world.categories = { ...mock.world.categories, banner: { ...theirs, identifier_days: 60 }, version: 9 };
    await save(page).click();
    await page.getByText("Somebody else changed this in the meantime.").waitFor();
    await page.getByRole("button", { name: "Save mine over it" }).click();
    await page.getByRole("status").getByText("Saved").waitFor();
    assert.equal(written(mock).identifier_days, 30);
  }));

test("what was chosen at the platform before: refusals always, grants once somebody vouches for its notice", () =>
  withPage("banner", async (page, mock) => {
    await page.getByRole("link", { name: "Version and browser" }).click();
    const group = page.getByRole("group", { name: "Take over what visitors chose at the platform before" });
    await group.getByLabel("OneTrust").check();
    await save(page).click();
    await until("it is saved", () => written(mock).take_over);
    assert.deepEqual(written(mock).take_over, { from: ["onetrust"] });
    const { version, vendors } = written(mock);
    await page.getByLabel(`Its notice said what version ${version} says, and named all ${vendors.length} vendors of today`).check();
    await accessible(page, "what is taken over");
    await save(page).click();
    await until("it is vouched for", () => written(mock).take_over.grants);
    assert.deepEqual(written(mock).take_over.grants, { version, vendors: vendors.map(({ id }) => id) });
    await group.getByLabel("OneTrust").uncheck();
    await save(page).click();
    await until("nothing is taken over", () => !written(mock).take_over);
  }));
