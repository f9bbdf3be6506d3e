// Tells the server what was chosen. It goes out whatever the choice says: a refusal that is dropped because it refuses
// would be absurd. A refusal by somebody without an identifier carries a random number, used once, and nothing about the
// page or the browser. The number of the receipt that comes back is known to this page alone, and stored nowhere: it would
// tell again who refused.

import type { Fields } from "./calls.ts";
import type { MadeChoice } from "./choice.ts";
import type { Consent } from "./consent.ts";
import { pauseMs, type post } from "./send.ts";
import { DAY_MS, keep, list, type Store, site } from "./store.ts";
import { uuid } from "./uuid.ts";

export interface Chooser {
  readonly anonymousId: string | null;
  readonly userId: string | null;
}

export interface ReportAround {
  readonly url: string;
  readonly writeKey: string;
  readonly post: typeof post;
  readonly store: Store;
}

/** The parts of a report that this file reads back. */
interface Told extends Fields {
  readonly messageId: string;
  readonly timestamp: string;
}

/** Where reports of visitors who are known wait for the next page: whoever withdraws is forgotten at once. */
const KEY = "assent_untold";
const KEPT_MS = 90 * DAY_MS;
/** A request that hangs must not hold up what was chosen since. */
const PATIENCE_MS = 10_000;

export class Report {
  /** Where the receipt of the latest choice is, once the server has said. */
  receipt: string | undefined;
  readonly #consent: Consent;
  readonly around: ReportAround;
  /** What the server may not have, oldest first: it hears choices in the order in which they were made. */
  readonly #untold: Told[];
  #isSending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(consent: Consent, around: ReportAround) {
    this.#consent = consent;
    this.around = around;
    const isFresh = ({ timestamp }: Told) => Date.now() - Date.parse(timestamp) < KEPT_MS;
    this.#untold = this.#kept().filter(isFresh);
    this.#keep(this.#untold);
  }

  /** Tells it until the server has it; what this page cannot tell, the next one does. */
  tell(made: MadeChoice, by: Chooser) {
    const report = this.#body(made, by);
    this.receipt = undefined;
    this.#untold.push(report);
    if (by.anonymousId || by.userId) this.#keep([...this.#kept(), report]);
    void this.#send(0);
  }

  /** What the last page could not tell, or of which it did not hear the answer. */
  resume(by: Chooser) {
    const { choice } = this.#consent;
    const waits = this.#untold.some(({ timestamp }) => Date.parse(timestamp) === choice?.madeAt);
    if (choice && !choice.told && !waits) this.tell(choice, by);
    else void this.#send(0);
  }

  #kept() {
    return list<Told>(this.around.store, KEY);
  }

  #keep(all: Told[]) {
    keep(this.around.store, KEY, all);
  }

  async #send(attempts: number): Promise<void> {
    clearTimeout(this.#timer);
    const [report] = this.#untold;
    if (!report || this.#isSending) return;
    const { url, writeKey, post } = this.around;
    this.#isSending = true;
    const body = JSON.stringify({ ...report, writeKey, domain: site, sentAt: new Date().toISOString() });
    const outcome = await post(url, body, AbortSignal.timeout(PATIENCE_MS), async (answer) => {
      const { receipt } = await answer.json().catch(() => ({}));
      if (receipt && !this.#untold[1]) this.receipt = `${url}/${receipt}?writeKey=${encodeURIComponent(writeKey)}`;
    });
    this.#isSending = false;
    if (typeof outcome === "object") {
      this.#timer = setTimeout(() => this.#send(attempts + 1), pauseMs(attempts, outcome.retryMs));
      return;
    }
    this.#untold.shift();
    this.#keep(this.#kept().filter(({ messageId }) => messageId !== report.messageId));
    // A server that does not want it, as for a wrong key, is asked again by the next page.
    if (outcome === "done") this.#consent.told(Date.parse(report.timestamp));
    return this.#send(0);
  }

  /** The choice and how it came about; nobody is named who is not known already. */
  #body(made: MadeChoice, { userId, anonymousId }: Chooser): Told {
    const { texts, regime } = this.#consent.settings;
    const { categories, refusedVendors, textVersion: version, method, layer, madeAt } = made;
    return {
      messageId: uuid(),
      timestamp: new Date(madeAt).toISOString(),
      ...(userId && { userId }),
      ...(anonymousId && { anonymousId }),
      categories,
      ...(refusedVendors.length && { refusedVendors }),
      version,
      method,
      layer,
      regime: regime.id,
      regimeVersion: regime.version,
      // What was shown is known only while it is shown: a choice told later says the version alone.
      // Of a choice that was made elsewhere nothing of these was shown.
      ...(version === texts.version && method !== "imported" && { textHash: texts.hash, language: texts.language }),
    };
  }
}
