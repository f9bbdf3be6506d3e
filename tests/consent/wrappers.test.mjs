// Segment's own SDK and consent tools, unmodified, with Assent as the consent manager: directly, and through what the
// wrappers of TrustArc and OneTrust read. Whatever those lose of a choice, the server hears it from Assent.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { KEYS, open as openIn, openSegment as openSegmentIn, page, SURFACES } from "./beside.mjs";
import { button, launch, until } from "./browser.mjs";
import { REGIMES } from "./settings.mjs";

/** Longer than the wrappers take to look again. */
const POLL_MS = 700;
const NONE = { required: true, functionality: false, performance: false, targeting: false };
const ALL = { required: true, functionality: true, performance: true, targeting: true };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

const open = (...rest) => openIn(browser, ...rest);
const openSegment = (...rest) => openSegmentIn(browser, ...rest);
const track = (tab, name) => tab.evaluate((event) => void window.analytics.track(event), name);
const inCentre = async (tab, control, change) => {
  await button(tab, control).click();
  const dialog = tab.getByRole("dialog");
  await dialog.waitFor();
  await change(dialog);
};
const saving = (name, on) => async (dialog) => {
  await dialog.getByRole("switch", { name }).setChecked(on);
  await dialog.getByRole("button", { name: "Save choices" }).click();
};

const seen = (segment, name) => until(`${name} arrives`, () => segment().find(({ event }) => event === name));

/** Where nothing holds until it is granted. */
function europe(way) {
  const [performance, targeting] = KEYS[way];
  test("EU, no choice: nothing is sent or stored", async (testing) => {
    const { tab, collector, context } = await openSegment(testing, way, REGIMES.eu);
    await pause(POLL_MS);
    assert.deepEqual(collector.requests.filter(({ method }) => method === "POST"), []);
    assert.deepEqual([await context.cookies(), await tab.evaluate(() => Object.keys(localStorage))], [[], []]);
  });

  test("EU, reject all: Segment never sends, and the refusal is known, of nobody", async (testing) => {
    const { tab, told, segment } = await openSegment(testing, way, REGIMES.eu);
    await button(tab, "Reject all").click();
    const refusal = await until("it is told", () => told()[0]);
    assert.deepEqual(refusal.context.consent.categoryPreferences, NONE);
    assert.deepEqual([Object.keys(refusal.context), refusal.anonymousId, refusal.userId], [["consent"], undefined, undefined]);
    await pause(POLL_MS);
    assert.deepEqual([segment(), told().length], [[], 1]);
  });

  test("EU, accept, then withdraw without a reload: both known, of the visitor whose events those are", async (testing) => {
    const { tab, told, segment } = await openSegment(testing, way, REGIMES.eu);
    await button(tab, "Accept all").click();
    const early = await seen(segment, "Early");
    assert.deepEqual([early.context.consent.categoryPreferences[performance], early.context.consent.categoryPreferences[targeting]], [true, true]);
    assert.deepEqual(told().map(({ anonymousId }) => anonymousId), [early.anonymousId]);
    await button(tab, "Withdraw consent").click();
    const withdrawal = await until("it is told", () => told()[1]);
    assert.deepEqual([withdrawal.anonymousId, withdrawal.context.consent.categoryPreferences], [early.anonymousId, NONE]);
    await track(tab, "After");
    // Segment's SDK goes on until the page is loaded again; what it sends says that nothing is granted any more.
    const late = await seen(segment, "After");
    assert.deepEqual([late.context.consent.categoryPreferences[performance], late.context.consent.categoryPreferences[targeting]], [false, false]);
  });

  test("EU, one category and later another: each choice is known", async (testing) => {
    const { tab, told, segment } = await openSegment(testing, way, REGIMES.eu);
    await inCentre(tab, "Choose", saving("Performance", true));
    await seen(segment, "Early");
    await inCentre(tab, "Privacy choices", saving("Targeting or advertising", true));
    await until("both are told", () => told().length === 2);
    assert.deepEqual(told().map(({ context: { consent } }) => consent.categoryPreferences), [{ ...NONE, performance: true }, { ...NONE, performance: true, targeting: true }]);
    const [one, other] = told();
    assert.equal(one.anonymousId, other.anonymousId);
  });

  test("EU, advertising alone: the required bucket stands in front, so that it is not taken for nothing", async (testing) => {
    const { tab, segment } = await openSegment(testing, way, REGIMES.eu);
    await inCentre(tab, "Choose", saving("Targeting or advertising", true));
    const { context } = await seen(segment, "Early");
    assert.deepEqual([context.consent.categoryPreferences[performance], context.consent.categoryPreferences[targeting]], [false, true]);
  });
}

