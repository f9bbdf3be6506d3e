// The interfaces of the IAB as a vendor's tag finds them: before the settings are there, while somebody is asked, after
// each choice, and from a frame. Strings are read by the IAB's own libraries.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { TCString } from "../../web/sdk/node_modules/@iabtechlabtcf/core/lib/mjs/index.js";
import { button, firstLayer, launch, until, visit } from "./browser.mjs";
import { startCollector, STUBS } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const LIST = "/vendor-list.json";
const tcf = { cmpId: 31, cmpVersion: 4, publisherCountry: "DE", vendorList: LIST, purposes: { 1: "functionality", 3: "targeting", 8: "performance" }, specialFeatures: { 1: "targeting" } };
const vendors = [
  { id: "stats", name: "Stats", category: "performance", tcf: 10 },
  { id: "ads", name: "Ads", category: "targeting", tcf: 755 },
  { id: "gone", name: "Gone", category: "targeting", tcf: 12 },
  { id: "other", name: "Not of the list", category: "targeting" },
];
const list = { vendorListVersion: 142, tcfPolicyVersion: 5, vendors: { 10: {}, 12: { deletedDate: "2026-01-01T00:00:00Z" }, 755: {}, 999: {} } };

let browser;
before(async () => void (browser = await launch()));
after(() => browser?.close());

/** A page whose head has the stand-ins, and a vendor's tag that listens before anything of ours is there, after `first`. */
async function arrive(testing, settings, name, { gpc, first = "", errors = [] } = {}) {
  const listen = {
    tcf: '__tcfapi("addEventListener", 2, (data, success) => heard.push({ ...data, success }))',
    gpp: '__gpp("addEventListener", (data, success) => heard.push({ ...data, success }))',
  }[name];
  const head = `<script nonce="bm9uY2U">${STUBS[name]}; window.heard = []; ${first}; ${listen}</script>`;
  const collector = await startCollector({ ...settings, tags: [], surfaces: [name] }, { head });
  collector.files[LIST] = list;
  const visited = await visit(browser, collector, { gpc });
  testing.after(async () => {
    assert.deepEqual(visited.complaints, errors, "the browser has no complaint but of the page's own errors");
    await visited.context.close();
    collector.close();
  });
  return { ...visited, collector };
}

const heard = (page) => page.evaluate(() => window.heard);
const last = async (page) => (await heard(page)).at(-1);
const hears = (page, what, probe) => until(what, async () => probe(await last(page)) && last(page));
const ids = (some) => [...some].flatMap(([id, on]) => (on ? id : []));
const consents = (text) => {
  const { purposeConsents, vendorConsents, vendorsDisclosed, specialFeatureOptins } = TCString.decode(text);
  return [purposeConsents, vendorConsents, vendorsDisclosed, specialFeatureOptins].map(ids);
};
const ask = (page, ...args) => page.evaluate(([command, parameter]) => new Promise((resolve) => window.__gpp(command, (data, success) => resolve([data, success]), parameter)), args);

const settings = { ...REGIMES.eu, vendors, tcf };

