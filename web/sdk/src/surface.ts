// What the chunks for other consent managers share: which names their categories have there, cookies as those write
// them, and when something was chosen. Each chunk carries its own copy.

import { guarded } from "./complain.ts";
import type { Core } from "./core.ts";
import type { Category } from "./settings.ts";

const DAY_S = 86_400;
const SECOND_MS = 1_000;

/** Whether anything needs a grant here: the others know only that or its opposite. */
export const isOptIn = ({ consent }: Core) =>
  consent.optional.some((id) => (consent.settings.regime.models[id] ?? "opt-in") === "opt-in");

/** The groups that OneTrust gives a new site, from `C0001` on. */
const GROUPS = ["required", "performance", "functionality", "targeting"];

/** The groups that a category is to OneTrust: one, unless several of a site became one here. */
export function groupsOf({ id, aliases = [] }: Category): string[] {
  const named = aliases.filter((one) => /^C\d{4}$/.test(one));
  const number = GROUPS.indexOf(id) + 1;
  return named.length ? named : [number ? `C000${number}` : id];
}

/** The buckets that a category is to TrustArc, counted from 1. */
export function bucketsOf({ aliases = [] }: Category, index: number): number[] {
  const named = aliases.flatMap((one) => /^ta-(\d+)$/.exec(one)?.slice(1).map(Number) ?? []);
  return named.length ? named : [index + 1];
}

/** Names with whether they are granted: one that several categories share is granted when all of them are. */
export function granted<T>({ consent }: Core, namesOf: (category: Category, index: number) => T[]): Map<T, boolean> {
  const preferences = consent.preferences();
  const all = new Map<T, boolean>();
  consent.settings.categories.forEach((category, index) => {
    for (const name of namesOf(category, index)) all.set(name, !!preferences[category.id] && (all.get(name) ?? true));
  });
  return all;
}

/**
 * A cookie whose readers take its value as it stands, on the widest domain that holds it. It lives as long as the choice;
 * what is left of a choice that has expired are refusals, which each visit renews.
 */
export function setRaw({ consent, domains }: Core, name: string, value: string) {
  const pair = `${name}=${value}`;
  const lifetime = consent.settings.regime.lifetimeDays * DAY_S;
  const left = lifetime + ((consent.choice?.madeAt ?? 0) - Date.now()) / SECOND_MS;
  const age = Math.round(left > 0 ? left : lifetime);
  // Their frames on other sites read them too; without TLS a browser takes no such cookie.
  const site = location.protocol === "https:" ? "none; secure" : "lax";
  for (const domain of domains()) {
    // biome-ignore lint/suspicious/noDocumentCookie: as in `store.ts`.
    document.cookie = `${pair}; path=/; max-age=${age}; samesite=${site}${domain && `; domain=${domain}`}`;
    if (document.cookie.split("; ").includes(pair)) return;
  }
}

/** For tag managers, also for one that comes later. */
export function pushToLayer(...entries: object[]) {
  const page = window as { dataLayer?: unknown[] };
  page.dataLayer ??= [];
  guarded(() => page.dataLayer?.push(...entries));
}

/** Calls at every choice and every signal from now on, whoever made it in whichever tab, when all else has followed. */
export function onChange({ consent, followers }: Core, act: () => void) {
  const state = () => JSON.stringify([consent.choice?.madeAt, consent.preferences()]);
  let seen = state();
  followers.add(() => {
    const before = seen;
    seen = state();
    if (seen !== before) act();
  });
}

/** Elements of the page that open the choices, marked as those of pages made for Assent are. */
export function openOn(selector: string) {
  for (const one of document.querySelectorAll<HTMLElement>(selector)) one.dataset.assentOpen = "";
}

/** Now and whenever the page adds something. */
export function watch(act: () => void) {
  act();
  new MutationObserver(act).observe(document.documentElement, { childList: true, subtree: true });
}

/**
 * Whether the first layer or the preference centre is shown: now, if one is, and at every change. A choice that closes
 * what was shown is told of after that.
 */
export function onShown({ banner: { root }, followers }: Core, act: (isShown: boolean) => void) {
  let shown = false;
  const look = () => {
    const isShown = !!root.querySelector(".n,dialog[open]");
    if (isShown === shown) return;
    shown = isShown;
    act(isShown);
  };
  look();
  followers.add(look);
  new MutationObserver(look).observe(root, { childList: true, subtree: true, attributeFilter: ["open"] });
}
