// What asking costs a page, beside others, in one run: `node tests/consent/bench/peers.mjs [LOADS]`, after
// `npm --prefix tests/consent/bench ci --ignore-scripts` and a build of web/sdk. Not a test, because its figures depend on
// the machine; docs/performance.md, "What asking costs a page", has them.
//
// Every load is a fresh profile without a cache, on a page of the site's own host. The contestants take turns, so that a
// busy moment of the machine hits all alike; the figure of each is the median of its loads. `desk` is without throttling,
// `phone` with a CPU four times slower, 150 ms of latency and 1.6 Mbit/s.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { launch } from "../browser.mjs";
import { compressed, contestants } from "./contestants.mjs";

const NETWORK = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 };
const PROFILES = { desk: { rate: 1 }, phone: { rate: 4, network: NETWORK } };
/** How long a page is watched after its banner is there, or after its load where none comes. */
const SETTLE_MS = 1_000;
/** A banner that does not come ends the measurement. */
const PATIENCE_MS = 20_000;
const ACCEPT = "Accept all";
const TYPES = { css: "text/css", html: "text/html; charset=utf-8", settings: "application/json", js: "text/javascript; charset=utf-8" };

const html = (head) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>A page</title>${head}<style>body{margin:0;font:16px/1.5 sans-serif}main{max-width:40rem;margin:auto;padding:1rem}</style></head>
<body><main><h1>A page of some length</h1><p>${"Its first paragraph is the largest thing on it. ".repeat(30)}</p>${"<p>Text that somebody came here to read, and that goes on for a while before it ends.</p>".repeat(30)}</main></body></html>`;

async function startSite({ head, files }) {
  const all = new Map(Object.entries({ "/index.html": html(head), ...files }).map(([path, text]) => [path, compressed(text)]));
  const server = createServer(({ url }, response) => {
    const path = url === "/" ? "/index.html" : url;
    const body = all.get(path);
    if (!body) return response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    const type = TYPES[/\w+$/.exec(path)[0]];
    return response.writeHead(200, { "content-type": type, "content-encoding": "gzip", "content-length": body.length }).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/`, stop: () => server.close() ?? server.closeAllConnections() };
}

/** Runs in the page before anything: when the button can be pressed, what moved, what the largest thing was. */
function note(accept) {
  const noted = { interactive: null, lcp: 0, cls: 0 };
  window.noted = noted;
  new PerformanceObserver((list) => { noted.lcp = list.getEntries().at(-1).startTime; }).observe({ type: "largest-contentful-paint", buffered: true });
  new PerformanceObserver((list) => { for (const { value } of list.getEntries()) noted.cls += value; }).observe({ type: "layout-shift", buffered: true });
  const within = (root) => [...root.querySelectorAll("button")].find((one) => one.textContent.trim() === accept);
  const roots = () => [document, ...[...(document.body?.children ?? [])].flatMap(({ shadowRoot }) => shadowRoot ?? [])];
  const look = () => {
    const button = roots().map(within).find(Boolean);
    const box = button?.getBoundingClientRect();
    // What is at its middle is it, or within it: nothing lies over it, and it has been laid out where it can be seen.
    const [x, y] = box ? [box.x + box.width / 2, box.y + box.height / 2] : [];
    const hit = box?.width && button.getRootNode().elementFromPoint(x, y);
    if (hit && button.contains(hit)) noted.interactive = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** CPU milliseconds of the page's main thread, all and the longest task, out of a trace. */
function tasksOf(trace) {
  const { traceEvents } = JSON.parse(trace);
  const mains = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = traceEvents.filter(({ name, ph, pid, tid }) => name === "RunTask" && ph === "X" && mains.has(`${pid}/${tid}`)).map(({ tdur = 0 }) => tdur / 1_000);
  return { main: tasks.reduce((sum, ms) => sum + ms, 0), longest: Math.max(0, ...tasks) };
}

async function load(browser, site, asks, { rate, network }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const cdp = await context.newCDPSession(page);
  const requests = new Map();
  cdp.on("Network.requestWillBeSent", ({ requestId, request, timestamp }) => requests.set(requestId, { url: request.url, at: timestamp, bytes: 0 }));
  cdp.on("Network.loadingFinished", ({ requestId, encodedDataLength, timestamp }) => Object.assign(requests.get(requestId) ?? {}, { bytes: encodedDataLength, end: timestamp }));
  await cdp.send("Network.enable");
  await cdp.send("Performance.enable");
  if (network) await cdp.send("Network.emulateNetworkConditions", network);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate });
  await page.addInitScript(note, ACCEPT);
  await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline", "toplevel"] });
  await page.goto(site.url, { waitUntil: "load" });
  if (asks) await page.waitForFunction(() => window.noted.interactive, null, { timeout: PATIENCE_MS });
  await pause(SETTLE_MS);
  const task = tasksOf((await browser.stopTracing()).toString());
  const { metrics } = await cdp.send("Performance.getMetrics");
  const noted = await page.evaluate(() => window.noted);
  await context.close();
  const own = [...requests.values()].filter(({ url }) => !/\/(favicon\.ico)?$/.test(url));
  const script = metrics.find(({ name }) => name === "ScriptDuration").value * 1_000;
  return { requests: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0), ...task, script, ...noted };
}

const median = (values) => {
  const sorted = [...values].sort((one, other) => one - other);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
};

const COLUMNS = { requests: 0, bytes: 0, main: 1, longest: 1, script: 1, interactive: 0, lcp: 0, cls: 3 };

function rowOf(loads) {
  return Object.fromEntries(Object.entries(COLUMNS).map(([key, digits]) => {
    const values = loads.map((one) => one[key]);
    return [key, values.includes(null) ? "" : Number(median(values).toFixed(digits))];
  }));
}

async function main(loads) {
  const all = await contestants();
  const browser = await launch();
  console.log(`Chromium ${browser.version()}, ${loads} loads each; main, longest and script in ms, CPU of the main thread; script by the clock; interactive and lcp in ms since navigation`);
  for (const [profile, conditions] of Object.entries(PROFILES)) {
    const seen = Object.fromEntries(Object.keys(all).map((name) => [name, []]));
    for (let turn = 0; turn < loads; turn += 1) {
      for (const [name, one] of Object.entries(all)) {
        const site = await startSite(one);
        seen[name].push(await load(browser, site, one.asks, conditions).catch((cause) => Promise.reject(new Error(`${name}, ${profile}`, { cause }))));
        site.stop();
      }
    }
    console.log(profile);
    console.table(Object.fromEntries(Object.entries(seen).map(([name, of]) => [name, rowOf(of)])));
  }
  await browser.close();
}

await main(Number(process.argv[2] ?? 15));
