// The console in front of the real binary: from the first login to the first event of a real SDK, a destination made
// in the form, a failure provoked, found, repaired and retried, the lake asked.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Analytics } from "@segment/analytics-node";
import { PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn } from "./browser.mjs";

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

/** The key of the source made in the console. */
let key;

async function send(writeKey, event, messageId, context = STAMP) {
  const analytics = new Analytics({ writeKey, host: assent.url, flushAt: 1 });
  const sent = new Promise((resolve, reject) => {
    analytics.on("error", ({ reason }) => reject(reason));
    analytics.track({ anonymousId: "visitor-1", event, messageId, context }, resolve);
  });
  await sent;
  await analytics.closeAndFlush();
}

test("the page comes with a policy that forbids what it does not need", async () => {
  const answer = await fetch(`${assent.url}/w/acme/overview`, { headers: { accept: "text/html" } });
  assert.equal(answer.status, 200);
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, /script-src 'self'/);
  assert.match(policy, /style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*|nonce/);
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
  key = await page.locator("code").filter({ hasText: /^wk_/ }).first().innerText();
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

test("a destination is made in the form, tried out, and gets what it may", async () => {
  await at("new-destination");
  await page.getByRole("button", { name: /^Webhook/ }).click();
  await page.getByRole("button", { name: "Create destination" }).click();
  await page.getByText("Some fields above need a look.").waitFor();
  await accessible(page, "the form with errors");
  await page.getByLabel("Name").fill("hook");
  await page.getByLabel("URL", { exact: true }).fill(receiver.url);
  await page.getByRole("switch", { name: "Allow private" }).click();
  await page.getByRole("checkbox", { name: "performance" }).check();
  await page.getByLabel("Purpose").selectOption("analytics");
  await page.getByLabel("Recipient").selectOption("service_provider");
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("The test event was accepted.").waitFor();
  await page.getByRole("button", { name: "Create destination" }).click();
  await heading("hook");
  await send(key, "Second Event", "msg-second");
  await until("the receiver has it", () => receiver.bodies.some((body) => body.includes("msg-second")));
});

test("live shows an event as it comes; one click tells its fate", async () => {
  await at("live");
  await page.getByText("Listening").waitFor();
  await send(key, "Third Event", "msg-third");
  await page.getByRole("button", { name: /Third Event/ }).click();
  const drawer = page.getByRole("dialog", { name: "Event" });
  await drawer.getByText("Permitted by the gate").waitFor();
  await drawer.getByText("HTTP 200").waitFor();
  await drawer.getByRole("tab", { name: "As received" }).click();
  await drawer.getByText('"Third Event"').first().waitFor();
  await accessible(page, "an event in the drawer");
  await page.keyboard.press("Escape");
});

test("an event that consent keeps back says why", async () => {
  await send("wk_declared", "Refused Event", "msg-refused", {
    consent: { categoryPreferences: { performance: false } },
  });
  await at("events/msg-refused");
  await page.getByText(/the visitor had refused a needed category/).waitFor();
  assert.ok(receiver.bodies.every((body) => !body.includes("msg-refused")));
});

test("a failure is provoked, found, repaired, and the event arrives after all", async () => {
  receiver.status = 503;
  await send(key, "Late Event", "msg-late");
  await at("destinations/hook");
  await page.getByText("Last error: HTTP 503").waitFor();
  await accessible(page, "a failing destination");
  await at("events/msg-late");
  await page.getByText("HTTP 503").first().waitFor();
  await page.getByText("the receiver failed").first().waitFor();
  receiver.status = 200;
  await page.getByText("HTTP 200").waitFor({ timeout: 60_000 });
  assert.ok(receiver.bodies.some((body) => body.includes("msg-late")));
});

test("what a receiver refuses for good is grouped by reason", async () => {
  receiver.status = 404;
  await send(key, "Unwanted Event", "msg-unwanted");
  await at("destinations/hook/errors");
  await page.getByText("The receiver refuses it for good").waitFor();
  receiver.status = 200;
  await at("overview");
  await page.getByText(/rejected 1 events? for good/).waitFor();
  await page.getByRole("region", { name: "Needs attention" }).locator('a[href$="destinations/hook/errors"]').click();
  await heading("hook");
});

test("the lake has what arrived, and no row of what may not be kept", async () => {
  await at("lake");
  await page.getByRole("button", { name: /message_id|messageid/i }).first().waitFor();
  await page.getByLabel("SQL").fill("select event, count(*) as times from events group by 1 order by 1");
  const ask = async () => {
    await page.keyboard.press("Control+Enter");
    await page.getByText(/ in [\d.]+ m?s/).waitFor();
    return (await page.getByRole("cell", { name: "Late Event" }).count()) > 0;
  };
  await until("the event is in the lake", ask, 40_000);
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator("canvas").waitFor();
  await accessible(page, "a chart of an answer");
  await page.getByLabel("SQL").fill("select nothing from nowhere");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("alert").getByText("query_failed").waitFor();
});

test("consent rules are changed as a whole, and the audit log shows the lines", async () => {
  await at("consent/banner/rules");
  await page.getByLabel("Regions").fill("US: opt-out");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
  await at("settings/audit");
  await page.getByText("What changed").first().click();
  await page.getByText(/"US": "opt-out"/).first().waitFor();
  await page.getByRole("searchbox", { name: "Changes by" }).fill("nobody");
  await page.getByText("No change by nobody").waitFor();
});

test("the workspace as a file: out, and what another one would change", async () => {
  await at("settings/file");
  await page.getByRole("button", { name: "Show as YAML" }).click();
  const yaml = await page.getByRole("region", { name: "Workspace file" }).innerText();
  assert.match(yaml, /workspace: acme/);
  assert.match(yaml, /hook/);
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

const PAGES = [
  "overview",
  "live",
  "sources",
  "sources/shop",
  "new-source",
  "destinations",
  "destinations/hook",
  "destinations/hook/errors",
  "destinations/hook/dead-letters",
  "destinations/hook/tester",
  "destinations/hook/settings",
  "new-destination",
  "events/msg-late",
  "lake",
  "settings/account",
  "settings/users",
  "settings/tokens",
  "settings/alerts",
  "settings/audit",
  "consent/banner/words",
  "consent/banner/rules",
  "consent/banner/vendors",
  "consent/banner/tags",
  "consent/banner/more",
  "consent/versions",
  "consent/simulation",
  "consent/rates",
  "consent/people",
  "consent/ledger",
  "settings/file",
  "settings/limits",
  "settings/storage",
];

test("every page in front of the real API: axe finds nothing", async () => {
  for (const path of PAGES) {
    await at(path);
    await shown(page);
    await accessible(page, path);
    await fits(page, path);
  }
  await page.emulateMedia({ colorScheme: "dark" });
  await page.setViewportSize(NARROW);
  for (const path of PAGES) {
    await at(path);
    await shown(page);
    await accessible(page, `${path}, dark and narrow`, ["color-contrast"]);
    await fits(page, `${path}, dark and narrow`);
  }
  assert.deepEqual(complaints, []);
});


