// `make run`, as a newcomer types it: it starts, takes the first event, and the lake has it.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = join(process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/assent/target"), "debug/assent");
/** `make run` builds first: on a cold machine that takes minutes. */
const START_MS_MAX = 20 * 60_000;
const LAKE_MS_MAX = 15_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function until(what, probe, waitMs) {
  for (const deadline = Date.now() + waitMs; ; await pause(200)) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${waitMs} ms in vain until ${what}`);
  }
}

/** Starts `make run` as a process group of its own, so that the end of the test is the end of all of it. */
function start(listen, dataDir) {
  const child = spawn("make", ["run", `LISTEN=${listen}`, `DATA_DIR=${dataDir}`], {
    cwd: REPOSITORY,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const made = { output: "", exited: once(child, "exit"), child };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => (made.output += text));
  }
  return made;
}

test("make run: the first event is in the lake within 15 s", async (testing) => {
  const listen = `127.0.0.1:${await freePort()}`;
  const dataDir = await mkdtemp(join(tmpdir(), "assent-run-"));
  const made = start(listen, dataDir);
  testing.after(async () => {
    if (made.child.exitCode === null && made.child.signalCode === null) process.kill(-made.child.pid, "SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  });

  const ready = async () => {
    assert.equal(made.child.exitCode, null, `\`make run\` ended:\n${made.output}`);
    return (await fetch(`http://${listen}/readyz`).catch(() => null))?.status === 200;
  };
  await until("/readyz answers 200", ready, START_MS_MAX);
  const told = () => made.output.includes(listen) && /wk_\w+/.test(made.output);
  await until("the address and a write key are printed", told, 5_000);
  const [writeKey] = /wk_\w+/.exec(made.output);

  await run(BINARY, ["send", "--url", `http://${listen}`, "--write-key", writeKey, "Run Test"]);
  const sql = "select type, event, received_at from events where event = 'Run Test'";
  const query = async () => {
    const { stdout } = await run(BINARY, ["query", "--data-dir", dataDir, "--format", "json", sql]);
    return JSON.parse(stdout).length > 0 && JSON.parse(stdout);
  };
  const rows = await until("the event is in the lake", query, LAKE_MS_MAX);
  assert.equal(rows.length, 1);
  assert.equal(rows[0].type, "track");

  process.kill(-made.child.pid, "SIGTERM");
  await made.exited;
});
