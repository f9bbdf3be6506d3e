// A choice goes along when a visitor follows a link to another site of the workspace: the real binary, two sites that share
// neither cookies nor storage (`localhost` and `127.0.0.1`), and what each of them stores, shows and sends.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { startAssent } from "../e2e/console/assent.mjs";
import { button, firstLayer, launch, until } from "./browser.mjs";

let browser, assent, server, one, two;

/** A page with the SDK and links to the other site, one with a place in the page. */
function page(request, answer) {
  const other = request.headers.host === new URL(one).host ? two : one;
  answer.writeHead(200, { "content-type": "text/html; charset=utf-8" });
  answer.end(`<!doctype html><html lang="en"><title>Shop</title><script>
    var a=window.analytics=window.analytics||[];["track","page","ready","on"].forEach(function(m){a[m]=function(){a.push([m].concat([].slice.call(arguments)))}});
    a._writeKey="wk_test";a.page()</script>
    <script async src="${assent.url}/analytics.js/v1/wk_test/analytics.min.js"></script>
    <main><h1>Shop</h1><a href="${other}/next?a=b#part">Over there</a> <a href="/here">Here</a> <a href="${assent.url}/demo">Elsewhere</a></main>`);
}

before(async () => {
  server = createServer(page).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  [one, two] = [`http://localhost:${port}`, `http://127.0.0.1:${port}`];
  const sources = [{ name: "web", kind: "browser", write_key: "wk_test" }];
  const banner = { version: 2, hand_off: [one, two], vendors: [{ id: "ga", name: "GA", category: "performance" }] };
  assent = await startAssent({ workspace: "acme", sources, destinations: [], consent: { default_regime: "eu", banner } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await assent?.stop();
  server?.close();
});

async function arrive(testing) {
  const context = await browser.newContext();
  testing.after(() => context.close());
  const tab = await context.newPage();
  const asked = [];
  tab.on("response", (response) => {
    if (response.url().includes("/consent/handoff")) asked.push(`${new URL(response.url()).pathname} ${response.status()}`);
  });
  await tab.goto(one);
  await firstLayer(tab).waitFor();
  return { context, tab, asked };
}

const kept = async (tab) => (await tab.evaluate(() => localStorage.getItem("assent_choice")))?.split("~");

for (const [name, granted, refused] of [
  ["Accept all", "functionality.performance.targeting", ""],
  ["Reject all", "", "functionality.performance.targeting"],
]) {
  test(`${name} goes along, and nobody is asked twice`, async (testing) => {
    const { context, tab, asked } = await arrive(testing);
    await button(tab, name).click();
    const made = await kept(tab);
    await tab.getByRole("link", { name: "Over there" }).hover();
    await until("it is sealed", () => asked.length === 1);
    await tab.getByRole("link", { name: "Over there" }).click();
    await until("it is there", async () => (await kept(tab))?.[3] === granted);
    assert.deepEqual((await kept(tab)).slice(0, 7), ["1", "2", made[2], granted, refused, "", made[6]], "as it was made");
    await firstLayer(tab).waitFor({ state: "detached" });
    assert.equal(tab.url(), `${two}/next?a=b#part`, "the address says nothing of it");
    assert.deepEqual(asked, ["/v1/consent/handoff 200", "/v1/consent/handoff/taken 200"]);
    const ids = (await context.cookies()).filter(({ name }) => name === "ajs_anonymous_id");
    if (granted) {
      await until("each site has its own identifier", async () => (await context.cookies(two)).some(({ name }) => name === "ajs_anonymous_id"));
      const [here, there] = await Promise.all([one, two].map(async (url) => (await context.cookies(url)).find(({ name }) => name === "ajs_anonymous_id").value));
      assert.notEqual(here, there, "nobody is joined by it");
    } else assert.deepEqual(ids, []);
    await until("the server has it", async () => (await tab.evaluate(() => document.cookie)).includes("first~1"));
    await tab.reload();
    await until("it is started", () => tab.evaluate(() => !!window.analytics?.initialized));
    assert.equal(await firstLayer(tab).count(), 0);
  });
}

test("what was refused there stays refused", async (testing) => {
  const { tab, asked } = await arrive(testing);
  await tab.goto(two);
  await button(tab, "Reject all").click();
  await tab.goto(one);
  await button(tab, "Accept all").click();
  await tab.getByRole("link", { name: "Over there" }).hover();
  await until("it is sealed", () => asked.length === 1);
  await tab.getByRole("link", { name: "Over there" }).click();
  await until("it is opened", () => asked.length === 2);
  await until("it is started", () => tab.evaluate(() => !!window.analytics?.initialized));
  assert.deepEqual((await kept(tab)).slice(3, 5), ["", "functionality.performance.targeting"]);
});

test("without a choice, to other sites, and a link that somebody copied: nothing goes along", async (testing) => {
  const { tab, asked } = await arrive(testing);
  await tab.getByRole("link", { name: "Over there" }).hover();
  await tab.getByRole("link", { name: "Over there" }).click();
  await firstLayer(tab).waitFor();
  assert.deepEqual([tab.url(), asked], [`${two}/next?a=b#part`, []]);

  await button(tab, "Accept all").click();
  for (const name of ["Here", "Elsewhere"]) await tab.getByRole("link", { name, exact: true }).hover();
  await tab.getByRole("link", { name: "Over there" }).hover();
  await until("only of the other site is asked", () => asked.length === 1);
  const link = tab.getByRole("link", { name: "Over there" });
  const address = await link.evaluate((anchor) => {
    anchor.addEventListener("click", (event) => {
      event.preventDefault();
      window.went = anchor.href;
    });
    anchor.click();
    return window.went;
  });
  assert.match(address, /#part&assent=[\w-]+$/);
  await until("the page's own link is as it was", async () => !(await link.getAttribute("href")).includes("assent="));
  const visitor = await arrive(testing);
  await visitor.tab.goto(address);
  await until("it is taken", () => visitor.asked.length === 1);
  const again = await arrive(testing);
  await again.tab.goto(address);
  await until("it was taken before", () => again.asked.length === 1);
  assert.deepEqual(again.asked, ["/v1/consent/handoff/taken 403"]);
  await firstLayer(again.tab).waitFor();
  assert.equal(await kept(again.tab), undefined);
});
