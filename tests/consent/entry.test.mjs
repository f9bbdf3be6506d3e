// The ways into a page: Segment's snippet, the ES module, settings that the page has already; and what happens when the
// settings are not what the SDK needs.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, started, until } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const { max: segmentSnippet } = createRequire(import.meta.url)("@segment/snippet");
const SETTINGS = { ...REGIMES.california, tags: [] };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function open(testing, settings, content) {
  const collector = await startCollector(settings, content);
  const context = await browser.newContext();
  testing.after(async () => {
    await context.close();
    collector.close();
  });
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  await page.goto(collector.url);
  const paths = () => collector.requests.map(({ method, path }) => `${method} ${path}`);
  const events = () => collector.requests.flatMap(({ body }) => body?.batch ?? []);
  return { collector, page, said, paths, events };
}

test("Segment's own snippet, with another host and the page's nonce", async (testing) => {
  const snippet = (host) => segmentSnippet({ apiKey: "wk_test", host }).replaceAll("https://", "http://").replace("t.async =", 't.nonce = "bm9uY2U"; t.async =');
  const inline = (origin) => `${snippet(origin.slice(7))}; analytics.track("After it")`;
  const { page, events, said } = await open(testing, SETTINGS, { inline });
  await started(page);
  await until("both come", () => events().length === 2);
  assert.deepEqual(events().map(({ type, event, context }) => [type, event, context.page.path]), [["page", undefined, "/"], ["track", "After it", "/"]]);
  assert.deepEqual(said, []);
});

test("the ES module", async (testing) => {
  const inline = (origin) => `import { AnalyticsBrowser } from "${origin}/assent.mjs";
    window.analytics = AnalyticsBrowser.load({ writeKey: "wk_test", cdnURL: "${origin}", nonce: "bm9uY2U" });
    const { event } = await window.analytics.track("From a module");
    window.captured = event.event;
    const [loaded] = await window.analytics;
    window.loaded = loaded === window.analytics && loaded.initialized;`;
  const { page, events, said } = await open(testing, SETTINGS, { type: "module", inline });
  await until("it comes", () => events().length === 1);
  assert.equal(await page.evaluate(() => window.captured), "From a module");
  await page.waitForFunction(() => window.loaded);
  assert.match(events()[0].context.library.version, /^npm:assent-/);
  await page.getByRole("button", { name: "Your Privacy Choices" }).click();
  await page.getByRole("dialog").waitFor();
  assert.deepEqual(said, []);
});

test("the ES module before it is loaded", async (testing) => {
  const inline = (origin) => `import { AnalyticsBrowser } from "${origin}/assent.mjs";
    const analytics = window.analytics = new AnalyticsBrowser();
    analytics.track("Before loading");
    analytics.load({ writeKey: "wk_test", cdnURL: "${origin}/", nonce: "bm9uY2U" });`;
  const { page, events, said } = await open(testing, SETTINGS, { type: "module", inline });
  await until("it comes", () => events().length === 1);
  assert.equal(events()[0].event, "Before loading");
  await page.getByRole("button", { name: "Your Privacy Choices" }).click();
  await page.getByRole("dialog").waitFor();
  assert.deepEqual(said, []);
});

test("choices that the page makes before the script is there, and before the settings, hold", async (testing) => {
  const call = 'analytics.consent.choose({ categories: { performance: true } }); window.before = [analytics.consent.preferences(), analytics.consent.isChosen(), analytics.consent.permits("x")]';
  const collector = await startCollector(REGIMES.eu, { call: call.replaceAll(" analytics", " window.analytics").replaceAll("[analytics", "[window.analytics") });
  testing.after(() => collector.close());
  let release;
  collector.gate = new Promise((resolve) => {
    release = resolve;
  });
  const context = await browser.newContext();
  testing.after(() => context.close());
  const page = await context.newPage();
  await page.goto(collector.url);
  await page.waitForFunction(() => !Array.isArray(window.analytics));
  assert.deepEqual(await page.evaluate(() => window.before), [null, false, false]);
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true, targeting: true } }));
  release();
  await started(page);
  assert.deepEqual(await page.evaluate(() => window.analytics.consent.preferences()), { required: true, functionality: false, performance: true, targeting: true });
  await page.evaluate(() => window.analytics.consent.withdraw());
  assert.equal(await page.evaluate(() => window.analytics.consent.preferences().performance), false);
});

