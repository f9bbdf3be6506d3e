// The console in front of the real binary: from the first login to the first event of a real SDK, a destination made
// in the form, a failure provoked, found, repaired and retried, the lake asked.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, fits, launch, open, signIn } from "./browser.mjs";

/** What stands in the file is read-only in the console; everything else is made in it. */
const WORKSPACE = {
  workspace: "acme",
  sources: [{ name: "declared", kind: "server", write_key: "wk_declared", basis: "contract" }],
};
const STAMP = { consent: { categoryPreferences: { performance: true } } };

let browser;
let assent;
let receiver;
let page;
let complaints;

before(async () => {
  [browser, assent, receiver] = await Promise.all([launch(), startAssent(WORKSPACE), startReceiver()]);
  ({ page, complaints } = await open(browser, { url: assent.url }));
});
after(async () => {
  await browser.close();
  receiver.stop();
  await assent.stop();
});

const at = (path) => page.goto(`/w/acme/${path}`);
const heading = (name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();

async function send(writeKey, event, messageId) {
  const analytics = new Analytics({ writeKey, host: assent.url, flushAt: 1 });
  const sent = new Promise((resolve, reject) => {
    analytics.on("error", ({ reason }) => reject(reason));
    analytics.track({ anonymousId: "visitor-1", event, messageId, context: STAMP }, resolve);
  });
  await sent;
  await analytics.closeAndFlush();
}

test("the page comes with a policy that forbids what it does not need", async () => {
  const answer = await fetch(`${assent.url}/w/acme/overview`, { headers: { accept: "text/html" } });
  assert.equal(answer.status, 200);
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
});

test("a wrong password is refused in words; the right one opens the overview", async () => {
  await page.goto("/");
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("bad_credentials").waitFor();
  await signIn(page, { password: PASSWORD });
});

test("a source is made, and its page turns when the first event of a real SDK comes", async () => {
  await at("sources");
  await page.getByRole("link", { name: "New source" }).click();
  await page.getByLabel("Name").fill("shop");
  await page.getByLabel("Kind").selectOption("browser");
  await page.getByRole("button", { name: "Create source" }).click();
  await heading("shop");
  await page.getByText("Waiting for the first event.").waitFor();
  await accessible(page, "a new source");
  const key = await page.locator("code").filter({ hasText: /^wk_/ }).first().innerText();
  await page.getByText(`${assent.url}/analytics.js/v1/${key}`).waitFor();
  await send(key, "First Event", "msg-first");
  await page.getByText("Events arrive.").waitFor();
});

test("what a file declares is read-only", async () => {
  await at("sources/declared");
  await page.getByText("Read-only here").waitFor();
  assert.equal(await page.getByRole("button", { name: "Save", exact: true }).getAttribute("aria-disabled"), "true");
});

test("a source is changed; a change from an older version shows both", async () => {
  await at("sources/shop");
  await page.getByLabel("Region of all its events").fill("de");
  const other = await page.context().newPage();
  await other.goto("/w/acme/sources/shop");
  await other.getByLabel("Region of all its events").fill("fr");
  await other.getByRole("button", { name: "Save", exact: true }).click();
  await other.getByRole("status").getByText("Saved").waitFor();
  await other.close();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Somebody else changed this in the meantime.").waitFor();
  const differs = await page.getByRole("region", { name: "What differs" }).innerText();
  assert.match(differs, /"region": "FR"/);
  assert.match(differs, /"region": "DE"/);
  await page.getByRole("button", { name: "Save mine over it" }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
});

test("users, tokens, the account and the limits", async () => {
  await at("settings/users");
  await page.getByRole("cell", { name: /admin/ }).first().waitFor();
  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("vera");
  await dialog.getByLabel("Password").fill("another long password");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /vera/ }).getByText("Viewer").waitFor();
  await at("settings/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await dialog.getByLabel("Name").fill("deploy");
  await dialog.getByRole("button", { name: "Create token" }).click();
  await dialog.getByText(/^asn_/).waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: /deploy/ }).waitFor();
});

test("every page in front of the real API: axe finds nothing", async () => {
  for (const path of ["overview", "live", "sources", "destinations", "new-destination", "lake", "settings/users"]) {
    await at(path);
    await page.locator("[aria-busy]").first().waitFor({ state: "detached" });
    await accessible(page, path);
    await fits(page, path);
  }
  assert.deepEqual(complaints, []);
});

export { receiver, until };
