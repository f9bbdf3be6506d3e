// A withdrawal holds at once and everywhere: in this tab, in the others, in what waits, at sibling sites, after a nap.
// And what is refused is neither loaded nor kept.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { button, launch, started, until, visit } from "./browser.mjs";
import { CHOICE, startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

/** The promise is one second. */
const BITES_MS = 1_000;
const GOOGLE = { ad_storage: "targeting", ad_user_data: "targeting", ad_personalization: "targeting", analytics_storage: "performance" };

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

async function open(testing, settings = { ...REGIMES.eu, tags: [] }, content = {}, options = {}) {
  const collector = await startCollector(settings, content);
  const visited = await visit(browser, collector, options);
  testing.after(async () => {
    assert.deepEqual(visited.complaints, [], "the browser has no complaint");
    await visited.context.close();
    collector.close();
  });
  const events = () => collector.requests.filter(({ method }) => method === "POST").flatMap(({ events: all, at }) => all.map((event) => ({ ...event, at })));
  return { collector, ...visited, events };
}

const track = (page, name) => page.evaluate((event) => void window.analytics.track(event), name);

// Obligation 7.
test("every open tab stops within a second, without a reload", async (testing) => {
  const { context, page, collector, events } = await open(testing);
  await button(page, "Accept all").click();
  const others = [await context.newPage(), await context.newPage()];
  for (const other of others) {
    await other.goto(`${collector.url}page/other`);
    await started(other);
    await other.evaluate(() => setInterval(() => window.analytics.track("Tick"), 20));
  }
  await until("they tick", () => events().filter(({ event }) => event === "Tick").length > 4);
  await button(page, "Withdraw consent").click();
  const { at } = await until("the server knows", () => events().find(({ event, context: { consent } }) => event === CHOICE && consent.method === "withdraw"));
  await pause(BITES_MS * 2);
  const late = events().filter((event) => event.event === "Tick" && event.at > at + BITES_MS);
  assert.equal(late.length, 0);
  for (const other of others) {
    assert.equal(await other.evaluate(() => window.analytics.consent.preferences().performance), false);
    assert.equal(await other.evaluate(() => window.analytics.user().anonymousId()), null);
    await button(other, "Privacy choices").waitFor();
  }
});

/** A tab in which nothing of what tells it of a choice works but what is named. */
async function hearsOnly(context, collector, names) {
  const tab = await context.newPage();
  await tab.addInitScript((heard) => {
    if (!heard.includes("channel")) delete window.BroadcastChannel;
    const listen = EventTarget.prototype.addEventListener;
    const telling = ["storage", "focus", "visibilitychange", "pageshow", "resume"];
    EventTarget.prototype.addEventListener = function (name, ...rest) {
      if (!telling.includes(name) || heard.includes(name)) listen.call(this, name, ...rest);
    };
  }, names);
  await tab.goto(`${collector.url}page/tab`);
  await started(tab);
  return tab;
}

for (const [way, wake] of [
  ["channel", () => {}],
  ["storage", () => {}],
  ["pageshow", (tab) => tab.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })))],
  ["resume", (tab) => tab.evaluate(() => document.dispatchEvent(new Event("resume")))],
  ["focus", (tab) => tab.evaluate(() => dispatchEvent(new Event("focus")))],
  ["visibilitychange", (tab) => tab.evaluate(() => document.dispatchEvent(new Event("visibilitychange")))],
]) {
  test(`a withdrawal reaches another tab by its ${way} alone`, async (testing) => {
    const { context, page, collector } = await open(testing);
    await button(page, "Accept all").click();
    const tab = await hearsOnly(context, collector, [way]);
    await button(page, "Withdraw consent").click();
    await wake(tab);
    await tab.waitForFunction(() => window.analytics.consent.preferences().performance === false);
    await button(tab, "Withdraw consent").waitFor({ state: "detached" });
  });
}

