// Takes docs/screenshots/consent-*.png: `node screenshots.mjs`, after `npm --prefix ../../web/sdk run build`.

import { fileURLToPath } from "node:url";
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
];

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
await browser.close();