/** Where everything holds until it is refused. */
function states(way) {
  const [performance, targeting] = KEYS[way];
  test("US, all on; opting out of one is known, and Segment's stamp says it", async (testing) => {
    const { tab, told, segment } = await openSegment(testing, way, REGIMES.california);
    const early = await seen(segment, "Early");
    assert.equal(early.context.consent.categoryPreferences[targeting], true);
    await inCentre(tab, "Your Privacy Choices", saving("Targeting or advertising", false));
    const choice = await until("it is told", () => told()[0]);
    assert.deepEqual([choice.anonymousId, choice.context.consent.categoryPreferences], [early.anonymousId, { ...ALL, targeting: false }]);
    await track(tab, "After");
    assert.equal((await seen(segment, "After")).context.consent.categoryPreferences[targeting], false);
  });

  test("US, reject all: Segment drops its own report, ours arrives", async (testing) => {
    const { tab, told, segment } = await openSegment(testing, way, REGIMES.california);
    const early = await seen(segment, "Early");
    await inCentre(tab, "Your Privacy Choices", (dialog) => dialog.getByRole("button", { name: "Reject all" }).click());
    const choice = await until("it is told", () => told()[0]);
    assert.deepEqual([choice.anonymousId, choice.context.consent.categoryPreferences], [early.anonymousId, NONE]);
    await track(tab, "After");
    await pause(POLL_MS);
    assert.deepEqual(segment().map(({ event }) => event), ["Early"], "neither the report nor what follows");
  });

  test("US, GPC: nobody counts as having agreed", async (testing) => {
    const { segment } = await openSegment(testing, way, REGIMES.california, { gpc: true });
    const { context } = await seen(segment, "Early");
    assert.deepEqual([context.consent.categoryPreferences[performance], context.consent.categoryPreferences[targeting]], [true, false]);
  });
}

for (const way of Object.keys(SURFACES)) {
  describe(way, () => {
    europe(way);
    states(way);
  });
}

describe("settings of the wrappers", () => {
  const asTrustArc = (testing, settings, wrapper, more) => openSegment(testing, "withTrustArc", settings, { wrapper, ...more });
  const stamp = ({ context }) => context.consent.categoryPreferences;

  test("TrustArc: the experience says the model, whatever the page's function says", async (testing) => {
    const experience = { consentModelBasedOnConsentExperience: true };
    const states = await asTrustArc(testing, REGIMES.california, { ...experience, consentModel: "opt-in" });
    assert.deepEqual(stamp(await seen(states.segment, "Early")), { "ta-1": true, "ta-2": true, "ta-3": true, "ta-4": true });
    const europe = await asTrustArc(testing, REGIMES.eu, { ...experience, consentModel: "opt-out" });
    await pause(POLL_MS);
    assert.deepEqual(europe.segment(), []);
  });

  test("TrustArc: a Segment that always loads says before any choice that nothing is granted", async (testing) => {
    const { tab, told, segment } = await asTrustArc(testing, REGIMES.eu, { alwaysLoadSegment: true }, { unmapped: true });
    const none = { "ta-1": true, "ta-2": false, "ta-3": false, "ta-4": false };
    assert.deepEqual(stamp(await seen(segment, "Early")), none);
    assert.deepEqual(told(), []);
    await button(tab, "Accept all").click();
    await track(tab, "After");
    assert.deepEqual(stamp(await seen(segment, "After")), { "ta-1": true, "ta-2": true, "ta-3": true, "ta-4": true });
  });

  for (const way of ["withTrustArc", "withOneTrust"]) {
    test(`${way}: a model of the page's own, and no report of Segment's: ours arrives`, async (testing) => {
      const wrapper = { consentModel: "opt-out", disableConsentChangedEvent: true };
      const { tab, told, segment } = await openSegment(testing, way, REGIMES.eu, { wrapper, unmapped: true });
      await seen(segment, "Early");
      await button(tab, "Accept all").click();
      await until("it is told", () => told().length);
      await track(tab, "After");
      await seen(segment, "After");
      assert.deepEqual(segment().map(({ event }) => event), ["Early", "After"]);
    });
  }
});

