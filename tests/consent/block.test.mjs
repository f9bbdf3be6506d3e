// Scripts of the page that ask from known hosts, without any mark: what they ask for waits, and is released with its
// category; what they fetch or send themselves fails. Other hosts are left alone.

import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { button, launch, until, visit } from "./browser.mjs";
import { startCollector } from "./collector.mjs";
import { REGIMES } from "./settings.mjs";

const QUIET_MS = 300;
const NONCE = "bm9uY2U";

let browser, server, port;
const asked = [];
before(async () => {
  browser = await launch();
  server = http.createServer(({ headers, url }, response) => {
    asked.push(`${headers.host.split(".")[0]} ${url}`);
    const type = url.endsWith(".js") ? "text/javascript" : url.endsWith(".html") ? "text/html" : "image/gif";
    response.writeHead(200, { "content-type": type, "access-control-allow-origin": "*" }).end(url.endsWith(".js") ? `(window.ran ??= []).push("${url}")` : "");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  port = server.address().port;
});
after(async () => {
  await browser?.close();
  server?.close();
  server?.closeAllConnections();
});

const at = (host, path) => `http://${host}.site.test:${port}${path}`;

const OWN = { src: "/sdk/block.js", hosts: "ads.site.test=targeting  stats.site.test=performance" };

async function open(testing, content = "", { src, hosts, ofVendors = "", tags = [] } = OWN) {
  asked.length = 0;
  const head = `<script nonce="${NONCE}" src="${src}" data-hosts="${hosts}"></script>`;
  const all = ["ads", "stats", "cdn", "shared"].map((host) => `http://${host}.site.test:${port} http://x.${host}.site.test:${port}`).join(" ");
  const collector = await startCollector({ ...REGIMES.eu, tags }, { head, content, frames: all, connect: all });
  collector.hosts = ofVendors;
  const visited = await visit(browser, collector);
  testing.after(async () => {
    assert.deepEqual(visited.complaints, [], "the browser has no complaint");
    await visited.context.close();
    collector.close();
  });
  return visited;
}

/** Adds what a tag manager would, in each of its ways. */
const add = (page, host) =>
  page.evaluate(([url, nonce]) => {
    const script = (set) => {
      const element = Object.assign(document.createElement("script"), { nonce, async: true });
      set(element);
      document.head.append(element);
    };
    script((one) => { one.src = `${url}/property.js`; });
    script((one) => one.setAttribute("src", `${url}/attribute.js`));
    const frame = document.createElement("iframe");
    frame.src = `${url}/frame.html`;
    document.body.append(frame, Object.assign(new Image(), { src: `${url}/image.gif` }));
    new Image().src = `${url}/pixel.gif`;
  }, [at(host, ""), NONCE]);

const OF = (host) => ["attribute.js", "frame.html", "image.gif", "property.js"].map((path) => `${host} /${path}`);
const ran = (page) => page.evaluate(() => (window.ran ?? []).toSorted());

test("known hosts wait for their category, by property and by attribute, and other hosts do not", async (testing) => {
  const { page } = await open(testing);
  for (const host of ["ads", "stats", "x.ads", "cdn"]) await add(page, host);
  await until("another host is asked", () => asked.length === 5);
  await pause(QUIET_MS);
  assert.deepEqual([...asked].sort(), [...OF("cdn"), "cdn /pixel.gif"].sort());
  await button(page, "Choose").click();
  await page.getByRole("switch", { name: "Performance" }).check();
  await button(page, "Save choices").click();
  await until("what is allowed is asked for", () => asked.length === 9);
  await pause(QUIET_MS);
  // A pixel that was in no page when it was asked for is gone.
  assert.deepEqual(asked.slice(5).sort(), OF("stats"));
  // Asked for is not yet run.
  await until("four scripts have run", async () => (await ran(page)).length >= 4);
  assert.equal((await ran(page)).length, 4);
});

test("after a grant new ones are asked for at once; after a withdrawal they wait again", async (testing) => {
  const { page } = await open(testing);
  await button(page, "Accept all").click();
  await add(page, "ads");
  await until("all are asked for", () => asked.length === 5);
  await button(page, "Withdraw consent").click();
  await add(page, "ads");
  await pause(QUIET_MS);
  assert.equal(asked.length, 5);
});

test("a script of the page's own HTML does not run before its category is granted", async (testing) => {
  const { page } = await open(testing, `<script nonce="${NONCE}" src="${at("ads", "/parsed.js")}"></script>`);
  await pause(QUIET_MS);
  assert.deepEqual(await ran(page), []);
  await button(page, "Accept all").click();
  await until("it runs", async () => (await ran(page)).length > 0);
  assert.deepEqual(await ran(page), ["/parsed.js"]);
});

/** What a script asks and sends by itself, in each way; what came of each. */
const ask = (page, host) =>
  page.evaluate(async (url) => {
    const fetched = (input) => fetch(input).then(() => "answered", (error) => error.message);
    const request = new XMLHttpRequest();
    const requested = new Promise((resolve) => {
      request.onload = () => resolve("answered");
      request.onerror = () => resolve("error");
    });
    request.open("GET", `${url}/xhr.gif`);
    request.send();
    return [await fetched(`${url}/fetch.gif`), await fetched(new Request(`${url}/request.gif`)), await requested, navigator.sendBeacon(`${url}/beacon.gif`, "x")];
  }, at(host, ""));

test("what a script fetches or sends itself fails as without a network until its category is granted", async (testing) => {
  const { page } = await open(testing);
  assert.deepEqual(await ask(page, "ads"), ["Failed to fetch", "Failed to fetch", "error", false]);
  assert.deepEqual(await ask(page, "cdn"), ["answered", "answered", "answered", true]);
  await until("the beacon comes", () => asked.length === 4);
  await button(page, "Accept all").click();
  assert.deepEqual(await ask(page, "ads"), ["answered", "answered", "answered", true]);
  await until("the beacon comes", () => asked.length === 8);
  await button(page, "Withdraw consent").click();
  assert.deepEqual(await ask(page, "ads"), ["Failed to fetch", "Failed to fetch", "error", false]);
  assert.equal(asked.length, 8);
});

const VENDORS = {
  src: "/v1/projects/wk_test/block.js",
  hosts: "stats.site.test=functionality cdn.site.test=targeting x.ads.site.test=required",
  ofVendors: "ads.site.test=targeting shared.site.test=performance,targeting stats.site.test=performance",
};

test("the hosts of the workspace's vendors are filled in; what the page says of a host goes over that", async (testing) => {
  const { page } = await open(testing, "", VENDORS);
  for (const host of ["ads", "x.ads", "shared", "stats", "cdn"]) await add(page, host);
  await until("what the page says is required is asked", () => asked.length === 5);
  await pause(QUIET_MS);
  assert.deepEqual([...asked].sort(), [...OF("x"), "x /pixel.gif"].sort());
  await button(page, "Choose").click();
  await page.getByRole("switch", { name: "Functionality" }).check();
  await page.getByRole("switch", { name: "Performance" }).check();
  await button(page, "Save choices").click();
  await until("the page's category is granted", () => asked.length === 9);
  await pause(QUIET_MS);
  assert.deepEqual(asked.slice(5).sort(), OF("stats"), "a host that vendors of two categories share waits for both");
  await button(page, "Privacy choices").click();
  await page.getByRole("dialog").getByRole("button", { name: "Accept all" }).click();
  await until("the rest is asked for", () => asked.length === 21);
});

test("a tag that the settings declare waits for its own category, not for those of its host", async (testing) => {
  const tags = [{ id: "own", kind: "script", src: at("shared", "/own.js"), categories: ["performance"], purpose: "analytics" }];
  const { page } = await open(testing, "", { ...VENDORS, tags });
  await button(page, "Choose").click();
  await page.getByRole("switch", { name: "Performance" }).check();
  await button(page, "Save choices").click();
  await until("it runs", async () => (await ran(page)).includes("/own.js"));
});
