// `analytics.min.js`: finds its own tag, takes over from the snippet's array, replays what waited there, and loads.

import { Analytics, type LoadOptions } from "./analytics.ts";

declare const __LIBRARY__: string;

/** The array that the snippet leaves, with what it was told. */
type Stub = unknown[] & { _loadOptions?: LoadOptions; _writeKey?: string; _cdn?: string };

/** The server puts the key of the path in its place. */
const EMBEDDED_KEY = "__WRITE_KEY__";
const PATH = "/analytics.js/v1/";
/** These hold for calls that were made before them. */
const FIRST = ["setAnonymousId", "addSourceMiddleware", "on", "once"];

function replay(analytics: Analytics, calls: unknown[]) {
  const isFirst = ([name]: unknown[]) => FIRST.includes(name as string);
  const all = calls.filter(Array.isArray) as unknown[][];
  for (const [name, ...args] of [...all.filter(isFirst), ...all.filter((call) => !isFirst(call))]) {
    const of = (name === "consent" ? analytics.consent : analytics) as unknown as Record<string, unknown>;
    const method = of[(name === "consent" ? args.shift() : name) as string];
    if (typeof method === "function") method.apply(analytics, args);
  }
}

function begin(script: HTMLScriptElement | null) {
  const name = script?.getAttribute("data-global-segment-analytics-key") ?? "analytics";
  const page = window as unknown as Record<string, Stub | Analytics | undefined>;
  const stub = page[name];
  if (stub && !Array.isArray(stub)) return;
  const [origin = location.origin, path = ""] = (script?.src ?? "").split(PATH);
  const embedded = EMBEDDED_KEY.startsWith("__") ? undefined : EMBEDDED_KEY;
  const key = embedded ?? stub?._writeKey ?? path.split("/")[0];
  const analytics = new Analytics({ origin: stub?._cdn ?? origin, nonce: script?.nonce ?? "", library: __LIBRARY__ });
  page[name] = analytics;
  replay(analytics, [...(stub ?? [])]);
  // Whoever holds the array by another name goes on calling it.
  if (stub) stub.push = (...calls) => replay(analytics, calls) ?? 0;
  const consentOnly = script?.hasAttribute("data-consent-only") ?? false;
  if (key) analytics.load(key, { consentOnly, ...stub?._loadOptions });
}

begin(document.currentScript as HTMLScriptElement | null);
