// The golden vectors of `crates/consent`, read where they are, and the invariants that the vectors cannot list.

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { collect, decide, type Model, NOTHING_KNOWN, type Rules, together } from "../src/decide.ts";
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

function answer(vector: Vector) {
  const rules: Rules = { ...RULES, doNotTrack: vector.do_not_track ?? "ignore" };
  const { integrations, bundled } = vector;
  const wishes = { ...(integrations && { integrations }), ...(bundled && { bundled }) };
  const use = { ...vector.use, names: ["echo", "Webhook"] };
  return decide(together(vector.choices ?? [], rules), vector.stamp, wishes, use, rules);
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
  choices?: { granted?: string[]; refused?: string[] }[];
  gpc?: boolean;
  regime?: Model;
  expect: string;
}

describe("collect", () => {
  const golden: CollectVector[] = read("collect");
  test.each(golden.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
    const { preferences, choices = [], gpc = false, regime = "opt-in" } = vector;
    const arrival = { ...(preferences && { sent: preferences }), known: together(choices, RULES), gpc, regime };
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
      "no_consent",
      "required_not_for_purpose",
      "sent_client_side",
      "unmapped",
      "withdrawn",
    ]);
  });
});

// `ASSENT_WRITE_FUZZ_VECTORS=FILE npx vitest run decide` writes states with these answers, for the Rust side to compare.
test("the generated states can be written for the Rust side", () => {
  const answered = vectors(5, 500).map((state) => ({ ...state, expect: answer(state) }));
  expect(vectors(5, 500).map((state) => ({ ...state, expect: answer(state) }))).toEqual(answered);
  const { ASSENT_WRITE_FUZZ_VECTORS: file } = process.env;
  if (file) writeFileSync(file, JSON.stringify(answered));
});

test("without anything known nothing is withdrawn", () => {
  const stamp = { origin: "sent", preferences: { performance: true } } as const;
  expect(decide(NOTHING_KNOWN, stamp, {}, { categories: ["performance"] }, RULES)).toBe("allow");
});
