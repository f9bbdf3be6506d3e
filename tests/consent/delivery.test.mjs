// Nothing that was captured is lost: busy server, no network, a page that goes before the answer. And what a page may not
// keep it does not keep.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { button, firstLayer, launch, started, until, visit } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const QUIET = { ...REGIMES.california, tags: [] };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function open(testing, settings = QUIET, options = {}) {
  const collector = await startCollector(settings, { call: "analytics.ready(() => {})" });
  const visited = await visit(browser, collector, options);
  testing.after(async () => {
    assert.deepEqual(visited.complaints, [], "the browser has no complaint");
    await visited.context.close();
    collector.close();
  });
  const posts = () => collector.requests.filter(({ method }) => method === "POST");
  const accepted = () => posts().filter(({ status }) => status === 200).flatMap(({ events }) => events);
  const names = () => [...new Set(accepted().map(({ event }) => event))];
  const has = (...wanted) => until(`${wanted} arrive`, () => wanted.every((name) => names().includes(name)));
  const track = (...events) => visited.page.evaluate((all) => all.forEach((event) => window.analytics.track(event)), events);
  return { collector, ...visited, posts, accepted, names, has, track };
}

const queued = (page) => page.evaluate(() => localStorage.getItem("assent_queue:wk_test"));

test("calls of one task share a request, in order, each once", async (testing) => {
  const { track, has, posts, accepted } = await open(testing);
  await track("One", "Two", "Three");
  await has("Three");
  assert.deepEqual(accepted().map(({ event }) => event), ["One", "Two", "Three"]);
  assert.equal(posts().length, 1);
  const [{ path, headers, body }] = posts();
  assert.equal(path, "/v1/b");
  assert.match(headers["content-type"], /^text\/plain/);
  assert.equal(headers.authorization, undefined, "nothing that needs a preflight");
  assert.equal(headers.cookie?.includes("ajs_"), undefined);
  assert.ok(body.sentAt && body.writeKey === "wk_test");
});

test("a busy server is asked again, not before it said, and nothing comes twice", async (testing) => {
  const { collector, track, has, posts, accepted } = await open(testing);
  collector.refusals.push({ status: 503, headers: { "retry-after": "2" } }, { status: 429 });
  await track("Patient");
  await has("Patient");
  assert.deepEqual(posts().map(({ status }) => status), [503, 429, 200]);
  assert.ok(posts()[1].at - posts()[0].at >= 1_900, "two seconds were asked for");
  assert.equal(accepted().length, 1);
  assert.equal(posts()[0].body.batch[0].messageId, posts()[2].body.batch[0].messageId);
});

test("what the server refuses for good does not hold up the rest", async (testing) => {
  const { collector, track, has, posts } = await open(testing);
  collector.refusals.push({ status: 400 });
  await track("Bad");
  await until("it is refused", () => posts().length === 1);
  await track("Good");
  await has("Good");
  assert.equal(posts().length, 2);
});

test("without a network it waits, and goes when there is one", async (testing) => {
  const { context, track, has, posts } = await open(testing);
  await context.setOffline(true);
  await track("Away");
  await context.setOffline(false);
  await has("Away");
  assert.equal(posts().length, 1);
});

test("an event of the task in which the page goes arrives", async (testing) => {
  const { page, has } = await open(testing);
  const gone = page.waitForURL("**/page/next");
  // Its own answer is not waited for: the page that would give it goes.
  page.evaluate(() => {
    window.analytics.track("Last words");
    location.href = "/page/next";
  }).catch(() => {});
  // A browser whose page is closed on its way to the next one may never say that it is.
  await gone;
  await has("Last words");
});

test("what is not acknowledged when the page goes is sent by the next, and then not kept", async (testing) => {
  const { collector, page, track, has, posts, accepted } = await open(testing);
  collector.refusals.push(...Array.from({ length: 2 }, () => ({ status: 503, headers: { "retry-after": "60" } })));
  await track("Kept");
  await until("it is refused", () => posts().length === 1);
  collector.refusals.length = 0;
  await page.goto(`${collector.url}page/next`);
  await started(page);
  await has("Kept");
  assert.equal(accepted().length, 1);
  // The server has it before the page has read its answer.
  await until("it is not kept any more", async () => (await queued(page)) === null);
});

test("where nothing may be kept the last request carries it, and storage stays empty", async (testing) => {
  const { collector, page, track, has, posts } = await open(testing, { ...QUIET, before: "cookieless" });
  collector.refusals.push({ status: 503, headers: { "retry-after": "60" } });
  await track("Carried");
  await until("it is refused", () => posts().length === 1);
  await page.goto(`${collector.url}page/next`);
  await has("Carried");
  assert.equal(await queued(page), null);
  assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage)), "");
});

