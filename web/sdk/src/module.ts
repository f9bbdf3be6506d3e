// The ES module: `import { AnalyticsBrowser } from "…/assent.mjs"`, with the entry points that Segment's package has:
// `AnalyticsBrowser.load(…)`, `new AnalyticsBrowser()` that takes calls before its `load`, and either awaited.

import { Analytics, type Entry, type LoadOptions } from "./analytics.ts";
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

/** What awaiting it gives; a list, because an object that can be awaited cannot be what awaiting it gives. */
type Loaded = [analytics: AnalyticsBrowser];

export class AnalyticsBrowser extends Analytics implements PromiseLike<Loaded> {
  /** Loads at once; calls may follow on the next line. */
  static load(settings: BrowserSettings, options?: LoadOptions): AnalyticsBrowser {
    return new AnalyticsBrowser().load(settings, options);
  }

  readonly #at: { -readonly [K in keyof Entry]: Entry[K] };

  constructor() {
    // Where it comes from is said to `load`.
    const at = { origin: "", nonce: "", library: `npm:${__LIBRARY__}` };
    super(at);
    this.#at = at;
  }

  override load(settings: BrowserSettings | string, options: LoadOptions = {}): this {
    if (typeof settings === "string") throw new Error("AnalyticsBrowser.load: give `{ writeKey, cdnURL }`");
    const { writeKey, cdnURL, cdnSettings, nonce = "" } = settings;
    this.#at.origin = cdnURL.replace(/\/$/, "");
    this.#at.nonce = nonce;
    return super.load(writeKey, { ...options, ...(cdnSettings && { cdnSettings }) });
  }

  /** When calls no longer wait: `const [analytics] = await AnalyticsBrowser.load(…)`. */
  // biome-ignore lint/suspicious/noThenProperty: Segment's can be awaited, and code that changes over does.
  then<A = Loaded, B = never>(
    fulfilled?: ((value: Loaded) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.ready()
      .then((): Loaded => [this])
      .then(fulfilled, rejected);
  }
}

export type { Analytics, LoadOptions };
