// Segment's browser SDK in a real Chromium: from the snippet and from npm, in both delivery strategies, across a page
// change, through an overloaded server, with a wrong clock, stamped and unstamped.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { checkDelivered, checkNothingTwice, checkStored, rowsOf, startWebhook, until, webhookTo } from "./harness.mjs";
import { startPages } from "./pages.mjs";
import { startRecorder } from "./recorder.mjs";
import { startAssent } from "./server.mjs";

const CHROMIUM = process.env.ASSENT_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];
const GRANTED = { performance: true, functionality: true, targeting: false };
/** Load options of the SDK that send up to `size` events at once, or what there is after `timeout` ms. */
const batching = (size, timeout) => ({
  integrations: { "Segment.io": { deliveryStrategy: { strategy: "batching", config: { size, timeout } } } },
});
const BATCHING = batching(4, 1_000);
/** One source per scenario, so that what one sends is never taken for another's. */
const STAMPED = ["standard", "batching", "navigation", "leaving", "overload", "overload-batch", "npm", "slow-clock", "renewed"];

let assent, analytics, advertising, unmapped, pages, browser;
let stored = 0;

before(async () => {
  [analytics, advertising, unmapped] = await Promise.all([startWebhook(), startWebhook(), startWebhook()]);
  const sources = STAMPED.map((name) => ({ name, kind: "browser", write_key: `wk_${name}`, sdk: "segment" }));
  sources.push({ name: "migrating", kind: "browser", write_key: "wk_migrating", compat: "segment" });
  sources.push({ name: "strict", kind: "browser", write_key: "wk_strict", sdk: "segment" });
  const all = sources.map(({ name }) => name);
  assent = await startAssent({
    workspace: "compat",
    sources,
    destinations: [
      webhookTo(analytics, { name: "analytics", sources: all, categories: ["performance"], purpose: "analytics" }),
      webhookTo(advertising, { name: "advertising", sources: all, categories: ["targeting"], purpose: "advertising" }),
      webhookTo(unmapped, {
        name: "unmapped", sources: ["migrating"], purpose: "analytics", unmapped: "allow", unstamped: "allow",
        settings: { batch: { events_max: 50, wait_ms: 200 } },
      }),
    ],
    consent: { default_regime: "opt-in" },
  });
  pages = await startPages();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
});

after(async () => {
  await browser?.close();
  pages?.close();
  for (const hook of [analytics, advertising, unmapped]) hook?.close();
  await assent?.remove();
});

/** Opens a page of `source` in a fresh profile, behind a recorder of its own; both end with the test. */
async function visit(testing, source, { options, choice = GRANTED, npm, prepare } = {}) {
  const recorder = await startRecorder(assent.url);
  const context = await browser.newContext();
  testing.after(async () => {
    await context.close();
    recorder.close();
  });
  const page = await context.newPage();
  await prepare?.(page);
  const url = pages.add(`/${source}`, { api: recorder.url, key: `wk_${source}`, choice, options, npm });
  await page.goto(url);
  return {
    page, recorder, url,
    /** Until then calls wait in the snippet and are lost with the page, as Segment documents. */
    initialized: () => page.waitForFunction(() => window.analytics.initialized),
    /** Waits until `count` events are acknowledged, closes the page, and returns them. */
    async leaveAfter(count) {
      await until(`${count} events of ${source} are acknowledged`, () => recorder.accepted().length >= count);
      await context.close();
      const sent = recorder.accepted();
      stored += sent.length;
      return sent;
    },
  };
}

const trackAll = (page, names) =>
  page.evaluate((list) => list.forEach((name) => window.analytics.track(name, { price: 12.5 })), names);

async function checkStamped(source, sent) {
  const rows = await checkStored(assent, source, sent);
  await checkDelivered(analytics, sent);
  return rows;
}

test("the snippet, one request per event, every call", async (testing) => {
  const { page, recorder, leaveAfter } = await visit(testing, "standard");
  await page.evaluate(() => {
    window.analytics.identify("user-1", { plan: "free" });
    window.analytics.track("Order Completed", { revenue: 12.5 });
    window.analytics.group("group-1", { size: 3 });
    window.analytics.screen("Basket");
    window.analytics.alias("user-2");
  });
  const sent = await leaveAfter(6);
  const types = sent.map(({ event }) => event.type).sort();
  assert.deepEqual(types, ["alias", "group", "identify", "page", "screen", "track"]);
  assert.deepEqual(sent[0].event.context.consent.categoryPreferences, GRANTED);
  assert.ok(recorder.posts.every(({ path }) => /^\/v1\/[tipsga]$/.test(path)));
  await checkStamped("standard", sent);
});

