// Takes docs/screenshots/consent-*.png: `node screenshots.mjs`, after `npm --prefix ../../web/sdk run build`; the form and the
// notice are the real binary's (`ASSENT_BIN`, else the debug build).

import { fileURLToPath } from "node:url";
import { startDemo } from "../e2e/console/assent.mjs";
import { button, launch, visit } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { ARABIC, REGIMES, VENDORS } from "./settings.mjs";

const FOLDER = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const SMALL = { width: 320, height: 640 };
const eu = { ...REGIMES.eu, vendors: VENDORS };
const click = (name) => (page) => button(page, name).click();
const both = (...acts) => async (page) => {
  for (const act of acts) await act(page);
};

/** Name, settings, how the browser is, what is done first. */
const PICTURES = [
  ["first-layer", eu, {}],
  ["first-layer-dark", eu, { colorScheme: "dark" }],
  ["first-layer-320", eu, { viewport: SMALL }],
  ["first-layer-rtl", { ...REGIMES.eu, ...ARABIC }, {}],
  ["first-layer-forced-colours", eu, { forcedColors: "active" }],
  ["first-layer-unknown-region-gpc", REGIMES.rest, { gpc: true }],
  ["choices", eu, {}, click("Choose")],
  ["choices-dark-320", eu, { viewport: SMALL, colorScheme: "dark" }, click("Choose")],
  ["choices-rtl", { ...REGIMES.eu, ...ARABIC }, {}, click("اختيار")],
  ["choices-forced-colours", eu, { forcedColors: "active" }, both(click("Choose"), (page) => page.getByRole("switch", { name: "Performance" }).check())],
  ["control-withdraw", eu, {}, click("Accept all")],
  ["control-withdrawn-320", eu, { viewport: SMALL }, both(click("Accept all"), (page) => page.waitForFunction(() => document.cookie.includes("_ads")), click("Withdraw consent"))],
  ["california-gpc", REGIMES.california, { gpc: true }, click("Your Privacy Choices")],
  ["gpc-second-step", REGIMES.california, { gpc: true }, both(click("Your Privacy Choices"), secondStep)],
  ["gpc-second-step-dark-320", REGIMES.california, { gpc: true, viewport: SMALL, colorScheme: "dark" }, both(click("Your Privacy Choices"), secondStep)],
  ["gpc-second-step-rtl", { ...REGIMES.california, ...ARABIC }, { gpc: true }, both(click(ARABIC.texts.control), secondStep)],
];

/** What the server itself makes, from the demo of the real binary: name, path, how the browser is, what is done first. */
const SERVED = [
  ["form", "/v1/consent/form?writeKey=wk_demo", {}],
  ["form-sent-320-dark", "/v1/consent/form?writeKey=wk_demo", { viewport: SMALL, colorScheme: "dark" }, click("Reject all")],
  ["form-gpc", "/v1/consent/form?writeKey=wk_demo_us", { extraHTTPHeaders: { "sec-gpc": "1" } }],
  ["notice", "/v1/projects/wk_demo/notice", {}],
  ["notice-cookies-dark", "/v1/projects/wk_demo/notice", { colorScheme: "dark" }, toTable],
  ["notice-320", "/v1/projects/wk_demo/notice", { viewport: SMALL }, toTable],
];

async function secondStep(page) {
  await page.getByRole("dialog").getByRole("button").nth(1).click();
  await page.getByRole("alertdialog").waitFor();
}

async function toTable(page) {
  await page.locator("table").first().scrollIntoViewIfNeeded();
  await page.mouse.wheel(0, 300);
}

const browser = await launch();
const asked = process.argv.slice(2);
for (const [name, settings, options, act] of PICTURES.filter(([one]) => asked.length === 0 || asked.includes(one))) {
  const collector = await startCollector(settings, { lang: settings.texts.language });
  const { page, context } = await visit(browser, collector, { viewport: { width: 1000, height: 640 }, reducedMotion: "reduce", ...options });
  if (act) await act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${FOLDER}consent-${name}.png` });
  await context.close();
  collector.close();
}
const served = SERVED.filter(([one]) => asked.length === 0 || asked.includes(one));
const demo = served.length > 0 ? await startDemo() : null;
for (const [name, path, options, act] of served) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
  const page = await context.newPage();
  await page.goto(`${demo.url}${path}`);
  if (act) await act(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${FOLDER}consent-${name}.png` });
  await context.close();
}
await demo?.stop();
await browser.close();