test("a tab that heard nothing looks before it captures, and before it sends", async (testing) => {
  const { context, page, collector, events } = await open(testing);
  await button(page, "Accept all").click();
  const deaf = await hearsOnly(context, collector, []);
  await until("its page came", () => events().some(({ context: { page: at } }) => at?.path === "/page/tab"));
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true } }));
  await track(deaf, "Stamped");
  const stamped = await until("it comes", () => events().find(({ event }) => event === "Stamped"));
  assert.deepEqual(stamped.context.consent.categoryPreferences, { required: true, functionality: false, performance: true, targeting: false });
  collector.refusals.push({ status: 503, headers: { "retry-after": "1" } });
  await track(deaf, "Waiting");
  await until("it is refused", () => collector.refusals.length === 0);
  await button(page, "Withdraw consent").click();
  await until("the server knows", () => events().some(({ context: { consent } }) => consent.method === "withdraw"));
  await pause(2_000);
  assert.equal(events().filter(({ event }) => event === "Waiting").length, 1, "the retry did not begin");
  await track(deaf, "Unheard");
  await pause(500);
  assert.ok(!events().some(({ event }) => event === "Unheard"));
});

test("a withdrawal takes the category's cookies of every path above the page, its storage and its databases, and no other's", async (testing) => {
  const { page, collector } = await open(testing);
  await page.goto(`${collector.url}page/shop/one`);
  await started(page);
  await button(page, "Accept all").click();
  await page.evaluate(async () => {
    for (const path of ["/", "/page", "/page/", "/page/shop", "/page/shop/one"]) {
      document.cookie = `_stats_${path.length}=1; path=${path}`;
      document.cookie = `_own_${path.length}=1; path=${path}`;
    }
    const made = (name) => new Promise((resolve) => (indexedDB.open(name).onsuccess = ({ target }) => resolve(target.result.close())));
    for (const name of ["_stats_db", "own_db"]) await made(name);
    for (const store of [localStorage, sessionStorage]) for (const name of ["_stats_key", "own_key"]) store.setItem(name, "1");
  });
  const left = () =>
    page.evaluate(async () => [
      ...document.cookie.split("; ").map((one) => one.split("=")[0]),
      ...[localStorage, sessionStorage].flatMap((store) => Object.keys(store)),
      ...(await indexedDB.databases()).map(({ name }) => name),
    ]);
  assert.equal((await left()).filter((name) => name.startsWith("_stats")).length, 8);
  await button(page, "Withdraw consent").click();
  await until("the databases are gone", async () => !(await left()).includes("_stats_db"));
  const names = await left();
  assert.deepEqual(names.filter((name) => name.startsWith("_stats")), []);
  const own = ["_own_1", "_own_14", "_own_10", "_own_6", "_own_5", "own_db", "own_key", "own_key"];
  assert.deepEqual(names.filter((name) => name.includes("own_")).sort(), own.sort());
});

test("what waits for a retry is dropped, also from storage", async (testing) => {
  const { page, collector, events } = await open(testing);
  await button(page, "Accept all").click();
  await until("the choice is known", () => events().length > 0);
  collector.refusals.push({ status: 503, headers: { "retry-after": "1" } });
  await track(page, "Waiting");
  await until("it is refused", () => collector.refusals.length === 0);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide")));
  assert.ok(await page.evaluate(() => localStorage.getItem("assent_queue:wk_test")));
  await button(page, "Withdraw consent").click();
  assert.equal(await page.evaluate(() => localStorage.getItem("assent_queue:wk_test")), null);
  const before = events().filter(({ event }) => event === "Waiting").length;
  await pause(2_000);
  assert.equal(events().filter(({ event }) => event === "Waiting").length, before);
});

test("a middleware that takes its time cannot carry an event over a withdrawal", async (testing) => {
  const { page, events } = await open(testing);
  await button(page, "Accept all").click();
  await page.evaluate(() => {
    window.analytics.addSourceMiddleware(({ payload, next }) => {
      window.letGo = () => next(payload);
    });
    window.analytics.track("Slow");
  });
  await button(page, "Withdraw consent").click();
  await page.evaluate(() => window.letGo());
  await pause(500);
  assert.ok(!events().some(({ event }) => event === "Slow"));
});

