// Delivery that loses nothing on the way: what is captured goes out at once, in order, in requests that outlive the page;
// what is not acknowledged is tried again, sent once more when the page goes, and kept for the next page where storage
// is permitted. The server drops what arrives twice by its `messageId`.

import type { Event } from "./event.ts";
import { isLongLived, type Outcome, pauseMs } from "./send.ts";
import { keep, list, type Store } from "./store.ts";

/** Events in one request, so that one fits what may outlive a page. */
const BATCH_EVENTS_MAX = 20;
const BATCH_CHARS_MAX = 50_000;
/** More than this waits only when nothing was reachable for long; the oldest go first. */
const WAITING_MAX = 1_000;
/** The server knows for a day what arrived: what may have arrived before that is not sent again. */
const KNOWN_MS = 23 * 3_600_000;

export interface QueueAround {
  readonly url: string;
  readonly writeKey: string;
  /** Asked before every request: may this source collect now? */
  readonly mayCollect: () => boolean;
  /** May events be kept in storage? */
  readonly mayStore: () => boolean;
  readonly isOnline: () => boolean;
  readonly store: Store;
  readonly post: (url: string, body: string, signal: AbortSignal) => Promise<Outcome>;
}

/** An event in storage, with when a request took it whose answer was not heard; 0 when none did. */
type Kept = [taken: number, event: Event];

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

  constructor(around: QueueAround) {
    this.#around = around;
    this.#key = `assent_queue:${around.writeKey}`;
  }

  /** Takes the event as it is now; what JSON cannot write is the caller's error, and stops nobody else's. */
  add(event: Event) {
    this.#waiting.push(JSON.parse(JSON.stringify(event)));
    this.#waiting.splice(0, this.#waiting.length - WAITING_MAX);
    this.#schedule();
  }

  /** Takes over what an earlier page could not deliver. */
  resume = () => {
    if (!this.#around.mayStore()) return;
    this.#gather();
    this.#around.store.remove(this.#key);
    this.#schedule();
  };

  /** The page goes, for a moment or for ever. */
  leave = () => {
    const { mayCollect, mayStore, isOnline, post, url } = this.#around;
    if (!this.#all().length || !mayCollect()) return;
    const stores = mayStore();
    // What another tab left there stays.
    if (stores) this.#gather();
    let taken = this.#sending.length;
    const save = () => stores && this.#keep(this.#all().map((event, index) => [index < taken ? Date.now() : 0, event]));
    // A server that asked for a pause gets it, if the events are safe; without a network there is none to ask.
    if ((this.#due > Date.now() || !isOnline()) && save()) return;
    let sent = "";
    for (let rest = this.#waiting; rest.length; ) {
      const next = batch(rest);
      const body = this.#body(next);
      sent += body;
      // The rest would not outlive the page.
      if (!isLongLived(sent)) break;
      // Firefox before 133 ends a request with its page. A beacon brings cookies along, so it is for those alone.
      if ("keepalive" in Request.prototype) void post(url, body, this.#abort.signal);
      else navigator.sendBeacon(url, body);
      taken += next.length;
      rest = rest.slice(next.length);
    }
    save();
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
    this.#around.store.remove(this.#key);
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
      // Another tab may have left its own there.
      const kept = this.#kept();
      if (kept.length) this.#keep(kept.filter(([, event]) => !has(this.#sending, event)));
    }
    this.#sending = [];
  }

  /** Puts what is stored in front of what waits, each event once. */
  #gather() {
    const all = this.#all();
    const may = ([taken, event]: Kept) => !(has(all, event) || (taken && taken < Date.now() - KNOWN_MS));
    this.#waiting.unshift(
      ...this.#kept()
        .filter(may)
        .map(([, event]) => event),
    );
  }

  #kept() {
    return list<Kept>(this.#around.store, this.#key);
  }

  #keep(all: Kept[]) {
    return keep(this.#around.store, this.#key, all);
  }
}

const has = (all: readonly Event[], { messageId }: Event) => all.some((one) => one.messageId === messageId);

/** As many of the oldest as fit into one request, at least one. */
function batch(from: readonly Event[]): Event[] {
  let chars = 0;
  const over = from.slice(0, BATCH_EVENTS_MAX).findIndex((event, index) => {
    chars += JSON.stringify(event).length;
    return index > 0 && chars > BATCH_CHARS_MAX;
  });
  return from.slice(0, over < 0 ? BATCH_EVENTS_MAX : over);
}