test("calls through another name for the array arrive; Segment's snippet may run twice", async (testing) => {
  const snippet = (host) => segmentSnippet({ apiKey: "wk_test", host, page: false }).replaceAll("https://", "http://").replace("t.async =", 't.nonce = "bm9uY2U"; t.async =');
  const inline = (origin) => `${snippet(origin.slice(7))}; window.saved = window.analytics; window.again = () => { ${snippet(origin.slice(7))} };`;
  const { page, events, said } = await open(testing, SETTINGS, { inline });
  await started(page);
  await page.evaluate(() => {
    window.saved.push(["track", "Pushed"]);
    window.again();
    window.analytics.track("After it");
  });
  await until("both come", () => events().length === 2);
  assert.deepEqual(events().map(({ event }) => event), ["Pushed", "After it"]);
  assert.deepEqual(said.filter((line) => !/snippet included twice/i.test(line)), []);
});

for (const [what, disable] of [["true", "true"], ["a function", "(settings) => !!settings.assent"]]) {
  test(`disable: ${what}: nothing is asked, sent or stored, and calls call back`, async (testing) => {
    const call = `analytics._loadOptions = { disable: ${disable} }; analytics.track("Never", () => { window.back = true; })`;
    const { page, paths } = await open(testing, SETTINGS, { call: call.replaceAll(" analytics", " window.analytics") });
    await page.waitForFunction(() => window.back);
    const { event } = await page.evaluate(() => window.analytics.track("Never either"));
    assert.equal(event, undefined);
    await page.evaluate(() => void window.analytics.consent.choose({ categories: { performance: true } }));
    assert.deepEqual(paths().filter((path) => path.startsWith("POST")), []);
    assert.equal(paths().some((path) => path.endsWith("/settings")), disable !== "true");
    assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage) + document.body.firstElementChild.tagName), "MAIN");
  });
}

test("settings that are refused: calls call back all the same", async (testing) => {
  const inline = (origin) => `window.analytics = [["track", "Never", () => { window.back = true; }]];
    const script = document.createElement("script"); script.src = "${origin}/analytics.js/v1/wk_test/analytics.min.js"; script.nonce = "bm9uY2U"; document.head.append(script);`;
  const collector = await startCollector(SETTINGS, { inline });
  const context = await browser.newContext();
  testing.after(async () => {
    await context.close();
    collector.close();
  });
  const page = await context.newPage();
  await page.route(/settings$/, (route) => route.fulfill({ status: 404 }));
  await page.goto(collector.url);
  await page.waitForFunction(() => window.back);
});

test("settings with a mistake are asked for once, and the mistake is seen", async (testing) => {
  const { page, paths, said } = await open(testing, { ...SETTINGS, categories: null });
  await until("it is seen", () => said.length);
  await page.waitForTimeout(1_500);
  assert.equal(paths().filter((path) => path.endsWith("/settings")).length, 1);
});

test("settings in the head, before there is a body", async (testing) => {
  const tags = [{ id: "video", kind: "iframe", src: "/tags/video.js", categories: ["performance"] }];
  const all = (origin) => JSON.stringify({ integrations: { "Segment.io": { apiHost: `${origin.slice(7)}/v1`, protocol: "http" } }, assent: { ...SETTINGS, tags } });
  const head = (origin) => `<script nonce="bm9uY2U">window.analytics = Object.assign([["page", "Early"]], { _loadOptions: { cdnSettings: ${all(origin)} } });</script><script nonce="bm9uY2U" src="/analytics.js/v1/wk_test/analytics.min.js"></script>`;
  const collector = await startCollector(null, { inline: () => "" });
  collector.page.head = head(collector.url.slice(0, -1));
  const context = await browser.newContext();
  testing.after(async () => {
    await context.close();
    collector.close();
  });
  const page = await context.newPage();
  await page.goto(collector.url);
  await page.locator("body > iframe").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Your Privacy Choices" }).waitFor();
  const arrived = () => collector.requests.filter(({ body }) => body?.batch?.some(({ name }) => name === "Early")).length;
  await until("the call arrives", arrived);
  assert.equal(arrived(), 1);
});

test("a page that is rendered before anybody looks at it starts when somebody does", async (testing) => {
  const collector = await startCollector(SETTINGS);
  const context = await browser.newContext();
  testing.after(async () => {
    await context.close();
    collector.close();
  });
  await context.addInitScript(() => Object.defineProperty(Document.prototype, "prerendering", { get: () => window.unseen ?? true }));
  const page = await context.newPage();
  await page.goto(collector.url);
  await page.waitForFunction(() => !Array.isArray(window.analytics));
  await page.waitForTimeout(300);
  assert.deepEqual(collector.requests.map(({ path }) => path), ["/analytics.js/v1/wk_test/analytics.min.js"]);
  await page.evaluate(() => {
    window.unseen = false;
    document.dispatchEvent(new Event("prerenderingchange"));
  });
  await until("the page view comes", () => collector.requests.some(({ body }) => body?.batch?.[0].name === "Page one"));
});

