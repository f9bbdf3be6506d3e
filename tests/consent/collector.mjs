// A collector for one visit: serves the built SDK as the real one will, the settings of a test, a page under a strict
// policy, and records every request that the page makes. It can refuse like a busy server.

import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import http from "node:http";
import { fileURLToPath } from "node:url";

const DIST = fileURLToPath(new URL("../../web/sdk/dist/", import.meta.url));
const NONCE = "bm9uY2U";
const POLICY = `default-src 'none'; script-src 'nonce-${NONCE}'; style-src 'nonce-${NONCE}'; connect-src 'self'; img-src 'self'; frame-src 'self'; base-uri 'none'`;
const JS = { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-cache" };
const KEY = "wk_test";
export const CHOICE = "Segment Consent Preference Updated";
/** The number of every receipt. */
export const RECEIPT = "0123456789abcdef0123456789abcdef";

const sdk = await readFile(`${DIST}analytics.min.js`, "utf8");
const snippet = await readFile(`${DIST}snippet.js`, "utf8");
const chunks = new Map();
for (const name of await readdir(`${DIST}sdk`)) chunks.set(`/sdk/${name}`, await readFile(`${DIST}sdk/${name}`));
/** What pages carry besides the snippet, by name. */
export const STUBS = { tcf: await readFile(`${DIST}tcf-stub.js`, "utf8"), gpp: await readFile(`${DIST}gpp-stub.js`, "utf8") };
for (const name of ["block.js", "shadow.js"]) chunks.set(`/sdk/${name}`, await readFile(`${DIST}${name}`));
const module = await readFile(`${DIST}assent.mjs`);
const script = sdk.replaceAll('"__WRITE_KEY__"', JSON.stringify(KEY));

/** A first-party script that stores what its category names. */
const tag = (name) => `document.cookie = "_${name}=1; path=/; max-age=999"; localStorage.setItem("_${name}", "1");`;

const ours = (origin, call) =>
  snippet.replace("ASSENT_HOST", origin).replace("WRITE_KEY", KEY).replace(/\w+\.page\(\)/, call.replace("analytics", "window.analytics"));

/** The page of a visit: `head` comes before the script in its head, which is our snippet with `call`; `content` is its body. */
const html = (origin, { head = "", content = "", call = 'analytics.page("Page one")', lang = "en", type = "text/javascript", inline = ours }) => `<!doctype html>
<html lang="${lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>A page</title>${head}
<style nonce="${NONCE}">body{margin:0;font:16px/1.5 sans-serif}main{padding:1rem;min-height:300vh}</style>
<script type="${type}" nonce="${NONCE}">${inline(origin, call)}</script>
</head><body><main><h1>A page</h1><p><a href="#one">A link</a> and text.</p>${content}</main></body></html>`;

/** What a choice is kept as: the event that says the same. */
function eventOf({ categories, anonymousId, userId, messageId, timestamp, ...described }) {
  const consent = { categoryPreferences: { required: true, ...categories }, ...described };
  return { type: "track", event: CHOICE, anonymousId, userId, messageId, timestamp, context: { consent } };
}

export async function startCollector(settings, page = {}) {
  const collector = {
    settings, page, key: KEY, nonce: NONCE,
    /** `{ method, path, status, body, events }` in the order of arrival; a choice is its event. */
    requests: [],
    /** Answers for events to come: `{ status, headers }`, first in first out. */
    refusals: [],
    /** What else the site serves, JSON by path. */
    files: {},
    /** The hosts that the server puts into `block.js`. */
    hosts: "",
    /** Holds the settings back until it resolves. */
    gate: Promise.resolve(),
  };
  const server = http.createServer((request, response) => void answer(collector, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  collector.host = `127.0.0.1:${server.address().port}`;
  collector.url = `http://${collector.host}/`;
  collector.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return collector;
}

async function answer(collector, request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const { pathname: path } = new URL(request.url, collector.url);
  const text = Buffer.concat(parts).toString();
  const origin = `http://${request.headers.host}`;
  if (path === "/" || path.startsWith("/page")) {
    const more = { frame: collector.page.frames, img: collector.page.frames, connect: collector.page.connect };
    const policy = POLICY.replace(/(frame|img|connect)-src 'self'/g, (all, kind) => `${all} ${more[kind] ?? ""}`);
    const type = { "content-type": "text/html; charset=utf-8", "content-security-policy": policy };
    return response.writeHead(200, type).end(html(origin, collector.page));
  }
  // The browser's own wish, not the page's.
  if (path === "/favicon.ico") return response.writeHead(204).end();
  const one = { method: request.method, path, body: text ? JSON.parse(text) : null, headers: request.headers, at: Date.now() };
  one.events = !one.body ? [] : path === "/v1/consent" ? [eventOf(one.body)] : (one.body.batch ?? [one.body]);
  collector.requests.push(one);
  if (request.method === "POST") {
    const { status, headers } = collector.refusals.shift() ?? { status: 200 };
    one.status = status;
    const receipt = path === "/v1/consent" && { receipt: RECEIPT };
    return response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify({ success: true, ...receipt }));
  }
  if (path === `/v1/consent/${RECEIPT}`) {
    const file = { "content-type": "application/ld+json", "content-disposition": "attachment; filename=\"receipt.json\"" };
    return response.writeHead(200, file).end('{"@type":"ConsentReceipt"}');
  }
  if (path === `/analytics.js/v1/${KEY}/analytics.min.js`) return response.writeHead(200, JS).end(script);
  if (path === `/v1/projects/${KEY}/block.js`) {
    const block = chunks.get("/sdk/block.js").toString();
    return response.writeHead(200, JS).end(block.replace('"__HOSTS__"', JSON.stringify(collector.hosts)));
  }
  if (chunks.has(path)) return response.writeHead(200, JS).end(chunks.get(path));
  if (path === "/assent.mjs") return response.writeHead(200, JS).end(module);
  if (collector.files[path]) return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(collector.files[path]));
  if (path.startsWith("/tags/")) return response.writeHead(200, JS).end(tag(path.slice(6, -3)));
  if (path !== `/v1/projects/${KEY}/settings`) return response.writeHead(404).end();
  await collector.gate;
  const io = { apiKey: KEY, apiHost: `${request.headers.host}/v1`, protocol: "http" };
  const document = { integrations: { "Segment.io": io }, consentSettings: collector.consentSettings, assent: collector.settings ?? undefined };
  response.writeHead(200, { "content-type": "application/json", "cache-control": "private, no-cache" });
  return response.end(JSON.stringify(document));
}