const cookies = async (context) => Object.fromEntries((await context.cookies()).map(({ name, value }) => [name, value]));

test("TrustArc: what its readers find, before and after a choice", async (testing) => {
  const inline = `window.heard = []; addEventListener("message", ({ data }) => window.heard.push(data));
    addEventListener("DOMContentLoaded", () => { for (const name of ["truste-cookie", "truste-consent", "truste-consent-gtm"]) document.body.addEventListener(name, () => window.heard.push(name)); });`;
  const { tab, context, told } = await open(testing, { ...REGIMES.eu, surfaces: ["trustarc"] }, page(inline, '<div id="teconsent"></div>'));
  await tab.waitForFunction(() => window.truste);
  const ask = () => tab.evaluate(() => {
    const { eu, cma } = window.truste;
    const names = ["getConsent", "getConsentDecision", "getGDPRConsentDecision", "other"];
    return [{ ...eu.bindMap }, ...names.map((name) => cma.callApi(name, eu.bindMap.domain)), window.PrivacyManagerAPI === cma];
  });
  const map = { behaviorManager: "eu", behavior: "expressed", categoryCount: 4, domain: "127.0.0.1" };
  const unavailable = { error: "Call is not available" };
  assert.deepEqual(await ask(), [
    { ...map, prefCookie: "" },
    { consent: "denied", source: "implied" },
    { consentDecision: 1, source: "implied" },
    { consentDecision: [1], source: "implied" },
    unavailable,
    true,
  ]);
  assert.deepEqual(await cookies(context), {});
  await tab.locator("#teconsent").getByRole("button", { name: "Privacy choices" }).click();
  await saving("Targeting or advertising", true)(tab.getByRole("dialog"));
  assert.deepEqual(await ask(), [
    { ...map, prefCookie: "0,3" },
    { consent: "denied", source: "asserted" },
    { consentDecision: 1, source: "asserted" },
    { consentDecision: [1, 4], source: "asserted" },
    unavailable,
    true,
  ]);
  const { assent_choice: _, ajs_anonymous_id: __, ...surface } = await cookies(context);
  assert.deepEqual(surface, { notice_behavior: "expressed,eu", notice_preferences: "0:", notice_gdpr_prefs: "0,3:", cmapi_cookie_privacy: "permit 1,4" });
  const heard = await until("it is said", () => tab.evaluate(() => window.heard.length >= 5 && window.heard));
  assert.deepEqual(heard.slice(0, 3), ["truste-cookie", "truste-consent", "truste-consent-gtm"]);
  assert.deepEqual(JSON.parse(heard[3]), { source: "preference_manager", message: "submit_preferences", data: { value: "0,3" } });
  assert.deepEqual(JSON.parse(heard[4]).PrivacyManagerAPI.consentDecision, 1);
  await until("it is told", () => told().length === 1);
  const days = (await context.cookies()).map(({ expires }) => Math.round((expires * 1_000 - Date.now()) / 86_400_000));
  assert.ok(days.every((one) => one === 180 || one === 90), "as long as the choice, or an identifier");
});

/** What a listener as TrustArc's template for tag managers has it is told, from its registration on. */
const listenAsTagManager = (tab) => tab.evaluate(() => {
  window.calls = [];
  window.addConsentListenerTA((preferences, behavior) => window.calls.push([preferences, behavior]));
  return window.calls;
});

