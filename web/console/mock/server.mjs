// A server with the API's contract and no product behind it: `npm run mock`, then `npm run dev`. It also serves the
// built console with the policy that the binary sends, so that what breaks the policy breaks here first.
//
// Names in the world trigger what is hard to provoke: PUT with `if_version` below the stored one is a conflict,
// a query with `fail` in it fails, `GET …/overview` answers 500 when the world is `broken`.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { routes } from "./routes.mjs";
import { makeWorld } from "./world.mjs";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../dist");
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const FORMATS = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".html": "text/html",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** What the console looks up in the description: operations that not every server has. */
const IN_WORKSPACE = "/api/v1/workspaces/{workspace}";
const OPTIONAL = [
  "destinations/{name}/pause",
  "destinations/{name}/dead-letters",
  "lake/saved",
  "consent/rates",
  "consent/preview",
  "consent/simulation",
];
const DESCRIPTION = { paths: Object.fromEntries(OPTIONAL.map((path) => [`${IN_WORKSPACE}/${path}`, {}])) };

async function asset(path, response) {
  const wanted = path.startsWith("/assets/") ? path : "/index.html";
  try {
    const body = await readFile(join(DIST, wanted));
    response.writeHead(200, {
      "content-type": FORMATS[extname(wanted)] ?? "application/octet-stream",
      "content-security-policy": POLICY,
      // As the binary: to the preview's frame, which has an origin of its own, everything else is another site's.
      "cross-origin-resource-policy": wanted.startsWith("/assets/preview-") ? "cross-origin" : "same-origin",
    });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return request.headers["content-type"]?.includes("json") && text ? JSON.parse(text) : text;
}

function answer(response, { status = 200, body, headers = {} }) {
  response.writeHead(status, {
    "content-type": typeof body === "string" ? "text/yaml" : "application/json",
    ...headers,
  });
  response.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body));
}

const refuse = (status, code, message, hint, more = {}) => ({
  status,
  body: { error: { code, message, hint, docs: `/docs/errors/${code}`, ...more } },
});

/** Starts on a free port unless told; answers its address and a way to stop. */
export async function startMock({ port = 0, kind = "full" } = {}) {
  const world = makeWorld(kind);
  world.kind = kind;
  world.signedIn = null;
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://mock");
    if (!url.pathname.startsWith("/api/")) return asset(url.pathname, response);
    if (url.pathname === "/api/openapi.json") return answer(response, { body: DESCRIPTION });
    const path = url.pathname.replace("/api/v1", "").replace("/workspaces/acme", "/w");
    const found = routes.find(([method, pattern]) => method === request.method && pattern.test(path));
    if (!found)
      return answer(
        response,
        refuse(404, "not_found", `there is nothing at \`${url.pathname}\``, "check path and name"),
      );
    const isChange = request.method !== "GET";
    if (isChange && request.headers["x-assent"] !== "1")
      return answer(response, refuse(403, "header_missing", "the header `x-assent` is missing", "send it"));
    if (!world.signedIn && path !== "/session")
      return answer(response, refuse(401, "not_signed_in", "nobody is signed in", "sign in"));
    const [, pattern, handle] = found;
    const names = (pattern.exec(path) ?? []).slice(1).map(decodeURIComponent);
    const made = await handle({
      world,
      names,
      query: url.searchParams,
      body: await bodyOf(request),
      request,
      response,
      refuse,
    });
    if (made) answer(response, made);
  });
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    world,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock({ port: Number(process.env.PORT ?? 8090), kind: process.env.MOCK_WORLD ?? "full" });
  console.log(`mock: ${url}, user admin, password "correct horse battery"`);
}
