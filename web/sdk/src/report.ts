// Tells the server what was chosen, as the event that today's collector understands. It goes out whatever the choice
// says: a refusal that is dropped because it refuses would be absurd. A refusal by somebody without an identifier carries
// a random number, used once, and nothing about the page or the browser.

import type { MadeChoice } from "./choice.ts";
import type { Consent } from "./consent.ts";
import { type Outcome, pauseMs } from "./send.ts";
import { uuid } from "./uuid.ts";

export const CHOICE_EVENT = "Segment Consent Preference Updated";

export interface Chooser {
  readonly anonymousId: string | null;
  readonly userId: string | null;
}

export interface ReportAround {
  readonly url: string;
  readonly writeKey: string;
  readonly library: string;
  readonly post: (url: string, body: string) => Promise<Outcome>;
}

export class Report {
  readonly #consent: Consent;
  readonly #around: ReportAround;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(consent: Consent, around: ReportAround) {
    this.#consent = consent;
    this.#around = around;
  }

  /** Tells it until the server has it; what this page cannot tell, the next one does. */
  tell(made: MadeChoice, by: Chooser) {
    clearTimeout(this.#timer);
    void this.#attempt(made, this.#event(made, by), 0);
  }

  async #attempt(made: MadeChoice, event: object, attempts: number): Promise<void> {
    const { url, writeKey, post } = this.#around;
    const outcome = await post(url, JSON.stringify({ ...event, writeKey, sentAt: new Date().toISOString() }));
    // A newer choice says all that this one said.
    if (this.#consent.choice?.madeAt !== made.madeAt) return;
    if (outcome === "done") return this.#consent.told(made);
    // A server that does not want it, as for a wrong key, is asked again by the next page.
    if (outcome === "refused") return;
    const again = () => this.#attempt(made, event, attempts + 1);
    this.#timer = setTimeout(again, pauseMs(attempts, outcome.retryMs));
  }

  #event(made: MadeChoice, { userId, anonymousId }: Chooser) {
    return {
      type: "track",
      event: CHOICE_EVENT,
      messageId: `assent-${made.madeAt}-${uuid()}`,
      timestamp: new Date(made.madeAt).toISOString(),
      ...(userId && { userId }),
      ...(anonymousId ? { anonymousId } : !userId && { anonymousId: uuid() }),
      properties: {},
      integrations: {},
      context: {
        library: { name: "analytics.js", version: this.#around.library },
        consent: this.#said(made),
      },
    };
  }

  /** The choice and how it came about. */
  #said(made: MadeChoice) {
    const { texts, regime, region } = this.#consent.settings;
    const { categories, refusedVendors, textVersion: version, method, layer } = made;
    return {
      categoryPreferences: { ...categories, required: true },
      ...(refusedVendors.length && { refusedVendors }),
      version,
      method,
      layer,
      regime: regime.id,
      regimeVersion: regime.version,
      region,
      // What was shown is known only while it is shown: a choice told later says the version alone.
      ...(version === texts.version && { textHash: texts.hash, language: texts.language }),
    };
  }
}
