// The facts of the cookie notice and the rule about children, in the editor of consent: against the mock for what goes
// wrong, and once in front of the real binary for what visitors then read.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { PASSWORD, startAssent } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, signIn } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Runs a test with a page of its own, signed in at a mock of its own. */
async function withPage(path, run, { prepare = () => undefined, look = {} } = {}) {
  const mock = await startMock();
  prepare(mock.world);
  const { page, complaints, close } = await open(browser, { url: mock.url, ...look });
  try {
    await signIn(page);
    await page.goto(`/w/acme/consent/${path}`);
    await run(page, mock);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    mock.stop();
  }
}

const save = (page) => page.getByRole("button", { name: "Save", exact: true });
const saved = (page) => page.getByRole("status").getByText(/^Words version/).first().waitFor();
const group = (page, name) => page.getByRole("group", { name, exact: true });
const PARTY = { name: "Shop Ltd", address: "1 Road\nTown", email: "privacy@shop.example" };
const NOTICE = { site: "Shop", controller: PARTY };

async function writeNotice(page) {
  await page.getByRole("switch", { name: "Publish a cookie notice" }).click();
  await page.getByLabel("What the site is called").fill("Shop");
  const who = group(page, "Who is responsible");
  await who.getByLabel("Name").fill(PARTY.name);
  await who.getByLabel("E-mail about privacy").fill(PARTY.email);
  await who.getByLabel("Postal address").fill(PARTY.address);
}

test("a notice is written, refused at its fields, saved, and read beside it", () =>
  withPage("banner/notice", async (page, mock) => {
    await page.getByText("No notice is published").waitFor();
    await page.getByRole("switch", { name: "Publish a cookie notice" }).click();
    await page.locator("[data-place='notice.site']").getByText(/has 1 to 80 characters/).waitFor();
    await page.getByLabel("What the site is called").fill("Shop");
    const who = group(page, "Who is responsible");
    await who.getByLabel("Name").fill(PARTY.name);
    await who.getByLabel("E-mail about privacy").fill("privacy");
    const email = page.locator("[data-place='notice.controller.email']");
    await email.getByText(/is not an e-mail address/).waitFor();
    assert.equal(await who.getByLabel("E-mail about privacy").getAttribute("aria-invalid"), "true");
    await accessible(page, "a refusal at a field of the notice");
    await page.getByRole("link", { name: "Tags" }).click();
    await page.getByRole("link", { name: /Cookie notice.+refused/ }).waitFor();
    await page.getByRole("button", { name: "Show the field" }).click();
    await who.getByLabel("E-mail about privacy").and(page.locator(":focus")).waitFor();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type(PARTY.email);
    await who.getByLabel("Postal address").fill(PARTY.address);
    const drafted = page.getByRole("region", { name: "The notice of your draft" });
    await drafted.getByText("privacy@shop.example").waitFor();
    assert.equal(mock.world.categories.notice, null, "it is read before it is saved");
    await save(page).click();
    await saved(page);
    assert.deepEqual(mock.world.categories.notice, NOTICE);
    const shown = page.getByRole("region", { name: "The notice as it is published" });
    await shown.getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
    await shown.getByText("privacy@shop.example").waitFor();
    await drafted.waitFor({ state: "detached" });
    const link = page.getByRole("link", { name: "The page that visitors get" });
    assert.match(await link.getAttribute("href"), /^\/v1\/projects\/[^/]+\/notice\?language=en$/);
    await accessible(page, "a notice and its preview");
  }));

test("a draft's notice is read while it is written, and a refusal leaves the last one", () =>
  withPage(
    "banner/notice",
    async (page, mock) => {
      const published = page.getByRole("region", { name: "The notice as it is published" });
      await published.getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
      const asked = [];
      page.on("request", (request) => request.url().endsWith("/consent/preview/notice") && asked.push(request));
      const more = " and Sons";
      await page.getByLabel("What the site is called").press("End");
      await page.getByLabel("What the site is called").pressSequentially(more);
      const drafted = page.getByRole("region", { name: "The notice of your draft" });
      await drafted.getByRole("heading", { name: "Cookie notice of Shop and Sons" }).waitFor();
      assert.ok(asked.length < more.length, `it waits until the typing rests, and asked ${asked.length} times`);
      assert.equal(mock.world.categories.notice.site, "Shop");
      await accessible(page, "the notice of a draft");
      await page.getByLabel("What the site is called").fill("");
      await page.getByText("Your last change is refused; this is how it was before it.").waitFor();
      await drafted.getByRole("heading", { name: "Cookie notice of Shop and Sons" }).waitFor();
      await page.getByLabel("What the site is called").fill("Shop");
      await published.getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
    },
    { prepare: ({ categories }) => Object.assign(categories, { notice: NOTICE }) },
  ));

