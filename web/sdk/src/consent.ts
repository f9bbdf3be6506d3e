// What holds now: the regime's default, the visitor's choice, the browser's signals. The only place where these are
// put together; everything that stores, sends or loads asks here.

import { type MadeChoice, read, write } from "./choice.ts";
import {
  collect,
  decide,
  type Known,
  type Preferences,
  REQUIRED,
  type Rules,
  type Signals,
  type Use,
} from "./decide.ts";
import type { AssentSettings, Choice, Layer, Method } from "./settings.ts";

const DAY_MS = 86_400_000;

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
  #choice: MadeChoice | null;

  constructor(settings: AssentSettings, around: Around) {
    this.settings = settings;
    this.#around = around;
    this.#rules = { categories: settings.categories, doNotTrack: settings.doNotTrack ?? "ignore" };
    this.optional = settings.categories.map(({ id }) => id).filter((id) => id !== REQUIRED);
    this.#choice = this.#latest();
  }

  /** The choice in force; `null` when there is none, or none that still holds. */
  get choice(): MadeChoice | null {
    return this.#choice;
  }

  /** Category → granted, `required` among them: the stamp of what is captured now. */
  preferences(): Preferences {
    const off = this.denied();
    const each = this.optional.map((id) => [id, this.#grants(id) && !off.includes(id)] as const);
    return { [REQUIRED]: true, ...Object.fromEntries(each) };
  }

  /** What a signal or a rule takes away whatever is chosen. */
  denied(): readonly string[] {
    const { denied = [] } = this.settings;
    return this.isSignalled() ? [...denied, "targeting", ...this.settings.regime.gpc.denies] : denied;
  }

  /** Whether the browser asks not to be sold or tracked, in a way that counts here. */
  isSignalled(): boolean {
    const { gpc, dnt } = this.#around.signals();
    return !!gpc || (!!dnt && this.#rules.doNotTrack === "as-gpc");
  }

  /** May this tag or destination run now? */
  permits(use: Use & { readonly vendor?: string }): boolean {
    if (use.vendor && this.#choice?.refusedVendors.includes(use.vendor)) return false;
    const stamp = { origin: "sent", preferences: this.preferences(), ...this.#around.signals() } as const;
    return decide(this.#known(), stamp, {}, use, this.#rules) === "allow";
  }

  /** May this source collect now? */
  collects(): boolean {
    const sent = this.preferences();
    const arrival = { sent, known: this.#known(), regime: "opt-in", ...this.#around.signals() } as const;
    return collect(this.settings.source, this.#rules, arrival) === "sent";
  }

  /** Whether the first layer is due. */
  asks(): boolean {
    const { first, reaskDays } = this.settings.regime;
    const choice = this.#choice;
    if (first !== "ask") return false;
    if (!choice || this.#isOutdated() || this.optional.some((id) => choice.categories[id] === undefined)) return true;
    return this.#around.now() > choice.madeAt + reaskDays * DAY_MS;
  }

  /** Puts a choice in force and keeps it. What it does not name it refuses; what a signal denies it cannot grant. */
  choose({ categories, refusedVendors }: Choice, method: Method, layer: Layer): MadeChoice {
    const off = this.denied();
    const complete = this.optional.map((id) => [id, categories[id] === true && !off.includes(id)] as const);
    return this.#keep({
      categories: Object.fromEntries(complete),
      refusedVendors,
      madeAt: this.#around.now(),
      textVersion: this.settings.texts.version,
      method,
      layer,
      told: false,
    });
  }

  /** Remembers that the server has the choice, unless another was made since. */
  told(made: MadeChoice) {
    this.#choice = this.#latest();
    if (this.#choice?.madeAt === made.madeAt) this.#keep({ ...this.#choice, told: true });
  }

  /** Reads again what another tab or site may have chosen; whether anything is different now. */
  refresh(): boolean {
    const state = () => JSON.stringify([this.preferences(), this.#choice?.refusedVendors, this.#choice?.madeAt]);
    const before = state();
    this.#choice = this.#latest();
    return state() !== before;
  }

  /** The newest choice that has not expired. */
  #latest(): MadeChoice | null {
    const { store, now } = this.#around;
    const found = store.read().flatMap((text) => read(text) ?? []);
    const [newest] = found.sort((one, other) => other.madeAt - one.madeAt);
    const oldest = now() - this.settings.regime.lifetimeDays * DAY_MS;
    return newest && newest.madeAt > oldest ? newest : null;
  }

  #keep(made: MadeChoice): MadeChoice {
    this.#choice = made;
    const leftMs = made.madeAt + this.settings.regime.lifetimeDays * DAY_MS - this.#around.now();
    this.#around.store.write(write(made), leftMs / DAY_MS);
    return made;
  }

  #isOutdated(): boolean {
    return this.#choice !== null && this.#choice.textVersion < (this.settings.texts.askAgainBelow ?? 0);
  }

  #grants(id: string): boolean {
    const said = this.#choice?.categories[id];
    // A grant given for other words is none; a refusal holds.
    if (said !== undefined && !(said && this.#isOutdated())) return said;
    return (this.settings.regime.models[id] ?? "opt-in") !== "opt-in";
  }

  #known(): Known {
    const choice = this.#choice;
    return { refused: this.optional.filter((id) => choice?.categories[id] === false), granted: [], any: !!choice };
  }
}
