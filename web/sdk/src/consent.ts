// What holds now: the regime's default, the visitor's choice, the browser's signals. The only place where these are
// put together; everything that stores, sends or loads asks here.

import { type MadeChoice, read, write } from "./choice.ts";
import { denied, named, optOut, type Preferences, REQUIRED, type Rules, type Signals, type Use } from "./decide.ts";
import { type AssentSettings, type Choice, type Layer, type Method, OVER_GPC } from "./settings.ts";
import { DAY_MS } from "./store.ts";

/** Browsers keep no cookie longer. */
const COOKIE_DAYS_MAX = 400;

/** Where the choice lies. Two places, because a browser may take away either; the newer counts. */
export interface ChoiceStore {
  /** The texts found, in any order. */
  read(): (string | null)[];
  write(text: string, days: number): void;
}

export interface Around {
  readonly store: ChoiceStore;
  readonly signals: () => Signals;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export class Consent {
  readonly settings: AssentSettings;
  /** The categories that can be refused, in the order of the settings. */
  readonly optional: readonly string[];
  readonly #around: Around;
  readonly #rules: Rules;
  #choice: MadeChoice | null = null;
  /** What `refresh` last found: what the page follows. */
  #followed = "";

  constructor(settings: AssentSettings, around: Around) {
    this.settings = settings;
    this.#around = around;
    this.#rules = { categories: settings.categories, doNotTrack: settings.doNotTrack ?? "ignore" };
    this.optional = settings.categories.map(({ id }) => id).filter((id) => id !== REQUIRED);
    this.refresh();
    // A refusal that outlives its choice must not go with its cookie: each visit renews it, once half of the choice's time
    // is over. Not before: in Safari what the server has set lives longer than what a script writes.
    const isOld = this.#choice && this.#leftDays(this.#choice) < settings.regime.lifetimeDays / 2;
    if (this.#choice && isOld && this.#lasting(this.#choice)) this.keep(this.#choice);
  }

  /** The choice in force; `null` when there is none, or none that still holds. */
  get choice(): MadeChoice | null {
    return this.#choice;
  }

  /** Category → granted, `required` among them: the stamp of what is captured now. */
  preferences(): Preferences {
    const off = this.denied();
    return { [REQUIRED]: true, ...this.each((id) => this.#grants(id) && !off.includes(id)) };
  }

  /** Something said of each category that can be refused. */
  each(say: (id: string) => boolean): Preferences {
    return Object.fromEntries(this.optional.map((id) => [id, say(id)]));
  }

  /** What a signal or a rule takes away whatever is chosen. */
  denied(): readonly string[] {
    const { denied = [] } = this.settings;
    return this.isSignalled() ? [...denied, "targeting", ...this.settings.regime.gpc.denies] : denied;
  }

  /** Whether the browser asks not to be sold or tracked, in a way that counts here and that no opt-in has undone. */
  isSignalled(): boolean {
    return !!optOut(this.#signals(), this.#rules);
  }

  /** What the browser says, unless an opt-in that was confirmed over it still holds. */
  #signals(): Signals {
    const { method, categories } = this.#choice ?? {};
    return method === OVER_GPC && categories?.targeting && !this.#isOutdated() ? {} : this.#around.signals();
  }

  /** May this tag or destination run now? */
  permits(use: Use & { readonly vendor?: string }): boolean {
    if (use.vendor && this.#choice?.refusedVendors.includes(use.vendor)) return false;
    const preferences = this.preferences();
    // A name that means no category is nothing that anybody granted.
    const isGranted = use.categories.every((key) => preferences[named(this.#rules, key) ?? key]);
    return isGranted && !denied(this.#signals(), use, this.#rules);
  }

  /** May this source collect now? */
  collects(): boolean {
    return this.permits({ categories: [this.settings.source.category], purpose: "service" });
  }

  /** Whether the first layer is due. */
  asks(): boolean {
    const { first, reaskDays } = this.settings.regime;
    const choice = this.#choice;
    if (first !== "ask") return false;
    if (!choice || this.#isOutdated() || this.optional.some((id) => choice.categories[id] === undefined)) return true;
    return this.#around.now() > choice.madeAt + reaskDays * DAY_MS;
  }

  /**
   * Puts a choice in force and keeps it. What it does not name it refuses; what a signal denies it cannot grant, unless
   * it was confirmed over that. A later one that was not ends the opt-in.
   */
  choose({ categories, refusedVendors }: Choice, method: Method, layer: Layer): MadeChoice {
    this.#choice = null;
    const off = method === OVER_GPC ? (this.settings.denied ?? []) : this.denied();
    const made = this.keep({
      categories: this.each((id) => categories[id] === true && !off.includes(id)),
      refusedVendors,
      madeAt: this.#around.now(),
      textVersion: this.settings.texts.version,
      method,
      layer,
      told: false,
    });
    this.refresh();
    return made;
  }

  /** Remembers that the server has the choice that was made then, unless another was made since. */
  told(madeAt: number) {
    const latest = this.#latest();
    if (latest?.madeAt === madeAt && !latest.told) this.keep({ ...latest, told: true });
  }

  /** Reads again what another tab or site may have chosen; whether anything is different from what is followed. */
  refresh(): boolean {
    const before = this.#followed;
    this.#choice = this.#latest();
    this.#followed = JSON.stringify([this.preferences(), this.#choice?.refusedVendors, this.#choice?.madeAt]);
    return this.#followed !== before;
  }

  /** What of the newest choice still holds. */
  #latest(): MadeChoice | null {
    const { store, now } = this.#around;
    const found = store.read().flatMap((text) => read(text) ?? []);
    const [newest] = found
      // A grant from a future that a wrong clock saw could not be taken back before that day.
      .filter(({ madeAt, categories }) => madeAt < now() + DAY_MS || !Object.values(categories).includes(true))
      .sort((one, other) => other.madeAt - one.madeAt);
    if (!newest) return null;
    // Whichever place goes first, the other must not bring back an older grant. What is not understood may be newer.
    if (found.some(({ madeAt }) => madeAt !== newest.madeAt)) this.keep(newest);
    return this.#leftDays(newest) > 0 ? newest : this.#lasting(newest);
  }

  #leftDays({ madeAt }: MadeChoice): number {
    return (madeAt - this.#around.now()) / DAY_MS + this.settings.regime.lifetimeDays;
  }

  /** What outlives a choice: refusals of what would be on again without them. */
  #lasting(choice: MadeChoice): MadeChoice | null {
    const { before } = this.settings;
    const on = this.optional.filter((id) => before === "always-load" || this.#isOnByDefault(id));
    const off = on.filter((id) => choice.categories[id] === false);
    const refuses = off.length || (on.length && choice.refusedVendors.length);
    return refuses ? { ...choice, categories: Object.fromEntries(off.map((id) => [id, false])) } : null;
  }

  /** Puts a choice in force as it was made. */
  keep(made: MadeChoice): MadeChoice {
    this.#choice = made;
    this.#around.store.write(write(made), this.#lasting(made) ? COOKIE_DAYS_MAX : this.#leftDays(made));
    return made;
  }

  #isOutdated(): boolean {
    return this.#choice !== null && this.#choice.textVersion < (this.settings.texts.askAgainBelow ?? 0);
  }

  #grants(id: string): boolean {
    const said = this.#choice?.categories[id];
    // A grant given for other words is none; a refusal holds.
    if (said !== undefined && !(said && this.#isOutdated())) return said;
    return this.#isOnByDefault(id);
  }

  #isOnByDefault(id: string): boolean {
    return (this.settings.regime.models[id] ?? "opt-in") !== "opt-in";
  }
}
