// From a withdrawal to the last request that it forbids: `node tests/consent/bench/withdrawal.mjs [WITHDRAWALS]
// [EVENTS_PER_S]`, with `ASSENT_BIN` the release binary. Not a test, because its figures depend on the machine;
// docs/performance.md, "Withdrawal", has them.
//
// One visitor after the other allows everything, tracks in two tabs of one origin, and withdraws in one of them by the
// button of the banner. Three webhooks take what performance allows: `single`, one event a request; `batched`, up to a
// hundred that wait for each other, with the events of the load; `flaky`, which refuses two of three, so that retries
// wait. Measured is (a) the 200 of the withdrawal → the last request with an event of that visitor that began at any
// webhook, and (b) the click → the last request with events that either tab began. Below zero: none began after it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { startAssent } from "../../e2e/console/assent.mjs";
import { button, launch, started, until } from "../browser.mjs";

const LOAD = "load-";
const KEYS = { web: "wk_web", load: "wk_load" };
/** Each tab tracks that often. */
const TRACK_EVERY_MS = 20;
/** How long visitors track before they withdraw: at least, and at random up to so much more. */
const TRACKING_MS = 800;
const TRACKING_MORE_MS = 1_000;
/** How long the tabs stay open after a withdrawal, and how long receivers are watched: a retry waits seconds. */
const OPEN_MS = 2_000;
const WATCH_MS = 6_000;
const BAR_MS = 1_000;
/** A visitor of whom nothing was sent so shortly before the 200 proves nothing. */
const BUSY_MS = 250;

const webhook = (name, port, sources, batch) => ({
  name, kind: "webhook", sources, categories: ["performance"], purpose: "analytics",
  settings: { url: `http://127.0.0.1:${port}/${name}`, allow_private: true, ...(batch && { batch }) },
});

const workspaceOf = (port) => ({
  workspace: "acme",
  sources: [{ name: "web", kind: "browser", write_key: KEYS.web }, { name: "load", kind: "server", write_key: KEYS.load, basis: "contract" }],
  destinations: [
    webhook("single", port, ["web"]),
    webhook("flaky", port, ["web"]),
    webhook("batched", port, ["web", "load"], { events_max: 100, wait_ms: 200 }),
  ],
  consent: { default_regime: "opt-in" },
});

/** The site of the visitors: a page with the script as the server gives it. */
async function startSite(url) {
  const html = `<!doctype html><html lang="en"><title>A page</title><h1>A page</h1>
    <script src="${url}/analytics.js/v1/${KEYS.web}/analytics.min.js"></script></html>`;
  const site = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(html)).listen(0, "127.0.0.1");
  await once(site, "listening");
  return site;
}

/** Runs in the page before anything: notes each request that the page begins, and when the visitor clicked. */
function note() {
  window.noted = { clicks: [], requests: [] };
  const now = () => performance.timeOrigin + performance.now();
  const add = (url, body) => window.noted.requests.push({ at: now(), path: new URL(url, location.href).pathname, events: /"batch":/.test(body) });
  const { fetch } = window;
  window.fetch = (url, options) => {
    if (options?.method === "POST") add(url, options.body);
    return fetch(url, options);
  };
  const beacon = navigator.sendBeacon.bind(navigator);
  navigator.sendBeacon = (url, body) => add(url, body) ?? beacon(url, body);
  addEventListener("click", ({ timeStamp }) => window.noted.clicks.push(performance.timeOrigin + timeStamp), true);
}

async function openTab(context, url) {
  const tab = await context.newPage();
  await tab.goto(url);
  await started(tab);
  return tab;
}

const track = (tab) => tab.evaluate((ms) => void setInterval(() => window.analytics.track("Tick"), ms), TRACK_EVERY_MS);

/** The moment at which the answer to a withdrawal began to arrive, by the browser's network. */
async function acknowledged(tab) {
  const response = await tab.waitForResponse((one) => one.request().postData()?.includes('"method":"withdraw"'));
  assert.equal(response.status(), 200);
  await response.finished();
  const { startTime, responseStart } = response.request().timing();
  assert.ok(responseStart > 0, "the browser says when the answer began");
  return startTime + responseStart;
}

