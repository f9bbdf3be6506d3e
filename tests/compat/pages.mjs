// Web pages as a customer would have them, served from an origin that is not Assent's, so that every request of the
// SDK crosses origins. The snippet and the SDKs come from npm unchanged.

import { once } from "node:events";
import http from "node:http";
import { fileURLToPath } from "node:url";

import snippet from "@segment/snippet";
import { build } from "esbuild";

/** Runs in the page: a consent management platform in two lines, wired as Segment's documentation shows. */
const CONSENT = `
  import { createWrapper } from "@segment/analytics-consent-tools";
  window.withConsent = createWrapper({
    getCategories: () => window.choice,
    shouldLoadSegment: (context) => context.load({ consentModel: "opt-in" }),
  });`;

/** Runs in the page: the npm package instead of the snippet. */
const NPM = `
  import { AnalyticsBrowser } from "@segment/analytics-next";
  window.analytics = new AnalyticsBrowser();`;

async function bundle(contents) {
  const resolveDir = fileURLToPath(new URL(".", import.meta.url));
  const result = await build({ stdin: { contents, resolveDir }, bundle: true, write: false, format: "iife" });
  return result.outputFiles[0].text;
}

/** The official snippet, pointed at another host. Tests have no TLS, so `https` goes too. */
function snippetFor(url, key) {
  const text = snippet.max({ host: new URL(url).host, useHostForBundles: true, load: false, page: false, apiKey: key });
  return text.replaceAll("https://", "http://");
}

/** Stamped by the consent tools when a choice is given, else plain. */
function script({ api, key, choice, options = {}, npm = false }) {
  const settings = npm ? JSON.stringify({ writeKey: key, cdnURL: api }) : JSON.stringify(key);
  const analytics = choice ? `window.choice = ${JSON.stringify(choice)}; withConsent(analytics)` : "analytics";
  return `${npm ? "" : snippetFor(api, key)}
    </script>${npm ? '<script src="/npm.js"></script>' : ""}<script src="/consent.js"></script><script>
    ${analytics}.load(${settings}, ${JSON.stringify(options)});
    analytics.page("Start");`;
}

/** Starts the page server. `add(path, visit)` puts a page there and returns its URL. */
export async function startPages() {
  const files = new Map([
    ["/consent.js", await bundle(CONSENT)],
    ["/npm.js", await bundle(NPM)],
  ]);
  const server = http.createServer((request, response) => {
    const path = request.url.split("?")[0];
    const content = files.get(path);
    const type = path.endsWith(".js") ? "text/javascript" : "text/html";
    response.writeHead(content ? 200 : 404, { "Content-Type": `${type}; charset=utf-8` });
    response.end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    add(path, visit) {
      files.set(path, `<!doctype html><title>${path}</title><script>${script(visit)}</script>`);
      return origin + path;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
