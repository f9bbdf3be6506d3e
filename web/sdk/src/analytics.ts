// The API that pages call: analytics.js, as far as Assent has it, and `analytics.consent`. Calls are taken from the first
// line on; until the settings are there they wait in memory, and without settings nothing is stored or sent.

import { type Call, type Callback, type Fields, understand } from "./calls.ts";
import { complain, guarded } from "./complain.ts";
import { type Chunk, Core, type Taken } from "./core.ts";
import type { Event } from "./event.ts";
import { Identity } from "./identity.ts";
import { bufferedPage, pageContext } from "./page.ts";
import { pauseMs } from "./send.ts";
import { type AssentSettings, type Choice, CONTRACT, type Settings } from "./settings.ts";

export interface Entry {
  /** Where script, chunks and settings come from: `https://host`. */
  readonly origin: string;
  readonly nonce: string;
  /** Told as `context.library.version`. */
  readonly library: string;
}

export interface LoadOptions {
  readonly integrations?: Fields;
  /** The settings, when the page has them already: then they are not asked for. */
  readonly cdnSettings?: Settings;
  /** Calls `page()` once. */
  readonly initialPageview?: boolean;
  /** Nothing is asked, captured or loaded at all; a function is asked when the settings are there. */
  readonly disable?: boolean | ((settings: Settings) => boolean);
  /** No identifier and no event is kept in the browser; the choice is. */
  readonly disableClientPersistence?: boolean;
  /** Beside another SDK that captures, as Segment's: this one asks, records and tells choices and releases tags. */
  readonly consentOnly?: boolean;
}

/** A source middleware: passes the event on, changed or not, or lets it go. */
export type Middleware = (step: { payload: { obj: Event }; next: (payload: { obj: Event } | null) => void }) => void;

type Listener = (...args: unknown[]) => void;

/** What a call answers: its event, or `undefined` when it was not captured. */
export interface Context {
  readonly event: Event | undefined;
}

/** The file of each chunk, with the hash of its content in its name. */
declare const __CHUNKS__: string;

/** What a listener hears of a call, in front of its properties or traits and its options: Segment's order. */
const NAMES = {
  track: ["event"],
  page: ["category", "name"],
  screen: ["category", "name"],
  identify: ["userId"],
  group: ["groupId"],
  alias: ["userId", "previousId"],
} as const;

