// A refusal on another device, on the real binary: whoever is signed in is told of it where the page proves who they are, it
// is off there while they are signed in, and what the device itself chose is neither lost nor changed.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { PASSWORD, startAssent } from "../e2e/console/assent.mjs";
import { accessible, button, firstLayer, launch, started, until } from "./browser.mjs";

const SAID = "Off while you are signed in, because you refused it on another device or your account does not allow it:";
let browser, assent, server, site, proofKey;

/** A page of a shop; `/in/NAME` is that of somebody who is signed in, `/forged/NAME` says so without a proof. */
function page(request, answer) {
  const [, how, name] = new URL(request.url, site).pathname.split("/");
  const proof = createHmac("sha256", how === "in" ? proofKey : "a guess").update(name ?? "").digest("hex");
  const who = name ? `<meta name="assent-user" content="${name}" data-proof="${proof}">` : "";
  const identify = how === "in" ? `a.identify("${name}");` : "";
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  answer.end(`<!doctype html><html lang="en"><title>Shop</title>${who}<script>
    var a=window.analytics=window.analytics||[];["track","page","identify","ready","on"].forEach(function(m){a[m]=function(){a.push([m].concat([].slice.call(arguments)))}});
    a._writeKey="wk_test";${identify}</script>
    <script async src="${assent.url}/analytics.js/v1/wk_test/analytics.min.js"></script><main><h1>Shop</h1></main>`);
}

before(async () => {
  server = createServer(page).listen(0, "127.0.0.1");
  await once(server, "listening");
  site = `http://127.0.0.1:${server.address().port}`;
  const vendors = [{ id: "ga", name: "Google Analytics", category: "performance" }];
  const banner = { version: 2, other_devices: true, vendors };
  const sources = [{ name: "web", kind: "browser", write_key: "wk_test" }];
  // The server knows of a vendor where a destination is one.
  const destinations = [{ name: "ga", kind: "echo", sources: ["web"], categories: ["performance"], purpose: "analytics", vendor: "ga" }];
  assent = await startAssent({ workspace: "acme", sources, destinations, consent: { default_regime: "eu", banner } });
  proofKey = await proofKeyOf("web");
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await assent?.stop();
  server?.close();
});

async function proofKeyOf(source) {
  const headers = { "content-type": "application/json", "x-assent": "1" };
  const body = JSON.stringify({ name: "admin", password: PASSWORD });
  const signedIn = await fetch(`${assent.url}/api/v1/session`, { method: "POST", headers, body });
  const cookie = signedIn.headers.getSetCookie()[0].split(";")[0];
  const answer = await fetch(`${assent.url}/api/v1/workspaces/acme/sources/${source}`, { headers: { cookie } });
  return (await answer.json()).proof_key;
}

/** A device on which everything was accepted by somebody whom nobody knew. */
async function device(testing, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  testing.after(() => context.close());
  const tab = await context.newPage();
  const complaints = [];
  tab.on("console", (message) => message.text().startsWith("Assent") && complaints.push(message.text()));
  await tab.goto(site);
  await firstLayer(tab).waitFor();
  await button(tab, "Accept all").click();
  await told(tab);
  const open = async (path) => {
    await tab.goto(site + path);
    await started(tab);
  };
  return { tab, complaints, open };
}

const kept = async (tab) => (await tab.evaluate(() => localStorage.getItem("assent_choice")))?.split("~");
/** The server has the latest choice: the cookie that came with its answer says so. */
const told = (tab) =>
  until("the server has the choice", async () => {
    const cookie = await tab.evaluate(() => document.cookie);
    return cookie.includes(`~${(await kept(tab))[2]}~`) && /assent_choice=[^;]*~1(;|$)/.test(cookie);
  });
const preferences = (tab) => tab.evaluate(() => window.analytics.consent.preferences());
const says = (tab) => tab.getByText(SAID);

/** Somebody refuses on a device of theirs, signed in. */
async function refuse(testing, name, off) {
  const { tab, open } = await device(testing);
  await open(`/in/${name}`);
  await button(tab, "Privacy choices").click();
  for (const one of off) await tab.getByRole("switch", { name: one, exact: true }).uncheck();
  await button(tab, "Save choices").click();
  await told(tab);
}

