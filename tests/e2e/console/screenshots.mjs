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
  ["notice", "consent/banner/notice", {}, writeNotice],
  ["notice-320-dark", "consent/banner/notice", { dark: true, size: NARROW }, writeNotice],
  ["children", "consent/banner/rules", {}, writeChildren],
  ["children-320-dark", "consent/banner/rules", { dark: true, size: NARROW }, writeChildren],
  ["site-banner", "sources/web", {}, siteOf("Words")],
  ["site-banner-320", "sources/web", { dark: true, size: NARROW }, siteOf("Words")],
  ["site-tags-dark", "sources/web", { dark: true }, siteOf("Tags")],
  ["site-platforms-320", "sources/web", { size: NARROW }, siteOf("Other platforms")],
  ["proof-key", "sources/web", {}, showProof],
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

async function writeNotice(page) {
  await page.getByRole("switch", { name: "Publish a cookie notice" }).click();
  await page.getByLabel("What the site is called").fill("Acme");
  const who = page.getByRole("group", { name: "Who is responsible", exact: true });
  await who.getByLabel("Name").fill("Acme Ltd");
  await who.getByLabel("E-mail about privacy").fill("privacy@acme.example");
  await who.getByLabel("Postal address").fill("1 Road\nTown");
  await page.getByRole("region", { name: "The notice of your draft" }).getByRole("heading").first().waitFor();
  await page.evaluate(() => window.scrollTo(0, 0));
}

async function writeChildren(page) {
  await page.getByRole("switch", { name: /child/i }).click();
  await page.getByLabel("Its name").fill("age_band");
  await page.getByLabel("Values of a child", { exact: true }).fill("under-13, 13-17");
  await page.getByLabel(/^Of these/).fill("under-13");
  await page.getByLabel("Where the field is").scrollIntoViewIfNeeded();
  await page.mouse.wheel(0, 300);
}

/** The banner of a site with something to say, at one of its parts. */
function siteOf(part) {
  return async (page, { world }) => {
    const { tags } = world.categories.banner;
    const banner = { languages: { en: { title: "At the shop" } }, tags: [{ ...tags[0], id: "pixel" }], surfaces: [] };
    Object.assign(world.sources[0], { banner, version: 2 });
    await page.reload();
    await page.getByRole("button", { name: part, exact: true }).click();
    // A frame out of sight draws nothing.
    await page.locator("iframe").scrollIntoViewIfNeeded();
    await previewed(page);
    await page.getByRole("heading", { name: "Banner of this site" }).evaluate((title) => title.scrollIntoView());
  };
}

async function showProof(page, { world }) {
  world.categories.banner.other_devices = true;
  await page.reload();
  await page.getByRole("button", { name: "Show proof key" }).click();
  await page.getByText("HMAC-SHA-256").scrollIntoViewIfNeeded();
  await page.mouse.wheel(0, 200);
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