test("TrustArc: tag managers hear what the cookies say, at once and at every change", async (testing) => {
  const { tab, context } = await open(testing, { ...REGIMES.eu, surfaces: ["trustarc"] });
  await tab.waitForFunction(() => window.truste);
  assert.deepEqual(await listenAsTagManager(tab), [["", "expressed,eu"]]);
  await tab.evaluate(() => window.assent.consent.choose({ categories: { functionality: true, targeting: true } }));
  const { notice_behavior: behavior, cmapi_cookie_privacy: preferences } = await cookies(context);
  assert.deepEqual([preferences, behavior], ["permit 1,2,4", "expressed,eu"]);
  await tab.evaluate(() => window.assent.consent.withdraw());
  const refused = ["permit 1 required", behavior];
  assert.deepEqual(await tab.evaluate(() => window.calls), [["", behavior], [preferences, behavior], refused]);
});

test("TrustArc: where nobody has to be asked tag managers hear what holds, and of a signal", async (testing) => {
  const settings = { ...REGIMES.california, surfaces: ["trustarc"] };
  for (const [gpc, permits] of [[true, "permit 1,2,3"], [false, "permit 1,2,3,4"]]) {
    const { tab } = await open(testing, settings, { ...page(), gpc });
    await tab.waitForFunction(() => window.truste);
    assert.deepEqual(await listenAsTagManager(tab), [[permits, "implied,us"]]);
  }
});

test("TrustArc: a later visit does not lengthen what was said", async (testing) => {
  const { tab, context, collector } = await open(testing, { ...REGIMES.eu, surfaces: ["trustarc", "onetrust"] });
  await tab.evaluate(() => window.assent.consent.choose({ categories: { functionality: true } }));
  await tab.waitForFunction(() => document.cookie.includes("notice_gdpr_prefs") && document.cookie.includes("OptanonConsent"));
  assert.equal((await cookies(context)).cmapi_cookie_privacy, "permit 1,2 functional");
  await tab.clock.install({ time: Date.now() + 100 * 86_400_000 });
  await tab.goto(`${collector.url}page/later`);
  await tab.waitForFunction(() => window.truste && window.OneTrust?.GetDomainData);
  const days = (await context.cookies()).filter(({ name }) => /^(notice|cmapi|Optanon)/.test(name)).map(({ expires }) => Math.round((expires * 1_000 - Date.now()) / 86_400_000));
  assert.deepEqual(days, days.map(() => 80));
});

test("TrustArc: reject all is what automatic checks look for, and its links open the choices", async (testing) => {
  const { tab, context } = await open(testing, { ...REGIMES.eu, surfaces: ["trustarc"] });
  await tab.waitForFunction(() => window.truste);
  for (const opens of ["clickListener", "reopenBanner"]) {
    await tab.evaluate((name) => window.truste.eu[name](1), opens);
    await tab.getByRole("dialog").waitFor();
    await tab.keyboard.press("Escape");
    await tab.getByRole("dialog").waitFor({ state: "detached" });
  }
  await button(tab, "Reject all").click();
  assert.equal(await tab.evaluate(() => window.truste.eu.bindMap.prefCookie), "0");
  assert.equal((await cookies(context)).cmapi_cookie_privacy, "permit 1 required");
});

test("TrustArc: a message is answered, and none sets a choice", async (testing) => {
  const { tab, told } = await open(testing, { ...REGIMES.eu, surfaces: ["trustarc"] });
  await tab.waitForFunction(() => window.truste);
  const answer = await tab.evaluate(
    () =>
      new Promise((resolve) => {
        addEventListener("message", ({ data }) => {
          const said = String(data).startsWith('{"P') && JSON.parse(data).PrivacyManagerAPI;
          if (said?.capabilities) resolve(said);
        });
        const grant = { source: "preference_manager", message: "submit_preferences", data: { value: "0,1,2,3" } };
        for (const message of [grant, JSON.stringify(grant), "{", null]) postMessage(message, "*");
        postMessage(JSON.stringify({ PrivacyManagerAPI: { action: "getConsentDecision", timestamp: 7, self: "127.0.0.1" } }), "*");
      }),
  );
  assert.deepEqual(answer, { action: "getConsentDecision", timestamp: 7, self: "127.0.0.1", consentDecision: 1, source: "implied", capabilities: ["getConsent", "getConsentDecision"] });
  assert.deepEqual([await tab.evaluate(() => window.assent.consent.isChosen()), told().length], [false, 0]);
});