describe("TCF, by what is chosen", () => {
  test("nothing is consented to until somebody chooses; then each choice, and its withdrawal", async (testing) => {
    const { page } = await arrive(testing, settings, "tcf");
    const asked = await hears(page, "it is shown", (one) => one?.eventStatus === "cmpuishown");
    assert.deepEqual([asked.success, asked.gdprApplies, asked.tcfPolicyVersion, asked.cmpId], [true, true, 5, 31]);
    assert.deepEqual(consents(asked.tcString), [[], [], [10, 755], []]);
    await button(page, "Accept all").click();
    const accepted = await hears(page, "it is accepted", (one) => one.eventStatus === "useractioncomplete");
    assert.deepEqual(consents(accepted.tcString), [[1, 3, 8], [10, 755], [10, 755], [1]]);
    assert.deepEqual(accepted.purpose.consents, { 1: true, 3: true, 8: true });
    assert.deepEqual(accepted.vendor, { consents: { 10: true, 755: true }, legitimateInterests: {}, disclosedVendors: { 10: true, 755: true } });
    const count = (await heard(page)).length;
    await button(page, "Withdraw consent").click();
    const withdrawn = await hears(page, "it is withdrawn", (one) => one.tcString !== accepted.tcString);
    assert.deepEqual([withdrawn.eventStatus, ...consents(withdrawn.tcString)], ["useractioncomplete", [], [], [10, 755], []]);
    assert.equal((await heard(page)).length, count + 1, "each change is told once");
  });

  test("some, and one vendor refused", async (testing) => {
    const { page } = await arrive(testing, settings, "tcf");
    await button(page, "Choose").click();
    await page.getByRole("switch", { name: "Performance" }).check();
    await page.getByRole("switch", { name: "Targeting or advertising" }).check();
    await page.getByRole("switch", { name: "Ads", exact: true }).uncheck();
    await button(page, "Save choices").click();
    const said = await hears(page, "it is chosen", (one) => one.eventStatus === "useractioncomplete");
    assert.deepEqual(consents(said.tcString), [[3, 8], [10], [10, 755], [1]]);
    assert.equal(TCString.decode(said.tcString).consentScreen, 2);
  });

  test("GPC takes advertising away whatever is chosen", async (testing) => {
    const { page } = await arrive(testing, settings, "tcf", { gpc: true });
    await button(page, "Accept all").click();
    const said = await hears(page, "it is chosen", (one) => one.eventStatus === "useractioncomplete");
    assert.deepEqual(consents(said.tcString), [[1, 8], [10], [10, 755], []]);
  });
});

describe("TCF, by who asks", () => {
  test("before the settings it is a stand-in that says so", async (testing) => {
    const head = `<script nonce="bm9uY2U">${STUBS.tcf}; __tcfapi("ping", 2, {}); __tcfapi("ping", 2, (data) => (window.first = data)); __tcfapi("addEventListener", 2, (data) => (window.said = data))</script>`;
    const collector = await startCollector({ ...settings, surfaces: ["tcf"] }, { head });
    collector.files[LIST] = list;
    let open;
    collector.gate = new Promise((resolve) => (open = resolve));
    const context = await browser.newContext();
    testing.after(() => Promise.all([context.close(), collector.close()]));
    const page = await context.newPage();
    await page.goto(collector.url);
    assert.deepEqual(await page.evaluate(() => window.first), { gdprApplies: undefined, cmpLoaded: false, cmpStatus: "stub", apiVersion: "2.3" });
    assert.equal(await page.evaluate(() => window.said), undefined);
    assert.equal(await page.evaluate(() => typeof window.frames.__tcfapiLocator), "object");
    open();
    await until("who waited is told", () => page.evaluate(() => window.said?.eventStatus));
  });

  test("who comes back is not asked, and listeners can be removed", async (testing) => {
    const { page } = await arrive(testing, settings, "tcf");
    await button(page, "Reject all").click();
    await page.reload();
    const said = await hears(page, "the old choice is there", (one) => one?.eventStatus === "tcloaded");
    assert.deepEqual(consents(said.tcString), [[], [], [10, 755], []]);
    const remove = (id) => page.evaluate((one) => new Promise((resolve) => window.__tcfapi("removeEventListener", 2, resolve, one)), id);
    assert.deepEqual([await remove(said.listenerId), await remove(said.listenerId)], [true, false]);
  });

  test("what is opened and closed again was no answer, also on another day; who asks once hears what holds", async (testing) => {
    const { page } = await arrive(testing, { ...settings, regime: { ...settings.regime, first: "none" } }, "tcf");
    await hears(page, "nobody is asked", (one) => one?.eventStatus === "tcloaded");
    await page.clock.install({ time: Date.now() + 86_400_000 });
    await button(page, "Privacy choices").click();
    await hears(page, "it is shown", (one) => one.eventStatus === "cmpuishown");
    await page.keyboard.press("Escape");
    await hears(page, "it is closed", (one) => one.eventStatus !== "cmpuishown");
    assert.deepEqual((await heard(page)).map(({ eventStatus }) => eventStatus), ["tcloaded", "cmpuishown", "tcloaded"]);
    const once = await page.evaluate(() => new Promise((resolve) => window.__tcfapi("getTCData", 2, (data, success) => resolve({ ...data, success }))));
    const { listenerId, ...held } = await last(page);
    assert.deepEqual([{ ...once, listenerId: 0 }, typeof listenerId], [{ ...held, listenerId: 0 }, "number"]);
    assert.equal(once.listenerId, undefined);
  });

  test("a frame of the page itself, which leaves asking to the top, does not pass for answered", async (testing) => {
    const { page, collector } = await arrive(testing, settings, "tcf");
    await page.evaluate((src) => document.body.append(Object.assign(document.createElement("iframe"), { src })), collector.url);
    const inside = () => page.frames().find((frame) => frame !== page.mainFrame() && frame.url() === collector.url);
    const said = await until("it hears", async () => inside()?.evaluate(() => window.heard?.[0]));
    assert.deepEqual([said.gdprApplies, said.eventStatus, ...consents(said.tcString)], [true, undefined, [], [], [10, 755], []]);
  });
});

