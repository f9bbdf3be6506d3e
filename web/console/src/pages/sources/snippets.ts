// The lines to paste, per SDK, with the real host and key. Texts only: tests run them through the SDKs.

import type { SourceKind } from "../../api/model.ts";

export interface Snippet {
  id: string;
  title: string;
  /** What to do first, when there is something. */
  before: string | null;
  code: string;
}

interface Where {
  host: string;
  key: string;
  /** The script that its pages get. */
  sdk: "assent" | "segment";
}

/** All of them, those that fit the kind of the source first. */
export function snippets(kind: SourceKind, where: Where): Snippet[] {
  const browser = [where.sdk === "assent" ? asking(where) : stamped(where), npm(where), pixel(where)];
  const server = [node(where), python(where), go(where), curl(where)];
  return kind === "server" ? [...server, ...browser] : [...browser, ...server];
}

const asking = ({ host, key }: Where): Snippet => ({
  id: "page",
  title: "Web page",
  before:
    "Put this into the head of every page. It asks the visitor as the law of their region wants; the first event comes once they allow it.",
  code: `<script>
  const analytics = (window.analytics = []);
  for (const method of ["track", "page", "identify", "group", "alias", "reset", "ready", "on"]) {
    analytics[method] = (...args) => {
      analytics.push([method, ...args]);
      return analytics;
    };
  }
  analytics._writeKey = "${key}";
  analytics._cdn = "${host}";
  analytics.page();
</script>
<script async src="${host}/analytics.js/v1/${key}/analytics.min.js"></script>`,
});

const stamped = ({ host, key }: Where): Snippet => ({
  id: "page",
  title: "Web page",
  before:
    "Put this into the head of every page. The stamp tells what the visitor has chosen; without it nothing is stored.",
  code: `<script>
  const consent = { performance: true }; // what your banner knows; load this only after a choice
  const analytics = (window.analytics = []);
  for (const method of ["track", "page", "identify", "addSourceMiddleware"]) {
    analytics[method] = (...args) => analytics.push([method, ...args]);
  }
  analytics._writeKey = "${key}";
  analytics._cdn = "${host}";
  analytics.addSourceMiddleware(({ payload, next }) => {
    payload.obj.context = { ...payload.obj.context, consent: { categoryPreferences: consent } };
    next(payload);
  });
  analytics.page();
</script>
<script async data-global-segment-analytics-key="analytics"
  src="${host}/analytics.js/v1/${key}/analytics.min.js"></script>`,
});

const npm = ({ host, key }: Where): Snippet => ({
  id: "npm",
  title: "npm (browser)",
  before: "npm install @segment/analytics-next",
  code: `import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load({ writeKey: "${key}", cdnURL: "${host}" });
analytics.addSourceMiddleware(({ payload, next }) => {
  payload.obj.context = { ...payload.obj.context, consent: { categoryPreferences: { performance: true } } };
  next(payload);
});
analytics.track("First Event");`,
});

const node = ({ host, key }: Where): Snippet => ({
  id: "node",
  title: "Node",
  before: "npm install @segment/analytics-node",
  code: `// first-event.mjs: run it with \`node first-event.mjs\`
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "${key}", host: "${host}" });
analytics.track({
  userId: "user-1",
  event: "First Event",
  context: { consent: { categoryPreferences: { performance: true } } },
});
await analytics.closeAndFlush();`,
});

const python = ({ host, key }: Where): Snippet => ({
  id: "python",
  title: "Python",
  before: "pip install segment-analytics-python",
  code: `import segment.analytics as analytics

analytics.write_key = "${key}"
analytics.host = "${host}"
analytics.track(
    "user-1",
    "First Event",
    context={"consent": {"categoryPreferences": {"performance": True}}},
)
analytics.flush()`,
});

const go = ({ host, key }: Where): Snippet => ({
  id: "go",
  title: "Go",
  before: "go get github.com/segmentio/analytics-go/v3",
  code: `client, err := analytics.NewWithConfig("${key}", analytics.Config{Endpoint: "${host}"})
if err != nil {
	return err
}
defer client.Close()
return client.Enqueue(analytics.Track{
	UserId: "user-1",
	Event:  "First Event",
	Context: &analytics.Context{Extra: map[string]interface{}{
		"consent": map[string]interface{}{"categoryPreferences": map[string]bool{"performance": true}},
	}},
})`,
});

const curl = ({ host, key }: Where): Snippet => ({
  id: "curl",
  title: "curl",
  before: null,
  code: `curl ${host}/v1/track -u ${key}: -d '{
  "anonymousId": "visitor-1",
  "event": "First Event",
  "context": {"consent": {"categoryPreferences": {"performance": true}}}
}'`,
});

const pixel = ({ host, key }: Where): Snippet => ({
  id: "pixel",
  title: "Pixel",
  before: "For pages and mails without scripts. The data is an event as JSON in Base64.",
  code: `<img alt="" src="${host}/v1/pixel/track?data=${pixelData(key)}">`,
});

/** The event of the pixel, as Base64 with the URL's alphabet. */
export function pixelData(key: string): string {
  const event = {
    writeKey: key,
    anonymousId: "visitor-1",
    event: "First Event",
    context: { consent: { categoryPreferences: { performance: true } } },
  };
  return btoa(JSON.stringify(event)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
