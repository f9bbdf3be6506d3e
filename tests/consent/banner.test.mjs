// The first layer, the control and the preference centre as people meet them: by keyboard, on a narrow screen, in the
// dark, from right to left, in forced colours. A button chooses; nothing else does.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { accessible, button, download, firstLayer, launch, until, visit } from "./browser.mjs";
import { RECEIPT, startCollector } from "./collector.mjs";
import { ARABIC, REGIMES, VENDORS } from "./settings.mjs";

const NARROW = { width: 320, height: 640 };
const LOOKS = {
  desktop: {},
  dark: { colorScheme: "dark" },
  "320": { viewport: NARROW },
  "1280 px at 400 %": { viewport: { width: 320, height: 256 } },
  "forced-colours": { forcedColors: "active" },
  rtl: { settings: { ...REGIMES.eu, ...ARABIC } },
};

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function open(testing, { settings = REGIMES.eu, page: content, ...options } = {}) {
  const collector = await startCollector(settings, content);
  const visited = await visit(browser, collector, { reducedMotion: "reduce", ...options });
  testing.after(async () => {
    assert.deepEqual(visited.complaints, [], "the browser has no complaint");
    await visited.context.close();
    collector.close();
  });
  return { collector, ...visited, first: visited.page.getByRole("region", { name: settings.texts.title }) };
}

/** The page has left room for the first layer, which it does when that has been laid out. */
const roomy = (page) => page.waitForFunction(() => Number.parseInt(document.documentElement.style.scrollPaddingBottom, 10) > 9);

const chosen = (page) => page.evaluate(() => window.analytics.consent.isChosen());
const scrolls = (page) => page.evaluate(() => document.documentElement.scrollWidth > innerWidth);

for (const [look, { settings = { ...REGIMES.eu, vendors: VENDORS }, ...options }] of Object.entries(LOOKS)) {
  // Obligation 25.
  test(`axe finds nothing: ${look}`, async (testing) => {
    const { page, first } = await open(testing, { settings, ...options });
    const { choose, save, control } = settings.texts;
    await accessible(page, "first layer");
    assert.equal(await scrolls(page), false, "nothing is wider than the screen");
    await first.getByRole("button", { name: choose }).click();
    await page.getByRole("dialog").waitFor();
    await accessible(page, "preference centre");
    assert.equal(await scrolls(page), false);
    await page.getByRole("dialog").getByRole("button", { name: save }).click();
    await button(page, control).waitFor();
    await accessible(page, "control");
  });
}

// Obligation 25.
test("nothing moves for whoever asked for less of it", async (testing) => {
  const moving = async (reducedMotion) => {
    const { first } = await open(testing, { reducedMotion });
    await first.waitFor();
    return first.evaluate((section) => getComputedStyle(section).animationName);
  };
  assert.deepEqual([await moving("no-preference"), await moving("reduce")], ["rise", "none"]);
});

// Obligations 3, 14.
test("accept, reject and choose are equal: size, looks, clicks, order", async (testing) => {
  for (const viewport of [{ width: 1280, height: 800 }, NARROW]) {
    const { page, first } = await open(testing, { viewport });
    const all = await Promise.all(
      ["Accept all", "Reject all", "Choose"].map(async (name) => {
        const one = first.getByRole("button", { name, exact: true });
        const { width, height } = await one.boundingBox();
        const look = await one.evaluate((element) => {
          const { color, backgroundColor, fontSize, fontWeight, borderColor } = getComputedStyle(element);
          return { color, backgroundColor, fontSize, fontWeight, borderColor };
        });
        return { width: Math.round(width), height: Math.round(height), ...look };
      }),
    );
    assert.deepEqual(all[1], all[0]);
    assert.deepEqual(all[2], all[0]);
    const names = await first.getByRole("button").evaluateAll((elements) => elements.map((element) => element.textContent));
    assert.deepEqual(names, ["Accept all", "Reject all", "Choose"]);
    assert.ok(all[0].height >= 24 && all[0].width >= 24, "24 px targets");
    await page.close();
  }
});