test("sibling sites share the choice by its cookie", async (testing) => {
  const { context, page, collector, events } = await open(testing);
  const port = collector.host.split(":")[1];
  const [one, two] = ["shop", "www"].map((name) => `http://${name}.site.test:${port}/`);
  await page.goto(one);
  await started(page);
  await button(page, "Accept all").click();
  const other = await context.newPage();
  await other.goto(two);
  await started(other);
  assert.equal(await other.evaluate(() => window.analytics.consent.isChosen()), true);
  await until("it sends", () => events().some(({ context: { page: at } }) => at?.url === two));
  await button(page, "Withdraw consent").click();
  await track(other, "Sibling");
  await pause(500);
  assert.ok(!events().some(({ event }) => event === "Sibling"));
  assert.deepEqual((await context.cookies()).map(({ name, domain }) => `${name} ${domain}`), ["assent_choice .site.test"]);
});

test("only the browser that is asked can choose: a message from outside sets nothing", async (testing) => {
  const { page } = await open(testing);
  await page.evaluate(() => {
    const grant = { categories: { performance: true, targeting: true }, choice: "accept_all" };
    new BroadcastChannel("assent").postMessage(grant);
    postMessage(JSON.stringify({ source: "preference_manager", message: "submit_preferences", data: { value: "0,1,2" } }), "*");
    postMessage(grant, "*");
  });
  await pause(300);
  assert.equal(await page.evaluate(() => window.analytics.consent.isChosen()), false);
});

test("held markup loads on consent, for all its categories, also what comes later", async (testing) => {
  const held = `<script type="text/plain" data-category="performance" nonce="bm9uY2U">window.inline = 1</script>
    <script type="text/plain" data-category="performance" nonce="bm9uY2U" data-src="/tags/one.js"></script>
    <script type="text/plain" data-category="performance targeting" nonce="bm9uY2U" data-src="/tags/both.js"></script>
    <img alt="" data-category="performance" data-src="/tags/image.js">
    <script type="text/plain" data-category="required" nonce="bm9uY2U" data-src="/tags/cheat.js"></script>`;
  const { page, collector } = await open(testing, { ...REGIMES.eu, tags: [] }, { content: held });
  const tags = () => collector.requests.map(({ path }) => path).filter((path) => path.startsWith("/tags/")).sort();
  assert.deepEqual(tags(), []);
  await page.evaluate(() => window.analytics.consent.choose({ categories: { performance: true } }));
  await page.waitForFunction(() => window.inline === 1 && document.cookie.includes("_one"));
  await page.evaluate(() => {
    const late = document.createElement("script");
    late.type = "text/plain";
    late.nonce = "bm9uY2U";
    late.dataset.category = "performance";
    late.dataset.src = "/tags/late.js";
    document.body.append(late);
  });
  await page.waitForFunction(() => document.cookie.includes("_late"));
  await until("the image is asked for", () => tags().includes("/tags/image.js"));
  assert.deepEqual(tags(), ["/tags/image.js", "/tags/late.js", "/tags/one.js"]);
});

test("markup without the page's nonce gets none: who smuggles it in does not get it run", async (testing) => {
  const held = `<script type="text/plain" data-category="performance">window.smuggled = 1</script>
    <script type="text/plain" data-category="performance" data-src="/tags/smuggled.js"></script>
    <script type="text/plain" data-category="performance" nonce="guessed" data-src="/tags/guessed.js"></script>
    <script type="text/plain" data-category="performance" nonce="bm9uY2U" data-src="/tags/own.js"></script>`;
  const { page, collector } = await open(testing, { ...REGIMES.eu, tags: [] }, { content: held });
  await button(page, "Accept all").click();
  await page.waitForFunction(() => document.cookie.includes("_own"));
  await pause(300);
  assert.equal(await page.evaluate(() => window.smuggled), undefined);
  assert.deepEqual(collector.requests.map(({ path }) => path).filter((path) => path.startsWith("/tags/")), ["/tags/own.js"]);
});

