// The golden vectors of `crates/consent`, read where they are, and the invariants that the vectors cannot list.

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Consent } from "../src/consent.ts";
import { collect, decide, type Model, NOTHING_KNOWN, type OnRecord, type Rules, together } from "../src/decide.ts";
import { settings } from "./fixture.ts";
import { type Vector, vectors } from "./fuzz-vectors.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../../crates/consent/vectors/${name}.json`, import.meta.url), "utf8"));

const RULES: Rules = {
  categories: [
    { id: "required" },
    { id: "functionality" },
    { id: "performance", aliases: ["C0002"] },
    { id: "targeting" },
  ],
};

/** Days that a choice holds, as `crates/workspace/regimes.json` has them. */
const LIFETIME_DAYS: Record<Model, number> = { "opt-in": 180, "opt-out": 400 };

function answer(vector: Vector) {
  const rules: Rules = { ...RULES, doNotTrack: vector.do_not_track ?? "ignore" };
  const { integrations, bundled } = vector;
  const wishes = { ...(integrations && { integrations }), ...(bundled && { bundled }) };
  const use = { ...vector.use, names: ["echo", "Webhook"] };
  const ends = { lifetimeDays: LIFETIME_DAYS[vector.stamp.regime ?? "opt-in"] };
  return decide(together(vector.choices ?? [], rules, ends), vector.stamp, wishes, use, rules);
}

describe("decide", () => {
  const golden: Vector[] = read("decide");
  test.each(golden.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    expect(answer(vector)).toBe(vector.expect);
  });
  test("all vectors were read", () => expect(golden.length).toBeGreaterThanOrEqual(60));
});

interface CollectVector {
  name: string;
  basis?: string;
  compat?: "segment";
  category?: string;
  preferences?: Record<string, boolean>;
  choices?: OnRecord[];
  gpc?: boolean;
  regime?: Model;
  ask_again_below?: number;
  expect: string;
}

describe("collect", () => {
  const golden: CollectVector[] = read("collect");
  test.each(golden.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const { preferences, choices = [], gpc = false, regime = "opt-in", ask_again_below: askAgainBelow = 0 } = vector;
    const known = together(choices, RULES, { lifetimeDays: LIFETIME_DAYS[regime], askAgainBelow });
    const arrival = { ...(preferences && { sent: preferences }), known, gpc, regime };
    expect(collect(vector, RULES, arrival)).toBe(vector.expect);
  });
  test("all vectors were read", () => expect(golden.length).toBeGreaterThanOrEqual(20));
});

describe("whatever the state", () => {
  const states = vectors(4, 3_000);
  test("one more refusal only narrows", () => {
    for (const state of states) {
      const narrower = { ...state, choices: [...(state.choices ?? []), { refused: ["performance"] }] };
      if (answer(state) !== "allow") expect(answer(narrower)).not.toBe("allow");
    }
  });
  test("a signal only narrows", () => {
    for (const state of states) {
      const signalled = { ...state, stamp: { ...state.stamp, gpc: true } };
      if (answer(state) !== "allow") expect(answer(signalled)).not.toBe("allow");
    }
  });
  test("the generated states reach every reason", () => {
    const reasons = new Set(states.map(answer));
    expect([...reasons].sort()).toEqual([
      "allow",
      "basis_permits_required_only",
      "category_refused",
      "consent_unknown",
      "dnt_opt_out",
      "gpc_opt_out",
      "integrations_object",
      "known_child",
      "no_consent",
      "required_not_for_purpose",
      "sent_client_side",
      "unmapped",
      "vendor_refused",
      "withdrawn",
    ]);
  });
});

/** States with a fixed seed, and what this SDK answers: the Rust side reads the file and must answer the same. */
const FUZZ = new URL("../../../crates/consent/vectors/fuzz.json", import.meta.url);
const fuzzed = () => vectors(5, 500).map((state) => ({ ...state, expect: answer(state) }));

// `ASSENT_WRITE_FUZZ_VECTORS=1 npx vitest run decide` writes them; a difference in review is a difference in law.
describe("the fuzzed states that both sides answer", () => {
  const { ASSENT_WRITE_FUZZ_VECTORS: writes } = process.env;
  if (writes)
    writeFileSync(
      FUZZ,
      `[\n${fuzzed()
        .map((state) => JSON.stringify(state))
        .join(",\n")}\n]\n`,
    );
  test("are answered by this SDK as the file says", () => expect(fuzzed()).toEqual(read("fuzz")));
  test("reach every reason that is reached at all", () => {
    const reasons = new Set(fuzzed().map((state) => state.expect));
    expect([...reasons].sort()).toEqual([...new Set(vectors(4, 3_000).map(answer))].sort());
  });
});

// The page asks without `decide`, whose other half is about stamps of another time; it must not answer otherwise.
describe("what the page permits is what decide and collect allow of a stamp that is made now", () => {
  const states = vectors(6, 2_000);
  const ids = ["functionality", "performance", "targeting"];
  const inPage = (state: Vector, index: number) => {
    const said = state.choices?.[0] ?? {};
    const models = Object.fromEntries(ids.map((id, at) => [id, index % (at + 2) ? "opt-in" : "opt-out"] as const));
    const asks = { ...settings(), ...(state.do_not_track && { doNotTrack: state.do_not_track }) };
    const categories = [...RULES.categories].map((one) => ({ name: "", description: "", ...one }));
    const around = { store: { read: () => [], write: () => {} }, signals: () => state.stamp, now: () => 1 };
    const consent = new Consent({ ...asks, categories, regime: { ...asks.regime, models } }, around);
    if (state.choices?.length) {
      const granted = ids.filter((id) => said.granted?.includes(id) && !said.refused?.includes(id));
      consent.choose(
        { categories: Object.fromEntries(granted.map((id) => [id, true])), refusedVendors: [] },
        "api",
        "page",
      );
    }
    return consent;
  };
  test("for uses and for collecting", () => {
    const seen = new Set<string>();
    for (const [index, state] of states.entries()) {
      const consent = inPage(state, index);
      const { gpc = false, dnt = false } = state.stamp;
      const preferences = consent.preferences();
      const refused = ids.filter((id) => consent.choice?.categories[id] === false);
      const known = { refused, granted: [], any: !!consent.choice };
      const rules: Rules = { ...RULES, doNotTrack: state.do_not_track ?? "ignore" };
      const allowed = decide(known, { origin: "sent", preferences, gpc, dnt }, {}, state.use, rules) === "allow";
      expect(consent.permits(state.use), state.name).toBe(allowed);
      const arrival = { sent: preferences, known, regime: "opt-in", gpc, dnt } as const;
      expect(consent.collects(), state.name).toBe(collect({ category: "performance" }, rules, arrival) === "sent");
      seen.add(`${allowed} ${consent.collects()}`);
    }
    expect(seen.size).toBe(4);
  });
});

test("without anything known nothing is withdrawn", () => {
  const stamp = { origin: "sent", preferences: { performance: true } } as const;
  expect(decide(NOTHING_KNOWN, stamp, {}, { categories: ["performance"] }, RULES)).toBe("allow");
});
