// The real binary as a test sees it: started in a directory of its own, asked through its commands, stopped by
// SIGTERM. Nothing here knows how Assent works inside.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { until } from "./harness.mjs";

const run = promisify(execFile);
const TARGET = process.env.CARGO_TARGET_DIR ?? join(homedir(), ".cache/assent/target");
const BINARY = process.env.ASSENT_BIN ?? join(TARGET, "debug/assent");
const DRAIN_MS_MAX = 30_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Keeps what a process prints; it is shown when a test fails. */
function keepOutput(child, name) {
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => lines.push(text));
  }
  process.on("exit", (code) => {
    if (code !== 0) console.error(`--- output of ${name} ---\n${lines.join("").slice(-20_000)}`);
  });
  return () => lines.join("");
}

/** Starts `assent serve` with this workspace and waits until it can take events. */
export async function startAssent(workspace) {
  const home = await mkdtemp(join(tmpdir(), "assent-compat-"));
  const dataDir = join(home, "data");
  const file = join(home, "workspace.yaml");
  await writeFile(file, JSON.stringify(workspace)); // JSON is YAML
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(BINARY, ["serve", "--data-dir", dataDir, "--listen", listen, "--workspace", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  keepOutput(child, "assent serve");
  const assent = new Assent({ url: `http://${listen}`, home, dataDir, child, exited });
  await until("/readyz answers 200", () => assent.isReady(), { seconds: 60 });
  return assent;
}

class Assent {
  #child;
  #exited;
  #home;

  constructor({ url, home, dataDir, child, exited }) {
    this.url = url;
    this.dataDir = dataDir;
    this.#home = home;
    this.#child = child;
    this.#exited = exited;
  }

  async isReady() {
    assert.equal(this.#child.exitCode, null, `${BINARY} ended before it was ready`);
    const answer = await fetch(`${this.url}/readyz`).catch(() => null);
    return answer?.status === 200;
  }

  /** The rows of a query, as `assent query` prints them. */
  async query(sql) {
    const { stdout } = await run(BINARY, ["query", "--data-dir", this.dataDir, "--format", "json", sql], {
      maxBuffer: 64 << 20,
    });
    return JSON.parse(stdout);
  }

  /** The sum of a counter over the series that carry these labels, whatever their order. */
  async counter(name, labels) {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split("\n")
      .map((line) => /^(\w+)\{(.*)\} (\S+)/.exec(line))
      .filter((series) => series?.[1] === name && wanted.every((label) => series[2].split(",").includes(label)))
      .reduce((sum, series) => sum + Number(series[3]), 0);
  }

  /** Runs `assent tail` until `stop` is called; `output` returns what it has printed so far. */
  async tail() {
    const child = spawn(BINARY, ["tail", "--data-dir", this.dataDir], { stdio: ["ignore", "pipe", "pipe"] });
    const output = keepOutput(child, "assent tail");
    await once(child, "spawn");
    return {
      output,
      async stop() {
        child.kill("SIGTERM");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      },
    };
  }

  /** Drains and ends; a server that does not end cleanly within its promise fails the test. */
  async stop() {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), DRAIN_MS_MAX);
    const ended = await this.#exited;
    clearTimeout(timer);
    assert.equal(ended, 0, `SIGTERM drains and ends with 0 within ${DRAIN_MS_MAX} ms`);
  }

  /** Ends the process if a failed test left it running, and removes the data. */
  async remove() {
    this.#child.kill("SIGKILL");
    await this.#exited;
    await rm(this.#home, { recursive: true, force: true });
  }
}
