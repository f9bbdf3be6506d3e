// Two sites of one workspace, on the real binary: each asks in its own words and with its own control, the receipt of a
// choice has the words of the site where it was made, and what was tried on one is published for both in one step.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { PASSWORD, startAssent } from "../e2e/console/assent.mjs";
import { button, launch, started, until } from "./browser.mjs";

const NEWS = { title: "Your privacy at the news", accept: "Agree to all" };
const SHOP = { title: "Your choice in our shop", accept: "Yes to all", reject: "No to all" };
let browser, assent, server, sites;

/** A page with the SDK of the site whose host is asked. */
function page(request, answer) {
  const [name] = Object.entries(sites).find(([, url]) => new URL(url).host === request.headers.host);
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  answer.end(`<!doctype html><html lang="en"><title>${name}</title><script>
    var a=window.analytics=window.analytics||[];["track","page","ready","on"].forEach(function(m){a[m]=function(){a.push([m].concat([].slice.call(arguments)))}});
    a._writeKey="wk_${name}";a.page()</script>
    <script async src="${assent.url}/analytics.js/v1/wk_${name}/analytics.min.js"></script>
    <main><h1>${name}</h1><button data-assent-open>Choices</button></main>`);
}

before(async () => {
  server = createServer(page).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  sites = { news: `http://localhost:${port}`, shop: `http://127.0.0.1:${port}` };
  const tag = { id: "shop", kind: "script", src: "/shop.js", categories: ["targeting"], purpose: "advertising" };
  const sources = [
    { name: "news", kind: "browser", write_key: "wk_news" },
    { name: "shop", kind: "browser", write_key: "wk_shop", banner: { languages: { en: SHOP }, control: "none", tags: [tag] } },
  ];
  const consent = { default_regime: "eu", banner: { version: 4, languages: { en: NEWS } } };
  // Of the console's own making, so that it may be edited there.
  assent = await startAssent({ workspace: "acme" });
  const { ask } = await signedIn();
  for (const source of sources) await ask("POST", "/sources", source);
  await ask("PUT", "/categories?if_version=0", consent);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await assent?.stop();
  server?.close();
});

async function signedIn() {
  const headers = { "content-type": "application/json", "x-assent": "1" };
  const body = JSON.stringify({ name: "admin", password: PASSWORD });
  const { headers: answered } = await fetch(`${assent.url}/api/v1/session`, { method: "POST", headers, body });
  const cookie = answered.getSetCookie()[0].split(";")[0];
  const ask = async (method, path, body) => {
    const request = { method, headers: { ...headers, cookie }, body: body && JSON.stringify(body) };
    const answer = await fetch(`${assent.url}/api/v1/workspaces/acme${path}`, request);
    const said = await answer.json();
    assert.ok(answer.ok, `${method} ${path}: ${JSON.stringify(said)}`);
    return said;
  };
  return { ask };
}

async function arrive(testing, url) {
  const context = await browser.newContext();
  testing.after(() => context.close());
  const tab = await context.newPage();
  tab.setDefaultTimeout(15_000);
  const receipts = [];
  tab.on("response", async (response) => {
    if (response.url().endsWith("/v1/consent") && response.request().method() === "POST") receipts.push((await response.json()).receipt);
  });
  await tab.goto(url);
  await started(tab);
  return { tab, receipts };
}

const asks = (tab, title) => tab.getByRole("region", { name: title });

/** The words in the receipt of a choice. */
async function words(name, receipt) {
  const path = `/v1/consent/${receipt}?writeKey=wk_${name}`;
  const { notice, record } = await until("the receipt is there", async () => {
    const answer = await fetch(assent.url + path);
    return answer.status === 200 && answer.json();
  });
  const { title, accept, reject } = notice.words;
  return { title, accept, reject, version: record.presented.version };
}

test("each site asks in its own words, and the receipts have the words that each showed", async (testing) => {
  const news = await arrive(testing, sites.news);
  const shop = await arrive(testing, sites.shop);
  await asks(news.tab, NEWS.title).waitFor();
  await asks(shop.tab, SHOP.title).waitFor();
  assert.deepEqual([await button(news.tab, "Reject all").count(), await button(shop.tab, "No to all").count()], [1, 1]);
  await button(news.tab, NEWS.accept).click();
  await button(shop.tab, SHOP.accept).click();
  await until("both are answered", () => news.receipts.length === 1 && shop.receipts.length === 1);
  assert.deepEqual(await words("news", news.receipts[0]), { ...NEWS, reject: "Reject all", version: 4 });
  assert.deepEqual(await words("shop", shop.receipts[0]), { ...SHOP, version: 4 });
  await until("the shop loads its tag", () => shop.tab.evaluate(() => !!document.querySelector('script[src$="/shop.js"]')));
  // The floating control is the workspace's; the shop has none. It comes with what a choice brings.
  await button(news.tab, "Privacy choices").waitFor();
  assert.equal(await news.tab.locator('script[src$="/shop.js"]').count(), 0, "which is the shop's alone");
  assert.equal(await button(shop.tab, "Privacy choices").count(), 0);
});

test("what was tried on one site is published for all in one step", async (testing) => {
  const { ask } = await signedIn();
  const { version } = await ask("GET", "/sources/shop");
  const { version: over } = await ask("GET", "/categories");
  const shop = await ask("POST", `/sources/shop/banner/publish?if_version=${version}&to_version=${over}`, {});
  assert.equal(shop.banner, null);
  const { banner } = await ask("GET", "/categories");
  assert.deepEqual([banner.version, banner.control, banner.languages.en], [5, "none", { ...NEWS, ...SHOP }]);
  const news = await arrive(testing, sites.news);
  await asks(news.tab, SHOP.title).waitFor();
  await button(news.tab, "No to all").click();
  await until("it is answered", () => news.receipts.length === 1);
  assert.deepEqual(await words("news", news.receipts[0]), { ...SHOP, version: 5 });
});