export class Analytics {
  initialized = false;
  /** Choices, for pages with a form of their own. Nothing here grants by itself. */
  readonly consent = {
    /** Category → granted, as it holds now; `null` until the settings are there. */
    preferences: () => this.#core?.consent.preferences() ?? null,
    /** Whether the visitor has chosen. */
    isChosen: () => this.#core?.consent.choice != null,
    /** May this destination of the settings run in the page now? */
    permits: (name: string) => {
      const use = this.#core?.consent.settings.destinations?.find((one) => one.name === name);
      return !!use && !!this.#core?.consent.permits(use);
    },
    /** A choice made in the page's own form. What it does not name it refuses. */
    choose: ({ categories, refusedVendors = [] }: Partial<Choice> & Pick<Choice, "categories">) =>
      this.#when((core) => core?.choose({ categories, refusedVendors }, "api", "page")),
    withdraw: () => this.#when((core) => core?.banner.all("withdraw", "page")),
    /** Opens the preference centre. */
    open: () => this.#when((core) => core?.open()),
  };
  readonly #entry: Entry;
  readonly #identity = new Identity();
  readonly #middlewares: Middleware[] = [];
  readonly #listeners: [name: string, listener: Listener][] = [];
  #core: Core | undefined;
  /** Calls that wait until it is known whether there is a core; `null` from then on. */
  #waiting: ((core: Core | undefined) => void)[] | null = [];
  #isLoading = false;

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  load(writeKey: string, options: LoadOptions = {}): this {
    if (this.#isLoading) return this;
    // A page that is rendered in case somebody wants it is not seen, and cannot ask.
    if ((document as { prerendering?: boolean }).prerendering) {
      document.addEventListener("prerenderingchange", () => this.load(writeKey, options), { once: true });
      return this;
    }
    this.#isLoading = true;
    const { cdnSettings, initialPageview, disable } = options;
    if (initialPageview) this.page();
    if (disable === true) this.#go();
    else if (cdnSettings) this.#start(writeKey, cdnSettings, options);
    else void this.#fetch(writeKey, options, 0);
    return this;
  }

  /** Segment's snippet, run again, sees by it that somebody is there. */
  initialize(): this {
    return this;
  }

  track(...args: unknown[]) {
    return this.#call("track", args);
  }

  page(...args: unknown[]) {
    return this.#call("page", args);
  }

  screen(...args: unknown[]) {
    return this.#call("screen", args);
  }

  identify(...args: unknown[]) {
    return this.#call("identify", args);
  }

  group(...args: unknown[]) {
    if (args.length) return this.#call("group", args);
    return { id: () => this.#identity.groupId(), traits: () => this.#identity.groupTraits() };
  }

  alias(...args: unknown[]) {
    return this.#call("alias", args);
  }

  reset() {
    this.#when(() => this.#identity.reset());
    this.#emit("reset");
  }

  /** Calls back, and resolves, when calls are no longer waiting. */
  ready(callback?: () => unknown): Promise<unknown> {
    return new Promise((resolve) => this.#when(resolve)).then(() => callback?.());
  }

  user() {
    const identity = this.#identity;
    return {
      id: (id?: string | null) => {
        if (id !== undefined) identity.identify(id, {});
        return identity.userId();
      },
      /** `null` where none may be made. */
      anonymousId: (id?: string | null) => {
        if (id !== undefined) identity.setAnonymousId(id);
        return identity.anonymousId();
      },
      traits: (traits?: Fields | null) => identity.traits(traits),
      reset: () => identity.reset(),
    };
  }

  setAnonymousId(id: string | null) {
    return this.user().anonymousId(id);
  }

  addSourceMiddleware(middleware: Middleware): this {
    this.#middlewares.push(middleware);
    return this;
  }

  on(name: string, listener: Listener): this {
    this.#listeners.push([name, listener]);
    return this;
  }

  once(name: string, listener: Listener): this {
    const once: Listener = (...args) => {
      this.off(name, once);
      listener(...args);
    };
    return this.on(name, once);
  }

  off(name: string, listener: Listener): this {
    const at = this.#listeners.findIndex(([one, other]) => one === name && other === listener);
    if (at >= 0) this.#listeners.splice(at, 1);
    return this;
  }

  #emit = (name: string, ...args: unknown[]) => {
    for (const [one, listener] of [...this.#listeners]) if (one === name) guarded(() => listener(...args));
  };

  /** Now, or as soon as the settings are there; without a core when there is none to come. */
  #when(act: (core: Core | undefined) => void) {
    if (this.#waiting) this.#waiting.push(act);
    else act(this.#core);
  }

  /** Nothing waits any longer. */
  #go() {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const act of waiting) guarded(() => act(this.#core));
  }

  /** Rejects, and does not throw, what is not a call: the page's own code goes on. */
  async #call(type: Call["type"], args: unknown[]): Promise<Context> {
    const call = understand(type, args, bufferedPage);
    const taken = { at: new Date(), page: call.page ?? pageContext() };
    return new Promise((resolve) => this.#when(() => resolve(this.#take(call, taken))));
  }

  #take(said: Call, around: Omit<Taken, "call">): Context {
    const { options } = said;
    if (typeof options.anonymousId === "string") this.#identity.setAnonymousId(options.anonymousId);
    const call = this.#known(said);
    const context: Context = { event: this.#core?.take({ ...around, call }) };
    const { type, traits, properties = traits ?? {} } = call;
    this.#emit(
      type,
      ...NAMES[type].map((name) => call[name] ?? null),
      ...(type === "alias" ? [] : [properties]),
      options,
    );
    // Also when nothing was captured: pages go on to the next address in it.
    guarded(() => (call.done as Callback | undefined)?.(context));
    return context;
  }

  /** Takes what an identify or group call says into the identity, and puts the whole of it into the call. */
  #known(call: Call): Call {
    const identity = this.#identity;
    if (call.type === "identify") {
      identity.identify(call.userId, call.traits ?? {});
      return { ...call, userId: identity.userId() ?? undefined, traits: { ...identity.traits() } };
    }
    if (call.type === "group") {
      identity.group(call.groupId, call.traits ?? {});
      return { ...call, groupId: identity.groupId() ?? undefined, traits: { ...identity.groupTraits() } };
    }
    return call;
  }

  async #fetch(writeKey: string, options: LoadOptions, attempt: number): Promise<void> {
    let settings: Settings | undefined;
    let status = 0;
    try {
      const answer = await fetch(`${this.#entry.origin}/v1/projects/${writeKey}/settings`, { credentials: "omit" });
      status = answer.status;
      if (answer.ok) settings = await answer.json();
    } catch {
      // Not reachable: tried again below.
    }
    if (settings) this.#start(writeKey, settings, options);
    else if (status >= 400 && status < 500 && status !== 429) this.#off(`settings of ${writeKey}: ${status}`);
    else setTimeout(() => this.#fetch(writeKey, options, attempt + 1), pauseMs(attempt, 0));
  }

  #off(why: string) {
    complain(why);
    this.#go();
  }

  #start(writeKey: string, settings: Settings, options: LoadOptions) {
    const { assent } = settings;
    const { disable } = options;
    if (typeof disable === "function" && disable(settings)) return this.#go();
    if (assent?.v !== CONTRACT) return this.#off("the settings are not for this SDK");
    const core = this.#made(writeKey, assent, settings, options);
    const begin = () => {
      this.#core = core;
      core.begin();
      this.initialized = true;
      this.#go();
      this.#emit("initialize", settings);
    };
    // What another platform was told holds from the first event and the first tag on; until it is read, calls wait.
    const take = (attempt: number) =>
      load("takeover", this.#entry, (read) => (read ? begin() : setTimeout(take, pauseMs(attempt, 0), attempt + 1)));
    if (assent.surfaces?.includes("takeover") && !core.consent.choice) take(0);
    else begin();
  }

  #made(writeKey: string, settings: AssentSettings, all: Settings, options: LoadOptions): Core {
    const { origin, nonce, library } = this.#entry;
    const { integrations = {}, consentOnly = false, disableClientPersistence = false } = options;
    const { apiHost, protocol = "https" } = all.integrations?.["Segment.io"] ?? {};
    return new Core({
      settings,
      writeKey,
      api: apiHost ? `${protocol}://${apiHost}` : `${origin}/v1`,
      library,
      nonce,
      integrations,
      consentOnly,
      keepsNothing: disableClientPersistence,
      identity: this.#identity,
      load: (chunk, core) => load(chunk, this.#entry, (start) => start?.(core)),
      passOn: (event, then) => this.#passOn(event, then, 0),
      emit: this.#emit,
    });
  }

  #passOn(obj: Event, then: (event: Event) => void, index: number) {
    const middleware = this.#middlewares[index];
    // An event that cannot be sent is the page's error as well.
    if (!middleware) return guarded(() => then(obj));
    const next = (payload: { obj: Event } | null) => payload && this.#passOn(payload.obj, then, index + 1);
    guarded(() => middleware({ payload: { obj }, next }));
  }
}

type StartOfChunk = (core: Core) => void;

/** Loads a chunk, unless it is there, and hands on what starts it; nothing where it cannot be loaded. */
function load(chunk: Chunk, { origin, nonce }: Entry, then: (start?: StartOfChunk) => void) {
  const page = window as unknown as Record<string, StartOfChunk | undefined>;
  // Where the chunk leaves its function when it has loaded.
  const name = `assent:${chunk}`;
  if (page[name]) return then(page[name]);
  const script = document.createElement("script");
  script.src = `${origin}/sdk/${chunk}.${__CHUNKS__}.js`;
  if (nonce) script.nonce = nonce;
  script.onload = () => then(page[name]);
  script.onerror = () => {
    complain(`cannot load ${script.src}`);
    then();
  };
  document.head.append(script);
}
