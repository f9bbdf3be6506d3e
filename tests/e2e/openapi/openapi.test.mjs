// Schemathesis over the OpenAPI document, against the real binary with events, dead letters, tokens and users in it: no
// request that can be made from the document may be answered by a 5xx, and every answer is one that the document or the
// table of errors names.
//
// Every operation is driven but `GET …/live`, which is a stream that never ends. `hooks.py` sees to it that a run never
// removes its own token or its owner, and that nothing is sent off this machine. The seed is fixed; `ASSENT_OPENAPI_SEED` and `ASSENT_OPENAPI_EXAMPLES` are for
// longer hunts by hand.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PASSWORD, startAssent, startReceiver, until } from "../console/assent.mjs";

const SCHEMATHESIS = process.env.ASSENT_SCHEMATHESIS ?? fileURLToPath(new URL(".venv/bin/st", import.meta.url));
const HOOKS = fileURLToPath(new URL("hooks.py", import.meta.url));
const SEED = process.env.ASSENT_OPENAPI_SEED ?? "20251";
const EXAMPLES = process.env.ASSENT_OPENAPI_EXAMPLES ?? "8";
const MESSAGE_IDS = ["msg-1", "msg-2", "msg-3"];
const SPARE = 8;
/** A token is answered 403 here: there is no session to end and no password to change. */
const SESSIONS_ONLY = ["DELETE /api/v1/session", "PUT /api/v1/session/password"];

let assent;
let refusing;
let taking;
let authorization;
let facts;

before(async () => {
  [assent, refusing, taking] = await Promise.all([
    startAssent({ workspace: "acme" }),
    startReceiver(),
    startReceiver(),
  ]);
  refusing.status = 404;
  facts = await seed();
});
after(async () => {
  refusing?.stop();
  taking?.stop();
  await assent?.stop();
});

async function ask(method, path, body, headers = { authorization }) {
  const answer = await fetch(`${assent.url}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", "x-assent": "1", ...headers },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${await answer.clone().text()}`);
  return { answer, made: await answer.json().catch(() => null) };
}

/** One owner's token for the run, and something behind every path: what hooks.py puts into requests. */
async function seed() {
  const { answer } = await ask("POST", "/session", { name: "admin", password: PASSWORD }, {});
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const token = async (name) => (await ask("POST", "/tokens", { name, role: "owner", personal_data: true }, { cookie })).made;
  const own = await token("schemathesis");
  authorization = `Bearer ${own.token ?? own.text}`;
  const spares = (kind) => Array.from({ length: SPARE }, (_, index) => `spare-${kind}-${index}`);
  const spareTokens = [];
  for (const name of spares("token")) spareTokens.push(String((await token(name)).id));
  await ask("POST", "/users", { name: "vera", password: "another long password", role: "viewer" });
  const source = (name, kind = "server") =>
    ask("POST", "/workspaces/acme/sources", { name, kind, basis: kind === "server" ? "contract" : "consent", write_key: `wk_${name}` });
  const destination = (name, { url }) =>
    ask("POST", "/workspaces/acme/destinations", {
      name, kind: "webhook", sources: ["shop"], purpose: "analytics", categories: ["performance"],
      recipient: "service_provider", settings: { url, allow_private: true },
    });
  for (const name of ["shop", ...spares("source")]) await source(name);
  await destination("refusing", refusing);
  for (const name of ["taking", "changing", ...spares("destination")]) await destination(name, taking);
  await sendEvents();
  for (const name of ["refusing", "taking"]) await ask("POST", `/workspaces/acme/destinations/${name}/replays`, {});
  const chosen = { anonymous_id: "visitor-1", categories: { targeting: false } };
  await ask("POST", "/workspaces/acme/choices", { source: "shop", items: [chosen] });
  const { items: [{ receipt }] } = (await ask("GET", "/workspaces/acme/choices?anonymous_id=visitor-1")).made;
  const { items: [{ version }] } = (await ask("GET", "/workspaces/acme/ledger/configurations")).made;
  await source("pages", "browser");
  await ask("POST", "/workspaces/acme/sources", { name: "tried", kind: "browser", banner: { control: "none" } });
  const { hash: words } = (await ask("GET", "/workspaces/acme/experience?source=pages")).made.texts;
  const spareQueries = [];
  for (const name of spares("query")) {
    spareQueries.push(String((await ask("POST", "/workspaces/acme/lake/saved", { name, sql: "select 1" })).made.id));
  }
  return {
    url: assent.url, authorization, seed: SEED, workspace: "acme", owner: "admin", password: PASSWORD,
    token_id: String(own.id), spare_tokens: spareTokens, spare_queries: spareQueries, spare_user: "vera",
    sources: ["shop"], server_source: "shop", tried_source: "tried", spare_sources: spares("source"),
    destinations: ["refusing", "taking"], spare_destinations: spares("destination"),
    receipt, version, words, message_ids: MESSAGE_IDS, receivers: [taking.url, refusing.url],
  };
}