test("a browser whose requests end with their page sends the last one as a beacon", async (testing) => {
  const prepare = (context) => context.addInitScript(() => {
    // As Firefox before 133 is: it knows no `keepalive`.
    delete Request.prototype.keepalive;
    const { fetch } = window;
    window.fetch = (url, { keepalive: _, ...more } = {}) => fetch(url, more);
  });
  const { collector, page, track, has, posts } = await open(testing, { ...QUIET, before: "cookieless" }, { prepare });
  collector.refusals.push({ status: 503, headers: { "retry-after": "60" } });
  await track("Carried");
  await until("it is refused", () => posts().length === 1);
  await page.goto(`${collector.url}page/next`);
  await has("Carried");
});

test("settings that come late: calls wait with the time and page that they were made on", async (testing) => {
  const collector = await startCollector(QUIET, { call: 'analytics.track("Early")' });
  testing.after(() => collector.close());
  let release;
  collector.gate = new Promise((resolve) => {
    release = resolve;
  });
  const context = await browser.newContext();
  testing.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${collector.url}page/first?utm_source=mail&utm_campaign=spring`);
  await until("settings are asked for", () => collector.requests.some(({ path }) => path.endsWith("/settings")));
  const at = Date.now();
  await page.evaluate(() => history.pushState({}, "", "/page/second"));
  release();
  await started(page);
  const found = await until("it arrives", () => collector.requests.find(({ method }) => method === "POST"));
  const [event] = found.body.batch;
  assert.equal(event.context.page.path, "/page/first");
  assert.deepEqual(event.context.campaign, { source: "mail", name: "spring" });
  assert.ok(Date.parse(event.timestamp) <= at);
});

test("always load: what goes out unasked says so, is of nobody who is kept, and ends with a choice", async (testing) => {
  const { collector, page, context, track, has, accepted } = await open(testing, { ...REGIMES.eu, tags: [], before: "always-load" });
  await track("Unasked");
  await has("Unasked");
  const [unasked] = accepted();
  assert.equal(unasked.context.consent.categoryPreferences, undefined);
  assert.deepEqual([await context.cookies(), await page.evaluate(() => Object.keys(localStorage))], [[], []]);
  collector.refusals.push({ status: 503, headers: { "retry-after": "1" } });
  await track("Waits");
  await until("it is refused", () => collector.requests.some(({ status }) => status === 503));
  await button(page, "Reject all").click();
  await track("Refused");
  await until("the refusal is told", () => accepted().some(({ context: { consent } }) => consent.method === "reject_all"));
  await page.waitForTimeout(1_500);
  assert.deepEqual(accepted().filter(({ event }) => ["Waits", "Refused"].includes(event)), []);
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true } }));
  await track("Granted");
  await has("Granted");
  const granted = accepted().find(({ event }) => event === "Granted");
  assert.equal(granted.context.consent.categoryPreferences.performance, true);
  assert.notEqual(granted.anonymousId, unasked.anonymousId);
});

test("always load: who accepts gets another identifier than what went out unasked", async (testing) => {
  const { page, track, has, accepted } = await open(testing, { ...REGIMES.eu, tags: [], before: "always-load" });
  await track("Unasked");
  await has("Unasked");
  await button(page, "Accept all").click();
  await track("Granted");
  await has("Granted");
  const [unasked, granted] = ["Unasked", "Granted"].map((name) => accepted().find(({ event }) => event === name));
  assert.notEqual(granted.anonymousId, unasked.anonymousId);
  assert.equal(granted.anonymousId, await page.evaluate(() => window.analytics.user().anonymousId()));
});

test("always load: nothing goes out where something was refused already", async (testing) => {
  const settings = { ...REGIMES.eu, tags: [], before: "always-load" };
  const keeping = (refused, daysAgo) => ({
    prepare: (context) => {
      const at = (Date.now() - daysAgo * 86_400_000).toString(36);
      const kept = `1~3~${at}~~${refused}~~imported.page~1`;
      return context.addInitScript((choice) => location.host && localStorage.setItem("assent_choice", choice), kept);
    },
  });
  for (const [how, more, options] of [
    ["a choice that was taken over, silent about the events", {}, keeping("targeting", 1)],
    ["a refusal whose time is over", {}, keeping("functionality.performance.targeting", 200)],
    ["a child", { denied: ["performance"] }, {}],
  ]) {
    const { page, track, posts } = await open(testing, { ...settings, ...more }, options);
    await firstLayer(page).waitFor();
    await track("Unasked");
    await page.waitForTimeout(500);
    assert.deepEqual(posts(), [], how);
  }
});

test("always load: what somebody refused on another device ends it once the server has said so", async (testing) => {
  const answered = { refused: ["performance"], refusedVendors: [] };
  const prepare = (context) => context.route("**/consent/elsewhere", (route) => route.fulfill({ json: answered }));
  const settings = { ...REGIMES.eu, tags: [], before: "always-load", surfaces: ["elsewhere"] };
  const { page, track, has, names } = await open(testing, settings, { prepare });
  await track("Before");
  await has("Before");
  const told = page.waitForResponse("**/consent/elsewhere");
  await page.evaluate(() => {
    document.head.insertAdjacentHTML("beforeend", '<meta name="assent-user" content="u-1" data-proof="p">');
  });
  await told;
  await page.waitForTimeout(200);
  await track("After");
  await page.waitForTimeout(500);
  assert.deepEqual(names(), ["Before"]);
});

test("always load: a choice that disappears while the page is open ends it there too", async (testing) => {
  const { page, context, track, has, accepted } = await open(testing, { ...REGIMES.eu, tags: [], before: "always-load" });
  await button(page, "Accept all").click();
  await track("Granted");
  await has("Granted");
  await page.evaluate(() => localStorage.clear());
  await context.clearCookies();
  await track("Later");
  await page.reload();
  await started(page);
  await track("Unasked");
  await has("Unasked");
  assert.deepEqual(accepted().filter(({ event }) => event === "Later"), []);
  const [granted, unasked] = ["Granted", "Unasked"].map((name) => accepted().find(({ event }) => event === name));
  assert.equal(unasked.context.consent.categoryPreferences, undefined);
  assert.notEqual(unasked.anonymousId, granted.anonymousId);
});

test("buffer: a choice that is silent about the events lets them wait on", async (testing) => {
  const { page, track, has, accepted } = await open(testing, { ...REGIMES.eu, tags: [], before: "buffer" });
  await track("Early");
  const at = Date.now().toString(36);
  await page.evaluate((kept) => localStorage.setItem("assent_choice", kept), `1~1~${at}~~targeting~~imported.page~0`);
  await track("Later");
  await button(page, "Accept all").click();
  await has("Early", "Later");
  assert.deepEqual(accepted().filter(({ event }) => event === "Early" || event === "Later").map(({ event }) => event), ["Early", "Later"]);
});

test("the last request carries no cookie", async (testing) => {
  const { collector, page, track, posts } = await open(testing, { ...QUIET, before: "cookieless" });
  await page.evaluate(() => {
    document.cookie = "session=secret; path=/";
  });
  collector.refusals.push({ status: 503, headers: { "retry-after": "60" } });
  await track("Last");
  await until("it is refused", () => posts().length === 1);
  await page.goto(`${collector.url}page/next`);
  await until("it comes again", () => posts().length > 1);
  assert.deepEqual(posts().map(({ headers }) => headers.cookie), posts().map(() => undefined));
});

test("an event that cannot be written stops no other, and says what is wrong", async (testing) => {
  const { page, complaints, has } = await open(testing);
  const answered = await page.evaluate(() => {
    const round = {};
    round.self = round;
    return Promise.all([
      new Promise((resolve) => window.analytics.track("Round", round, () => resolve("called back"))),
      window.analytics.track("Big", { amount: 1n }).then(() => "resolved"),
      window.analytics.track("Good").then(() => "resolved"),
    ]);
  });
  assert.deepEqual(answered, ["called back", "resolved", "resolved"]);
  await has("Good");
  assert.equal(complaints.length, 2);
  assert.match(complaints.join(), /circular.*BigInt/s);
  complaints.length = 0;
});

test("with `disableClientPersistence` events go out and nothing but the choice is kept", async (testing) => {
  const { collector, page, has } = await open(testing);
  collector.page.call = 'analytics._loadOptions = { disableClientPersistence: true }; analytics.identify("u-1", { plan: "free" }); analytics.track("Unkept")';
  await page.goto(`${collector.url}page/next`);
  await started(page);
  await has("Unkept");
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true } }));
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
  // A choice that nobody has answered is kept to be told again; this test is about what stays after that.
  await page.waitForFunction(() => !localStorage.getItem("assent_untold"));
  const kept = await page.evaluate(() => [document.cookie.split("; ").map((one) => one.split("=")[0]), Object.keys(localStorage)]);
  assert.deepEqual(kept, [["assent_choice"], ["assent_choice"]]);
});

test("a refusal that the server did not hear is told by the next page", async (testing) => {
  const { collector, page, posts } = await open(testing, REGIMES.eu);
  collector.refusals.push({ status: 503, headers: { "retry-after": "60" } });
  await button(page, "Reject all").click();
  await until("it is refused", () => posts().length === 1);
  await page.goto(`${collector.url}page/next`);
  const told = await until("it is told again", () => posts()[1]);
  assert.equal(told.status, 200);
  assert.equal(told.body.method, "reject_all");
  assert.notEqual(told.body.messageId, posts()[0].body.messageId, "nothing was kept by which to know it again");
  assert.deepEqual([told.body.anonymousId, told.body.userId], [undefined, undefined]);
  await page.waitForFunction(() => document.cookie.endsWith("~1") || document.cookie.includes("~1;"));
  await page.goto(`${collector.url}page/third`);
  await started(page);
  assert.equal(posts().length, 2);
});