// Obligation 12.
test("what was refused on another device is off and said, while somebody is signed in and no longer", async (testing) => {
  await refuse(testing, "u-1", ["Targeting or advertising", "Google Analytics"]);
  const { tab, open, complaints } = await device(testing);
  const before = await kept(tab);
  assert.equal((await preferences(tab)).targeting, true);
  await open("/in/u-1");
  await says(tab).waitFor();
  assert.equal(await says(tab).textContent(), `${SAID} Targeting or advertising, Google Analytics`);
  assert.deepEqual(await preferences(tab), { required: true, functionality: true, performance: true, targeting: false });
  await accessible(tab, "the control with what was refused elsewhere");
  await button(tab, "Privacy choices").click();
  const isOn = (name) => tab.getByRole("switch", { name, exact: true }).isChecked();
  const shown = await Promise.all(["Performance", "Targeting or advertising", "Google Analytics"].map(isOn));
  assert.deepEqual(shown, [true, false, false], "the centre shows what holds");
  await accessible(tab, "the centre with what was refused elsewhere");
  await button(tab, "Close without choosing").click();
  assert.deepEqual(await kept(tab), before, "what this device chose stays as it was");
  // They sign out without a reload.
  await tab.evaluate(() => document.querySelector("meta[name=assent-user]").remove());
  await says(tab).waitFor({ state: "detached" });
  assert.equal((await preferences(tab)).targeting, true, "and holds again");
  await open("/");
  assert.equal((await preferences(tab)).targeting, true);
  assert.deepEqual([complaints, await kept(tab)], [[], before]);
});

test("what they then choose here, signed in, is their word on both", async (testing) => {
  await refuse(testing, "u-2", ["Performance"]);
  const { tab, open } = await device(testing);
  await open("/in/u-2");
  await says(tab).waitFor();
  await button(tab, "Privacy choices").click();
  await tab.getByRole("switch", { name: "Performance", exact: true }).check();
  await button(tab, "Save choices").click();
  await told(tab);
  await until("the server's word is heard", async () => (await preferences(tab)).performance);
  assert.equal(await says(tab).count(), 0);
});

test("a page that cannot prove who is signed in is told nothing", async (testing) => {
  await refuse(testing, "u-3", ["Targeting or advertising"]);
  const { tab, open, complaints } = await device(testing);
  await open("/forged/u-3");
  await until("it is refused", () => complaints.length > 0);
  assert.deepEqual(complaints, ["Assent: what was refused on other devices is not told: 403"]);
  assert.equal((await preferences(tab)).targeting, true);
  assert.equal(await says(tab).count(), 0);
});

test("a vendor alone is said, and no longer when they sign out", async (testing) => {
  await refuse(testing, "u-5", ["Google Analytics"]);
  const { tab, open } = await device(testing);
  await open("/in/u-5");
  await says(tab).waitFor();
  assert.equal(await says(tab).textContent(), `${SAID} Google Analytics`);
  await tab.evaluate(() => document.querySelector("meta[name=assent-user]").removeAttribute("data-proof"));
  await says(tab).waitFor({ state: "detached" });
});

test("the device's own identifier outlives what collects under it being off for somebody who is signed in", async (testing) => {
  await refuse(testing, "u-6", ["Performance"]);
  const { tab, open } = await device(testing);
  const id = async () => (await tab.context().cookies()).find(({ name }) => name === "ajs_anonymous_id")?.value;
  await until("it has one", id);
  const before = await id();
  await open("/in/u-6");
  await says(tab).waitFor();
  assert.equal((await preferences(tab)).performance, false, "nothing is collected");
  await tab.evaluate(() => document.querySelector("meta[name=assent-user]").remove());
  await says(tab).waitFor({ state: "detached" });
  assert.equal(await tab.evaluate(() => window.analytics.user().anonymousId()), before);
  assert.equal(await id(), before);
});

for (const [what, options] of [
  ["320 px, dark", { viewport: { width: 320, height: 640 }, colorScheme: "dark" }],
  ["forced colours", { forcedColors: "active" }],
]) {
  test(`it is said at ${what}`, async (testing) => {
    await refuse(testing, "u-4", ["Targeting or advertising"]);
    const { tab, open } = await device(testing, options);
    await open("/in/u-4");
    await says(tab).waitFor();
    const width = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(width <= 0, `${width} px to the side`);
    await accessible(tab, what);
    if (process.env.ASSENT_PICTURES) await tab.screenshot({ path: `${process.env.ASSENT_PICTURES}/elsewhere-${what.slice(0, 3)}.png` });
  });
}
