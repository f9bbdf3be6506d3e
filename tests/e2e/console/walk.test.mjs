// A new user's walk as the README describes it: what `make run` starts, the printed password, a source, its snippet run
// with a real SDK, the event in Live. It fails when what is printed or shown does not lead to the next step, and prints
// how long the machine took; docs/guides/first-event.md has these figures beside what people take.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startDemo } from "./assent.mjs";
import { launch, open, signIn } from "./browser.mjs";

/** The machine's share of the two minutes that a newcomer may take. */
const MACHINE_MS_MAX = 60_000;
const MODULES = fileURLToPath(new URL("node_modules", import.meta.url));

test("from `make run` to the first own event in Live, with what is printed and shown", async (testing) => {
  const steps = [];
  let from = performance.now();
  const done = (step) => {
    const now = performance.now();
    steps.push([step, now - from]);
    from = now;
  };

  const assent = await startDemo();
  testing.after(() => assent.stop());
  const [, address, name, password] = /console: (\S+) \(sign in as `(\w+)` with `(\w+)`/.exec(assent.output()) ?? [];
  assert.ok(password, `address, name and password are printed:\n${assent.output()}`);
  done("the server starts and prints the login");

  const browser = await launch();
  testing.after(() => browser.close());
  const { page, complaints } = await open(browser, { url: new URL(address).origin });
  from = performance.now(); // the newcomer's browser is open already
  await signIn(page, { name, password });
  done("sign in");

  await page.getByRole("link", { name: "Sources", exact: true }).first().click();
  await page.getByRole("link", { name: "New source" }).click();
  await page.getByLabel("Name").fill("mine");
  await page.getByRole("button", { name: "Create source" }).click();
  await page.getByText("Waiting for the first event.").waitFor();
  done("create a source");

  await page.getByRole("tab", { name: "Node" }).click();
  const panel = page.getByRole("tabpanel", { name: "Node" });
  assert.match(await panel.innerText(), /npm install @segment\/analytics-node/);
  await panel.getByRole("button", { name: /copy/i }).last().click();
  const snippet = await page.evaluate(() => navigator.clipboard.readText());
  done("copy the snippet");

  await page.getByRole("link", { name: "Watch live" }).click();
  await page.getByText("Listening").waitFor();
  done("open Live");

  await run(assent.home, snippet);
  done("run the snippet with the SDK");
  await page.getByRole("button", { name: /First Event/ }).waitFor();
  done("the event is in Live");

  assert.deepEqual(complaints, []);
  const total = steps.reduce((sum, [, ms]) => sum + ms, 0);
  for (const [step, ms] of [...steps, ["together", total]]) testing.diagnostic(`${(ms / 1_000).toFixed(2)} s  ${step}`);
  assert.ok(total < MACHINE_MS_MAX, `the machine took ${total} ms of a newcomer's two minutes`);
});

/** Saves the snippet under the name that it asks for, beside an installed SDK, and runs it unchanged. */
async function run(home, snippet) {
  const [, file] = /^\/\/ (\S+\.mjs)/.exec(snippet) ?? [];
  assert.ok(file, `the snippet says what to save it as:\n${snippet}`);
  const folder = join(home, "mine");
  await mkdir(folder);
  await symlink(MODULES, join(folder, "node_modules"));
  await writeFile(join(folder, file), snippet);
  await promisify(execFile)(process.execPath, [file], { cwd: folder, timeout: 30_000 });
}
