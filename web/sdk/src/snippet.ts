// What a page carries in its head: takes calls until the script is there, notes the page that each was made on, and puts
// Google's default in front of everything. Segment's own snippet works as well; this one is shorter and adds the default.
// The two words in capitals are for the site to replace.

import type { LoadOptions } from "./analytics.ts";

const METHODS = [
  "track",
  "page",
  "screen",
  "identify",
  "group",
  "alias",
  "reset",
  "ready",
  "on",
  "once",
  "off",
  "user",
  "setAnonymousId",
  "addSourceMiddleware",
] as const;
/** Calls that say something about the page that they are made on. */
const PAGED = METHODS.slice(0, 6) as readonly string[];

type Stub = unknown[] & Record<string, unknown>;

const page = window as unknown as { analytics?: Stub; dataLayer?: unknown[] };

function noted() {
  const canonical = document.querySelector("link[rel='canonical']")?.getAttribute("href") ?? undefined;
  const { pathname: p, href: u, search: s } = location;
  return { __t: "bpc", c: canonical, p, u, s, t: document.title, r: document.referrer };
}

function googleDefault(..._: unknown[]) {
  page.dataLayer = page.dataLayer ?? [];
  // biome-ignore lint/complexity/noArguments: Google tells a command by this object.
  page.dataLayer.push(arguments);
}

function stub(host: string) {
  const analytics = [] as unknown as Stub;
  for (const method of METHODS) {
    analytics[method] = (...args: unknown[]) => {
      analytics.push([method, ...args, ...(PAGED.includes(method) ? [noted()] : [])]);
      return analytics;
    };
  }
  // Choices of a form of the page's own wait as well; what holds is not known yet, so nothing is permitted.
  const choice =
    (method: string) =>
    (...args: unknown[]) =>
      void analytics.push(["consent", method, ...args]);
  analytics.consent = {
    choose: choice("choose"),
    withdraw: choice("withdraw"),
    open: choice("open"),
    preferences: () => null,
    isChosen: () => false,
    permits: () => false,
  };
  analytics.load = (key: string, options?: LoadOptions) => {
    const script = document.createElement("script");
    script.async = true;
    script.src = `${host}/analytics.js/v1/${key}/analytics.min.js`;
    script.nonce = document.currentScript?.nonce ?? "";
    analytics._writeKey = key;
    analytics._loadOptions = options;
    document.head.append(script);
  };
  return analytics;
}

if (!page.analytics) {
  const denied = "denied";
  googleDefault("consent", "default", {
    ad_storage: denied,
    ad_user_data: denied,
    ad_personalization: denied,
    analytics_storage: denied,
    functionality_storage: denied,
    personalization_storage: denied,
    wait_for_update: 500,
  });
  const analytics = stub("ASSENT_HOST");
  page.analytics = analytics;
  (analytics.load as (key: string) => void)("WRITE_KEY");
  (analytics.page as () => void)();
}
