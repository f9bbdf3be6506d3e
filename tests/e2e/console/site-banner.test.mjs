// The banner of one site, on its source's page: what is written, refused, published and removed, against the mock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMock } from "../../../web/console/mock/server.mjs";
import { until } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn } from "./browser.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const TAG = { id: "px", kind: "img", src: "/p", categories: ["targeting"], purpose: "advertising" };
const BANNER = { languages: { en: { title: "At the shop" } }, tags: [TAG], cookie_domain: "shop.example" };

const MAP = {
  id: "map",
  kind: "iframe",
  src: "https://maps.example/embed",
  categories: ["targeting"],
  purpose: "personalisation",
  vendor: "heap",
  into: "#map",
};
const NONE = { surfaces: [], frames: [] };
/** What the workspace says, which the site goes without. */
const TEMPLATE = {
  tags: [{ ...TAG, id: "ga" }],
  vendors: [{ id: "heap", name: "Heap", category: "targeting" }],
  consent_mode: { ad_storage: "targeting" },
  surfaces: ["trustarc"],
  frames: ["https://www.example"],
};

async function withSource(run, { banner = null, template = {}, source = {}, look = {} } = {}) {
  const mock = await startMock();
  const web = mock.world.sources.find(({ name }) => name === "web");
  Object.assign(web, source, { banner: structuredClone(banner) });
  Object.assign(mock.world.categories.banner, structuredClone(template));
  const { page, complaints, close } = await open(browser, { url: mock.url, ...look });
  try {
    await signIn(page);
    await page.goto("/w/acme/sources/web");
    await shown(page);
    await run(page, { web, world: mock.world });
    assert.deepEqual(complaints, []);
  } finally {
    await close();
    mock.stop();
  }
}

const save = (page) => page.getByRole("button", { name: "Save the site’s banner" });
const saved = (page) => page.getByText("Not saved").waitFor({ state: "detached" });
const seen = (page) => page.frameLocator("iframe[title='The banner as a visitor sees it']");

test("a site that inherits everything begins one: words, before, host, and the preview follows", () =>
  withSource(async (page, { web }) => {
    await page.getByRole("button", { name: "Say something else on this site" }).click();
    await page.getByLabel("Title", { exact: true }).fill("At the shop");
    await seen(page).getByRole("heading", { name: "At the shop" }).waitFor();
    await page.getByRole("button", { name: "Before a choice" }).click();
    await page.getByLabel("European Union", { exact: false }).first().selectOption("buffer");
    await page.getByRole("button", { name: "Control and host" }).click();
    await page.getByLabel("Domain of the cookies").fill("shop.example");
    await page.getByLabel("Choices in frames").selectOption("own");
    await page.getByLabel(/^Sites that show/).fill("https://a.example\nhttps://b.example");
    await page.getByLabel("How visitors find").selectOption("none");
    await accessible(page, "the banner of a site");
    // The other form keeps what this one saves, and this one what the other saved.
    await page.getByLabel("Region of all its events").fill("DE");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Source web").first().waitFor();
    await save(page).click();
    await saved(page);
    const { before, ...rest } = web.banner;
    assert.deepEqual(Object.values(before), ["buffer"]);
    assert.deepEqual(rest, {
      languages: { en: { title: "At the shop" } },
      control: "none",
      cookie_domain: "shop.example",
      frames: ["https://a.example", "https://b.example"],
    });
    assert.equal(web.region, "DE");
  }));

test("refused words lead to the site's field; emptied they are the workspace's; what nobody touched is kept", () =>
  withSource(
    async (page, { web }) => {
      await page.getByLabel("Button that refuses all").fill("No, I want nothing of all this at all");
      await page.getByRole("button", { name: "Before a choice" }).click();
      await save(page).click();
      await page.getByText("source web, banner: banner language en").first().waitFor();
      await page.getByRole("button", { name: "Show the field" }).first().click();
      const field = page.getByLabel("Button that refuses all");
      await field.waitFor();
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      await field.fill("");
      await page.getByLabel("Title", { exact: true }).fill("");
      await save(page).click();
      await saved(page);
      assert.deepEqual(web.banner, { tags: [TAG], cookie_domain: "shop.example" });
    },
    { banner: BANNER },
  ));

test("tags, consent mode, platforms and frames of a site, of which some are said to be none", () =>
  withSource(
    async (page, { web }) => {
      await page.getByRole("button", { name: "Tags", exact: true }).click();
      await page.getByText("Beside the workspace's: ga.").waitFor();
      await page.getByRole("button", { name: "Add tag" }).click();
      const added = page.getByRole("group", { name: "Tag 2", exact: true });
      await added.getByLabel("Kind").selectOption("iframe");
      await added.getByLabel("Address").fill("https://maps.example/embed");
      await added.getByLabel("Vendor").selectOption("heap");
      await added.getByLabel("Into").fill("#map");
      await added.getByLabel("targeting").check();
      await added.getByLabel("Purpose").selectOption("personalisation");
      await added.getByLabel("Id", { exact: true }).fill("map");
      await accessible(page, "tags of a site");
      await page.getByRole("button", { name: "Other platforms" }).click();
      const google = page.getByLabel("Google Consent Mode");
      assert.match(await google.locator("option").first().innerText(), /^As the workspace: ad_storage$/);
      await google.selectOption("own");
      await page.getByLabel("ad_storage").selectOption("");
      await page.getByLabel("analytics_storage").selectOption("performance");
      await page.getByLabel("Answering as another consent platform").selectOption("own");
      await page.getByLabel(/^TrustArc/).uncheck();
      await accessible(page, "other platforms of a site");
      await page.getByRole("button", { name: "Control and host" }).click();
      await page.getByLabel("Choices in frames").selectOption("own");
      await page.getByLabel(/^Sites that show/).fill("");
      await save(page).click();
      await saved(page);
      assert.deepEqual(web.banner, { ...BANNER, tags: [TAG, MAP], ...NONE, consent_mode: { analytics_storage: "performance" } });
      // And back: what is the workspace's again is not said.
      await page.getByLabel("Choices in frames").selectOption("");
      await page.getByRole("button", { name: "Other platforms" }).click();
      await google.selectOption("");
      await page.getByLabel("Answering as another consent platform").selectOption("");
      await page.getByRole("button", { name: "Tags", exact: true }).click();
      await page.getByRole("button", { name: "Remove map" }).click();
      await page.getByRole("button", { name: "Remove px" }).click();
      await save(page).click();
      await saved(page);
      const { tags: _, ...rest } = BANNER;
      assert.deepEqual(web.banner, rest);
    },
    { banner: BANNER, template: TEMPLATE },
  ));