describe("TCF, from others", () => {
  test("a listener that throws is told of to the page, and the others hear", async (testing) => {
    const first = '__tcfapi("addEventListener", 2, () => { throw new Error("theirs"); })';
    const errors = ["theirs", "theirs"];
    const { page } = await arrive(testing, settings, "tcf", { first, errors });
    await hears(page, "it is shown", (one) => one?.eventStatus === "cmpuishown");
    await button(page, "Reject all").click();
    await hears(page, "it is chosen", (one) => one.eventStatus === "useractioncomplete");
  });

  test("where no regime asks, it does not apply", async (testing) => {
    const { page } = await arrive(testing, { ...REGIMES.california, vendors, tcf }, "tcf");
    const said = await hears(page, "it is there", (one) => one);
    assert.deepEqual([said.gdprApplies, said.tcString, said.eventStatus], [false, undefined, "tcloaded"]);
  });

  test("frames ask by message, in either form, and can set nothing", async (testing) => {
    const { page } = await arrive(testing, settings, "tcf");
    await hears(page, "it is there", (one) => one);
    // Markup that asks, in a frame of no origin: the most foreign that there is.
    const asker = (data) => `<script>addEventListener("message", ({ data }) => parent.postMessage({ got: data }, "*")); parent.postMessage(${JSON.stringify(data)}, "*")<\/script>`;
    const got = [];
    for (const asked of [{ __tcfapiCall: { command: "ping", version: 2, callId: "a" } }, JSON.stringify({ __tcfapiCall: { command: "ping", version: 2, callId: "b" } }), { __tcfapiCall: { command: "setTCData", version: 2, callId: "c" } }]) {
      got.push(await page.evaluate((html) => new Promise((resolve) => {
        addEventListener("message", ({ data }) => data?.got && resolve(data.got), { once: false });
        const frame = Object.assign(document.createElement("iframe"), { srcdoc: html });
        frame.setAttribute("sandbox", "allow-scripts");
        document.body.append(frame);
      }), asker(asked).replace("<script>", '<script nonce="bm9uY2U">')));
    }
    const [object, text, wrong] = [got[0].__tcfapiReturn, JSON.parse(got[1]).__tcfapiReturn, got[2].__tcfapiReturn];
    assert.deepEqual([object.callId, object.success, object.returnValue.cmpStatus], ["a", true, "loaded"]);
    assert.deepEqual([text.callId, text.returnValue.gvlVersion], ["b", 142]);
    assert.deepEqual([wrong.returnValue, wrong.success], [null, false]);
    assert.equal(await page.evaluate(() => window.analytics.consent.isChosen()), false);
    await firstLayer(page).waitFor();
  });
});

