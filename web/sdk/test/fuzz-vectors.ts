// States drawn from a seed, in the form of `crates/consent/vectors/decide.json`: the same seed gives the same states in
// every run. `decide.test.ts` writes them with this SDK's answers to `crates/consent/vectors/fuzz.json`, which the Rust
// side compares with its own.

import type { OnRecord, Origin, Preferences, Stamp, Use } from "../src/decide.ts";

export interface Vector {
  name: string;
  stamp: Stamp;
  choices?: OnRecord[];
  use: Use;
  integrations?: Record<string, unknown>;
  bundled?: string[];
  do_not_track?: "ignore" | "as-gpc";
  expect?: string;
}

const KEYS = ["required", "functionality", "performance", "C0002", "targeting", "C0099", "Performance"];
const BESIDE = ["vendor:ga", "vendor:hotjar", "use:sale_and_sharing", "age:adult", "age:own_consent"];
const PURPOSES = ["service", "security", "analytics", "personalisation", "advertising", "sale", "sharing", "research"];
const ORIGINS: Origin[] = ["sent", "record", "default", "unknown"];

/** A small generator of 32 bits (xorshift): this is about repeating a run, not about randomness. */
function draw(seed: number) {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  const next = (below: number) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
  const one = <T>(list: readonly T[]): T => list[next(list.length)] as T;
  const some = <T>(list: readonly T[], most: number) => Array.from({ length: next(most + 1) }, () => one(list));
  return { one, some, maybe: (oneIn: number) => next(oneIn) === 0 };
}

export function vectors(seed: number, count: number): Vector[] {
  const { one, some, maybe } = draw(seed);
  const preferences = (): Preferences =>
    Object.fromEntries([...some(KEYS, 4), ...(maybe(5) ? [one(BESIDE)] : [])].map((key) => [key, !maybe(3)]));
  return Array.from({ length: count }, (_, index) => ({
    name: `seed ${seed}, state ${index}`,
    stamp: {
      origin: one(ORIGINS),
      preferences: preferences(),
      gpc: maybe(6),
      dnt: maybe(6),
      regime: one(["opt-in", "opt-out"] as const),
      basis: one(["consent", "consent", "contract"]),
    },
    choices: Array.from({ length: maybe(2) ? 0 : 2 }, () => ({
      granted: [...some(KEYS, 3), ...(maybe(4) ? some(BESIDE, 2) : [])],
      refused: [...some(KEYS, 1), ...(maybe(2) ? some(BESIDE, 2) : [])],
    })),
    use: {
      categories: [...new Set(some(["required", "functionality", "performance", "targeting"], 2))],
      purpose: one(PURPOSES),
      recipient: one(["service_provider", "third_party"] as const),
      unmapped: one(["allow", "deny"] as const),
      unstamped: one(["allow", "deny"] as const),
      ...(maybe(2) && { vendor: one(["ga", "hotjar"]) }),
    },
    ...(maybe(4) && { integrations: { [one(["echo", "Webhook", "All", "other"])]: one([true, false, {}]) } }),
    ...(maybe(6) && { bundled: [one(["echo", "other"])] }),
    do_not_track: one(["ignore", "as-gpc"] as const),
  }));
}
