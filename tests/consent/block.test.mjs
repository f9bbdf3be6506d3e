// Scripts of the page that ask from known hosts, without any mark: what they ask for waits, and is released with its
// category. Other hosts are left alone.

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
    response.writeHead(200, { "content-type": type }).end(url.endsWith(".js") ? `(window.ran ??= []).push("${url}")` : "");
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

async function open(testing, content = "") {
  asked.length = 0;
  const head = `<script nonce="${NONCE}" src="/sdk/block.js" data-hosts="ads.site.test=targeting  stats.site.test=performance"></script>`;
  const all = ["ads", "stats", "cdn"].map((host) => `http://${host}.site.test:${port} http://x.${host}.site.test:${port}`).join(" ");
  const collector = await startCollector({ ...REGIMES.eu, tags: [] }, { head, content, frames: all });
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
  assert.deepEqual((await ran(page)).length, 4);
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