test("an iframe waits for the element that it goes into", async (testing) => {
  const tags = [{ id: "video", kind: "iframe", src: "/page/video", into: "#place", categories: ["performance"] }];
  const { page } = await open(testing, { ...REGIMES.eu, tags });
  await button(page, "Accept all").click();
  await pause(200);
  assert.equal(await page.locator("iframe").count(), 0);
  await page.evaluate(() => {
    document.body.append(Object.assign(document.createElement("div"), { id: "place" }));
  });
  await page.locator("#place iframe").waitFor({ state: "attached" });
  await page.evaluate(() => document.body.append("more"));
  await pause(100);
  assert.equal(await page.locator("iframe").count(), 1);
});

// Obligation 26.
test("Google Consent Mode: the default stands first, the update comes in the click's task", async (testing) => {
  const { page } = await open(testing, { ...REGIMES.eu, tags: [], consentMode: GOOGLE }, { head: "" });
  const layer = () => page.evaluate(() => window.dataLayer.map((entry) => Array.from(entry)));
  const [[command, what, { ad_storage: ads, wait_for_update: wait }]] = await layer();
  assert.deepEqual([command, what, ads, wait], ["consent", "default", "denied", 500]);
  const update = await page.evaluate(() => {
    const accept = [...document.body.firstChild.shadowRoot.querySelectorAll("button")].find(({ textContent }) => textContent === "Accept all");
    accept.click();
    return Array.from(window.dataLayer.at(-1));
  });
  assert.deepEqual(update, ["consent", "update", Object.fromEntries(Object.keys(GOOGLE).map((type) => [type, "granted"]))]);
  await button(page, "Withdraw consent").click();
  const [, , { analytics_storage: last }] = (await layer()).at(-1);
  assert.equal(last, "denied");
});

test("who is logged in refuses by name; who is not, by no name", async (testing) => {
  const { page, events } = await open(testing);
  await page.evaluate(() => window.analytics.identify("user-7", { plan: "free" }));
  await button(page, "Reject all").click();
  const [refusal] = await until("it is told", () => events().length && events());
  assert.equal(refusal.userId, "user-7");
  assert.equal(refusal.anonymousId, undefined);
  assert.equal(await page.evaluate(() => document.cookie.includes("ajs_")), false);
});

test("what the page's own functions throw keeps no choice from the server, from other tabs or from the page", async (testing) => {
  const settings = { ...REGIMES.eu, tags: [], surfaces: ["onetrust"], consentMode: GOOGLE };
  const { context, page, collector, events } = await open(testing, settings);
  await page.waitForFunction(() => window.OneTrust?.AllowAll);
  const other = await context.newPage();
  await other.goto(`${collector.url}page/other`);
  await started(other);
  await page.evaluate(() => {
    const fail = () => {
      throw new Error("the page's own");
    };
    Object.assign(window, { thrown: 0, heard: 0, OptanonWrapper: fail });
    addEventListener("error", (event) => {
      window.thrown += 1;
      event.preventDefault();
    });
    window.dataLayer.push = fail;
    window.analytics.on("consent", () => {
      window.heard += 1;
    });
  });
  await button(page, "Accept all").click();
  await until("the grant is told", () => events().some(({ event }) => event === CHOICE));
  const id = await page.evaluate(() => window.analytics.user().anonymousId());
  await other.waitForFunction(() => window.analytics.consent.preferences().performance);
  await button(page, "Withdraw consent").click();
  await other.waitForFunction(() => !window.analytics.consent.preferences().performance);
  const told = await until("the withdrawal is told", () => events().find(({ context: { consent } }) => consent.method === "withdraw"));
  assert.equal(told.anonymousId, id);
  assert.deepEqual(await page.evaluate(() => [window.thrown >= 4, window.heard]), [true, 2]);
});

