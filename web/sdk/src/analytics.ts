// The API that pages call: analytics.js, as far as Assent has it, and `analytics.consent`. Calls are taken from the first
// line on; until the settings are there they wait in memory, and without settings nothing is stored or sent.

import { type Call, type Callback, type Fields, understand } from "./calls.ts";
import { complain } from "./complain.ts";
import { Core, type Taken } from "./core.ts";
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
}

/** A source middleware: passes the event on, changed or not, or lets it go. */
export type Middleware = (step: { payload: { obj: Event }; next: (payload: { obj: Event } | null) => void }) => void;

type Listener = (...args: unknown[]) => void;

/** What a call answers: its event, or `undefined` when it was not captured. */
export interface Context {
  readonly event: Event | undefined;
}

declare const __CHOICES__: string;

/** An error of the page's in what it handed over is the page's to see, and stops nothing else. */
function guarded(act: () => void) {
  try {
    act();
  } catch (error) {
    reportError(error);
  }
}

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
      this.#core?.choose({ categories, refusedVendors }, "api", "page"),
    withdraw: () => this.#core?.banner.all("withdraw", "page"),
    /** Opens the preference centre. */
    open: () => this.#core?.open(),
  };
  readonly #entry: Entry;
  readonly #identity = new Identity();
  readonly #middlewares: Middleware[] = [];
  readonly #listeners: [name: string, listener: Listener][] = [];
  #core: Core | undefined;
  #waiting: (() => void)[] = [];
  #isLoading = false;

  constructor(entry: Entry) {
    this.#entry = entry;
  }

  load(writeKey: string, { cdnSettings, integrations = {}, initialPageview }: LoadOptions = {}): this {
    if (this.#isLoading) return this;
    this.#isLoading = true;
    if (initialPageview) this.page();
    if (cdnSettings) this.#start(writeKey, cdnSettings, integrations);
    else void this.#fetch(writeKey, integrations, 0);
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

  /** Calls back when calls are no longer waiting. */
  ready(callback: Listener) {
    this.#when(() => callback());
  }

  user() {
    const identity = this.#identity;
    return {
      id: () => identity.userId(),
      /** `null` where none may be made. */
      anonymousId: (id?: string | null) => {
        if (id !== undefined) identity.setAnonymousId(id);
        return identity.anonymousId();
      },
      traits: () => identity.traits(),
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

  /** Now, or as soon as the settings are there. */
  #when(act: () => void) {
    if (this.#core) act();
    else this.#waiting.push(act);
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
    const { type, event, name, category, userId, groupId, traits, properties } = call;
    this.#emit(type, event ?? userId ?? groupId ?? category ?? name ?? null, properties ?? traits ?? {}, options);
    // Also when nothing was captured: pages go on to the next address in it.
    guarded(() => (call.callback as Callback | undefined)?.(context));
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

  async #fetch(writeKey: string, integrations: Fields, attempt: number): Promise<void> {
    try {
      const answer = await fetch(`${this.#entry.origin}/v1/projects/${writeKey}/settings`, { credentials: "omit" });
      if (answer.ok) return this.#start(writeKey, await answer.json(), integrations);
      if (answer.status < 500 && answer.status !== 429) return complain(`settings of ${writeKey}: ${answer.status}`);
    } catch {
      // Not reachable: tried again below.
    }
    setTimeout(() => this.#fetch(writeKey, integrations, attempt + 1), pauseMs(attempt, 0));
  }

  #start(writeKey: string, settings: Settings, integrations: Fields) {
    const { assent } = settings;
    if (assent?.v !== CONTRACT)
      return complain("the settings have no consent that this SDK understands; nothing is sent");
    this.#core = this.#made(writeKey, assent, settings, integrations);
    this.initialized = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach(guarded);
    this.#emit("initialize", settings);
  }

  #made(writeKey: string, settings: AssentSettings, all: Settings, integrations: Fields): Core {
    const { origin, nonce, library } = this.#entry;
    const { apiHost, protocol = "https" } = all.integrations?.["Segment.io"] ?? {};
    return new Core({
      settings,
      writeKey,
      api: apiHost ? `${protocol}://${apiHost}` : `${origin}/v1`,
      library,
      nonce,
      integrations,
      identity: this.#identity,
      openChoices: (core) => openChoices(core, this.#entry),
      passOn: (event, then) => this.#passOn(event, then, 0),
      emit: this.#emit,
    });
  }

  #passOn(obj: Event, then: (event: Event) => void, index: number) {
    const middleware = this.#middlewares[index];
    if (!middleware) return then(obj);
    const next = (payload: { obj: Event } | null) => payload && this.#passOn(payload.obj, then, index + 1);
    guarded(() => middleware({ payload: { obj }, next }));
  }
}

type OpenChoices = (core: Core) => void;
/** Where the chunk leaves its function when it has loaded. */
const LOADED = "assentChoices";

function openChoices(core: Core, { origin, nonce }: Entry) {
  const page = window as unknown as Record<string, OpenChoices | undefined>;
  const loaded = page[LOADED];
  if (loaded) return loaded(core);
  const script = document.createElement("script");
  script.src = `${origin}/sdk/${__CHOICES__}`;
  if (nonce) script.nonce = nonce;
  script.onload = () => page[LOADED]?.(core);
  script.onerror = () => complain(`cannot load ${script.src}`);
  document.head.append(script);
}
