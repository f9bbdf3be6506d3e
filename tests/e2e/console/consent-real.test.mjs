// The consent pages in front of the real binary: a banner written, refused, previewed and published, a choice made by a
// visitor, found again with its words and its receipt, counted, and in the ledger.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { BINARY, PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, launch, open, shown, signIn } from "./browser.mjs";

const KEY = "wk_web";
/** What a page says of a choice; the words' hash is filled in when they are published. */
const CHOICE = { regime: "eu", regimeVersion: 1, language: "en", version: 2, layer: "first" };

let browser;
let assent;
let receiver;
let page;
let complaints;

before(async () => {
  [browser, assent, receiver] = await Promise.all([launch(), startAssent({ workspace: "acme" }), startReceiver()]);
  ({ page, complaints } = await open(browser, { url: assent.url }));
  await signIn(page, { password: PASSWORD });
  await change("POST", "sources", { name: "web", kind: "browser", write_key: KEY, region: "DE" });
  const settings = { url: receiver.url, allow_private: true };
  const hook = { name: "hook", kind: "webhook", sources: ["web"], settings, categories: ["performance"] };
  await change("POST", "destinations", { ...hook, purpose: "analytics", recipient: "service_provider" });
});
after(async () => {
  await browser.close();
  receiver.stop();
  await assent.stop();
});

/** A call of the API as whoever is signed in. */
async function change(method, path, body) {
  const answer = await page.evaluate(
    async ([method, path, body]) => {
      const headers = { "content-type": "application/json", "x-assent": "1" };
      const response = await fetch(`/api/v1/workspaces/acme/${path}`, { method, headers, body: JSON.stringify(body) });
      return [response.status, await response.text()];
    },
    [method, path, body],
  );
  assert.ok(answer[0] < 300, `${method} ${path}: ${answer}`);
  return JSON.parse(answer[1]);
}

const at = (path) => page.goto(`/w/acme/consent/${path}`);
const banner = () => page.frameLocator("iframe[title='The banner as a visitor sees it']");

/** A visitor of a page, who says what they choose under the words that are published. */
async function choose(userId, granted, method) {
  const settings = await (await fetch(`${assent.url}/v1/projects/${KEY}/settings`)).json();
  const { hash, version } = settings.assent.texts;
  const preferences = Object.fromEntries(
    ["functionality", "performance", "targeting"].map((name) => [name, granted.includes(name)]),
  );
  const consent = { ...CHOICE, version, textHash: hash, method, categoryPreferences: preferences };
  const body = {
    type: "track",
    event: "Segment Consent Preference Updated",
    userId,
    messageId: `choice-${userId}-${Date.now()}`,
    context: { consent },
  };
  const authorization = `Basic ${btoa(`${KEY}:`)}`;
  const headers = { authorization, "content-type": "application/json" };
  const answer = await fetch(`${assent.url}/v1/t`, { method: "POST", headers, body: JSON.stringify(body) });
  assert.equal(answer.status, 200);
}

test("the banner is written, refused at its field, previewed by the SDK and published", async () => {
  await at("banner/rules");
  await page.getByLabel("Where no region has a row").selectOption("by-region");
  await page.getByRole("link", { name: "Words", exact: true }).click();
  await banner().getByRole("heading", { name: "Your privacy on this site" }).waitFor();
  await page.getByLabel("Button that refuses all").fill("No, I want nothing of all this at all");
  await page.locator("[data-place='languages.en.reject']").getByText(/must be equal/).waitFor();
  await page.getByLabel("Button that refuses all").fill("");
  await page.getByLabel("Title", { exact: true }).fill("Your choice at Acme");
  await banner().getByRole("heading", { name: "Your choice at Acme" }).waitFor();
  await banner().getByRole("button", { name: "Accept all" }).click();
  await page.getByText("After the choice:").waitFor();
  await accessible(page, "the editor with a choice made in its preview");
  await page.getByLabel("Where the visitor is").selectOption("US-CA");
  await banner().getByRole("button", { name: "Your Privacy Choices" }).waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Save as version 2" }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
  const settings = await (await fetch(`${assent.url}/v1/projects/${KEY}/settings`)).json();
  assert.deepEqual([settings.assent.texts.title, settings.assent.texts.version], ["Your choice at Acme", 2]);
});

