// What every compatibility test checks, in one place: each event that a client got acknowledged is in the lake once,
// with the times the specification gives it, and at each webhook that may have it once.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** Clocks are compared in milliseconds and some clients write microseconds. */
const ROUNDING_MS = 2;
/** Events are visible in the lake within 10 s; the rest is a slow machine. */
const LAKE_SECONDS = 20;

/** Polls `probe` until it gives something truthy, and returns that. */
export async function until(what, probe, { seconds = 15 } = {}) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${seconds} s in vain until ${what}`);
    await pause(100);
  }
}

/** A webhook receiver. `events` are those of single and batched deliveries alike. */
export async function startWebhook() {
  const hook = { deliveries: [], get events() { return this.deliveries.flatMap(({ events }) => events); } };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    hook.deliveries.push({ headers: request.headers, isArray: Array.isArray(body), events: [body].flat() });
    response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  hook.url = `http://127.0.0.1:${server.address().port}/hook`;
  hook.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return hook;
}

/** A destination of kind `webhook` for a workspace. */
export function webhookTo(hook, destination) {
  const { settings, ...rest } = destination;
  return {
    kind: "webhook",
    recipient: "service_provider",
    settings: { url: hook.url, allow_private: true, ...settings },
    ...rest,
  };
}

const ids = (events) => events.map((event) => event.messageId).sort();

/** The rows of one source, once at least `count` are visible. */
export async function rowsOf(assent, source, count) {
  const sql = `select message_id, type, event, anonymous_id, user_id, received_at, sent_at, timestamp, consent
    from events where source = '${source}'`;
  let rows = [];
  await until(
    `${count} events of source ${source} are in the lake`,
    async () => {
      rows = await assent.query(sql);
      return rows.length >= count;
    },
    { seconds: LAKE_SECONDS },
  );
  return rows;
}

/** A time of the lake in milliseconds; without a zone it is UTC. */
const millis = (text) => Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}Z`);

function checkNear(actual, expected, what) {
  assert.ok(
    Math.abs(actual - expected) <= ROUNDING_MS,
    `${what}: ${new Date(actual).toISOString()}, expected ${new Date(expected).toISOString()}`,
  );
}

/** `timestamp = receivedAt - (sentAt - originalTimestamp)`, from what the client sent and when it was passed on. */
function checkTimes(row, sent) {
  const received = millis(row.received_at);
  const window = [sent.forwardedAt - ROUNDING_MS, sent.answeredAt + ROUNDING_MS];
  assert.ok(
    window[0] <= received && received <= window[1],
    `received_at of ${row.message_id} is ${row.received_at}, outside ${window.map((at) => new Date(at).toISOString())}`,
  );
  if (sent.sentAt) checkNear(millis(row.sent_at), sent.sentAt, `sent_at of ${row.message_id}`);
  const waited = sent.sentAt && sent.originalAt ? sent.sentAt - sent.originalAt : 0;
  const happened = sent.sentAt ? received - waited : (sent.originalAt ?? received);
  checkNear(millis(row.timestamp), happened, `timestamp of ${row.message_id}`);
}

/** Every event sent is in the lake exactly once, unchanged in what identifies it, at the right time. */
export async function checkStored(assent, source, sent) {
  assert.notEqual(sent.length, 0, "the client sent something");
  const rows = await rowsOf(assent, source, sent.length);
  assert.deepEqual(rows.map((row) => row.message_id).sort(), ids(sent), "each event is in the lake exactly once");
  const byId = new Map(sent.map((one) => [one.messageId, one]));
  for (const row of rows) {
    const one = byId.get(row.message_id);
    const { type, event, anonymousId, userId } = one.event;
    const identity = [type, event, anonymousId, userId].map((value) => value ?? null);
    const stored = [row.type, row.event, row.anonymous_id, row.user_id].map((value) => value ?? null);
    assert.deepEqual(stored, identity, `${row.message_id} keeps what identifies it`);
    checkTimes(row, one);
  }
  return rows;
}

/** Every event sent is at the webhook exactly once, with its message id, type and times. */
export async function checkDelivered(hook, sent) {
  const own = new Set(ids(sent));
  const arrived = () => hook.events.filter((event) => own.has(event.messageId));
  await until("every event is at the webhook", () => arrived().length >= own.size);
  assert.deepEqual(ids(arrived()), ids(sent), "each event is at the webhook exactly once");
  for (const event of arrived()) {
    const { receivedAt, sentAt, originalTimestamp, timestamp } = event;
    const waited = sentAt && originalTimestamp ? Date.parse(sentAt) - Date.parse(originalTimestamp) : 0;
    if (sentAt) checkNear(Date.parse(timestamp), Date.parse(receivedAt) - waited, `timestamp of ${event.messageId}`);
  }
}

/** After the server has drained: over all sources, each event is once in the lake and once at each of its webhooks. */
export async function checkNothingTwice(assent, hooks, expectedTotal) {
  const [found] = await assent.query("select count(*) as total, count(distinct message_id) as ids from events");
  const counted = { total: Number(found.total), ids: Number(found.ids) };
  assert.deepEqual(counted, { total: expectedTotal, ids: expectedTotal });
  for (const hook of hooks) {
    const delivered = ids(hook.events);
    assert.equal(new Set(delivered).size, delivered.length, `${hook.url} got no event twice`);
  }
}
