// Who the page's visitor is, as far as they permit: identifiers under Segment's names, so that a site can change from
// one SDK to the other without losing its visitors.
//
// Unlike Segment's SDK this one keeps identifiers in cookies alone and never writes one again: its life is absolute.
// What Segment's left in localStorage is taken over once and removed there, so that it cannot bring back an expired one.

import { cookie, local, removeCookie, setCookie } from "./store.ts";
import { uuid } from "./uuid.ts";

/** `none`: nothing is read or stored. `page`: an identifier as long as the page lives. `stored`: kept. */
export type Permission = "none" | "page" | "stored";

export type Traits = Record<string, unknown>;

const IDS = { anonymousId: "ajs_anonymous_id", userId: "ajs_user_id", groupId: "ajs_group_id" } as const;
const TRAITS = { traits: "ajs_user_traits", groupTraits: "ajs_group_properties" } as const;

type Id = keyof typeof IDS;
type TraitsOf = keyof typeof TRAITS;

const isTraits = (value: unknown): value is Traits =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return text;
  }
}

function stored(id: Id): string | null {
  const found = cookie(IDS[id]) ?? parsed(local.get(IDS[id]));
  return typeof found === "string" || typeof found === "number" ? String(found) : null;
}

export class Identity {
  /** How long an identifier lives, and where its cookie is set; `load` says so before anything is stored. */
  days = 90;
  domain: string | undefined;
  #permission: Permission = "none";
  readonly #ids: Record<Id, string | null> = { anonymousId: null, userId: null, groupId: null };
  readonly #traits: Record<TraitsOf, Traits> = { traits: {}, groupTraits: {} };

  /** Made when it is first needed and permitted. */
  anonymousId(): string | null {
    if (!this.#ids.anonymousId && this.#permission !== "none") this.#setId("anonymousId", uuid());
    return this.#ids.anonymousId;
  }

  setAnonymousId(id: string | null) {
    this.#setId("anonymousId", id);
  }

  userId() {
    return this.#ids.userId;
  }

  groupId() {
    return this.#ids.groupId;
  }

  traits() {
    return this.#traits.traits;
  }

  groupTraits() {
    return this.#traits.groupTraits;
  }

  /** Another person than before gets another anonymous id and none of the traits. */
  identify(id: string | undefined, more: Traits) {
    const before = this.#ids.userId;
    const isSame = before === null || before === id || id === undefined;
    if (!isSame) this.#setId("anonymousId", null);
    if (id !== undefined) this.#setId("userId", id);
    this.#setTraits("traits", isSame ? { ...this.traits(), ...more } : more);
  }

  group(id: string | undefined, more: Traits) {
    const before = this.#ids.groupId;
    const isSame = before === null || before === id || id === undefined;
    if (id !== undefined) this.#setId("groupId", id);
    this.#setTraits("groupTraits", isSame ? { ...this.groupTraits(), ...more } : more);
  }

  reset() {
    for (const id of Object.keys(IDS) as Id[]) this.#setId(id, null);
    for (const of of Object.keys(TRAITS) as TraitsOf[]) {
      this.#traits[of] = {};
      if (this.#isKept()) local.remove(TRAITS[of]);
    }
  }

  /** Whom a choice covers, whatever may be stored from now on: reading this serves the choice alone. */
  chooser() {
    const { anonymousId, userId } = this.#ids;
    return { anonymousId: anonymousId ?? stored("anonymousId"), userId: userId ?? stored("userId") };
  }

  /** Follows a change of what is permitted. What the page itself said stays in its memory. */
  permit(next: Permission) {
    if (next === this.#permission) return;
    this.#permission = next;
    if (next === "stored") this.#load();
    if (next === "none") this.#ids.anonymousId = null;
  }

  #isKept() {
    return this.#permission === "stored";
  }

  #setId(id: Id, value: string | null) {
    this.#ids[id] = value;
    if (!this.#isKept()) return;
    const name = IDS[id];
    local.remove(name);
    if (value === null) removeCookie(name);
    else if (cookie(name) !== value) setCookie(name, value, this.days, this.domain);
  }

  #setTraits(of: TraitsOf, value: Traits) {
    this.#traits[of] = value;
    if (this.#isKept() && Object.keys(value).length) local.set(TRAITS[of], JSON.stringify(value));
  }

  /** What the page said in its memory wins over what is stored. */
  #load() {
    for (const id of Object.keys(IDS) as Id[]) {
      const value = this.#ids[id] ?? stored(id);
      if (value !== null) this.#setId(id, value);
    }
    for (const of of Object.keys(TRAITS) as TraitsOf[]) {
      const value = parsed(local.get(TRAITS[of]));
      this.#setTraits(of, { ...(isTraits(value) ? value : {}), ...this.#traits[of] });
    }
  }
}
