// Delivery that loses nothing on the way: what is captured goes out at once, in order, in requests that outlive the page;
// what is not acknowledged is tried again, handed to a beacon when the page goes, and kept for the next page where storage
// is permitted. The server drops what arrives twice by its `messageId`.

import type { Event } from "./event.ts";
import { isLongLived, type Outcome, pauseMs } from "./send.ts";

/** Events in one request, so that one fits what may outlive a page. */
const BATCH_EVENTS_MAX = 20;
const BATCH_CHARS_MAX = 50_000;
/** More than this waits only when nothing was reachable for long; the oldest go first. */
const WAITING_MAX = 1_000;

export interface QueueAround {
  readonly url: string;
  readonly writeKey: string;
  /** Asked before every request: may this source collect now? */
  readonly mayCollect: () => boolean;
  /** May events be kept in storage? */
  readonly mayStore: () => boolean;
  readonly store: {
    get(key: string): string | null;
    set(key: string, value: string): unknown;
    remove(key: string): unknown;
  };
  readonly post: (url: string, body: string, signal: AbortSignal) => Promise<Outcome>;
  readonly beacon: (url: string, body: string) => boolean;
}

/** What is not acknowledged, in the order of capture: `sending` is in a request, `waiting` comes after it. */
export class Queue {
  readonly #around: QueueAround;
  readonly #key: string;
  #waiting: Event[] = [];
  #sending: Event[] = [];
  #attempts = 0;
  /** When the next request may begin. */
  #due = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort = new AbortController();
  #isStored = false;

  constructor(around: QueueAround) {
    this.#around = around;
    this.#key = `assent_queue:${around.writeKey}`;
  }

  add(event: Event) {
    this.#waiting.push(event);
    this.#waiting.splice(0, this.#waiting.length - WAITING_MAX);
    this.#schedule();
  }

  /** Takes over what an earlier page could not deliver. */
  resume = () => {
    if (!this.#around.mayStore()) return;
    this.#gather();
    this.#around.store.remove(this.#key);
    this.#isStored = false;
    this.#schedule();
  };

  /** The page goes, for a moment or for ever. */
  leave = () => {
    if (!this.#all().length || !this.#around.mayCollect()) return;
    const isSafe = this.#around.mayStore();
    if (isSafe) {
      // What another tab left there stays.
      this.#gather();
      this.#keep();
    }
    // A server that asked for a pause gets it, if the events are safe.
    if (isSafe && this.#due > Date.now()) return;
    for (let rest = this.#waiting; rest.length; ) {
      const next = batch(rest);
      const body = this.#body(next);
      if (!isLongLived(body) || !this.#around.beacon(this.#around.url, body)) return;
      rest = rest.slice(next.length);
    }
  };

  /** The network is back. */
  wake = () => {
    this.#due = 0;
    this.#unschedule();
    this.#schedule();
  };

  /** Withdrawn: nothing of it goes out any more. */
  drop() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#unschedule();
    this.#waiting = [];
    this.#sending = [];
    this.#attempts = 0;
    this.#due = 0;
    if (this.#isStored) this.#around.store.remove(this.#key);
    this.#isStored = false;
  }

  #all() {
    return [...this.#sending, ...this.#waiting];
  }

  #body(events: readonly Event[]) {
    return JSON.stringify({ writeKey: this.#around.writeKey, batch: events, sentAt: new Date().toISOString() });
  }

  #schedule() {
    if (this.#timer !== undefined || this.#sending.length || !this.#waiting.length) return;
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, this.#due - Date.now()));
  }

  #unschedule() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #flush() {
    this.#timer = undefined;
    if (this.#sending.length || !this.#waiting.length || !this.#around.mayCollect()) return;
    const { signal } = this.#abort;
    this.#sending = batch(this.#waiting);
    this.#waiting = this.#waiting.slice(this.#sending.length);
    const outcome = await this.#around.post(this.#around.url, this.#body(this.#sending), signal);
    // Dropped meanwhile: what came since is another matter.
    if (signal.aborted) return;
    this.#settle(outcome);
    this.#schedule();
  }

  #settle(outcome: Outcome) {
    if (typeof outcome === "object") {
      this.#waiting = this.#all();
      this.#due = Date.now() + pauseMs(this.#attempts++, outcome.retryMs);
    } else {
      this.#attempts = 0;
      this.#due = 0;
    }
    this.#sending = [];
    if (this.#isStored) this.#keep();
  }

  /** Puts what is stored in front of what waits, each event once. */
  #gather() {
    const own = new Set(this.#all().map(({ messageId }) => messageId));
    this.#waiting = [...this.#read().filter(({ messageId }) => !own.has(messageId)), ...this.#waiting];
  }

  #read(): Event[] {
    try {
      const found: unknown = JSON.parse(this.#around.store.get(this.#key) ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }

  /** Stores what is not acknowledged. */
  #keep() {
    const { store } = this.#around;
    this.#isStored = this.#all().length > 0 && this.#around.mayStore();
    if (this.#isStored) store.set(this.#key, JSON.stringify(this.#all()));
    else store.remove(this.#key);
  }
}

/** As many of the oldest as fit into one request, at least one. */
function batch(from: readonly Event[]): Event[] {
  let chars = 0;
  const over = from.slice(0, BATCH_EVENTS_MAX).findIndex((event, index) => {
    chars += JSON.stringify(event).length;
    return index > 0 && chars > BATCH_CHARS_MAX;
  });
  return from.slice(0, over < 0 ? BATCH_EVENTS_MAX : over);
}
