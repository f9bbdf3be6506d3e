// The ES module: `import { AnalyticsBrowser } from "…/assent.mjs"`, with the entry point that Segment's package has.

import { Analytics, type LoadOptions } from "./analytics.ts";
import type { Settings } from "./settings.ts";

declare const __LIBRARY__: string;

export interface BrowserSettings {
  readonly writeKey: string;
  /** Where chunks and settings come from: `https://host`. */
  readonly cdnURL: string;
  readonly cdnSettings?: Settings;
  /** The nonce of the page's policy, for scripts that the SDK adds. */
  readonly nonce?: string;
}

/** Loads at once; calls may follow on the next line. */
function load({ writeKey, cdnURL, cdnSettings, nonce = "" }: BrowserSettings, options: LoadOptions = {}): Analytics {
  const origin = cdnURL.replace(/\/$/, "");
  const analytics = new Analytics({ origin, nonce, library: `npm:${__LIBRARY__}` });
  return analytics.load(writeKey, { ...options, ...(cdnSettings && { cdnSettings }) });
}

export const AnalyticsBrowser = { load };
export type { Analytics, LoadOptions };