async function withdraw(browser, site, receivers) {
  const context = await browser.newContext();
  await context.addInitScript(note);
  const first = await openTab(context, site);
  const second = await openTab(context, site);
  await button(first, "Accept all").click();
  const id = await until("there is an identifier", async () => (await context.cookies()).find(({ name }) => name === "ajs_anonymous_id")?.value);
  await until("the other tab knows", () => second.evaluate(() => window.analytics.consent.preferences().performance));
  await Promise.all([track(first), track(second)]);
  const subject = decodeURIComponent(id).replaceAll('"', "");
  const reached = async (hook) => (await receivers.ask(subject)).of.some((one) => one.hook === hook);
  await until("all receivers have got something", async () => (await reached("single")) && (await reached("batched")) && (await reached("flaky")));
  await pause(TRACKING_MS + Math.random() * TRACKING_MORE_MS);
  const answered = acknowledged(first);
  await button(first, "Withdraw consent").click();
  const at = await answered;
  await pause(OPEN_MS);
  const noted = await Promise.all([first, second].map((tab) => tab.evaluate(() => window.noted)));
  await context.close();
  const click = noted[0].clicks.at(-1);
  // Its own report is the one request that a withdrawal asks for.
  const begun = noted.flatMap(({ requests }) => requests.filter(({ events }) => events).map((one) => one.at));
  return { subject, at, click, tabs: Math.max(...begun) - click };
}

/** What the receivers say of one withdrawal, once nothing may come any more. */
async function judge({ subject, at, tabs, click }, receivers) {
  await pause(Math.max(0, at + WATCH_MS - Date.now()));
  const { of } = await receivers.ask(subject);
  const before = of.filter((one) => one.at <= at);
  const refused = before.filter(({ hook }) => hook === "flaky").at(-1)?.status === 503;
  const isBusy = before.some((one) => one.at > at - BUSY_MS);
  return { webhooks: Math.max(...of.map((one) => one.at)) - at, tabs, told: at - click, isRetrying: refused, isBusy };
}

async function startReceivers() {
  const worker = new Worker(new URL("receiver.mjs", import.meta.url), { workerData: { load: LOAD } });
  const [{ port }] = await once(worker, "message");
  let turn = Promise.resolve();
  // One question at a time: answers carry no name.
  const ask = (id) => (turn = turn.then(async () => {
    worker.postMessage({ id });
    return (await once(worker, "message"))[0];
  }));
  return { port, ask, stop: () => worker.terminate() };
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];

function line(what, values) {
  const sorted = [...values].sort((one, other) => one - other);
  const [p50, p99, most] = [at(sorted, 0.5), at(sorted, 0.99), sorted.at(-1)].map((ms) => Math.round(ms * 10) / 10);
  return { what, n: sorted.length, "p50, ms": p50, "p99, ms": p99, "latest, ms": most, "after it": sorted.filter((ms) => ms > 0).length };
}

async function main(withdrawals, perSecond) {
  const receivers = await startReceivers();
  const assent = await startAssent(workspaceOf(receivers.port));
  const [site, browser] = await Promise.all([startSite(assent.url), launch()]);
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const load = new Worker(new URL("load.mjs", import.meta.url), { workerData: { url: assent.url, key: KEYS.load, perSecond, load: LOAD, counts } });
  const from = performance.now();
  const judged = [];
  try {
    for (let one = 0; one < withdrawals; one += 1) {
      judged.push(judge(await withdraw(browser, `http://127.0.0.1:${site.address().port}/`, receivers), receivers));
    }
    const all = await Promise.all(judged);
    const seconds = (performance.now() - from) / 1_000;
    const { counts: arrived } = await receivers.ask("");
    console.table([
      line("200 → last request that began at a webhook", all.map(({ webhooks }) => webhooks)),
      line("click → last request with events that a tab began", all.map(({ tabs }) => tabs)),
      line("click → 200", all.map(({ told }) => told)),
    ]);
    const [taken, refused] = counts;
    console.log(`load: ${Math.round(taken / seconds)} events/s taken, ${refused} refused; webhooks: ${arrived.requests} requests, ${arrived.events} events, ${arrived.again} of them retries`);
    console.log(`of ${all.length} withdrawals, while a retry of that visitor waited: ${all.filter(({ isRetrying }) => isRetrying).length}; with a request in the ${BUSY_MS} ms before the 200: ${all.filter(({ isBusy }) => isBusy).length}`);
    const late = all.filter(({ webhooks, tabs }) => Math.max(webhooks, tabs) > BAR_MS).length;
    console.log(`later than ${BAR_MS} ms: ${late}`);
  } finally {
    await load.terminate();
    await browser.close();
    site.close();
    site.closeAllConnections();
    await assent.stop();
    await receivers.stop();
  }
}

await main(Number(process.argv[2] ?? 60), Number(process.argv[3] ?? 1_000));