describe("GPP", () => {
  test("outside the United States no section applies", async (testing) => {
    const { page } = await arrive(testing, REGIMES.eu, "gpp");
    const ping = await until("it answers itself, not its stand-in", async () => {
      const [said] = await ask(page, "ping");
      return said.cmpStatus === "loaded" && said;
    });
    assert.deepEqual([ping.applicableSections, ping.sectionList, ping.gppString, ping.cmpDisplayStatus], [[-1], [], "DBAA", "visible"]);
    assert.deepEqual(await ask(page, "getSection", "usca"), [null, true]);
  });

  test("California: not opted out until somebody is, and events come in the order of the specification", async (testing) => {
    const { page } = await arrive(testing, REGIMES.california, "gpp");
    await hears(page, "it is ready", (one) => one?.eventName === "signalStatus" && one.data === "ready");
    const order = async () => (await heard(page)).map(({ eventName, data }) => `${eventName} ${data}`);
    assert.deepEqual(await order(), ["listenerRegistered true", "cmpStatus loaded", "signalStatus ready"]);
    const [ping] = await ask(page, "ping");
    assert.deepEqual([ping.cmpStatus, ping.applicableSections, ping.parsedSections.usca[0].SaleOptOut], ["loaded", [8], 2]);
    // By number and prefix, 7 to 27; the stand-in, whose answer came first, says the same.
    const { supportedAPIs } = ping;
    assert.deepEqual([supportedAPIs.length, ...supportedAPIs.slice(0, 2), supportedAPIs.at(-1)], [21, "7:usnat", "8:usca", "27:usri"]);
    assert.deepEqual((await heard(page))[0].pingData.supportedAPIs, supportedAPIs);
    await button(page, "Your Privacy Choices").click();
    await hears(page, "it is shown", (one) => one.eventName === "cmpDisplayStatus");
    await page.getByRole("dialog").getByRole("button", { name: "Reject all" }).click();
    await hears(page, "it is ready again", (one) => one.data === "ready");
    assert.deepEqual((await order()).slice(3), [
      "signalStatus not ready", "cmpDisplayStatus visible", "cmpDisplayStatus disabled", "sectionChange usca", "signalStatus ready",
    ]);
    assert.deepEqual(await ask(page, "getField", "usca.SaleOptOut"), [1, true]);
    assert.deepEqual(await ask(page, "hasSection", "usca"), [true, true]);
    const [[core, signal]] = await ask(page, "getSection", "usca");
    assert.deepEqual([core.SharingOptOut, core.MspaCoveredTransaction, signal], [1, 2, { GpcSegmentType: 1, Gpc: false }]);
  });

  test("a listener that throws is told of to the page, and the others hear", async (testing) => {
    // The stand-in answers at once, and its caller is the page itself.
    const first = 'let calls = 0; __gpp("ping", {}); __gpp("addEventListener", () => { calls += 1; if (calls > 1) throw new Error("theirs"); })';
    const { page } = await arrive(testing, REGIMES.california, "gpp", { first, errors: ["theirs", "theirs"] });
    await hears(page, "it is ready", (one) => one?.eventName === "signalStatus" && one.data === "ready");
  });

  test("GPC is an opt-out from the first moment, and the subsection says so; another state has its own", async (testing) => {
    const { page } = await arrive(testing, { ...REGIMES.california, region: "US-TX" }, "gpp", { gpc: true });
    await hears(page, "it is ready", (one) => one?.data === "ready");
    assert.deepEqual(await ask(page, "getField", "ustx.TargetedAdvertisingOptOut"), [1, true]);
    assert.deepEqual(await ask(page, "getField", "ustx.Gpc"), [true, true]);
  });

  test("a state without a section of its own has the nation's; what was registered early can be removed", async (testing) => {
    const { page } = await arrive(testing, { ...REGIMES.california, region: "US-NY" }, "gpp");
    await hears(page, "it is ready", (one) => one?.data === "ready");
    assert.deepEqual((await ask(page, "ping"))[0].applicableSections, [7]);
    const count = (await heard(page)).length;
    assert.deepEqual([await ask(page, "removeEventListener", 1), await ask(page, "removeEventListener", 1)], [[true, true], [false, true]]);
    await page.evaluate(() => window.analytics.consent.withdraw());
    await until("it is withdrawn", async () => (await ask(page, "getField", "usnat.SaleOptOut"))[0] === 1);
    assert.equal((await heard(page)).length, count);
    assert.deepEqual(await ask(page, "makeEverythingGranted"), [null, false]);
  });
});
