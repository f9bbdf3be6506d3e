// Who the page's visitor is, as far as they permit: identifiers under Segment's names, so that a site can change from
// one SDK to the other without losing its visitors.
//
// Unlike Segment's SDK this one keeps identifiers in cookies alone and never writes one again: its life is absolute. The
// anonymous one carries the day of its making, so that neither page nor server takes an older one back.
// What Segment's left in localStorage is taken over once and removed there, so that it cannot bring back an expired one.

import { type Fields, fields } from "./calls.ts";
import { cookie, local, parsed, removeCookie, setCookie } from "./store.ts";
import { dated, isOlder, uuid } from "./uuid.ts";

/** `none`: nothing is read or stored. `page`: an identifier as long as the page lives. `stored`: kept. */
export type Permission = "none" | "page" | "stored";

export type Traits = Fields;

const IDS = { anonymousId: "ajs_anonymous_id", userId: "ajs_user_id", groupId: "ajs_group_id" } as const;
const TRAITS = { traits: "ajs_user_traits", groupTraits: "ajs_group_properties" } as const;

type Id = keyof typeof IDS;
type TraitsOf = keyof typeof TRAITS;

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
    if (!this.#ids.anonymousId && this.#permission !== "none") this.#setId("anonymousId", dated());
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

  /** Replaced as a whole when the page gives others. */
  traits(all?: Traits | null) {
    if (all !== undefined) this.#setTraits("traits", all ?? {});
    return this.#traits.traits;
  }

  groupTraits() {
    return this.#traits.groupTraits;
  }

  /** Another person than before gets another anonymous id and none of the traits. */
  identify(id: string | null | undefined, more: Traits) {
    if (!this.#become("userId", id, "traits", more)) this.#setId("anonymousId", null);
  }

  group(id: string | undefined, more: Traits) {
    this.#become("groupId", id, "groupTraits", more);
  }

  /** Whether it is still the same. */
  #become(name: Id, id: string | null | undefined, of: TraitsOf, more: Traits): boolean {
    const before = this.#ids[name];
    const isSame = before === null || before === id || id === undefined;
    if (id !== undefined) this.#setId(name, id);
    this.#setTraits(of, isSame ? { ...this.#traits[of], ...more } : more);
    return isSame;
  }

  reset() {
    for (const id of Object.keys(IDS) as Id[]) this.#setId(id, null);
    for (const of of Object.keys(TRAITS) as TraitsOf[]) {
      this.#traits[of] = {};
      local.remove(TRAITS[of]);
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

  /** The identifier that another SDK of the page stored; when it has none yet, one that it will find. */
  shared(): string {
    const found = stored("anonymousId");
    if (found !== null) return found;
    const made = uuid();
    setCookie(IDS.anonymousId, made, this.days, this.domain);
    return made;
  }

  #isKept() {
    return this.#permission === "stored";
  }

  /** To forget needs no permission. */
  #setId(id: Id, value: string | null) {
    this.#ids[id] = value;
    const isNone = value === null;
    if (!isNone && !this.#isKept()) return;
    const name = IDS[id];
    local.remove(name);
    if (isNone) removeCookie(name);
    else if (cookie(name) !== value) setCookie(name, value, this.days, this.domain);
  }

  #setTraits(of: TraitsOf, value: Traits) {
    this.#traits[of] = value;
    if (!this.#isKept()) return;
    if (Object.keys(value).length) local.set(TRAITS[of], JSON.stringify(value));
    else local.remove(TRAITS[of]);
  }

  /** What the page said in its memory wins over what is stored, and what is stored of somebody else goes. */
  #load() {
    const before = stored("userId");
    const { userId } = this.#ids;
    const isOther = before !== null && userId !== null && before !== userId;
    // Traits live longer than cookies: without an identifier nobody knows whose they are.
    const isKnown = !isOther && (before ?? stored("anonymousId")) !== null;
    for (const id of Object.keys(IDS) as Id[]) {
      const found = stored(id);
      // One that is too old comes back from a storage that nobody thought of; it goes, and another is made.
      const isGone = id === "anonymousId" && (isOther || isOlder(found, this.days));
      this.#setId(id, this.#ids[id] ?? (isGone ? null : found));
    }
    for (const of of Object.keys(TRAITS) as TraitsOf[]) {
      const value = isKnown && parsed(local.get(TRAITS[of]));
      this.#setTraits(of, { ...fields(value), ...this.#traits[of] });
    }
  }
}
