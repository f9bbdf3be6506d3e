// Wires the parts: calls come in, consent decides, events go out, tags load. What happens when a choice changes is in one
// place, `#settle`, whoever changed it.

import { Banner } from "./banner.ts";
import type { Call, Fields } from "./calls.ts";
import type { MadeChoice } from "./choice.ts";
import { guarded } from "./complain.ts";
import { Consent } from "./consent.ts";
import { build, type Event } from "./event.ts";
import { googleDefault, googleUpdate } from "./google.ts";
import type { Identity } from "./identity.ts";
import { type PageContext, surroundings } from "./page.ts";
import { Queue } from "./queue.ts";
import { type Chooser, Report } from "./report.ts";
import { post } from "./send.ts";
import type { AssentSettings, Choice, Layer, Method, Surface } from "./settings.ts";
import { CHOICE_KEY, cookie, domains, erase, local, setCookie } from "./store.ts";
import { watchTabs } from "./tabs.ts";
import { Tags } from "./tags.ts";

const IDENTIFIER_DAYS = 90;
const BUFFERED_MAX = 100;
/** What this SDK itself stores for the category under which it collects. */
const OWN_NAMES = ["ajs_*", "assent_queue:*"];

export interface Start {
  readonly settings: AssentSettings;
  readonly writeKey: string;
  /** Where events go: `https://host/v1`. */
  readonly api: string;
  readonly library: string;
  readonly nonce: string;
  /** `integrations` that `load` was given. */
  readonly integrations: Fields;
  readonly identity: Identity;
  /** Loads a chunk, unless it is there, and starts it. */
  readonly load: (chunk: Chunk, core: Core) => void;
  /** Runs the page's middlewares. */
  readonly passOn: (event: Event, then: (event: Event) => void) => void;
  readonly emit: (name: string, ...args: unknown[]) => void;
  /** Another SDK captures: this one asks, records, tells and releases. */
  readonly consentOnly: boolean;
  /** Nothing but the choice is kept in the browser. */
  readonly keepsNothing: boolean;
}

/** Files that are loaded when they are needed. */
export type Chunk = "choices" | Surface;

/** A call with what was so when it was made. */
export interface Taken {
  readonly call: Call;
  readonly at: Date;
  readonly page: PageContext;
}

/** What the browser says by itself. */
function signals() {
  const { globalPrivacyControl, doNotTrack } = navigator as Navigator & { globalPrivacyControl?: boolean };
  return { gpc: globalPrivacyControl === true, dnt: doNotTrack === "1" };
}

function choiceStore({ choice: key = CHOICE_KEY, domain }: NonNullable<AssentSettings["storage"]>) {
  const kept = () => [cookie(key), local.get(key)];
  /** Only where the browser keeps nothing: else clearing its data would not be noticed. */
  let memory: string | null = null;
  return {
    read: () => [...kept(), memory],
    write(text: string, days: number) {
      // What cannot be replaced must not stay as it was: it may be an older grant.
      local.remove(key);
      local.set(key, text);
      setCookie(key, text, days, domain);
      memory = kept().includes(text) ? null : text;
    },
  };
}

export class Core {
  readonly consent: Consent;
  readonly banner: Banner;
  readonly tags: Tags;
  /** For chunks that write another platform's cookies. */
  readonly domains = domains;
  /** What the loaded chunks do after every change. */
  readonly followers = new Set<() => void>();
  /** Whether whoever is signed in refused it on another device; there where a page says who that is. */
  declare isRefusedElsewhere?: (id: string) => boolean;
  readonly #start: Start;
  /** Made for the first event: asking for the time zone takes longer than all else that is done before a choice. */
  #surroundings: Fields | undefined;
  readonly report: Report;
  readonly #queue: Queue;
  readonly #announce: () => void;
  /** Calls made before a choice, with what held and who it was then (`before: buffer`). */
  #buffered: { taken: Taken; held: Record<string, boolean>; userId: string | null }[] = [];
  #isCollecting = false;
  /** Events go out that nobody was asked about (`before: always-load`): unstamped, and of nobody whom the browser keeps. */
  #isUnasked = false;
  #hasChosen = false;