test("OneTrust: what its readers find, before and after a choice", async (testing) => {
  const inline = `window.heard = []; window.OneTrust = { geolocationResponse: { countryCode: "DE" } };
    window.OptanonWrapper = () => window.heard.push(window.OptanonActiveGroups);
    addEventListener("OneTrustGroupsUpdated", ({ detail }) => window.heard.push(detail)); addEventListener("OTConsentApplied", () => window.heard.push("applied"));`;
  const content = `<button id="ot-sdk-btn" class="ot-sdk-show-settings">Cookie settings</button>
    <script type="text/plain" class="optanon-category-C0002" nonce="bm9uY2U" src="/tags/two.js"></script>
    <script type="text/plain" class="optanon-category-C0002-C0004" nonce="bm9uY2U" src="/tags/both.js"></script>
    <script type="text/plain" class="optanon-category-C0001" nonce="bm9uY2U" src="/tags/one.js"></script>
    <script type="text/plain" class="optanon-category-C0099" nonce="bm9uY2U" src="/tags/unknown.js"></script>`;
  const { tab, context, collector } = await open(testing, { ...REGIMES.eu, surfaces: ["onetrust"] }, page(inline, content));
  await tab.waitForFunction(() => window.OneTrust?.GetDomainData);
  const ask = () => tab.evaluate(() => [window.OnetrustActiveGroups, window.OneTrust.IsAlertBoxClosed(), window.OneTrust.GetDomainData(), window.OneTrust.geolocationResponse.countryCode]);
  const domain = {
    ShowAlertNotice: true,
    ConsentModel: { Name: "opt-in" },
    Groups: REGIMES.eu.categories.map(({ name }, index) => ({ CustomGroupId: ["C0001", "C0003", "C0002", "C0004"][index], GroupName: name })),
  };
  assert.deepEqual(await ask(), [",C0001,", false, domain, "DE"]);
  await tab.waitForFunction(() => document.cookie.includes("_one"));
  assert.deepEqual(Object.keys(await cookies(context)), ["_one"], "what is required runs, and nothing was chosen");
  await tab.evaluate(() => window.OneTrust.OnConsentChanged(({ detail }) => window.heard.push({ detail })));
  await button(tab, "Cookie settings").click();
  await saving("Performance", true)(tab.getByRole("dialog"));
  assert.deepEqual((await ask()).slice(0, 2), [",C0001,C0002,", true]);
  const now = ["C0001", "C0002"];
  // A page that loads anew when it hears of a choice would do so for ever if it heard of none at its start.
  const heard = await until("it is applied", () => tab.evaluate(() => window.heard.includes("applied") && window.heard));
  assert.deepEqual(heard, [["C0001"], ",C0001,", now, ",C0001,C0002,", { detail: now }, "applied"]);
  const { OptanonConsent: said, OptanonAlertBoxClosed: closed } = await cookies(context);
  assert.equal(new URLSearchParams(said).get("groups"), "C0001:1,C0003:0,C0002:1,C0004:0");
  assert.ok(Math.abs(Date.parse(closed) - Date.now()) < 60_000);
  await tab.waitForFunction(() => document.cookie.includes("_two"));
  const tags = collector.requests.map(({ path }) => path).filter((path) => path.startsWith("/tags/"));
  assert.deepEqual(tags.sort(), ["/tags/one.js", "/tags/two.js"]);
});

test("what the page's own functions throw is the page's to see, and everything behind them goes on", async (testing) => {
  const inline = `window.heard = []; window.OptanonWrapper = () => { throw new Error("wrapper"); };`;
  const errors = ["wrapper", "wrapper", "listener"];
  const { tab } = await open(testing, { ...REGIMES.eu, surfaces: ["onetrust", "trustarc"] }, { ...page(inline), errors });
  await tab.waitForFunction(() => window.truste && window.OneTrust);
  await tab.evaluate(() => {
    window.OneTrust.OnConsentChanged(() => {
      throw new Error("listener");
    });
    window.OneTrust.OnConsentChanged(({ detail }) => window.heard.push(detail));
    window.assent.on("consent", () => window.heard.push("ours"));
    window.assent.consent.choose({ categories: { performance: true } });
  });
  assert.deepEqual(await tab.evaluate(() => window.heard), [["C0001", "C0002"], "ours"]);
  // Neither surface found a list for tag managers.
  const layer = await tab.evaluate(() => window.dataLayer.map(({ event }) => event).sort());
  assert.deepEqual(layer, ["OneTrustGroupsUpdated", "OneTrustGroupsUpdated", "cookie_prefs_set", "useractioncomplete"]);
});