test("a withdrawal that the server did not hear is told by the next page, of whom it was", async (testing) => {
  const { page, collector, events } = await open(testing);
  await page.evaluate(() => window.analytics.identify("user-7"));
  await button(page, "Accept all").click();
  const grant = await until("the grant is known", () => events().find(({ event }) => event === CHOICE));
  assert.equal(typeof grant.anonymousId, "string");
  collector.refusals.push({ status: 503, headers: { "retry-after": "60" } });
  await button(page, "Withdraw consent").click();
  await until("it is refused", () => collector.refusals.length === 0);
  assert.equal(await page.evaluate(() => document.cookie.includes("ajs_")), false);
  await page.goto(`${collector.url}page/next`);
  await started(page);
  const told = await until("it is told again", () => events().filter(({ context: { consent } }) => consent.method === "withdraw")[1]);
  assert.deepEqual([told.anonymousId, told.userId], [grant.anonymousId, "user-7"]);
  await page.waitForFunction(() => localStorage.getItem("assent_untold") === null);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), ["assent_choice"]);
});

test("a withdrawal at a sibling site outlives its cookie where the grant was made", async (testing) => {
  const { context, page, collector } = await open(testing);
  const port = collector.host.split(":")[1];
  const at = async (name) => {
    await page.goto(`http://${name}.site.test:${port}/`);
    await started(page);
    return page.evaluate(() => window.analytics.consent.preferences().performance);
  };
  await at("shop");
  await button(page, "Accept all").click();
  assert.equal(await at("www"), true);
  await button(page, "Withdraw consent").click();
  assert.equal(await at("shop"), false);
  // As Safari does after seven days.
  await context.clearCookies();
  assert.equal(await at("shop"), false);
});

for (const [what, refuses] of [
  ["localStorage", () => { Storage.prototype.setItem = () => { throw new DOMException("full", "QuotaExceededError"); }; }],
  ["a cookie", () => {
    const { get, set } = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
    Object.defineProperty(document, "cookie", { get, set: (text) => / max-age=-/.test(text) && set.call(document, text) });
  }],
]) {
  test(`where ${what} does not take the withdrawal the grant goes from it all the same`, async (testing) => {
    const { context, page, collector, events } = await open(testing);
    await button(page, "Accept all").click();
    await page.evaluate(refuses);
    await page.evaluate(() => window.analytics.consent.withdraw());
    await until("the server knows", () => events().some(({ context: { consent } }) => consent.method === "withdraw"));
    // The other place goes, as browsers have it.
    if (what === "a cookie") await page.evaluate(() => localStorage.clear());
    else await context.clearCookies();
    await page.goto(`${collector.url}page/next`);
    await started(page);
    assert.equal(await page.evaluate(() => window.analytics.consent.preferences().performance), false);
  });
}

test("a signal that comes while the page lives is followed", async (testing) => {
  const { page } = await open(testing, { ...REGIMES.california, tags: [] });
  await page.evaluate(() => {
    Object.defineProperty(navigator, "globalPrivacyControl", { value: true });
    window.heard = 0;
    window.analytics.on("consent", () => (window.heard += 1));
    dispatchEvent(new Event("focus"));
  });
  await page.getByText("Opt-out request honored").waitFor();
  assert.equal(await page.evaluate(() => window.heard), 1);
});

test("a person's traits do not outlive them, and are nobody else's", async (testing) => {
  const { page, collector } = await open(testing, { ...REGIMES.california, tags: [] });
  const after = async (cookies, call) => {
    await page.evaluate(([set]) => {
      for (const one of document.cookie.split("; ")) document.cookie = `${one.split("=")[0]}=; path=/; max-age=-1`;
      for (const one of set) document.cookie = `${one}; path=/; max-age=999`;
      localStorage.setItem("ajs_user_traits", '{"plan":"pro"}');
    }, [cookies]);
    collector.page.call = call;
    await page.goto(`${collector.url}page/again`);
    await started(page);
    return page.evaluate(() => [window.analytics.user().traits(), window.analytics.user().anonymousId()]);
  };
  const quiet = "analytics.ready()";
  assert.deepEqual((await after(["ajs_user_id=u-1", "ajs_anonymous_id=a-1"], quiet)), [{ plan: "pro" }, "a-1"]);
  assert.deepEqual((await after([], quiet))[0], {}, "nobody is known");
  const [traits, id] = await after(["ajs_user_id=u-1", "ajs_anonymous_id=a-1"], 'analytics.identify("u-2", { seats: 3 })');
  assert.deepEqual(traits, { seats: 3 });
  assert.notEqual(id, "a-1");
});

