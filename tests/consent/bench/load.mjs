// Load beside a measurement, in a thread of its own: batches of one source at their moments, whatever became of those
// before. Their subjects are told from the visitors' by how they are called.

import { Agent, request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { workerData } from "node:worker_threads";

const { url, key, perSecond, load, counts } = workerData;
const BATCH = 20;
const CONNECTIONS = 8;
const SUBJECTS = 20_000;
const TICK_MS = 10;

const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const headers = { authorization: `Basic ${Buffer.from(`${key}:`).toString("base64")}`, "content-type": "application/json" };
const context = { consent: { categoryPreferences: { performance: true } }, page: { path: "/", title: "x".repeat(500) } };
const event = (number) => ({
  type: "track", event: "Load", anonymousId: `${load}${number % SUBJECTS}`, messageId: `${load}${process.pid}-${number}`,
  timestamp: new Date().toISOString(), properties: { number }, context,
});
let number = 0;
function post() {
  const body = JSON.stringify({ batch: Array.from({ length: BATCH }, () => event(number++)) });
  const sent = request(`${url}/v1/batch`, { method: "POST", agent, headers }, (answer) => {
    Atomics.add(counts, answer.statusCode === 200 ? 0 : 1, BATCH);
    answer.resume();
  });
  sent.on("error", () => Atomics.add(counts, 1, BATCH)).end(body);
}

const start = performance.now();
for (;;) {
  const due = ((performance.now() - start) / 1_000) * perSecond;
  while (number < due) post();
  await pause(TICK_MS);
}
