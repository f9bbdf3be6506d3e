// Segment's Python SDK, and Python's Delta reader as a witness that shares no code with the server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { checkDelivered, checkNothingTwice, checkStored, startWebhook, webhookTo } from "./harness.mjs";
import { startRecorder } from "./recorder.mjs";
import { startAssent } from "./server.mjs";

const PYTHON = process.env.ASSENT_PYTHON ?? fileURLToPath(new URL(".venv/bin/python", import.meta.url));
const python = (script, ...args) =>
  promisify(execFile)(PYTHON, [fileURLToPath(new URL(script, import.meta.url)), ...args], { timeout: 60_000 });

let assent, service;
let stored = 0;

before(async () => {
  service = await startWebhook();
  const names = ["plain", "gzip"];
  assent = await startAssent({
    workspace: "compat",
    sources: names.map((name) => ({ name, kind: "server", write_key: `wk_${name}`, basis: "contract" })),
    destinations: [
      webhookTo(service, {
        name: "service", sources: names, categories: ["required"], purpose: "service",
        settings: { batch: { events_max: 5, wait_ms: 100 } },
      }),
    ],
    consent: { default_regime: "opt-in" },
  });
});

after(async () => {
  service?.close();
  await assent?.remove();
});

for (const encoding of ["plain", "gzip"]) {
  test(`segment-analytics-python (${encoding})`, async () => {
    const recorder = await startRecorder(assent.url);
    await python("python_client.py", recorder.url, `wk_${encoding}`, encoding);
    recorder.close();
    const sent = recorder.accepted();
    stored += sent.length;
    assert.equal(sent.length, 7);
    assert.equal(recorder.posts[0].headers["content-encoding"], encoding === "gzip" ? "gzip" : undefined);
    await checkStored(assent, encoding, sent);
    await checkDelivered(service, sent);
  });
}

test("another reader of Delta tables counts the same rows", async () => {
  await assent.stop();
  await checkNothingTwice(assent, [service], stored);
  const { stdout } = await python("count_rows.py", assent.dataDir);
  const tables = Object.values(JSON.parse(stdout));
  assert.deepEqual(tables, [{ rows: stored, ids: stored }]);
});
