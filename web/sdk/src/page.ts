// What an event says about the page and the browser: `context.page`, `context.campaign` and the rest of `context`.

import type { Fields } from "./calls.ts";

export interface PageContext {
  readonly path: string;
  readonly referrer: string;
  readonly search: string;
  readonly title: string;
  readonly url: string;
}

/** The canonical address wins; a fragment is never told. */
function context(
  canonical: string | undefined,
  url: string,
  path: string,
  search: string,
): Pick<PageContext, "path" | "url"> {
  if (!canonical) return { path, url: url.replace(/#.*/, "") };
  let canonicalPath = path;
  try {
    canonicalPath = new URL(canonical).pathname;
  } catch {
    // A canonical address without a host says nothing about the path.
  }
  return { path: canonicalPath, url: canonical.includes("?") ? canonical : canonical + search };
}

/** The page as it is now. */
export function pageContext(): PageContext {
  const { href, pathname, search } = location;
  const canonical = document.querySelector("link[rel='canonical']")?.getAttribute("href") ?? undefined;
  const { title, referrer } = document;
  return { ...context(canonical, href, pathname, search), referrer, search, title };
}

/** The page as Segment's snippet noted it with a call (`__t: "bpc"`), when that is what the value is. */
export function bufferedPage(value: unknown): PageContext | undefined {
  const noted = value as Record<"__t" | "c" | "u" | "p" | "s" | "t" | "r", string> | null | undefined;
  if (noted?.__t !== "bpc") return undefined;
  return { ...context(noted.c, noted.u, noted.p, noted.s), referrer: noted.r, search: noted.s, title: noted.t };
}

/** `utm_*` of a query; `utm_campaign` is the campaign's name. */
export function campaign(search: string): Fields | undefined {
  if (!search) return undefined;
  const found: Fields = {};
  for (const [key, value] of new URLSearchParams(search)) {
    if (key.startsWith("utm_") && key.length > 4) found[key === "utm_campaign" ? "name" : key.slice(4)] = value;
  }
  return found;
}

/** What does not change while the page lives. */
export function surroundings(library: string): Fields {
  const { userAgentData } = navigator as { userAgentData?: { toJSON(): unknown } };
  return {
    userAgent: navigator.userAgent,
    userAgentData: userAgentData?.toJSON(),
    locale: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    library: { name: "analytics.js", version: library },
  };
}