// Obligation 25.
test("at 400 % all buttons show, and something of the page", async (testing) => {
  const { first } = await open(testing, { viewport: { width: 320, height: 256 } });
  for (const name of ["Accept all", "Reject all", "Choose"]) {
    const { y, height } = await first.getByRole("button", { name }).boundingBox();
    assert.ok(y >= 0 && y + height <= 256, name);
  }
  assert.ok((await first.boundingBox()).y >= 64);
});

// Obligation 25.
test("by keyboard: the banner is reached, does not trap, and can be passed by", async (testing) => {
  const { page, first } = await open(testing);
  const focused = () => page.evaluate(() => {
    const inner = document.activeElement?.shadowRoot?.activeElement;
    return (inner ?? document.activeElement)?.textContent;
  });
  const walked = [];
  for (let step = 0; step < 5; step += 1) {
    await page.keyboard.press("Tab");
    walked.push(await focused());
  }
  assert.deepEqual(walked.slice(1), ["Accept all", "Reject all", "Choose", "A link"]);
  await page.keyboard.press("Shift+Tab");
  const ring = await first.getByRole("button", { name: "Choose" }).evaluate((element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return `${outlineStyle} ${outlineWidth}`;
  });
  assert.equal(ring, "solid 3px", "the focus is seen");
  assert.equal(await chosen(page), false);
});

// Obligation 25.
test("the dialog traps, Esc closes it without a choice, and the focus goes back", async (testing) => {
  const { page, first } = await open(testing);
  await first.getByRole("button", { name: "Choose" }).focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: REGIMES.eu.texts.title });
  await dialog.waitFor();
  for (let step = 0; step < 12; step += 1) {
    await page.keyboard.press("Tab");
    const inside = await page.evaluate(() => {
      const inner = document.activeElement?.shadowRoot?.activeElement;
      return inner ? inner.closest("dialog") !== null : document.activeElement === document.body;
    });
    assert.ok(inside, "the page behind cannot be reached");
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const back = await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.textContent);
  assert.equal(back, "Choose");
  assert.equal(await chosen(page), false);
  await page.keyboard.press("Enter");
  await button(page, "Close without choosing").click();
  assert.equal(await chosen(page), false);
  assert.equal(await first.isVisible(), true);
});

// Obligation 25.
test("a choice by keyboard alone; the focus stays where it can be changed", async (testing) => {
  const { page, first } = await open(testing);
  await first.getByRole("button", { name: "Reject all" }).focus();
  await page.keyboard.press("Space");
  await first.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.textContent), "Privacy choices");
  assert.equal(await chosen(page), true);
});

test("without a control of ours the focus goes to the page's own after a choice by keyboard", async (testing) => {
  const settings = { ...REGIMES.eu, control: { kind: "none" } };
  const { page, first } = await open(testing, { settings, page: { content: '<p><a id="own" href="/" data-assent-open>Cookies</a></p>' } });
  await first.getByRole("button", { name: "Reject all" }).focus();
  await page.keyboard.press("Space");
  await first.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "own");
});

// Obligations 2, 25.
test("the page stays usable, and what the keyboard reaches is not under the banner", async (testing) => {
  const buttons = Array.from({ length: 30 }, (_, index) => `<p><button id="b${index}">Button ${index}</button></p>`).join("");
  const { page, first } = await open(testing, { page: { content: buttons }, viewport: NARROW });
  await roomy(page);
  await page.getByRole("link", { name: "A link" }).focus();
  for (let step = 0; step < 30; step += 1) {
    await page.keyboard.press("Tab");
    const { y, height, id } = await page.evaluate(() => {
      const { id } = document.activeElement;
      const { y, height } = document.activeElement.getBoundingClientRect();
      return { id, y, height };
    });
    assert.equal(id, `b${step}`);
    assert.ok(y >= 0 && y + height <= (await first.boundingBox()).y, `${id} is above the banner`);
  }
});