test("what was captured of one person is not sent as another's", async (testing) => {
  const { page, events } = await open(testing, { ...REGIMES.eu, tags: [], before: "buffer" });
  await page.evaluate(() => {
    window.analytics.identify("u-1");
    window.analytics.track("Of one");
    window.analytics.identify("u-2");
    window.analytics.track("Of the other");
  });
  await button(page, "Accept all").click();
  const find = (name) => events().find(({ event }) => event === name);
  const other = await until("both come", () => find("Of one") && find("Of the other"));
  assert.deepEqual([find("Of one").userId, find("Of one").anonymousId, other.userId], ["u-1", undefined, "u-2"]);
  assert.equal(typeof other.anonymousId, "string");
});

test("a reset where nothing may be stored still forgets what was", async (testing) => {
  const { page } = await open(testing);
  await page.evaluate(() => {
    document.cookie = "ajs_user_id=u-1; path=/; max-age=999";
    localStorage.setItem("ajs_user_traits", '{"plan":"pro"}');
    window.analytics.reset();
  });
  assert.equal(await page.evaluate(() => document.cookie + Object.keys(localStorage)), "");
});

test("a visitor of Segment's SDK keeps their identifier, and a withdrawal takes it with everything of it", async (testing) => {
  const { context, page, collector, events } = await open(testing, { ...REGIMES.california, tags: [] });
  await context.clearCookies();
  await page.evaluate(() => {
    document.cookie = "ajs_anonymous_id=%22from-segment%22; path=/; max-age=9999";
    document.cookie = "ajs_user_id=u-1; path=/; max-age=9999";
    localStorage.setItem("ajs_anonymous_id", '"from-segment"');
    localStorage.setItem("ajs_user_traits", '{"plan":"pro"}');
  });
  await page.goto(`${collector.url}page/again`);
  await started(page);
  const event = await until("it sends", () => events().find(({ anonymousId }) => anonymousId === "from-segment"));
  assert.equal(event.userId, "u-1");
  assert.equal(await page.evaluate(() => localStorage.getItem("ajs_anonymous_id")), null);
  assert.deepEqual(await page.evaluate(() => window.analytics.user().traits()), { plan: "pro" });
  await page.evaluate(() => window.analytics.consent.withdraw());
  assert.equal(await page.evaluate(() => document.cookie.includes("ajs_") || Object.keys(localStorage).some((key) => key.startsWith("ajs_"))), false);
});

for (const [where, keep] of [
  ["a cookie", (id) => (document.cookie = `ajs_anonymous_id=${id}; path=/; max-age=9999999`)],
  ["localStorage", (id) => localStorage.setItem("ajs_anonymous_id", JSON.stringify(id))],
]) {
  test(`an identifier that is too old is not taken back from ${where}`, async (testing) => {
    const { page, context, events } = await open(testing, { ...REGIMES.california, tags: [] }, { call: "analytics.ready(() => {})" });
    const today = Math.floor(Date.now() / 86_400_000);
    const [young, old] = [89, 91].map((age) => `d${today - age}-0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11`);
    const after = async (id, name) => {
      await context.clearCookies();
      await page.evaluate(() => localStorage.clear());
      await page.evaluate(keep, id);
      await page.reload();
      await started(page);
      await track(page, name);
      return (await until(`${name} comes`, () => events().find(({ event }) => event === name))).anonymousId;
    };
    assert.equal(await after(young, "Young"), young);
    const made = await after(old, "Old");
    assert.match(made, new RegExp(`^d${today}-[0-9a-f-]{36}$`));
    assert.deepEqual((await context.cookies()).filter(({ name }) => name === "ajs_anonymous_id").map(({ value }) => value), [made]);
    assert.equal(await page.evaluate(() => localStorage.getItem("ajs_anonymous_id")), null);
  });
}