test("every fact of a notice is kept as files write it, and what is emptied is not said", () =>
  withPage(
    "banner/notice",
    async (page, mock) => {
      await page.getByLabel("A notice of your own").fill("https://shop.example/privacy");
      await page.getByLabel("E-mail of the data protection officer").fill("dpo@shop.example");
      await page.getByLabel("Supervisory authority").fill("Authority");
      await page.getByLabel("Names, addresses, numbers").check();
      await page.getByLabel("To recognise fraud").check();
      await page.getByLabel("Days that you keep whole addresses").fill("7");
      await page.getByLabel("In e-mails: openings and clicks").check();
      await page.getByLabel("What people sign in to").fill("the console");
      await page.getByRole("button", { name: "Add cookie" }).click();
      await page.getByLabel("Name of the cookie").fill("shop_session");
      await page.getByLabel("How long it stays").fill("1 day");
      await page.locator("[data-place='notice.lasts.1 day']").getByText(/is not a lifetime/).waitFor();
      await page.getByLabel("How long it stays").fill("30d");
      await page.getByRole("button", { name: "Add period" }).click();
      await page.getByLabel("What is kept").fill("Events");
      await page.getByLabel("Places where data is stored").fill("Frankfurt, Germany\nDublin, Ireland");
      await page.getByRole("switch", { name: "Name the rights yourself" }).click();
      await page.getByLabel("No retaliation").uncheck();
      await page.getByLabel("Name somebody behind").selectOption("crm");
      await group(page, "crm").getByLabel("Name, for visitors").fill("CRM Ltd");
      await group(page, "crm").getByLabel("What safeguards a transfer").selectOption("adequacy");
      await save(page).click();
      await saved(page);
      const { rights, ...written } = mock.world.categories.notice;
      assert.deepEqual(written, {
        ...NOTICE,
        url: "https://shop.example/privacy",
        dpo: { email: "dpo@shop.example" },
        authority: { name: "Authority" },
        data: ["identifiers", "usage", "device", "region", "contact"],
        ip_addresses: { uses: ["region", "fraud"], whole_days: 7 },
        beacons: { pages: false, emails: true },
        accounts: "the console",
        cookies: [{ name: "shop_session", lasts: "30d", category: "required", use: "login" }],
        retention: [{ what: "Events", lasts: "13mo" }],
        storage_locations: ["Frankfurt, Germany", "Dublin, Ireland"],
        recipients: { crm: { name: "CRM Ltd", transfer: "adequacy" } },
      });
      assert.ok(!rights.includes("no_retaliation") && rights.includes("access"));
      await page.getByLabel("E-mail of the data protection officer").fill("");
      await page.getByLabel("What people sign in to").fill("");
      await page.getByRole("button", { name: "Remove shop_session" }).click();
      await save(page).click();
      await page.getByText("Not saved").waitFor({ state: "detached" });
      const { notice } = mock.world.categories;
      assert.deepEqual([notice.dpo, notice.accounts, notice.cookies], [undefined, undefined, undefined]);
    },
    { prepare: ({ categories }) => Object.assign(categories, { notice: NOTICE }) },
  ));

