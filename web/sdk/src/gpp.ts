// `__gpp` by GPP 1.1, where the settings name it among their surfaces: what Assent's choice says in the section of the
// visitor's state, else in the national one. A refusal of advertising opts out of sale, sharing and targeted advertising
// alike, because Assent asks about them as one. Outside the United States no section applies.

import { guarded } from "./complain.ts";
import type { Core } from "./core.ts";
import { gppString, prefixOf, type Section, SUPPORTED, section } from "./gpp-string.ts";
import { type Listener, locate, stand, standInForGpp, standing } from "./stub.ts";
import { onShown } from "./surface.ts";

const VERSION = "1.1";
const ADVERTISING = "targeting";
const GIVEN = 1;
const OPTED_OUT = 1;
const NOT_OPTED_OUT = 2;
const NONE_APPLIES = -1;

type Callback = (data: unknown, success: boolean) => void;
type Args = [command: string, callback: Callback, parameter?: unknown];

class Interface {
  readonly #core: Core;
  readonly #prefix: string | undefined;
  #listeners: Listener[];
  #lastId: number;
  #section: Section | undefined;
  #isShown = false;
  #isReady = false;

  constructor(core: Core, { events = [], lastId = 0 }: { events?: Listener[]; lastId?: number }) {
    this.#core = core;
    this.#prefix = prefixOf(core.consent.settings.region);
    this.#listeners = [...events];
    this.#lastId = lastId;
    this.#section = this.#made();
  }

  start() {
    const waiting = standing("__gpp")?.queue ?? [];
    stand("__gpp", this.#answer as never);
    locate("__gpp");
    this.#emit("cmpStatus", "loaded");
    onShown(this.#core, (isShown) => {
      if (isShown) this.#unready();
      this.#isShown = isShown;
      this.#emit("cmpDisplayStatus", this.#display());
      this.#change();
    });
    this.#core.followers.add(() => this.#change());
    this.#change();
    for (const args of waiting) guarded(() => this.#answer(...(args as unknown as Args)));
  }

  #made(): Section | undefined {
    if (!this.#prefix) return undefined;
    const { consent } = this.#core;
    // Without such a category nobody is sold to; a signal is an opt-out all the same.
    const isGranted = consent.optional.includes(ADVERTISING)
      ? consent.preferences()[ADVERTISING]
      : !consent.isSignalled();
    const optOut = isGranted ? NOT_OPTED_OUT : OPTED_OUT;
    const values = {
      ProcessingNotice: GIVEN,
      SharingNotice: GIVEN,
      SaleOptOutNotice: GIVEN,
      SharingOptOutNotice: GIVEN,
      TargetedAdvertisingOptOutNotice: GIVEN,
      SaleOptOut: optOut,
      SharingOptOut: optOut,
      TargetedAdvertisingOptOut: optOut,
    };
    // The browser goes on saying it, also when somebody has opted in over it.
    const { globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
    return section(this.#prefix, values, globalPrivacyControl === true || consent.isSignalled());
  }

  #display() {
    return this.#isShown ? "visible" : this.#core.consent.settings.regime.first === "none" ? "disabled" : "hidden";
  }

  #ping() {
    const one = this.#section;
    return {
      gppVersion: VERSION,
      cmpStatus: "loaded",
      cmpDisplayStatus: this.#display(),
      signalStatus: this.#isReady ? "ready" : "not ready",
      supportedAPIs: SUPPORTED,
      cmpId: this.#core.consent.settings.tcf?.cmpId ?? 0,
      sectionList: one ? [one.id] : [],
      applicableSections: [one?.id ?? NONE_APPLIES],
      gppString: gppString(one),
      parsedSections: one ? { [one.name]: one.parsed } : {},
    };
  }

  #event = (eventName: string, listenerId: number, data: unknown) => ({
    eventName,
    listenerId,
    data,
    pingData: this.#ping(),
  });

  #emit(name: string, data: unknown) {
    for (const { id, callback } of this.#listeners) guarded(() => callback(this.#event(name, id, data), true));
  }

  #unready() {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#emit("signalStatus", "not ready");
  }

  /** Every change in the order that the specification wants: not ready, the section, ready. */
  #change() {
    const made = this.#made();
    if (made && made.text !== this.#section?.text) {
      this.#unready();
      this.#section = made;
      this.#emit("sectionChange", made.name);
    }
    // While somebody is asked, what they will say is awaited.
    if (this.#isReady || this.#isShown) return;
    this.#isReady = true;
    this.#emit("signalStatus", "ready");
  }

  #answer = (...[command, callback, parameter]: Args) => {
    if (typeof callback !== "function") return;
    const named = (name: unknown) => (name === this.#section?.name ? this.#section : undefined);
    switch (command) {
      case "ping":
        return callback(this.#ping(), true);
      case "addEventListener": {
        this.#lastId += 1;
        this.#listeners.push({ id: this.#lastId, callback: callback as Listener["callback"] });
        return callback(this.#event("listenerRegistered", this.#lastId, true), true);
      }
      case "removeEventListener": {
        const before = this.#listeners.length;
        this.#listeners = this.#listeners.filter(({ id }) => id !== parameter);
        return callback(this.#listeners.length < before, true);
      }
      case "hasSection":
        return callback(!!named(parameter), true);
      case "getSection":
        return callback(named(parameter)?.parsed ?? null, true);
      case "getField": {
        const [name, field = ""] = String(parameter).split(".");
        const found = named(name)?.parsed.find((one) => field in one);
        return callback(found?.[field] ?? null, true);
      }
      default:
        return callback(null, false);
    }
  };
}

(window as unknown as Record<string, (core: Core) => void>)["assent:gpp"] = (core) => {
  standInForGpp();
  new Interface(core, standing("__gpp") ?? {}).start();
};