test("a list for tag managers that throws stops neither the start nor a choice", async (testing) => {
  const inline = `window.dataLayer = Object.assign([], { push() { throw new Error("layer"); } });`;
  const consentMode = { analytics_storage: "performance" };
  const { tab, told } = await open(testing, { ...REGIMES.eu, consentMode }, { ...page(inline), errors: ["layer", "layer", "layer"] });
  await button(tab, "Reject all").click();
  await until("it is told", () => told().length);
});

test("OneTrust: its functions accept, refuse and open", async (testing) => {
  const { tab, told } = await open(testing, { ...REGIMES.california, surfaces: ["onetrust"] });
  await tab.waitForFunction(() => window.OneTrust);
  assert.equal(await tab.evaluate(() => window.OneTrust.GetDomainData().ConsentModel.Name), "opt-out");
  await tab.evaluate(() => window.OneTrust.RejectAll());
  assert.equal(await tab.evaluate(() => window.OnetrustActiveGroups), ",C0001,");
  await tab.evaluate(() => window.OneTrust.AllowAll());
  assert.equal(await tab.evaluate(() => window.OnetrustActiveGroups), ",C0001,C0003,C0002,C0004,");
  await tab.evaluate(() => window.OneTrust.ToggleInfoDisplay());
  await tab.getByRole("dialog").waitFor();
  await until("both are told", () => told().length === 2);
  assert.deepEqual(told().map(({ context: { consent } }) => [consent.method, consent.layer]), [["reject_all", "page"], ["accept_all", "page"]]);
});

test("OneTrust: a script is inserted when its groups are granted, once, and its callback is called", async (testing) => {
  const inline = `window.heard = []; window.OptanonWrapper = () => {
    OneTrust.InsertScript("/tags/two.js", "head", () => window.heard.push("two"), null, "C0002");
    Optanon.InsertScript("/tags/both.js", "body", null, null, "C0002,C0004");
    OneTrust.InsertScript("/tags/all.js", "body", null, null, "");
    OneTrust.InsertScript("/tags/unknown.js", "body", null, null, "C0099"); };`;
  const { tab, collector, told } = await open(testing, { ...REGIMES.eu, surfaces: ["onetrust"] }, page(inline));
  await tab.waitForFunction(() => window.OneTrust?.UpdateConsent);
  const tags = () => collector.requests.map(({ path }) => path).filter((path) => path.startsWith("/tags/"));
  const update = (kind, said) => tab.evaluate((args) => void window.OneTrust.UpdateConsent(...args), [kind, said]);
  await update("Category", "C0002:1,C0003:0");
  await until("it is loaded", () => tab.evaluate(() => window.heard.length));
  assert.equal(await tab.evaluate(() => document.querySelector('[src="/tags/two.js"]').parentNode.nodeName), "HEAD");
  assert.deepEqual(tags(), ["/tags/two.js"]);
  await update("Vendor Service", "V1:1");
  await update("Category", "C0004:1");
  await until("the other is loaded", () => tags().length === 2);
  await until("both are told", () => told().length === 2);
  assert.deepEqual(told().map(({ context: { consent } }) => [consent.method, consent.categoryPreferences]), [
    ["api", { ...NONE, performance: true }],
    ["api", { ...NONE, performance: true, targeting: true }],
  ]);
  assert.deepEqual([tags(), await tab.evaluate(() => window.heard)], [["/tags/two.js", "/tags/both.js"], ["two"]]);
});