  constructor(start: Start) {
    const { settings, writeKey, api, nonce, identity } = start;
    const { storage = {} } = settings;
    this.#start = start;
    identity.days = storage.identifierDays ?? IDENTIFIER_DAYS;
    identity.domain = storage.domain;
    this.consent = new Consent(settings, { store: choiceStore(storage), signals, now: Date.now });
    this.report = new Report(this.consent, { url: `${api}/consent`, writeKey, post, store: local });
    this.tags = new Tags(this.consent, nonce);
    this.#announce = watchTabs(storage.choice ?? CHOICE_KEY, this.look).announce;
    this.#queue = new Queue({
      url: `${api}/b`,
      writeKey,
      mayCollect: () => {
        this.look();
        return this.#isCollecting;
      },
      mayStore: () => this.#mayStore(),
      isOnline: () => navigator.onLine,
      store: local,
      post,
    });
    const actions = { choose: this.choose, open: this.open, lingering: this.tags.lingering };
    this.banner = new Banner(this.consent, actions, nonce);
  }

  /** Sees whether somebody chose elsewhere, and follows. */
  look = () => {
    if (this.consent.refresh() || (this.#isUnasked && !this.#goesUnasked())) this.#settle();
  };

  /** Opens the preference centre. */
  open = () => {
    this.look();
    this.#start.load("choices", this);
  };

  choose = (choice: Choice, method: Method, layer: Layer) =>
    this.adopt(() => this.consent.choose(choice, method, layer));

  /** Follows a choice that is being made, or was made on another site, and tells the server. */
  adopt(make: () => MadeChoice) {
    this.look();
    const before = this.#start.identity.chooser();
    const made = make();
    this.#settle();
    this.report.tell(made, this.#isCollecting ? this.#chooser(before) : before);
    this.#announce();
  }

  /** Whose a grant is: whoever the events under it will be of. */
  #chooser(before: Chooser): Chooser {
    const { identity, consentOnly } = this.#start;
    if (!consentOnly) return { anonymousId: identity.anonymousId(), userId: identity.userId() };
    return this.#mayStore() ? { ...before, anonymousId: identity.shared() } : before;
  }

  /** Takes a call: sends it, keeps it for a choice to come, or lets it go. */
  take(taken: Taken): Event | undefined {
    const { consentOnly, settings, identity } = this.#start;
    if (consentOnly) return undefined;
    this.look();
    const userId = identity.userId();
    if (this.#isCollecting) return this.#send(taken, userId);
    const waits = settings.before === "buffer" && this.#said() === undefined;
    if (waits && this.#buffered.length < BUFFERED_MAX) {
      this.#buffered.push({ taken, held: this.consent.preferences(), userId });
    }
    return undefined;
  }

  /** Once, when whoever made it can be asked about it. */
  begin() {
    const { settings, load } = this.#start;
    const { consentMode, surfaces = [] } = settings;
    if (consentMode) guarded(() => googleDefault(consentMode));
    for (const surface of surfaces) load(surface, this);
    this.#settle();
    this.report.resume(this.#start.identity.chooser());
    const queue = this.#queue;
    addEventListener("online", queue.wake);
    addEventListener("pagehide", queue.leave);
    addEventListener("pageshow", queue.resume);
    document.addEventListener("visibilitychange", () => document.hidden && queue.leave());
    this.#watchPage();
  }

  /** Follows what the page adds later: markup held back, elements that open the choices, a body that was replaced. */
  #watchPage() {
    const follow = () => {
      this.tags.release();
      if (!this.banner.root.isConnected) this.banner.update();
    };
    new MutationObserver(follow).observe(document.documentElement, { childList: true, subtree: true });
    document.addEventListener("click", (event) => {
      if (!(event.target as Element | null)?.closest?.("[data-assent-open]")) return;
      event.preventDefault();
      this.open();
    });
  }

  /** What was chosen about the category under which events are collected; a choice may be silent about it. */
  #said(): boolean | undefined {
    return this.consent.choice?.categories[this.#start.settings.source.category];
  }

  #mayStore(): boolean {
    const { settings, keepsNothing } = this.#start;
    const isGranted = this.#said();
    // Under `block` and `buffer` nothing is sent that was not permitted; what goes out unasked is of nobody who is kept.
    return this.#isCollecting && !keepsNothing && (settings.before[0] === "b" || !!isGranted);
  }

  /**
   * Nobody said anything yet, here or elsewhere. A frame has no banner that could end it, and a page on which a choice has
   * ended knows who its visitor is.
   */
  #goesUnasked(): boolean {
    const { before, source } = this.#start.settings;
    const isRefused = this.consent.denied().includes(source.category) || this.isRefusedElsewhere?.(source.category);
    return before === "always-load" && top === self && !this.#hasChosen && !isRefused;
  }

  /** Follows what is permitted now; it forgets before it learns. */
  #settle() {
    const { settings, identity, consentOnly, emit } = this.#start;
    const preferences = this.consent.preferences();
    const { consentMode } = settings;
    if (consentMode) guarded(() => googleUpdate(consentMode, preferences));
    this.#isCollecting = this.consent.collects();
    this.#hasChosen ||= !!this.consent.choice;
    const wasUnasked = this.#isUnasked;
    this.#isUnasked = !this.#isCollecting && this.#goesUnasked();
    this.#isCollecting ||= this.#isUnasked;
    // What went out unasked was of nobody: who accepts gets another identifier.
    if (wasUnasked && !this.#isUnasked) identity.permit("none");
    if (!this.#isCollecting) {
      this.#queue.drop();
      identity.permit("none");
      if (this.#said() !== undefined) this.#buffered = [];
    }
    this.#forget();
    if (this.#isCollecting) {
      // Another SDK's identifiers are its own.
      if (!consentOnly) identity.permit(this.#mayStore() ? "stored" : "page");
      this.#queue.resume();
      this.#release();
    }
    this.tags.release();
    this.banner.update();
    // They call functions of the page's: one that throws must keep no choice from the server and from other tabs.
    [...this.followers].forEach(guarded);
    emit("consent", preferences);
  }

  /** Removes what this site stored for what is refused. */
  #forget() {
    const { categories, source } = this.#start.settings;
    for (const { id, erase: names = [] } of categories) {
      if (this.consent.choice?.categories[id] === false)
        erase([...names, ...(id === source.category ? OWN_NAMES : [])]);
    }
  }

  /** Sends what waited for the choice. */
  #release() {
    const all = this.#buffered;
    this.#buffered = [];
    const releasedAt = new Date().toISOString();
    for (const { taken, held, userId } of all) this.#send(taken, userId, { atCapture: held, releasedAt });
  }

  #send({ call, at, page }: Taken, userId: string | null, more: Fields = {}): Event {
    const { identity, integrations, library, passOn } = this.#start;
    this.#surroundings ??= surroundings(library);
    // Whoever was somebody else then shares no identifier with who it is now.
    const isOther = userId !== null && userId !== identity.userId();
    const event = build(call, {
      page,
      at,
      integrations,
      surroundings: this.#surroundings,
      consent: { ...this.#stamp(), ...more },
      anonymousId: isOther ? null : identity.anonymousId(),
      userId,
    });
    passOn(event, (passed) => {
      // A middleware may take its time; a refusal in between counts.
      this.look();
      if (this.#isCollecting) this.#queue.add(passed);
    });
    return event;
  }

  #stamp() {
    const refusedVendors = this.consent.choice?.refusedVendors ?? [];
    const { version } = this.#start.settings.texts;
    return {
      ...(!this.#isUnasked && { categoryPreferences: this.consent.preferences() }),
      version,
      ...(refusedVendors.length && { refusedVendors }),
    };
  }
}