test("the snippet, batching", async (testing) => {
  const { page, recorder, leaveAfter } = await visit(testing, "batching", { options: BATCHING });
  await trackAll(page, ["One", "Two", "Three", "Four", "Five"]);
  const sent = await leaveAfter(6);
  assert.ok(recorder.posts.every(({ path, batchSentAt }) => path === "/v1/b" && batchSentAt));
  await checkStamped("batching", sent);
});

test("events whose answer is lost to a page change are sent again and stored once", async (testing) => {
  const { page, url, recorder, leaveAfter } = await visit(testing, "navigation");
  await until("the first page is acknowledged", () => recorder.accepted().length === 1);
  const names = ["Away 1", "Away 2", "Away 3"];
  recorder.keepsAnswers = true;
  await trackAll(page, names);
  await until("Assent has them", () => recorder.accepted().length === 4);
  recorder.keepsAnswers = false;
  await page.goto(`${url}?next`);
  const received = () => recorder.posts.filter(({ status }) => status === 200).length;
  await until("the next page has sent them again", () => received() === 5 + names.length);
  const sent = await leaveAfter(5);
  const rows = await checkStamped("navigation", sent);
  assert.deepEqual(rows.map((row) => row.event).filter(Boolean).sort(), names);
});

test("a batch that waits is sent when the page is left", async (testing) => {
  const options = batching(50, 60_000);
  const { page, recorder, initialized, leaveAfter } = await visit(testing, "leaving", { options });
  await initialized();
  await page.evaluate(() => window.analytics.track("Waiting"));
  assert.equal(recorder.posts.length, 0, "nothing was due yet");
  await page.goto("about:blank");
  const sent = await leaveAfter(2);
  await checkStamped("leaving", sent);
});

for (const [source, options] of [["overload", undefined], ["overload-batch", BATCHING]]) {
  test(`a 503 with Retry-After is retried (${source})`, async (testing) => {
    const prepared = await visit(testing, source, { options });
    await until("the first event is acknowledged", () => prepared.recorder.accepted().length >= 1);
    prepared.recorder.refuseNext(1);
    await trackAll(prepared.page, ["Retried"]);
    const sent = await prepared.leaveAfter(2);
    const statuses = prepared.recorder.posts.map(({ status }) => status);
    assert.deepEqual(statuses, [200, 503, 200]);
    assert.equal(prepared.recorder.posts.at(-1).headers["x-retry-count"], "1");
    await checkStamped(source, sent);
  });
}

test("the npm package", async (testing) => {
  const { page, leaveAfter } = await visit(testing, "npm", { npm: true });
  await trackAll(page, ["From npm"]);
  const sent = await leaveAfter(2);
  assert.match(sent[0].event.context.library.version, /^npm:/);
  await checkStamped("npm", sent);
});

test("a visitor's clock an hour slow does not move events in time", async (testing) => {
  const prepare = (page) => page.clock.setSystemTime(Date.now() - 3_600_000);
  const { page, leaveAfter } = await visit(testing, "slow-clock", { prepare });
  await trackAll(page, ["On time"]);
  const sent = await leaveAfter(2);
  assert.ok(sent.every(({ originalAt, forwardedAt }) => forwardedAt - originalAt > 3_000_000), "the clock was slow");
  const rows = await checkStamped("slow-clock", sent);
  for (const row of rows) assert.ok(Math.abs(Date.parse(row.timestamp) - Date.now()) < 60_000, row.timestamp);
});