/** Events that one destination took and one refused, so that traces, errors and dead letters have something to say. */
async function sendEvents() {
  for (const messageId of MESSAGE_IDS) {
    const sent = await fetch(`${assent.url}/v1/track`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from("wk_shop:").toString("base64")}` },
      body: JSON.stringify({
        anonymousId: "visitor-1", event: "Fuzzed", messageId,
        context: { consent: { categoryPreferences: { performance: true } } },
      }),
    });
    assert.equal(sent.status, 200);
  }
  const letters = async () =>
    (await ask("GET", "/workspaces/acme/destinations/refusing/dead-letters")).made.items.length === MESSAGE_IDS.length;
  await until("what was refused is a dead letter", letters, 60_000);
}

/** Runs Schemathesis in a directory of its own: it keeps what it found beside itself. */
async function schemathesis(home) {
  const args = [
    "--no-color", "run", `${assent.url}/api/openapi.json`,
    "--header", `Authorization: ${authorization}`,
    "--exclude-path-regex", "/live$",
    "--checks", "not_a_server_error,errors_say_what",
    "--phases", "examples,coverage,fuzzing,stateful",
    "--seed", SEED, "--max-examples", EXAMPLES,
    "--request-timeout", "120", "--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure", "--no-shrink",
  ];
  const env = { ...process.env, SCHEMATHESIS_HOOKS: HOOKS, ASSENT_FACTS: JSON.stringify(facts) };
  return new Promise((resolve) =>
    execFile(SCHEMATHESIS, args, { cwd: home, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) =>
      resolve({ failed: error !== null, output: `${stdout}\n${stderr}` }),
    ),
  );
}

/** Operations that never came to their own answer: a success, or for a change a conflict with how things stand. */
function unreached(seen) {
  const operations = Object.keys(seen);
  assert.ok(operations.length > 40, `the document has more operations than ${operations.length}`);
  return operations.filter((operation) => {
    const reached = Object.keys(seen[operation]).some(
      (status) => status.startsWith("2") || (status === "409" && !operation.startsWith("GET ")),
    );
    return !reached && !SESSIONS_ONLY.includes(operation);
  });
}

test("no request made from the OpenAPI document is answered by a 5xx", async () => {
  const home = await mkdtemp(join(tmpdir(), "assent-openapi-"));
  const { failed, output } = await schemathesis(home);
  const seen = JSON.parse(await readFile(join(home, "seen.json"), "utf8").catch(() => "{}"));
  await rm(home, { recursive: true, force: true });
  assert.ok(!failed, `${output}\n--- the server's output ---\n${assent.output().slice(-5_000)}`);
  assert.deepEqual(unreached(seen), [], `operations whose handler no request reached, with all answers:\n${JSON.stringify(seen)}`);
  assert.equal((await fetch(`${assent.url}/readyz`)).status, 200);
});
