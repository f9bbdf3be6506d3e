// The same calls into Segment's SDK, unmodified, and into ours: the same events come out, field for field, but for what
// must differ (ids, times, the library's name, the stamp) and what only Segment's server reads (`_metadata`).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, until } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const require = createRequire(import.meta.url);
const { max: segmentSnippet } = require("@segment/snippet");
const segmentScript = readFileSync(require.resolve("@segment/analytics-next/dist/umd/standalone.js"), "utf8");

/** Calls with every way of passing arguments. Strings, because they run in the page. */
const CALLS = [
  'track("Plain")',
  'track("With", { price: 12.5, nothing: null, left: undefined })',
  'track("Options", { a: 1 }, { context: { ip: "0.0.0.0" }, integrations: { All: false, Mixpanel: { id: 1 } }, plan: "x" })',
  'track("Callback", () => {})',
  'track("Overrides", {}, { timestamp: "2020-01-01T00:00:00.000Z", messageId: "mine", userId: "someone-else" })',
  'track({ event: "As one", properties: { b: 2 } })',
  "page()",
  'page("Name")',
  'page("Category", "Name")',
  'page("Category", "Name", { url: "https://elsewhere.example/p", extra: 1 }, { context: { page: { title: "Own" } } })',
  "page({ only: true })",
  'page("Name", { p: 1 }, { campaign: { name: "set" } })',
  'screen("Screen", { s: 1 })',
  // Before a user is known: after that Segment's 1.84.3 puts the current user in the place of the alias's new id.
  'alias("user-2")',
  'alias("user-3", "user-1")',
  'identify("user-1", { plan: "free" })',
  'identify({ seats: 3 })',
  'identify("user-1", null, { integrations: { All: true } })',
  'track("As user")',
  'group("group-1", { size: 3 })',
  'group({ more: 1 })',
  'identify("user-9", { other: true })',
  "identify(42)",
  'track("After another user")',
];

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const settings = { ...REGIMES.california, tags: [] };

async function record(call) {
  const collector = await startCollector(settings, { call: 'analytics.track("Before", { early: true })', head: '<link rel="canonical" href="https://canonical.example/path">' });
  const context = await browser.newContext({ timezoneId: "Asia/Tokyo", locale: "de-DE" });
  const page = await context.newPage();
  await call(page, collector);
  await page.goto(`${collector.url}page?q=1&utm_source=mail&utm_campaign=spring%20sale&utm_x=y#fragment`, { referer: "https://before.example/" });
  await page.waitForFunction(() => window.analytics?.initialized);
  await page.evaluate(() => {
    window.heard = [];
    const names = ["track", "page", "screen", "identify", "group", "alias"];
    // As JSON has it: `undefined` is as good as nothing.
    for (const name of names) window.analytics.on(name, (...args) => window.heard.push(JSON.stringify([name, ...args])));
  });
  for (const one of CALLS) await page.evaluate(`void window.analytics.${one}`);
  const events = () => collector.requests.filter(({ method }) => method === "POST").flatMap(({ events: all }) => all);
  await until("all arrive", () => events().length >= CALLS.length + 1);
  const cookies = (await context.cookies()).map(({ name }) => name).filter((name) => name.startsWith("ajs_")).sort();
  await page.waitForFunction((calls) => window.heard.filter((one) => !one.includes("Before")).length >= calls, CALLS.length);
  const heard = (await page.evaluate(() => window.heard)).map((text) => JSON.parse(text));
  await context.close();
  collector.close();
  return { events: events(), cookies, heard };
}

/** Segment's snippet and script in place of ours. */
async function segment(page, collector) {
  const host = collector.host;
  await page.route(/\/page\?/, async (route) => {
    const answer = await route.fetch();
    const text = segmentSnippet({ apiKey: collector.key, host, page: false }).replaceAll("https://", "http://");
    const html = (await answer.text()).replace(/(<script[^>]*>)[^]*?<\/script>/, `$1${text};analytics._cdn="${collector.url.slice(0, -1)}";analytics.track("Before", { early: true })</script>`);
    const headers = { ...answer.headers(), "content-security-policy": "default-src * 'unsafe-inline' 'unsafe-eval'" };
    await route.fulfill({ status: 200, headers, body: html });
  });
  await page.route(/analytics\.min\.js/, (route) => route.fulfill({ contentType: "text/javascript", body: segmentScript.replaceAll("__WRITE_KEY__", collector.key) }));
}

/** What is left when everything that must differ is taken out. */
function comparable({ messageId, timestamp, anonymousId, userId, sentAt: _, writeKey: __, _metadata: ___, context, ...rest }) {
  const { library, consent: ____, ...about } = context;
  return {
    ...rest,
    // Segment's writes `null` where there is no user.
    ...(userId !== null && { userId }),
    // Only that there is one, and the ones that a page gave.
    messageId: messageId === "mine" ? messageId : "made",
    timestamp: timestamp.startsWith("2020") ? timestamp : "now",
    anonymousId: typeof anonymousId,
    ...(rest.previousId === anonymousId && { previousId: "the anonymous id" }),
    context: { ...about, library: library.name },
  };
}

test("same calls, same events", async () => {
  const theirs = await record(segment);
  const ours = await record(async () => {});
  const key = ({ type, event, name, category, userId, groupId, properties, traits }) => JSON.stringify([type, event, name, category, userId, groupId, Object.keys(properties ?? traits ?? {}).sort()]);
  const sorted = (events) => events.map(comparable).map((event) => JSON.parse(JSON.stringify(event))).sort((one, other) => (key(one) < key(other) ? -1 : 1));
  const [expected, actual] = [sorted(theirs.events), sorted(ours.events)];
  assert.equal(actual.length, CALLS.length + 1);
  for (const [index, event] of expected.entries()) assert.deepEqual(actual[index], event, `${event.type} ${event.event ?? event.name ?? ""}`);
  assert.deepEqual(ours.cookies, theirs.cookies, "a site can change back");
  // Names and identifiers; what follows is the event's, which was compared.
  const shapes = ({ heard }) => heard.filter(([, name]) => name !== "Before").map(([name, ...args]) => [name, args.length, ...args.slice(0, -2)]).sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  assert.deepEqual(shapes(ours), shapes(theirs), "listeners hear the same");
});

test("an alias names its new id also when a user is known, as Segment documents it", async (testing) => {
  const collector = await startCollector(settings, { call: 'analytics.identify("user-1")' });
  const context = await browser.newContext();
  testing.after(() => Promise.all([context.close(), collector.close()]));
  const page = await context.newPage();
  await page.goto(collector.url);
  await page.waitForFunction(() => window.analytics?.initialized);
  await page.evaluate(() => void window.analytics.alias("user-2"));
  const events = () => collector.requests.flatMap(({ body }) => body?.batch ?? []);
  const alias = await until("it arrives", () => events().find(({ type }) => type === "alias"));
  assert.equal(alias.userId, "user-2");
});

test("another user gets another anonymous id, as at Segment", async () => {
  for (const prepare of [segment, async () => {}]) {
    const { events } = await record(prepare);
    const idOf = (name) => events.find(({ event }) => event === name).anonymousId;
    assert.notEqual(idOf("Plain"), idOf("After another user"));
    assert.equal(idOf("Plain"), idOf("As user"));
  }
});
