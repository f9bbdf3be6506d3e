// Every page of the console, full and empty, in light and dark, at 1280 and 320 pixels: axe finds nothing, nothing is
// wider than the page, and the browser has no complaint (a refused style or script would be one).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn, WIDE } from "./browser.mjs";

/** Address under the workspace, what must be seen, and what to do first. */
const PAGES = [
  ["overview", "Overview"],
  ["live", "Live"],
  ["events/msg-1", "Event"],
  ["sources", "Sources"],
  ["new-source", "New source"],
  ["sources/web", "web", { world: "full" }],
  ["sources/app", "app", { world: "full" }],
  ["sources/api", "api", { world: "full" }],
  ["destinations", "Destinations"],
  ["new-destination", "New destination", { act: (page) => page.getByRole("button", { name: /^Webhook/ }).click() }],
  ["destinations/crm", "crm", { world: "full" }],
  ["destinations/crm/errors", "crm", { world: "full" }],
  ["destinations/crm/dead-letters", "crm", { world: "full" }],
  ["destinations/crm/tester", "crm", { world: "full", act: testConnection }],
  ["destinations/warehouse-hook/settings", "warehouse-hook", { world: "full" }],
  ["destinations/ads/settings", "ads", { world: "full" }],
  ["consent", "Consent", { act: bannerShown }],
  ["consent/banner/rules", "Consent"],
  ["consent/banner/vendors", "Consent"],
  ["consent/banner/tags", "Consent"],
  ["consent/banner/more", "Consent"],
  ["consent/versions", "Consent", { act: openDetails }],
  ["consent/simulation", "Consent", { act: simulate }],
  ["consent/rates", "Consent"],
  ["consent/people", "Consent", { act: lookUp }],
  ["consent/ledger", "Consent"],
  ["lake", "Lake", { act: (page) => page.getByRole("button", { name: "Run" }).click() }],
  ["lake", "Lake", { act: chart }],
  ["settings/account", "Settings"],
  ["settings/users", "Settings"],
  ["settings/tokens", "Settings"],
  ["settings/alerts", "Settings"],
  ["settings/audit", "Settings", { act: openDetails }],
  ["settings/file", "Settings", { act: (page) => page.getByRole("button", { name: "Show as YAML" }).click() }],
  ["settings/limits", "Settings"],
  ["settings/storage", "Settings"],
];

/** The frame's own document is checked by axe as well. */
async function bannerShown(page) {
  const frame = page.frameLocator("iframe");
  await frame.getByRole("button", { name: /all|Alle/ }).first().waitFor();
}

async function simulate(page) {
  await page.getByRole("button", { name: "Simulate" }).click();
  await page.getByRole("heading", { name: "People" }).waitFor();
}

async function lookUp(page) {
  await page.getByLabel("User id").fill("u-1");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText(/^On record|Nobody is known/).first().waitFor();
  await openDetails(page);
}

async function testConnection(page) {
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText("The test event was").waitFor();
}

async function chart(page) {
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator("canvas").waitFor();
}

async function openDetails(page) {
  for (const summary of await page.locator("summary").all()) await summary.click();
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function walk(world, options, label) {
  const mock = await startMock({ kind: world });
  const { page, complaints, close } = await open(browser, { url: mock.url, ...options });
  const found = [];
  // All that is wrong is worth knowing at once, not only the first of it.
  const look = async (path) => {
    // Dark differs from light in colours only.
    const rules = options.dark ? ["color-contrast", "link-in-text-block"] : null;
    await accessible(page, path, rules).catch((error) => found.push(error.message));
    await fits(page, path).catch((error) => found.push(error.message));
  };
  try {
    await page.goto("/");
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await look("login");
    await signIn(page);
    for (const [path, heading, { world: only = world, act } = {}] of PAGES) {
      if (only !== world) continue;
      await page.goto(`/w/acme/${path}`);
      await page.getByRole("heading", { level: 1, name: heading, exact: true }).waitFor();
      await shown(page);
      if (act) await act(page);
      await look(path);
    }
    assert.deepEqual([...found, ...complaints], [], label);
  } finally {
    await close();
    mock.stop();
  }
}

for (const world of ["full", "empty"]) {
  for (const [name, size] of [
    ["1280", WIDE],
    ["320", NARROW],
  ]) {
    for (const dark of [false, true]) {
      const label = `${world} world, ${name} px, ${dark ? "dark" : "light"}`;
      test(`every page: ${label}`, () => walk(world, { size, dark }, label));
    }
  }
}

test("dialogs, menus and the drawer", async () => {
  for (const dark of [false, true]) {
    const mock = await startMock();
    const { page, complaints, close } = await open(browser, { url: mock.url, size: NARROW, dark });
    await signIn(page);
    await page.getByRole("button", { name: "Menu" }).click();
    await accessible(page, "drawer");
    await page.getByRole("button", { name: "admin" }).click();
    await page.getByRole("menuitemradio", { name: "Dark" }).waitFor();
    await accessible(page, "menu");
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Live" }).click();
    await page.getByRole("button", { name: /Order Completed/ }).first().click();
    await page.getByRole("dialog", { name: "Event" }).getByText("Permitted by the gate").first().waitFor();
    await accessible(page, "event in a drawer");
    await page.goto("/w/acme/settings/users");
    await page.getByRole("button", { name: "New user" }).click();
    await page.getByRole("dialog", { name: "New user" }).waitFor();
    await accessible(page, "dialog with a form");
    assert.deepEqual(complaints, []);
    await close();
    mock.stop();
  }
});

test("forced colours: focus, switches and results stay visible", async () => {
  const mock = await startMock();
  const { page, complaints, close } = await open(browser, { url: mock.url });
  await page.emulateMedia({ forcedColors: "active" });
  await signIn(page);
  for (const path of ["overview", "destinations/crm", "lake", "consent", "consent/versions", "consent/rates"]) {
    await page.goto(`/w/acme/${path}`);
    await shown(page);
    await accessible(page, `${path}, forced colours`);
  }
  assert.deepEqual(complaints, []);
  await close();
  mock.stop();
});
