// Live and Overview while the server takes many events: `node tests/e2e/console/load.mjs [EVENTS_PER_S] [SECONDS]`. Not a
// test, because its figures depend on the machine: docs/performance.md, "Console under load", has them. For each view it
// prints what the server used and the tasks of the browser that lasted longer than a person notices, by the clock and in
// CPU time: on a machine that shares two cores among server, generator and browser the two differ.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { Agent, request } from "node:http";
import { PASSWORD, startAssent } from "./assent.mjs";
import { launch, open, shown, signIn } from "./browser.mjs";

const BATCH = 20;
const CONNECTIONS = 16;
const TICK_MS = 10;
/** `/proc` counts CPU in these. */
const TICKS_PER_S = 100;
const WORKSPACE = {
  workspace: "acme",
  sources: [{ name: "web", kind: "browser", write_key: "wk_web" }],
  destinations: [
    { name: "taken", kind: "echo", sources: ["web"], categories: ["performance"], purpose: "analytics" },
    { name: "withheld", kind: "echo", sources: ["web"], categories: ["targeting"], purpose: "advertising" },
  ],
};

/** The generator, in a thread of its own: batches at their moments, whatever became of those before. */
async function generate({ url, perSecond, counts }) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const headers = { authorization: `Basic ${Buffer.from("wk_web:").toString("base64")}`, "content-type": "application/json" };
  const context = { consent: { categoryPreferences: { performance: true, targeting: false } }, page: { path: "/", title: "x".repeat(500) } };
  const event = (number) => ({
    type: "track", event: `Event ${number % 50}`, anonymousId: `visitor-${number % 20_000}`, messageId: `load-${process.pid}-${number}`,
    timestamp: new Date().toISOString(), properties: { position: number }, context,
  });
  let number = 0;
  const post = () => {
    const body = JSON.stringify({ batch: Array.from({ length: BATCH }, () => event(number++)) });
    const sent = request(`${url}/v1/batch`, { method: "POST", agent, headers }, (answer) => {
      Atomics.add(counts, answer.statusCode === 200 ? 0 : 1, BATCH);
      answer.resume();
    });
    sent.on("error", () => Atomics.add(counts, 1, BATCH)).end(body);
  };
  const start = performance.now();
  for (;;) {
    const due = ((performance.now() - start) / 1_000) * perSecond;
    while (number < due) post();
    await pause(TICK_MS);
  }
}

/** User and system time of a process so far, in seconds. */
async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Tasks of the page's main thread out of a trace: milliseconds by the clock, and of CPU. */
function tasksOf(trace) {
  const { traceEvents } = JSON.parse(trace);
  const mains = new Set(
    traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`),
  );
  return traceEvents
    .filter(({ name, ph, pid, tid }) => name === "RunTask" && ph === "X" && mains.has(`${pid}/${tid}`))
    .map(({ dur, tdur }) => ({ clock: dur / 1_000, cpu: (tdur ?? 0) / 1_000 }));
}

const most = (values) => values.reduce((high, value) => Math.max(high, value), 0).toFixed(0);

async function measure(name, { assent, counts, seconds, browser, page, act }) {
  const [from, cpu, accepted] = [performance.now(), await cpuSeconds(assent.pid), Atomics.load(counts, 0)];
  if (page) {
    await page.evaluate(() => void (window.longTasks.length = 0));
    await browser.startTracing(page, { categories: ["disabled-by-default-devtools.timeline", "toplevel"] });
  }
  const answered = [];
  const end = from + seconds * 1_000;
  while (performance.now() < end) {
    const began = performance.now();
    if (act) {
      await act();
      answered.push(performance.now() - began);
    }
    await pause(1_000);
  }
  const row = { view: name };
  if (page) {
    const tasks = tasksOf((await browser.stopTracing()).toString());
    const long = await page.evaluate(() => window.longTasks.slice());
    const used = tasks.reduce((sum, { cpu: ms }) => sum + ms, 0);
    Object.assign(row, {
      "longest task, ms": most(tasks.map(({ clock }) => clock)),
      "of CPU, ms": most(tasks.map(({ cpu: ms }) => ms)),
      "long tasks (> 50 ms)": long.length,
      "> 100 ms": long.filter((ms) => ms > 100).length,
      "page CPU, %": ((used / (performance.now() - from)) * 100).toFixed(0),
    });
    if (act) row["slowest answer to a person, ms"] = most(answered);
  }
  const took = (performance.now() - from) / 1_000;
  row["events/s"] = ((Atomics.load(counts, 0) - accepted) / took).toFixed(0);
  row["server CPU, %"] = (((await cpuSeconds(assent.pid)) - cpu) / took * 100).toFixed(0);
  console.log(JSON.stringify(row));
  return row;
}

/** Types into the search, then clears it: what somebody does who looks for an event. */
async function search(page) {
  const box = page.getByRole("searchbox");
  await box.fill("Event 7");
  await page.getByRole("button", { name: /Event 7/ }).first().waitFor();
  await box.fill("");
}

async function main(perSecond, seconds) {
  const [assent, browser] = await Promise.all([startAssent(WORKSPACE), launch()]);
  const { page } = await open(browser, { url: process.env.ASSENT_CONSOLE ?? assent.url });
  await page.addInitScript(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
  });
  await signIn(page, { password: PASSWORD });
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { url: assent.url, perSecond, counts } });
  const rows = [];
  const view = async (name, path, more = {}) => {
    await page.goto(path);
    if (path !== "about:blank") await shown(page);
    await pause(3_000);
    rows.push(await measure(name, { assent, counts, seconds, browser, page: path === "about:blank" ? null : page, ...more }));
  };
  await view("nobody looks", "about:blank");
  await view("Live", "/w/acme/live");
  await view("Live, somebody searches", "/w/acme/live", { act: () => search(page) });
  await view("Overview", "/w/acme/overview");
  await worker.terminate();
  console.table(rows);
  console.log(`not accepted: ${Atomics.load(counts, 1)}`);
  await browser.close();
  await assent.stop();
}

if (isMainThread) await main(Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 20));
else await generate(workerData);