test("the preview has recorded nothing", async () => {
  const { rows } = await change("GET", "consent/rates");
  assert.deepEqual(rows, []);
});

test("a person's choices are found, with the words that they saw and a receipt that verifies", async () => {
  await choose("u-1", ["performance"], "choose");
  await choose("u-1", [], "withdraw");
  await at("people");
  const lookUp = async () => {
    await page.getByLabel("User id").fill("u-1");
    await page.getByRole("button", { name: "Look up" }).click();
    await page.getByRole("heading", { name: /^On record/ }).or(page.getByText("Nobody is known")).first().waitFor();
    return page.getByRole("heading", { name: "2 choices" }).isVisible();
  };
  await until("both choices are on record", lookUp);
  const latest = page.getByRole("listitem").filter({ hasText: "Withdrew" }).first();
  await latest.getByText("Under which circumstances").click();
  await latest.getByText("Germany (DE)").waitFor();
  await latest.getByRole("button", { name: "What was shown" }).click();
  await page.getByRole("dialog").getByText("Your choice at Acme").waitFor();
  await accessible(page, "the words that were shown");
  await page.keyboard.press("Escape");
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    latest.getByRole("button", { name: "Receipt" }).click(),
  ]);
  const path = await file.path();
  const key = (await (await fetch(`${assent.url}/ledger/acme/key`)).text()).trim();
  const verify = (kept) => promisify(execFile)(BINARY, ["ledger", "verify", kept, "--key", key]);
  await verify(path);
  const number = JSON.parse(await readFile(path, "utf8")).record.id;
  await page.getByLabel("By", { exact: true }).selectOption("receipt");
  await page.getByLabel("Receipt number").fill(number);
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByRole("heading", { name: "Check it without this server" }).waitFor();
  await accessible(page, "a receipt");
});

test("the ledger shows both leaves, and its files are there for everybody", async () => {
  await at("ledger");
  const { size } = await change("GET", "ledger");
  const { items } = await change("GET", "ledger/configurations");
  assert.equal(size - items.length, 2, "what is no configuration is a choice");
  await page.getByRole("definition").filter({ hasText: new RegExp(`^${size}$`) }).waitFor();
  for (const link of await page.getByRole("link", { name: /\/ledger\/acme\// }).all()) {
    const answer = await fetch(await link.evaluate((element) => element.href));
    assert.equal(answer.status, 200, answer.url);
  }
});

test("rates count what was shown", async () => {
  await at("rates");
  await page.getByRole("row", { name: /European Union.+English \(en\), version 2.+2/ }).waitFor();
  await accessible(page, "rates");
});

test("a draft is simulated on what the lake has", async () => {
  const context = { consent: { categoryPreferences: { performance: true } } };
  const headers = { authorization: `Basic ${btoa(`${KEY}:`)}`, "content-type": "application/json" };
  const event = { type: "track", event: "Seen", anonymousId: "a-9", messageId: "seen-1", context };
  await fetch(`${assent.url}/v1/t`, { method: "POST", headers, body: JSON.stringify(event) });
  await at("simulation");
  const run = async () => {
    await page.getByRole("button", { name: "Simulate" }).click();
    await page.getByRole("heading", { name: /events? of 7 days/ }).or(page.getByRole("alert")).first().waitFor();
    return page.getByRole("row", { name: /hook/ }).isVisible();
  };
  await until("the lake has the event", run, 40_000);
  await page.getByText("would be asked again").waitFor();
  await accessible(page, "a simulation");
});

test("versions tell what was changed, in words", async () => {
  await at("versions");
  await shown(page);
  const compared = page.locator("#versions-compared");
  await compared.locator("ins").getByText("Your choice at Acme").waitFor();
  await compared.locator("del").getByText("Your privacy on this site").waitFor();
  await compared.locator("ins").getByText("by-region").waitFor();
  await accessible(page, "two versions compared");
});

test("nothing was complained about", () => assert.deepEqual(complaints, []));
