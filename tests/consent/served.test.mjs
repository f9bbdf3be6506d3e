// What the real binary serves, as its own demo shows it: the SDK, settings for three regions, tags that wait, and the
// receipt of a choice, checked offline by the command that a visitor's lawyer would run.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { startDemo } from "../e2e/console/assent.mjs";
import { accessible, button, download, firstLayer, launch, stored, until, visit } from "./browser.mjs";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/assent/target");
const BINARY = process.env.ASSENT_BIN ?? join(TARGET, "debug/assent");
const NOTHING = { cookies: [], localStorage: [], sessionStorage: [], indexedDB: [], cacheStorage: [], serviceWorkers: [] };

let browser, demo;
before(async () => {
  demo = await startDemo();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** What says the choice itself: ours, and what scripts made for OneTrust and TrustArc read. */
const OF_CHOICES = ["OptanonAlertBoxClosed", "OptanonConsent", "assent_choice", "cmapi_cookie_privacy", "notice_behavior", "notice_gdpr_prefs", "notice_preferences"];

/** A fresh visitor on the demo page of a region, with every request that the page makes. */
async function arrive(testing, region, options = {}) {
  const posts = [];
  const host = new URL(demo.url).host;
  const prepare = async (context) => {
    context.on("request", (request) => request.method() === "POST" && posts.push(new URL(request.url()).pathname));
  };
  const visited = await visit(browser, { host }, { url: `${demo.url}/demo?as=${region}`, prepare, ...options });
  testing.after(() => visited.context.close());
  return { ...visited, posts };
}

const says = (page, text) => until(`the page says ${text}`, async () => (await page.getByRole("status").first().innerText()).includes(text));
const running = (page) => page.locator("#tags-running li").allInnerTexts();
const tagsOf = async (page) => (await running(page)).map((line) => /^The (\w+) tag/.exec(line)?.[1]).sort();

test("European Union: asked first; nothing is sent or stored before; what is allowed then runs, until it is withdrawn", async (testing) => {
  const { page, context, posts, complaints, strangers } = await arrive(testing, "eu");
  await firstLayer(page).waitFor();
  await says(page, "Allowed now: required.");
  await button(page, "Track “Button Clicked”").click();
  await page.getByText("Waits in this page for your answer.").waitFor();
  assert.deepEqual([await stored(context, page), posts, await running(page)], [NOTHING, [], []]);
  await accessible(page, "the demo, asked");
  await button(page, "Accept all").click();
  await until("all tags run", async () => (await running(page)).length === 3);
  await button(page, "Track “Button Clicked”").click();
  await page.getByText(/Button Clicked · /).waitFor();
  await button(page, "Withdraw consent").click();
  await says(page, "Allowed now: required.");
  // The sealed identifier can only be taken away by the server, with its answer to the withdrawal.
  await until("the server took away what is its own", async () => !(await context.cookies()).some(({ name }) => name === "assent_id"));
  const { cookies, localStorage } = await stored(context, page);
  assert.deepEqual([cookies, localStorage.filter((key) => key.startsWith("ajs_"))], [OF_CHOICES, []]);
  assert.deepEqual([complaints, strangers], [[], []]);
});

// Obligation 13.
test("United Kingdom, own statistics exempt: they run with information; an objection stops them at once", async (testing) => {
  const { page } = await arrive(testing, "uk");
  await says(page, "Allowed now: required, performance.");
  await until("its tag runs", async () => (await tagsOf(page)).length > 0);
  assert.deepEqual(await tagsOf(page), ["performance"]);
  await firstLayer(page).waitFor();
  await button(page, "Reject all").click();
  await says(page, "Allowed now: required.");
});

// Obligations 16, 17.
test("California: on until refused, by its own link; GPC takes targeting away and is said to have done so", async (testing) => {
  const { page } = await arrive(testing, "us");
  await says(page, "targeting");
  assert.equal(await firstLayer(page).count(), 0);
  await button(page, "Your Privacy Choices").waitFor();
  const { page: other } = await arrive(testing, "us", { gpc: true, extraHTTPHeaders: { "sec-gpc": "1" } });
  await says(other, "Allowed now: required, functionality, performance.");
  await other.getByText("Opt-out request honored").first().waitFor();
  await until("the others run", async () => (await tagsOf(other)).length === 2);
  assert.deepEqual(await tagsOf(other), ["functionality", "performance"]);
});

// Obligations 16, 20.
test("California with GPC: an opt-in confirmed over the signal holds on server and page, until one click ends it", async (testing) => {
  const { page, context } = await arrive(testing, "us", { gpc: true, extraHTTPHeaders: { "sec-gpc": "1" } });
  await says(page, "Allowed now: required, functionality, performance.");
  await page.getByRole("region", { name: "Your Privacy Choices" }).getByRole("button").first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept all" }).click();
  await button(page, "Allow this anyway").click();
  await says(page, "targeting");
  const kept = async () => (await context.cookies()).find(({ name }) => name === "assent_choice").value;
  await until("the server has kept it", async () => /confirmed_over_gpc.*centre~1$/.test(decodeURIComponent(await kept())));
  await page.reload();
  await says(page, "targeting");
  await until("all tags run", async () => (await tagsOf(page)).length === 3);
  assert.deepEqual(await tagsOf(page), ["functionality", "performance", "targeting"]);
  await button(page, "Withdraw consent").click();
  await says(page, "Allowed now: required.");
});

test("block.js carries the hosts of the workspace's vendors, and a comparison with another platform is counted", async () => {
  const block = await (await fetch(`${demo.url}/v1/projects/wk_demo/block.js`)).text();
  assert.match(block, /doubleclick\.net=targeting/);
  const body = JSON.stringify({ writeKey: "wk_demo", platform: "onetrust", granted: ["C0001", "C0004"], chosen: false, gpc: true });
  assert.equal((await fetch(`${demo.url}/v1/consent/shadow`, { method: "POST", body })).status, 200);
  const metrics = await (await fetch(`${demo.url}/metrics`)).text();
  assert.match(metrics, /assent_collect_shadow_decisions_total\{source="\w+",category="targeting",outcome="they_grant",because="signal",workspace="demo"\} 1/);
});

// Obligation 6.
test("the receipt of a choice verifies offline, and with one byte changed it does not", async (testing) => {
  const { page, context } = await arrive(testing, "eu");
  await button(page, "Accept all").click();
  const id = await until("there is an identifier", async () => (await context.cookies()).find(({ name }) => name === "ajs_anonymous_id")?.value);
  const password = /sign in as `admin` with `([^`]+)`/.exec(demo.output())[1];
  const signIn = await fetch(`${demo.url}/api/v1/session`, { method: "POST", headers: { "content-type": "application/json", "x-assent": "1" }, body: JSON.stringify({ name: "admin", password }) });
  assert.equal(signIn.status, 200, await signIn.clone().text());
  const cookie = signIn.headers.getSetCookie()[0].split(";")[0];
  const ask = (path) => fetch(`${demo.url}${path}`, { headers: { cookie } });
  const choices = "/api/v1/workspaces/demo/choices";
  const known = await until("the choice is on record", async () => {
    const { items } = await (await ask(`${choices}?anonymous_id=${encodeURIComponent(id.replaceAll('"', ""))}`)).json();
    return items.length > 0 && items;
  });
  const { receipt, presented, granted } = known[0];
  assert.deepEqual([presented.method, presented.layer, presented.regime, presented.region, granted.length], ["accept_all", "first", "eu", "DE", 3]);
  const text = await (await ask(`${choices}/${receipt}/receipt`)).text();
  const key = (await (await fetch(`${demo.url}/ledger/demo/key`)).text()).trim();
  const { notice } = JSON.parse(text);
  assert.equal(notice.words.accept, "Accept all", "what was shown is in the receipt");
  const said = [notice.controllers[0].type, notice.validity, notice.jurisdiction, notice.recipients.length > 0, notice.rights.includes("withdrawal")];
  assert.deepEqual(said, ["controller", "P180D", "eu", true, true], "and who is responsible, for how long, under which law");
  const verify = async (content) => {
    const file = join(demo.home, "receipt.json");
    await writeFile(file, content);
    return promisify(execFile)(BINARY, ["ledger", "verify", file, "--key", key]);
  };
  assert.match((await verify(text)).stdout, /^verified: leaf \d+ of the \d+/);
  await assert.rejects(verify(text.replace("accept_all", "accept_alL")), /proves nothing/);
});

test("whoever refuses gets the receipt from the preference centre, and it verifies offline and names nobody", async (testing) => {
  const { page, context } = await arrive(testing, "eu");
  await button(page, "Reject all").click();
  const link = page.getByRole("link", { name: "Download the receipt of your choice" });
  const dialog = page.getByRole("dialog");
  // The cookie is the server's, and is there before the page has read in its answer which receipt it is.
  await until("the preference centre, opened, offers it", async () => {
    // The demo page has a button of its own that opens them too.
    await page.getByRole("region", { name: "Privacy choices" }).getByRole("button").first().click();
    await dialog.waitFor();
    if ((await link.count()) > 0) return true;
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    return false;
  });
  const [file] = await Promise.all([download(context, page), link.click()]);
  const path = await file.path();
  const key = (await (await fetch(`${demo.url}/ledger/demo/key`)).text()).trim();
  await promisify(execFile)(BINARY, ["ledger", "verify", path, "--key", key]);
  const { record } = JSON.parse(await readFile(path, "utf8"));
  assert.deepEqual([record.subject, record.presented.method], [undefined, "reject_all"]);
});

test("the answer to a choice keeps it, and a withdrawal beats it, in one cookie", async (testing) => {
  const { page, context } = await arrive(testing, "eu");
  const answers = [];
  page.on("response", async (response) => {
    if (response.url().endsWith("/v1/consent")) answers.push((await response.allHeaders())["set-cookie"] ?? "");
  });
  await button(page, "Accept all").click();
  await until("it is answered", () => answers.length === 1);
  assert.match(answers[0], /^assent_choice=1~[^;]+~accept_all\.first~1; Path=\/; Max-Age=\d+; SameSite=Lax\najs_anonymous_id=d\d{5}-/);
  const choices = async () => (await context.cookies()).filter(({ name }) => name === "assent_choice");
  assert.equal((await choices()).length, 1, "the server writes where the page did");
  const sealed = async () => (await context.cookies()).filter(({ name }) => name === "assent_id");
  const [{ httpOnly: isHidden, value: seal, expires }] = await sealed();
  const id = (await context.cookies()).find(({ name }) => name === "ajs_anonymous_id").value;
  assert.ok(isHidden && !seal.includes(id) && expires * 1000 < Date.now() + 90 * 86_400_000, "of today's identifier, sealed");
  await button(page, "Withdraw consent").click();
  await until("it is answered", () => answers.length === 2);
  const [{ value, httpOnly }] = await choices();
  assert.deepEqual([(await choices()).length, /withdraw/.test(value), httpOnly], [1, true, false]);
  assert.deepEqual(await sealed(), [], "withdrawn: taken away");
  await page.reload();
  await says(page, "Allowed now: required.");
});

for (const [look, options] of Object.entries({
  "320 px": { viewport: { width: 320, height: 640 } },
  dark: { colorScheme: "dark" },
  "forced colours": { forcedColors: "active" },
})) {
  test(`the form without JavaScript: ${look}`, async (testing) => {
    const context = await browser.newContext({ javaScriptEnabled: true, ...options });
    testing.after(() => context.close());
    const page = await context.newPage();
    const answer = await page.goto(`${demo.url}/v1/consent/form?writeKey=wk_demo`);
    assert.equal(answer.status(), 200);
    await accessible(page, "the form");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    const boxes = page.getByRole("checkbox");
    assert.equal(await boxes.count(), 3);
    for (const box of await boxes.all()) {
      assert.equal(await box.isChecked(), false);
      const { width, height } = await box.boundingBox();
      assert.ok(width >= 24 && height >= 24);
    }
    const sizes = await Promise.all(["Accept all", "Reject all"].map(async (name) => {
      const { width, height } = await page.getByRole("button", { name }).boundingBox();
      return [Math.round(width), Math.round(height)];
    }));
    assert.deepEqual(sizes[0], sizes[1]);
    await boxes.nth(1).check();
    await page.getByRole("button", { name: "Save choices" }).click();
    await page.getByText("Your choice is recorded.").waitFor();
    await page.getByRole("link", { name: "Download the receipt of your choice" }).waitFor();
    await accessible(page, "the form, sent");
    const [{ name, value }] = await context.cookies();
    assert.deepEqual([name, /~performance~functionality\.targeting~~choose\.page~1$/.test(decodeURIComponent(value))], ["assent_choice", true]);
  });
}
