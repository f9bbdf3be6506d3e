// The receivers of a measurement, in a thread of their own so that the measuring process does not hold them up: each
// path is one destination's. Of every request they note when its head was read, and whose events are in it.
//
// A moment is noted when this thread gets to it, never earlier than the request began: what is measured with it is at
// worst too long.

import { createServer } from "node:http";
import { parentPort, workerData } from "node:worker_threads";

/** Of the visitors, not of the load. */
const WHOSE = new RegExp(`"anonymousId":"(?!${workerData.load})([^"]+)"`, "g");
/** Of so many requests to `/flaky` one is taken: retries wait all the time, and the destination is never given up. */
const FLAKY_TAKES_ONE_OF = 3;

/** `{ hook, at, status, attempt }` of each visitor, in the order of arrival. */
const seen = new Map();
const counts = { requests: 0, events: 0, again: 0 };
let flaky = 0;

const server = createServer(async (request, response) => {
  const at = performance.timeOrigin + performance.now();
  const hook = request.url.slice(1);
  const status = hook === "flaky" && ++flaky % FLAKY_TAKES_ONE_OF ? 503 : 200;
  const attempt = Number(request.headers["assent-attempt"] ?? 1);
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  response.writeHead(status).end();
  counts.requests += 1;
  counts.again += attempt > 1 ? 1 : 0;
  counts.events += body.startsWith("[") ? (body.match(/"messageId":/g)?.length ?? 0) : 1;
  for (const [, id] of body.matchAll(WHOSE)) {
    if (!seen.has(id)) seen.set(id, []);
    const of = seen.get(id);
    if (of.at(-1)?.at !== at) of.push({ hook, at, status, attempt });
  }
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage({ port: server.address().port }));
parentPort.on("message", ({ id }) => parentPort.postMessage({ of: seen.get(id) ?? [], counts: { ...counts } }));
