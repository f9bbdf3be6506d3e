// The pixel: e-mail opens and impressions, where no script runs. Always a GIF, whatever was asked.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { checkDelivered, checkNothingTwice, checkStored, startWebhook, webhookTo } from "./harness.mjs";
import { startAssent } from "./server.mjs";

let assent, service;
let stored = 0;

before(async () => {
  service = await startWebhook();
  const names = ["encoded", "dotted"];
  assent = await startAssent({
    workspace: "compat",
    sources: names.map((name) => ({ name, kind: "server", write_key: `wk_${name}`, basis: "contract" })),
    destinations: [
      webhookTo(service, { name: "service", sources: names, categories: ["required"], purpose: "service" }),
    ],
    consent: { default_regime: "opt-in" },
  });
});

after(async () => {
  service?.close();
  await assent?.remove();
});

/** Loads a pixel as a mail client does and returns what the lake should hold of it. */
async function load(path, event) {
  const forwardedAt = Date.now();
  const answer = await fetch(assent.url + path);
  const answeredAt = Date.now();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), "image/gif");
  assert.equal(Buffer.from(await answer.arrayBuffer()).toString("latin1", 0, 4), "GIF8");
  return event && { messageId: event.messageId, event, forwardedAt, answeredAt };
}

async function check(source, sent) {
  stored += sent.length;
  await checkStored(assent, source, sent);
  await checkDelivered(service, sent);
}

test("data as base64url", async () => {
  const body = { messageId: "open-1", userId: "user-1", event: "Email Opened", properties: { subject: "Größe" } };
  const data = Buffer.from(JSON.stringify({ ...body, writeKey: "wk_encoded" })).toString("base64url");
  await check("encoded", [await load(`/v1/pixel/track?data=${data}`, { type: "track", ...body })]);
  assert.equal(service.events.find(({ messageId }) => messageId === "open-1").properties.subject, "Größe");
});

test("data as dotted query keys", async () => {
  const fields = { messageId: "open-2", anonymousId: "visitor-1", event: "Email Opened" };
  const query = new URLSearchParams({ ...fields, writeKey: "wk_dotted", "properties.subject": "Hello" });
  await check("dotted", [await load(`/v1/pixel/track?${query}`, { type: "track", ...fields })]);
  assert.equal(service.events.find(({ messageId }) => messageId === "open-2").properties.subject, "Hello");
});

test("nonsense gets a picture and is not stored", async () => {
  const nonsense = ["track?data=%%%", "track", "track?data=e30", "nothing?writeKey=wk_dotted"];
  for (const path of nonsense) await load(`/v1/pixel/${path}`);
});

test("after all that: nothing twice", async () => {
  await assent.stop();
  await checkNothingTwice(assent, [service], stored);
});
