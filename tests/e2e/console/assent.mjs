// The real binary for the console's tests: started in a directory of its own, with a known password.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/assent/target");
export const BINARY = process.env.ASSENT_BIN ?? join(TARGET, "debug/assent");
const START_MS_MAX = 60_000;
export const PASSWORD = "a password for tests";

export async function until(what, probe, waitMs = 20_000) {
  for (const deadline = Date.now() + waitMs; ; await pause(100)) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${waitMs} ms in vain until ${what}`);
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Starts `assent serve` with this workspace; answers its address, a way to stop, and a way to start again on the same data.
 * `settings`: what stands in the server's own file. `env`: more variables.
 */
export async function startAssent(workspace, { settings = {}, env = {} } = {}) {
  const home = await mkdtemp(join(tmpdir(), "assent-console-"));
  const [file, config] = [join(home, "workspace.yaml"), join(home, "assent.yaml")];
  await writeFile(file, JSON.stringify(workspace)); // JSON is YAML
  await writeFile(config, JSON.stringify(settings));
  return serve(home, ["--workspace", file, "--config", config], { ASSENT_ADMIN_PASSWORD: PASSWORD, ...env });
}

/** What `make run` starts after building: the demo, whose password is made up and printed once. */
export const startDemo = async () => serve(await mkdtemp(join(tmpdir(), "assent-walk-")), ["--demo"], {});

async function serve(home, more, env) {
  const listen = `127.0.0.1:${await freePort()}`;
  const { ASSENT_ADMIN_PASSWORD: _, ...inherited } = process.env;
  const child = spawn(BINARY, ["serve", "--data-dir", join(home, "data"), "--listen", listen, ...more], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const url = `http://${listen}`;
  await until(
    "/readyz answers 200",
    async () => {
      assert.equal(child.exitCode, null, `${BINARY} ended:\n${output}`);
      return (await fetch(`${url}/readyz`).catch(() => null))?.status === 200;
    },
    START_MS_MAX,
  );
  const end = async () => {
    if (child.exitCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  const stop = async () => {
    await end();
    await rm(home, { recursive: true, force: true });
  };
  const restart = async () => {
    await end();
    return serve(home, more, env);
  };
  return { url, home, pid: child.pid, stop, restart, output: () => output };
}

/** A receiver whose answer a test decides: `status` and `text` are what it answers now, `bodies` what it took. */
export async function startReceiver() {
  const receiver = { status: 200, text: "no thanks", bodies: [] };
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (receiver.status === 200) receiver.bodies.push(body);
    response.writeHead(receiver.status, { "content-type": "text/plain" }).end(receiver.status === 200 ? "ok" : receiver.text);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  receiver.url = `http://127.0.0.1:${server.address().port}/hook`;
  receiver.stop = () => server.close();
  return receiver;
}
