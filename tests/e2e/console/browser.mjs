// Debian's Chromium for the console's tests, with a page that fails on anything the browser complains about: a script
// error or something that the page's policy refused.

import assert from "node:assert/strict";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Statuses that tests provoke are printed by the browser as errors of the network; they are not errors of the page. */
const EXPECTED = /Failed to load resource|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_REFUSED/;

export const WIDE = { width: 1280, height: 860 };
export const NARROW = { width: 320, height: 700 };

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: FLAGS });

/** A page of its own context. `complaints` is what must be empty at the end. */
export async function open(browser, { url, size = WIDE, dark = false }) {
  const context = await browser.newContext({
    baseURL: url,
    viewport: size,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !EXPECTED.test(message.text())) complaints.push(message.text());
  });
  return { page, complaints, close: () => context.close() };
}

export async function signIn(page, { name = "admin", password = "correct horse battery" } = {}) {
  await page.goto("/");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
}

/** Until the page itself is there and has loaded. The frame has no heading, and what comes before it has another one. */
export async function shown(page) {
  await page.locator("#content h1").waitFor();
  await page.locator("#content [aria-busy]").first().waitFor({ state: "detached" });
}

/** Fails with axe's own words when it finds anything. `rules` narrows it to what a variant can change. */
export async function accessible(page, where, rules = null) {
  const axe = new AxeBuilder({ page });
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)}\n    ${failureSummary}`).join("\n  ")}`);
  assert.deepEqual(found, [], `axe at ${where}`);
}

/** Nothing is wider than the page: what must be, scrolls in a frame of its own. */
export async function fits(page, where) {
  const [content, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(content <= room, `${where}: the page is ${content} px wide in ${room} px`);
}
