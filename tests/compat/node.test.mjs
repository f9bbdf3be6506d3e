// Server SDKs for Node, unmodified: Segment's and RudderStack's. What they send carries no consent stamp; the sources
// collect under a contract, and the one destination that may have it serves that contract.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";

import { checkDelivered, checkNothingTwice, checkStored, startWebhook, until, webhookTo } from "./harness.mjs";
import { startRecorder } from "./recorder.mjs";
import { startAssent } from "./server.mjs";

const LAST_YEAR = new Date("2025-03-01T12:00:00.000Z");
let assent, service, analytics;
let stored = 0;

before(async () => {
  [service, analytics] = await Promise.all([startWebhook(), startWebhook()]);
  const names = ["segment", "segment-overload", "rudder"];
  assent = await startAssent({
    workspace: "compat",
    sources: names.map((name) => ({ name, kind: "server", write_key: `wk_${name}`, basis: "contract" })),
    destinations: [
      webhookTo(service, { name: "service", sources: names, categories: ["required"], purpose: "service" }),
      webhookTo(analytics, { name: "analytics", sources: names, categories: ["performance"], purpose: "analytics" }),
    ],
    consent: { default_regime: "opt-in" },
  });
});

after(async () => {
  for (const hook of [service, analytics]) hook?.close();
  await assent?.remove();
});

async function check(source, recorder) {
  recorder.close();
  const sent = recorder.accepted();
  stored += sent.length;
  await checkStored(assent, source, sent);
  await checkDelivered(service, sent);
  return sent;
}

/** The six calls, one of them about the past. */
function callAll(client) {
  const user = { userId: "user-1" };
  client.identify({ ...user, traits: { plan: "free" } });
  client.track({ ...user, event: "Order Completed", properties: { revenue: 12.5 } });
  client.track({ ...user, event: "Imported", timestamp: LAST_YEAR });
  client.page({ ...user, name: "Start" });
  client.screen({ ...user, name: "Basket" });
  client.group({ ...user, groupId: "group-1", traits: { size: 3 } });
  client.alias({ ...user, previousId: "anonymous-1" });
}

function checkCalls(sent) {
  const types = sent.map(({ event }) => event.type).sort();
  assert.deepEqual(types, ["alias", "group", "identify", "page", "screen", "track", "track"]);
  assert.equal(sent.find(({ event }) => event.event === "Imported").originalAt, LAST_YEAR.getTime());
}

test("@segment/analytics-node", async () => {
  const recorder = await startRecorder(assent.url);
  const client = new Analytics({ writeKey: "wk_segment", host: recorder.url, flushAt: 3, flushInterval: 200 });
  callAll(client);
  await client.closeAndFlush();
  checkCalls(await check("segment", recorder));
});

test("@segment/analytics-node retries after a 503", async () => {
  const recorder = await startRecorder(assent.url);
  recorder.refuseNext(1);
  const client = new Analytics({ writeKey: "wk_segment-overload", host: recorder.url, flushAt: 1 });
  client.track({ anonymousId: "visitor-1", event: "Retried" });
  await until("the retry is acknowledged", () => recorder.accepted().length === 1, { seconds: 30 });
  await client.closeAndFlush();
  assert.deepEqual(recorder.posts.map(({ status }) => status), [503, 200]);
  await check("segment-overload", recorder);
});

test("@rudderstack/rudder-sdk-node", async () => {
  const recorder = await startRecorder(assent.url);
  const client = new RudderAnalytics("wk_rudder", { dataPlaneUrl: recorder.url, flushAt: 3, flushInterval: 200 });
  callAll(client);
  await until("every call is acknowledged", () => recorder.accepted().length === 7);
  checkCalls(await check("rudder", recorder));
});

test("after all that: nothing twice, nothing without its category", async () => {
  await assent.stop();
  await checkNothingTwice(assent, [service, analytics], stored);
  assert.equal(analytics.events.length, 0, "an unstamped server event permits `required` only");
});
