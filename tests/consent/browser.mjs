// Debian's Chromium, and what tests ask of a page that carries the SDK.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.site.test 127.0.0.1",
];

export const launch = () => chromium.launch({ executablePath: process.env.ASSENT_CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });

/** Polls until `probe` gives something truthy, and returns that. */
export async function until(what, probe, seconds = 15) {
  for (const deadline = Date.now() + seconds * 1000; ; await pause(25)) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < deadline, `waited ${seconds} s in vain until ${what}`);
  }
}

/** A fresh profile on a collector's page. `complaints` is what the browser printed; it must stay empty. */
export async function visit(browser, collector, { gpc = false, url = collector.url, prepare, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  if (gpc) await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "globalPrivacyControl", { get: () => true }));
  await prepare?.(context);
  const complaints = [];
  const strangers = [];
  context.on("page", (page) => {
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().includes(collector.host) && !/^data:|site\.test/.test(request.url())) strangers.push(request.url());
    });
  });
  const page = await context.newPage();
  await page.goto(url);
  await started(page);
  return { context, page, complaints, strangers };
}

/** The SDK has its settings and has done what they say. */
export const started = (page) => page.waitForFunction(() => window.analytics?.initialized);

/** The next file that the page offers, also by a tab of its own. */
export const download = (context, page) =>
  new Promise((resolve) => {
    page.once("download", resolve);
    context.on("page", (other) => other.once("download", resolve));
  });

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const firstLayer = (page) => page.getByRole("region", { name: "Your privacy on this site" });

/** The names that the page's origin holds. */
export async function stored(context, page) {
  const cookies = (await context.cookies()).map(({ name }) => name).sort();
  const kinds = await page.evaluate(async () => ({
    localStorage: Object.keys(localStorage).sort(),
    sessionStorage: Object.keys(sessionStorage),
    indexedDB: (await indexedDB.databases()).map(({ name }) => name),
    cacheStorage: "caches" in window ? await caches.keys() : [],
    serviceWorkers: "serviceWorker" in navigator ? (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => scope) : [],
  }));
  return { cookies, ...kinds };
}

/** Fails with axe's own words when it finds anything. */
export async function accessible(page, where) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)}\n    ${failureSummary}`).join("\n  ")}`);
  assert.deepEqual(found, [], `axe at ${where}`);
}