test("ready comes in the order of calls, and its promise with it; the first `consent` finds what holds", async (testing) => {
  const call = `analytics.on("consent", () => { window.held = window.held ?? analytics.consent.preferences(); });
    analytics.track("First"); analytics.ready(() => { window.order = ["ready", analytics.initialized]; })`;
  const { page } = await open(testing, SETTINGS, { call: call.replaceAll(/(^|[\s?] ?)analytics\./g, "$1window.analytics.") });
  await page.waitForFunction(() => window.order);
  assert.deepEqual(await page.evaluate(() => window.order), ["ready", true]);
  assert.equal((await page.evaluate(() => window.held)).performance, true);
  assert.deepEqual(await page.evaluate(() => window.analytics.ready(() => "value")), "value");
});

test("the user can be set through `user()`", async (testing) => {
  const { page } = await open(testing, SETTINGS);
  await started(page);
  const said = await page.evaluate(() => {
    const user = window.analytics.user();
    user.id("u-1");
    user.traits({ plan: "free" });
    return [user.id(), user.traits(), document.cookie.includes("ajs_user_id=u-1"), localStorage.getItem("ajs_user_traits"), user.traits(null), user.id(null)];
  });
  assert.deepEqual(said, ["u-1", { plan: "free" }, true, '{"plan":"free"}', {}, null]);
});

test("settings that the page has are not asked for: the script is the only request", async (testing) => {
  const all = (origin) => JSON.stringify({ integrations: { "Segment.io": { apiHost: `${origin.slice(7)}/v1`, protocol: "http" } }, assent: REGIMES.eu });
  const inline = (origin) => `const script = document.createElement("script"); window.analytics = Object.assign([], { _loadOptions: { cdnSettings: ${all(origin)} } });
    script.src = "${origin}/analytics.js/v1/wk_test/analytics.min.js"; script.nonce = "bm9uY2U"; document.head.append(script);`;
  const { page, paths } = await open(testing, null, { inline });
  await started(page);
  await page.getByRole("region", { name: "Your privacy on this site" }).waitFor();
  assert.deepEqual(paths(), ["GET /analytics.js/v1/wk_test/analytics.min.js"]);
});

for (const [what, settings] of [["without consent", null], ["of a later contract", { ...SETTINGS, v: 2 }]]) {
  test(`settings ${what}: nothing is stored or sent, and the console says why`, async (testing) => {
    const { page, paths, said } = await open(testing, settings);
    await until("it says so", () => said.length);
    assert.match(said[0], /^Assent: the settings are not for this SDK/);
    assert.deepEqual(paths().filter((path) => path.startsWith("POST")), []);
    assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage)), "");
  });
}

test("blocked calls still call back, so that pages go on", async (testing) => {
  const { page } = await open(testing, REGIMES.eu);
  await started(page);
  const answered = await page.evaluate(() => new Promise((resolve) => window.analytics.track("Blocked", {}, {}, resolve)));
  assert.equal(answered.event, undefined);
});

// Obligation 12.
test("a page's `reset` forgets the person and keeps the choice", async (testing) => {
  const { page } = await open(testing, SETTINGS, { call: 'analytics.identify("user-1", { plan: "free" })' });
  await started(page);
  const before = await page.evaluate(() => window.analytics.user().anonymousId());
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true } }));
  await page.evaluate(() => window.analytics.reset());
  const kept = await page.evaluate(() => [window.analytics.user().id(), window.analytics.user().traits(), window.analytics.consent.isChosen()]);
  assert.deepEqual(kept, [null, {}, true]);
  assert.notEqual(await page.evaluate(() => window.analytics.user().anonymousId()), before);
});

test("a mistake of the page's stops nothing but itself", async (testing) => {
  const call = `analytics.on("track", () => { throw new Error("listener"); }); analytics.ready(() => { throw new Error("ready"); });
    analytics.track(); analytics.track("Callback", () => { throw new Error("callback"); }); analytics.track("After all that")`;
  const { page, events, said } = await open(testing, SETTINGS, { call: call.replaceAll(" analytics", " window.analytics") });
  await started(page);
  await until("what was right arrives", () => events().length === 2);
  assert.deepEqual(events().map(({ event }) => event), ["Callback", "After all that"]);
  await page.evaluate(() => window.analytics.track(undefined).catch(({ message }) => console.log(message)));
  for (const what of ["listener", "ready", "callback", "name is missing"]) await until(`${what} is said`, () => said.some((line) => line.includes(what)));
});
