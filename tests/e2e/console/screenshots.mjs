// Takes the pictures of docs/screenshots from the built console in front of the mock: `node screenshots.mjs`, with names
// only those.

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { startMock } from "../../../web/console/mock/server.mjs";
import { launch, NARROW, open, shown, signIn, WIDE } from "./browser.mjs";

const FOLDER = fileURLToPath(new URL("../../../docs/screenshots/", import.meta.url));
const SETTLE_MS = 900;

/** Name, address, how it is looked at, what is done first. */
const PICTURES = [
  ["overview", "overview", {}],
  ["overview-dark", "overview", { dark: true }],
  ["overview-320", "overview", { dark: true, size: NARROW }],
  ["live", "live", {}],
  ["live-320", "live", { size: NARROW }],
  ["event", "events/msg-0001", {}, (page) => page.getByText("What the decision was made of").first().click()],
  ["source", "sources/app", {}],
  ["destination", "destinations/crm", { dark: true }],
  ["errors", "destinations/crm/errors", {}],
  ["dead-letters", "destinations/crm/dead-letters", {}],
  ["pause-320", "destinations/crm", { dark: true, size: NARROW }, askToPause],
  ["new-destination", "new-destination", {}, (page) => page.getByRole("button", { name: /^Webhook/ }).click()],
  ["banner", "consent/banner", {}, previewed],
  ["banner-refused-dark", "consent/banner/words", { dark: true }, steer],
  ["banner-320", "consent/banner/rules", { size: NARROW }, toPreview],
  ["consent-versions", "consent/versions", {}],
  ["consent-simulation-dark", "consent/simulation", { dark: true }, simulate],
  ["consent-rates", "consent/rates", {}],
  ["consent-person", "consent/people", {}, lookUp],
  ["consent-ledger-320", "consent/ledger", { dark: true, size: NARROW }],
  ["lake", "lake", { dark: true }, chart],
  ["alerts", "settings/alerts", {}],
  ["alert-form-320", "settings/alerts", { dark: true, size: NARROW }, editAlert],
  ["audit", "settings/audit", {}, (page) => page.getByText("What changed").first().click()],
  ["conflict", "sources/web", {}, conflict],
];

async function editAlert(page) {
  await page.getByRole("button", { name: "Edit crm-fails" }).click();
  await page.getByLabel("URL of way 1").scrollIntoViewIfNeeded();
}

async function previewed(page) {
  await page.frameLocator("iframe").getByRole("button", { name: "Accept all" }).waitFor();
}

async function steer(page) {
  await page.getByLabel("Button that refuses all").fill("No, I want nothing of all this at all");
  await page.getByText("Your last change is refused").waitFor();
}

async function toPreview(page) {
  await page.getByRole("link", { name: "To the preview" }).click();
  await previewed(page);
}

async function simulate(page) {
  await page.getByRole("button", { name: "Simulate" }).click();
  await page.getByRole("heading", { name: "People" }).waitFor();
}

async function lookUp(page) {
  await page.getByLabel("User id").fill("u-1");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("Under which circumstances").first().click();
}

async function askToPause(page) {
  await page.getByRole("button", { name: "Pause", exact: true }).click();
}

async function chart(page) {
  await page.getByRole("button", { name: "Run" }).click();
  await page.getByRole("button", { name: "Chart" }).click();
  await page.locator("canvas").waitFor();
}

async function conflict(page, { world }) {
  await page.getByLabel("Region of all its events").fill("de");
  Object.assign(world.sources[0], { region: "FR", version: 7 });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Take theirs" }).scrollIntoViewIfNeeded();
  await page.mouse.wheel(0, 2_000);
}

await mkdir(FOLDER, { recursive: true });
const browser = await launch();
const asked = process.argv.slice(2);
for (const [name, path, look, act] of PICTURES.filter(([one]) => asked.length === 0 || asked.includes(one))) {
  const mock = await startMock();
  const { page, close } = await open(browser, { url: mock.url, size: WIDE, ...look });
  await signIn(page);
  await page.goto(`/w/acme/${path}`);
  await shown(page);
  await page.waitForTimeout(SETTLE_MS);
  if (act) await act(page, mock);
  await page.waitForTimeout(SETTLE_MS / 3);
  await page.screenshot({ path: `${FOLDER}console-${name}.png` });
  await close();
  mock.stop();
}
await browser.close();
process.exit(0);