test("an anonymous id ends in time: a new one takes its place, and nothing renews the old one", async (testing) => {
  const { page, recorder, initialized, leaveAfter } = await visit(testing, "renewed");
  let visits = 0;
  /** The page has told of itself: what a page change does to requests is tested elsewhere. */
  const settled = async () => {
    await initialized();
    visits += 1;
    await until("the page is counted", () => recorder.accepted().length >= visits);
  };
  await settled();
  const id = () => page.evaluate(() => window.analytics.user().anonymousId());
  const since = () => page.evaluate(() => [document.cookie.match(/_since=([^:;]*)/)?.[1], localStorage.getItem("ajs_anonymous_id_since")?.split(":")[0]]);
  /** The next page, so many days after the first one as one of the two storages says; the other has lost it. */
  const again = async (days, place) => {
    await page.evaluate(
      ([pair, place]) => {
        localStorage.removeItem("ajs_anonymous_id_since");
        document.cookie = `ajs_anonymous_id_since=${place === "cookie" ? pair : ";max-age=0"};path=/`;
        if (place === "localStorage") localStorage.setItem("ajs_anonymous_id_since", pair);
        // The page that is left would write it anew: only the next one is looked at.
        addEventListener("pagehide", (event) => event.stopImmediatePropagation(), true);
      },
      [`${await id()}:${Date.now() - days * 86_400_000}`, place],
    );
    await page.reload();
    await settled();
    return id();
  };
  const first = await id();
  assert.deepEqual(await since(), [undefined, undefined], "before there is an id nothing is written");
  await page.reload();
  await settled();
  assert.equal(await id(), first);
  assert.deepEqual(await since(), [first, first], "the page that made it has written since when");
  assert.equal(await again(88.9, "cookie"), first, "its last day but one");
  const second = await again(89.1, "cookie");
  assert.notEqual(second, first);
  assert.doesNotMatch(await page.evaluate(() => document.cookie + JSON.stringify(localStorage)), new RegExp(first), "in no storage");
  assert.equal(await again(1, "localStorage"), second);
  const third = await again(89.1, "localStorage");
  const sent = await leaveAfter(visits);
  assert.deepEqual([...new Set(sent.map(({ event }) => event.anonymousId))], [first, second, third]);
  await checkStamped("renewed", sent);
});

test("unstamped under `compat: segment`: stored as unknown, only to destinations that ask for it", async (testing) => {
  const { page, leaveAfter } = await visit(testing, "migrating", { choice: null });
  await trackAll(page, ["Unstamped"]);
  const sent = await leaveAfter(2);
  assert.equal(sent[0].event.context.consent, undefined);
  const rows = await checkStored(assent, "migrating", sent);
  for (const row of rows) assert.match(row.consent, /unknown/);
  await checkDelivered(unmapped, sent);
  assert.ok(unmapped.deliveries.every(({ isArray }) => isArray), "`settings.batch` sends arrays");
  const ids = new Set(sent.map(({ messageId }) => messageId));
  assert.ok(!analytics.events.some(({ messageId }) => ids.has(messageId)), "a mapped destination gets none");
});

test("unstamped without it: nothing stored, refusals counted and shown", async (testing) => {
  const tail = await assent.tail();
  testing.after(() => tail.stop());
  const probes = await showsSomething(tail);
  const { page, recorder, leaveAfter } = await visit(testing, "strict", { choice: null });
  await trackAll(page, ["Secret Purchase"]);
  const refused = await leaveAfter(2);
  stored -= refused.length;
  assert.ok(recorder.posts.every(({ status }) => status === 200), "a refusal is answered like a success");
  assert.equal(await assent.counter("assent_collect_refused_total", { source: "strict" }), probes + refused.length);
  const shown = () => tail.output().split("\n").filter((line) => /strict/.test(line) && /withheld|refused/.test(line));
  await until("`assent tail` shows each refusal", () => shown().length > refused.length);
  assert.doesNotMatch(tail.output(), /Secret Purchase|Unseen|nobody/, "what may not be collected is not shown");
  await checkOnlyProbeStored();
});

/** Sends unstamped events until the tail, which connects in its own time, shows one; returns how many it took. */
async function showsSomething(tail) {
  let probes = 0;
  await until("`assent tail` shows something", async () => {
    const body = JSON.stringify({ type: "track", event: "Unseen", anonymousId: "nobody", writeKey: "wk_strict" });
    assert.equal((await fetch(`${assent.url}/v1/track`, { method: "POST", body })).status, 200);
    probes += 1;
    return tail.output() !== "";
  });
  return probes;
}

/** A stamped event sent after the refused ones is stored: then they would be too, if they ever were. */
async function checkOnlyProbeStored() {
  const consent = { categoryPreferences: GRANTED };
  const probe = { type: "track", event: "Probe", messageId: "probe-1", anonymousId: "probe", context: { consent } };
  const body = JSON.stringify({ ...probe, writeKey: "wk_strict" });
  assert.equal((await fetch(`${assent.url}/v1/track`, { method: "POST", body })).status, 200);
  stored += 1;
  const rows = await rowsOf(assent, "strict", 1);
  assert.deepEqual(rows.map((row) => row.message_id), ["probe-1"]);
}

test("after all that: nothing twice, nothing where it may not be", async () => {
  await assent.stop();
  await checkNothingTwice(assent, [analytics, advertising, unmapped], stored);
  assert.equal(advertising.events.length, 0, "no visitor granted `targeting`");
});