test("in two languages a text is written for each, and nobody's reading is refused", () =>
  withPage(
    "banner/notice",
    async (page, mock) => {
      await page.getByLabel("Publish it in another language").selectOption("de");
      await page.locator("[data-place='notice.languages.de']").getByText(/is a draft/).waitFor();
      await page.getByLabel("German (de): read by").fill("J. Roe, 2026-11-22");
      await page.getByLabel("What people sign in to: German (de)").fill("die Konsole");
      await save(page).click();
      await saved(page);
      const { languages, accounts } = mock.world.categories.notice;
      assert.deepEqual(languages, { en: {}, de: { reviewed: "J. Roe, 2026-11-22" } });
      assert.deepEqual(accounts, { en: "the console", de: "die Konsole" });
      await page.getByLabel("Language", { exact: true }).selectOption("de");
      await page.locator("[lang=de]").getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
    },
    { prepare: ({ categories }) => Object.assign(categories, { notice: { ...NOTICE, accounts: "the console" } }) },
  ));

test("the rule about children is written, refused at its fields, and goes", () =>
  withPage("banner/rules", async (page, mock) => {
    await page.getByRole("switch", { name: "A field of events says who is a child" }).click();
    await page.locator("[data-place='children.name']").getByText(/needs the name/).waitFor();
    await page.getByLabel("Where the field is").selectOption("context");
    await page.getByLabel("Its name").fill("age_band");
    await page.getByLabel("Values of a child", { exact: true }).fill("under-13, 13-17,");
    await page.getByLabel(/values of a child for whom a parent/).fill("under-12");
    await page.locator("[data-place='children.parent']").getByText(/whoever needs a parent is a child/).waitFor();
    await page.getByLabel(/values of a child for whom a parent/).fill("under-13");
    await accessible(page, "the rule about children");
    await save(page).click();
    await saved(page);
    const { children } = mock.world.categories;
    assert.deepEqual(children, { name: "age_band", denied: ["under-13", "13-17"], in: "context", parent: ["under-13"] });
    await page.getByRole("switch", { name: "A field of events says who is a child" }).click();
    await save(page).click();
    await page.getByText("Not saved").waitFor({ state: "detached" });
    assert.equal(mock.world.categories.children, null);
  }));

for (const [name, look] of Object.entries({ light: { size: NARROW }, dark: { size: NARROW, dark: true } })) {
  test(`at 320 px, ${name}: both editors fit and axe finds nothing`, () =>
    withPage(
      "banner/notice",
      async (page) => {
        await page.getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
        await page.getByRole("button", { name: "Add cookie" }).click();
        await fits(page, "the editor of the notice");
        await accessible(page, "the editor of the notice at 320 px");
        await page.getByRole("link", { name: "Rules and categories" }).click();
        await page.getByRole("switch", { name: "A field of events says who is a child" }).click();
        await page.getByLabel("Its name").waitFor();
        await fits(page, "the rule about children");
        await accessible(page, "the rule about children at 320 px");
      },
      { look, prepare: ({ categories }) => Object.assign(categories, { notice: NOTICE }) },
    ));
}

test("what a notice says now and said before is compared key by key", () =>
  withPage(
    "banner/notice",
    async (page) => {
      await page.getByLabel("What the site is called").fill("Store");
      await page.getByRole("link", { name: "Simulation" }).click();
      await page.getByText("1 part of it would change").click();
      await page.locator("ins").getByText("Store").waitFor();
    },
    { prepare: ({ categories }) => Object.assign(categories, { notice: NOTICE }) },
  ));

test("the real server publishes what was written here", async () => {
  const assent = await startAssent({ workspace: "acme" });
  const { page, complaints, close } = await open(browser, { url: assent.url });
  try {
    await signIn(page, { password: PASSWORD });
    const made = await page.evaluate(async () => {
      const headers = { "content-type": "application/json", "x-assent": "1" };
      const body = JSON.stringify({ name: "web", kind: "browser", write_key: "wk_web" });
      return (await fetch("/api/v1/workspaces/acme/sources", { method: "POST", headers, body })).status;
    });
    assert.equal(made, 201);
    await page.goto("/w/acme/consent/banner/notice");
    await writeNotice(page);
    await save(page).click();
    await saved(page);
    const shown = page.getByRole("region", { name: "The notice as it is published" });
    await shown.getByRole("heading", { name: "Cookie notice of Shop" }).waitFor();
    await shown.getByText(PARTY.email).first().waitFor();
    await accessible(page, "the notice of the real server");
    const read = await (await fetch(`${assent.url}/v1/projects/wk_web/notice`)).text();
    assert.match(read, /Shop Ltd/);
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    await assent.stop();
  }
});