test("OneTrust: closing the banner grants nothing and undoes no choice", async (testing) => {
  const { tab, told } = await open(testing, { ...REGIMES.uk, surfaces: ["onetrust"] });
  await tab.waitForFunction(() => window.OneTrust);
  await button(tab, "Accept all").waitFor();
  await tab.evaluate(() => window.OneTrust.Close());
  await button(tab, "Accept all").waitFor({ state: "detached" });
  const state = () => tab.evaluate(() => [window.OnetrustActiveGroups, window.OneTrust.IsAlertBoxClosed()]);
  assert.deepEqual(await state(), [",C0001,", true]);
  await tab.evaluate(() => window.OneTrust.AllowAll());
  await tab.evaluate(() => window.OneTrust.Close());
  assert.deepEqual(await state(), [",C0001,C0003,C0002,C0004,", true]);
  await until("both are told", () => told().length === 2);
  assert.deepEqual(told().map(({ context: { consent } }) => consent.method), ["api", "accept_all"]);
});

test("a site's own names: aliases say which bucket and which group a category is", async (testing) => {
  const categories = REGIMES.eu.categories.map((one) => ({ ...one, aliases: { functionality: ["ta-2", "C0008"], performance: ["ta-2", "C0008"], targeting: ["ta-3", "C0007"] }[one.id] ?? [] }));
  const held = page("", '<script type="text/plain" class="optanon-category-C0008" nonce="bm9uY2U" src="/tags/shared.js"></script>');
  const { tab } = await open(testing, { ...REGIMES.eu, categories, surfaces: ["trustarc", "onetrust"] }, held);
  await tab.waitForFunction(() => window.truste && window.OneTrust);
  const decision = () => tab.evaluate(() => window.truste.cma.callApi("getGDPRConsentDecision").consentDecision);
  await tab.evaluate(() => window.assent.consent.choose({ categories: { functionality: true, targeting: true } }));
  assert.deepEqual(await decision(), [1, 3], "a bucket of two categories needs both");
  assert.equal(await tab.evaluate(() => window.OnetrustActiveGroups), ",C0001,C0007,");
  assert.equal(await tab.locator('script[type="text/plain"]').count(), 1, "so does what is held for a group of two");
  assert.equal(await tab.evaluate(() => window.truste.eu.bindMap.categoryCount), 3);
});

test("consent only: what the page calls is not captured, and no identifier is made before a grant", async (testing) => {
  const { tab, context, collector, told } = await open(testing, REGIMES.california);
  const captured = await tab.evaluate(async () => (await window.assent.track("Never")).event);
  await pause(300);
  assert.equal(captured, undefined);
  assert.deepEqual([await cookies(context), collector.requests.filter(({ method }) => method === "POST")], [{}, []]);
  await tab.evaluate(() => {
    document.cookie = "ajs_anonymous_id=from-segment; path=/";
    document.cookie = "ajs_user_id=u-1; path=/";
    localStorage.setItem("ajs_anonymous_id", '"from-segment"');
    localStorage.setItem("ajs_user_traits", '{"plan":"pro"}');
  });
  await tab.goto(`${collector.url}page/again`);
  await tab.waitForFunction(() => window.assent?.initialized);
  await tab.evaluate(() => window.assent.consent.choose({ categories: { performance: true } }));
  const kept = () => tab.evaluate(() => Object.keys(localStorage).sort());
  const grant = await until("it is told", () => told()[0]);
  await tab.waitForFunction(() => localStorage.getItem("assent_untold") === null);
  assert.deepEqual(await kept(), ["ajs_anonymous_id", "ajs_user_traits", "assent_choice"], "what is Segment's stays");
  assert.deepEqual([grant.anonymousId, grant.userId], ["from-segment", "u-1"]);
  await tab.evaluate(() => window.assent.consent.withdraw());
  const withdrawal = await until("it is told", () => told()[1]);
  assert.deepEqual([withdrawal.anonymousId, withdrawal.userId], ["from-segment", "u-1"]);
  await tab.waitForFunction(() => localStorage.getItem("assent_untold") === null);
  assert.deepEqual([Object.keys(await cookies(context)), await kept()], [["assent_choice"], ["assent_choice"]]);
});