test("pressed twice on a slow network the choices open once", async (testing) => {
  const { page, first } = await open(testing);
  await page.route(/choices/, async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    await route.continue();
  });
  await first.getByRole("button", { name: "Choose" }).dblclick();
  await page.getByRole("dialog").waitFor();
  await page.waitForTimeout(500);
  assert.equal(await page.getByRole("dialog").count(), 1);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("what another tab withdraws while the choices are open is not granted by saving them", async (testing) => {
  const { page, context, collector, first } = await open(testing);
  await first.getByRole("button", { name: "Accept all" }).click();
  await button(page, "Privacy choices").click();
  const on = page.getByRole("switch", { name: "Performance" });
  await on.waitFor();
  assert.equal(await on.isChecked(), true);
  const other = await context.newPage();
  await other.goto(`${collector.url}page/other`);
  await button(other, "Withdraw consent").click();
  await page.waitForFunction(() => window.analytics.consent.preferences().performance === false);
  assert.equal(await on.isChecked(), false);
  assert.equal(await page.getByRole("dialog").count(), 1);
  await button(page, "Save choices").click();
  assert.equal(await page.evaluate(() => window.analytics.consent.preferences().performance), false);
});

// Obligation 4.
test("nothing optional is ticked before somebody ticks it", async (testing) => {
  for (const regime of ["eu", "uk", "rest"]) {
    const { page, first } = await open(testing, { settings: { ...REGIMES[regime], vendors: VENDORS } });
    await first.getByRole("button", { name: "Choose" }).click();
    await page.getByRole("dialog").waitFor();
    assert.equal(await page.getByRole("switch").count(), 3 + VENDORS.length, "one for each category and vendor");
    // The United Kingdom's own statistics are on with information; nothing else is, anywhere.
    const isExempt = (category) => regime === "uk" && category === "performance";
    const categories = [["Functionality", "functionality"], ["Performance", "performance"], ["Targeting or advertising", "targeting"]];
    for (const [name, category] of [...categories, ...VENDORS.map((vendor) => [vendor.name, vendor.category])]) {
      const isOn = await page.getByRole("switch", { name, exact: true }).isChecked();
      assert.equal(isOn, isExempt(category), `${regime}: ${name}`);
    }
  }
});

// Obligation 25.
test("vendors can be refused one by one, and a switch is 24 px", async (testing) => {
  const { page, first, collector } = await open(testing, { settings: { ...REGIMES.eu, vendors: VENDORS } });
  await first.getByRole("button", { name: "Choose" }).click();
  const on = (name) => page.getByRole("switch", { name, exact: true });
  for (const name of ["Crazy Egg", "DoubleClick", "Performance"]) assert.equal(await on(name).isChecked(), false);
  await on("Performance").check();
  await on("Crazy Egg").uncheck();
  const { width, height } = await on("Crazy Egg").boundingBox();
  assert.ok(width >= 24 && height >= 24);
  await button(page, "Save choices").click();
  const told = await until("the server hears it", () => collector.requests.find(({ path }) => path === "/v1/consent"));
  const { consent } = told.events[0].context;
  assert.deepEqual(consent.refusedVendors, ["crazy-egg"]);
  assert.deepEqual(consent.categoryPreferences, { required: true, functionality: false, performance: true, targeting: false });
});

test("after a choice, a refusal too, the preference centre offers its receipt", async (testing) => {
  const { page, context, first, collector } = await open(testing);
  await first.getByRole("button", { name: "Choose" }).click();
  const link = page.getByRole("link", { name: "Download the receipt of your choice" });
  await page.getByRole("dialog").waitFor();
  assert.equal(await link.count(), 0, "nothing was chosen");
  await page.getByRole("dialog").getByRole("button", { name: "Reject all" }).click();
  await until("the server has it", () => page.evaluate(() => document.cookie.includes("~1")));
  await button(page, "Privacy choices").click();
  await accessible(page, "preference centre with a receipt");
  const { height } = await link.boundingBox();
  assert.ok(height >= 24, "24 px to hit");
  const [file] = await Promise.all([download(context, page), link.click()]);
  assert.equal(file.suggestedFilename(), "receipt.json");
  assert.ok(collector.requests.some(({ path }) => path === `/v1/consent/${RECEIPT}`));
  await page.reload();
  await button(page, "Privacy choices").click();
  await page.getByRole("dialog").waitFor();
  assert.equal(await link.count(), 0, "its number is kept nowhere");
});

// Obligations 15, 18.
test("California: refusing takes no more clicks than accepting", async (testing) => {
  const clicks = async (name, granted) => {
    const { page } = await open(testing, { settings: REGIMES.california });
    const before = await page.evaluate(() => window.analytics.consent.preferences().targeting);
    let count = 0;
    for (const step of ["Your Privacy Choices", name]) {
      await button(page, step).click();
      count += 1;
    }
    assert.equal(await page.evaluate(() => window.analytics.consent.preferences().targeting), granted, `${before} before`);
    return count;
  };
  const [out, into] = [await clicks("Reject all", false), await clicks("Accept all", true)];
  assert.ok(out <= into, `${out} clicks out, ${into} in`);
});

// Obligation 20.
test("California: granting again what was refused takes a second click", async (testing) => {
  const { page } = await open(testing, { settings: REGIMES.california });
  const act = async (name) => page.getByRole("dialog").getByRole("button", { name }).click();
  await button(page, "Your Privacy Choices").click();
  await act("Reject all");
  await button(page, "Your Privacy Choices").click();
  await act("Accept all");
  await page.getByRole("alert").getByText("Press the button once more").waitFor();
  assert.equal(await page.evaluate(() => window.analytics.consent.preferences().targeting), false);
  await act("Accept all");
  assert.equal(await page.evaluate(() => window.analytics.consent.preferences().targeting), true);
});

/** Opens the preference centre while the browser sends GPC, ticks targeting and saves: the second step is there. */
async function grantOverGpc(testing, options = {}) {
  const settings = options.settings ?? REGIMES.california;
  const visited = await open(testing, { ...options, settings, gpc: true });
  const { page } = visited;
  const { texts, categories } = settings;
  if (settings.regime.first === "ask") await visited.first.getByRole("button", { name: texts.choose }).click();
  else await button(page, texts.control).click();
  const targeting = page.getByRole("switch", { name: categories.find(({ id }) => id === "targeting").name, exact: true });
  assert.equal(await targeting.isChecked(), false, "the signal keeps it off");
  await targeting.check();
  await button(page, texts.save).focus();
  await page.keyboard.press("Enter");
  const step = page.getByRole("alertdialog", { name: texts.overGpc.title });
  await step.waitFor();
  const choices = () => visited.collector.requests.filter(({ path }) => path === "/v1/consent");
  return { ...visited, targeting, step, choices, allowed: () => page.evaluate(() => window.analytics.consent.preferences().targeting) };
}

// Obligations 16, 20.
for (const regime of Object.keys(REGIMES)) {
  test(`GPC, ${regime}: an opt-in over it takes an informed second step, and is recorded as one`, async (testing) => {
    const { page, step, choices, allowed, collector } = await grantOverGpc(testing, { settings: REGIMES[regime] });
    await step.getByText("do not sell or share").waitFor();
    await step.getByText("Targeting or advertising").waitFor();
    assert.deepEqual([choices().length, await allowed()], [0, false], "the first step alone is nothing");
    await step.getByRole("button", { name: "Allow this anyway" }).click();
    await until("the server hears it", () => choices().length === 1);
    const { method, version, textHash, layer, categoryPreferences } = choices()[0].events[0].context.consent;
    assert.deepEqual([method, version, layer, categoryPreferences.targeting], ["confirmed_over_gpc", 3, "centre", true]);
    assert.equal(textHash, REGIMES[regime].texts.hash);
    await until("its tag is loaded", () => collector.requests.some(({ path }) => path === "/tags/ads.js"));
    assert.equal(await page.getByText("Opt-out request honored").count(), 0, "it is not said of what was undone");
    await page.reload();
    await page.waitForFunction(() => window.analytics?.initialized);
    assert.equal(await allowed(), true, "it holds on the next page");
    // Something else is changed: the opt-in stands without being asked for again.
    await button(page, REGIMES[regime].texts.control).click();
    await page.getByRole("switch", { name: "Functionality" }).uncheck();
    await button(page, "Save choices").click();
    assert.equal(await allowed(), true);
    await button(page, "Withdraw consent").click();
    assert.equal(await allowed(), false, "one click takes it back");
    await button(page, REGIMES[regime].texts.control).click();
    await page.getByRole("dialog").getByText("Opt-out request honored").waitFor();
  });
}

// Obligation 20.
test("GPC: keeping the opt-out leaves the refusal and records the rest", async (testing) => {
  const { page, step, choices, allowed } = await grantOverGpc(testing);
  await step.getByRole("button", { name: "Keep my opt-out" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until("the server hears it", () => choices().length === 1);
  const { method, categoryPreferences } = choices()[0].events[0].context.consent;
  assert.deepEqual([method, categoryPreferences.targeting, categoryPreferences.performance], ["choose", false, true]);
  assert.equal(await allowed(), false);
  await page.getByText("Opt-out request honored").waitFor();
});

test("GPC: the second step by keyboard; Esc goes back to the choices and grants nothing", async (testing) => {
  const { page, step, choices, allowed } = await grantOverGpc(testing);
  const focused = () => page.evaluate(() => {
    const inner = document.activeElement?.shadowRoot?.activeElement;
    return { text: inner?.textContent, inside: inner ? inner.closest("[role=alertdialog]") !== null : document.activeElement === document.body };
  });
  const walked = [];
  for (let press = 0; press < 6; press += 1) {
    const { text, inside } = await focused();
    assert.ok(inside, "the choices behind cannot be reached");
    walked.push(text);
    await page.keyboard.press("Tab");
  }
  assert.ok(walked.indexOf("Keep my opt-out") < walked.indexOf("Allow this anyway"), "leaving it is reached first");
  await page.keyboard.press("Escape");
  await step.waitFor({ state: "detached" });
  assert.equal((await focused()).text, "Save choices", "the focus goes back");
  assert.equal(await page.getByRole("dialog", { name: "Your privacy on this site" }).count(), 1);
  assert.deepEqual([choices().length, await allowed()], [0, false]);
});

for (const [look, options] of Object.entries(LOOKS)) {
  test(`axe finds nothing at the second step over GPC: ${look}`, async (testing) => {
    const { page, step } = await grantOverGpc(testing, options);
    await accessible(page, "second step");
    assert.equal(await scrolls(page), false, "nothing is wider than the screen");
    const { height } = page.viewportSize();
    const boxes = await Promise.all((await step.getByRole("button").all()).map((one) => one.boundingBox()));
    assert.equal(boxes.length, 2);
    assert.ok(boxes.every(({ width, height }) => Math.abs(width - boxes[0].width) < 1 && height >= 24), "equal, and 24 px to hit");
    assert.ok(boxes.every((box) => box.y >= 0 && box.y + box.height <= height), "both buttons show");
  });
}

test("GPC: where no words say what granting undoes, the signal wins", async (testing) => {
  const { overGpc: _, ...texts } = REGIMES.california.texts;
  const { page } = await open(testing, { settings: { ...REGIMES.california, texts }, gpc: true });
  await button(page, "Your Privacy Choices").click();
  assert.equal(await page.getByRole("switch", { name: "Targeting or advertising" }).isDisabled(), true);
});

// Obligation 18.
test("an element of the page opens the choices; the body may be replaced", async (testing) => {
  const { page } = await open(testing, { page: { content: '<p><a href="/" data-assent-open>Cookies</a></p>' } });
  await page.getByRole("link", { name: "Cookies" }).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.evaluate(() => document.body.replaceWith(document.createElement("body")));
  await firstLayer(page).waitFor();
});

test("the last line of a page can be scrolled above the banner, and the page's own styles stay", async (testing) => {
  // As a page's own script would, before ours is there.
  const prepare = (context) => context.addInitScript(() => document.addEventListener("readystatechange", () => { document.documentElement.style.scrollPaddingBottom ||= "9px"; }, { once: true }));
  const { page, first } = await open(testing, { prepare, page: { content: '<p id="last">The end</p>' } });
  await roomy(page);
  await page.evaluate(() => {
    document.querySelector("main").style.minHeight = "0";
    document.body.style.paddingBottom = "7px";
    window.scrollTo(0, document.documentElement.scrollHeight);
  });
  const { y, height } = await page.locator("#last").boundingBox();
  assert.ok(y + height <= (await first.boundingBox()).y);
  // A narrower window wraps the text anew.
  const before = await page.evaluate(() => document.documentElement.style.scrollPaddingBottom);
  await page.setViewportSize({ width: 400, height: 800 });
  await page.waitForFunction((was) => document.documentElement.style.scrollPaddingBottom !== was, before);
  await first.getByRole("button", { name: "Reject all" }).click();
  assert.equal(await page.evaluate(() => `${document.body.style.paddingBottom} ${document.documentElement.style.scrollPaddingBottom}`), "7px 9px");
});

test("a frame shows nothing of its own and follows the choice", async (testing) => {
  const { page, collector, first } = await open(testing, { page: { content: "" } });
  await page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.src = "/page/frame";
    document.body.append(frame);
  });
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  await frame.waitForFunction(() => window.analytics?.initialized);
  assert.equal(await frame.getByRole("button").count(), 0);
  await first.getByRole("button", { name: "Accept all" }).click();
  await frame.waitForFunction(() => window.analytics.consent.preferences().performance);
  await frame.evaluate(() => void window.analytics.track("In the frame"));
  await until("its event comes", () => collector.requests.some(({ body }) => body?.batch?.some(({ event, context }) => event === "In the frame" && context.page.path === "/page/frame")));
});

test("where the browser keeps nothing a choice holds as long as the page", async (testing) => {
  const { page, first, collector } = await open(testing, {
    settings: { ...REGIMES.eu, tags: [] },
    prepare: (context) =>
      context.addInitScript(() => {
        Object.defineProperty(Document.prototype, "cookie", { get: () => "", set: () => {} });
        Object.defineProperty(window, "localStorage", { get: () => { throw new DOMException("denied", "SecurityError"); } });
      }),
  });
  await first.getByRole("button", { name: "Accept all" }).click();
  await first.waitFor({ state: "detached" });
  await page.evaluate(() => dispatchEvent(new Event("focus")));
  await page.evaluate(() => void window.analytics.track("Still"));
  assert.equal(await chosen(page), true);
  assert.equal(await first.count(), 0);
  await until("the event comes", () => collector.requests.some(({ body }) => body?.batch?.some(({ event }) => event === "Still")));
});

test("what ran and is withdrawn is named, with a reload", async (testing) => {
  const { page, first } = await open(testing);
  await first.getByRole("button", { name: "Accept all" }).click();
  await page.waitForFunction(() => document.cookie.includes("_ads"));
  await button(page, "Withdraw consent").click();
  await page.getByText("Already running until this page is reloaded: chat, stats, ads").waitFor();
  // Not whether the SDK has started: that it has on the page that goes, too.
  await Promise.all([page.waitForEvent("load"), button(page, "Reload").click()]);
  await page.waitForFunction(() => window.analytics?.initialized);
  assert.equal(await page.getByText("Already running").count(), 0);
});