test("a refused tag of a site leads to its fields", () =>
  withSource(
    async (page) => {
      await page.getByRole("button", { name: "Tags", exact: true }).click();
      await page.getByLabel("Address").fill("/other");
      await page.getByRole("button", { name: "Words" }).click();
      await page.getByRole("button", { name: "Show the field" }).click();
      await page.getByRole("group", { name: "px" }).getByText("which does not exist").waitFor();
      await page.getByLabel("Id", { exact: true }).and(page.locator(":focus")).waitFor();
    },
    { banner: { tags: [{ ...TAG, categories: ["gone"] }] } },
  ));

test("publishing asks first, says what moves and what stays, and a conflict is shown", () =>
  withSource(
    async (page, { web, world }) => {
      const publish = page.getByRole("button", { name: "Publish to all sites" });
      web.version = 7;
      const { version } = world.categories;
      await publish.click();
      const dialog = page.getByRole("dialog", { name: "Publish the banner of web to all sites?" });
      await dialog.getByText("words, tags").waitFor();
      await dialog.getByText("the domain of the cookies").waitFor();
      assert.deepEqual(world.published, []);
      await accessible(page, "publishing is asked for");
      await dialog.getByRole("button", { name: "Publish", exact: true }).click();
      await dialog.getByText("was changed since").waitFor();
      assert.deepEqual(world.published, [[1, version]]);
      // Meanwhile somebody edits the workspace's banner as well.
      world.categories.version += 1;
      await dialog.getByRole("button", { name: "Publish", exact: true }).click();
      await until("it is refused again", () => world.published.length === 2);
      await dialog.getByText("was changed since").waitFor();
      await dialog.getByRole("button", { name: "Publish", exact: true }).click();
      await dialog.waitFor({ state: "detached" });
      assert.deepEqual(world.published, [
        [1, version],
        [7, version],
        [7, version + 1],
      ]);
      assert.deepEqual(web.banner, { cookie_domain: "shop.example" });
      assert.equal(world.categories.banner.languages.en.title, "At the shop");
    },
    { banner: BANNER },
  ));

test("a source with a banner becomes a mobile one once the banner is gone", () =>
  withSource(
    async (page, { web }) => {
      await page.getByLabel("Kind").first().selectOption("mobile");
      await page.getByText("Remove the site’s banner first").waitFor();
      await page.getByRole("button", { name: "Remove the site’s banner" }).first().click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
      await page.getByText("Remove the site’s banner first").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByRole("heading", { name: "Banner of this site" }).waitFor({ state: "detached" });
      assert.deepEqual([web.kind, web.banner], ["mobile", null]);
    },
    { banner: BANNER },
  ));

const proof = (page) =>
  page.locator("section", { has: page.getByRole("heading", { name: "Proof of who is signed in" }) });

for (const dark of [false, true]) {
  test(`the proof key at 320 px, ${dark ? "dark" : "light"}: hidden until asked for, and copied`, () =>
    withSource(
      async (page, { web }) => {
        await proof(page).getByText("HMAC-SHA-256").waitFor();
        assert.ok(!(await page.content()).includes(web.proof_key), "it is not in the page");
        await fits(page, "the proof key hidden");
        await proof(page).getByRole("button", { name: "Show proof key" }).click();
        await proof(page).getByText(web.proof_key).waitFor();
        await proof(page).getByRole("button", { name: "Copy proof key" }).click();
        assert.equal(await page.evaluate(() => navigator.clipboard.readText()), web.proof_key);
        await fits(page, "the proof key");
        await accessible(page, "the proof key");
        await proof(page).getByRole("button", { name: "Hide proof key" }).click();
        await proof(page).getByText(web.proof_key).waitFor({ state: "detached" });
      },
      { template: { other_devices: true }, look: { size: NARROW, dark } },
    ));
}

test("who is shown no key, and a page that is told nothing, have no word of the proof", async () => {
  const absent = async (page) => {
    await page.getByRole("button", { name: "Say something else on this site" }).click();
    // By then the consent block, which decides, is there.
    await page.getByLabel("Title", { exact: true }).waitFor();
    assert.equal(await proof(page).count(), 0);
  };
  await withSource(absent);
  await withSource(absent, { template: { other_devices: true }, source: { proof_key: null } });
});

for (const dark of [false, true]) {
  test(`at 320 px, ${dark ? "dark" : "light"}: the editor fits and axe finds nothing`, () =>
    withSource(
      async (page) => {
        await seen(page).getByRole("heading", { name: "At the shop" }).waitFor();
        for (const tab of ["Words", "Before a choice", "Tags", "Other platforms", "Control and host"]) {
          await page.getByRole("button", { name: tab, exact: true }).click();
          await fits(page, tab);
          await accessible(page, `${tab} of a site at 320 px`);
        }
      },
      { banner: BANNER, look: { size: NARROW, dark } },
    ));
}
