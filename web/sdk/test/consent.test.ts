// What holds when: models, choices, signals, new words, new categories, time.

import { describe, expect, test } from "vitest";
import { write } from "../src/choice.ts";
import { Consent } from "../src/consent.ts";
import type { AssentSettings } from "../src/settings.ts";
import { settings } from "./fixture.ts";

const DAY_MS = 86_400_000;
const START = 1_800_000_000_000;

function setUp(changes: Partial<AssentSettings> = {}, { gpc = false, dnt = false } = {}) {
  const kept: string[] = [];
  const clock = { now: START };
  const store = { read: () => kept, write: (text: string) => void kept.splice(0, kept.length, text) };
  const around = { store, signals: () => ({ gpc, dnt }), now: () => clock.now };
  const make = (more: Partial<AssentSettings> = {}) => new Consent({ ...settings(), ...changes, ...more }, around);
  return { kept, clock, make, consent: make() };
}

const all = (granted: boolean) => ({
  categories: { functionality: granted, performance: granted, targeting: granted },
  refusedVendors: [],
});
const models = (model: "opt-in" | "opt-out" | "exempt") => ({
  regime: { ...settings().regime, models: { functionality: model, performance: model, targeting: model } },
});

describe("before a choice", () => {
  test.each([
    ["opt-in", false],
    ["opt-out", true],
    ["exempt", true],
  ] as const)("%s", (model, granted) => {
    const { consent } = setUp(models(model));
    expect(consent.preferences()).toEqual({ required: true, ...all(granted).categories });
    expect(consent.collects()).toBe(granted);
  });

  test("a category that the regime does not name is opt-in", () => {
    const { consent } = setUp({ regime: { ...settings().regime, models: {} } });
    expect(consent.preferences().performance).toBe(false);
  });
});

describe("a choice", () => {
  test("refuses what it does not name", () => {
    const { consent } = setUp(models("opt-out"));
    consent.choose({ categories: { performance: true }, refusedVendors: [] }, "choose", "centre");
    expect(consent.preferences()).toEqual({
      required: true,
      functionality: false,
      performance: true,
      targeting: false,
    });
  });

  test("holds as long as the regime says, yes and no alike, and is asked again when it says", () => {
    for (const granted of [true, false]) {
      const { consent, clock, make } = setUp({ regime: { ...settings().regime, lifetimeDays: 180, reaskDays: 150 } });
      consent.choose(all(granted), granted ? "accept_all" : "reject_all", "first");
      clock.now += 149 * DAY_MS;
      expect([make().asks(), make().preferences().performance]).toEqual([false, granted]);
      clock.now += 2 * DAY_MS;
      expect([make().asks(), make().preferences().performance]).toEqual([true, granted]);
      clock.now += 30 * DAY_MS;
      expect([make().choice, make().preferences().performance]).toEqual([null, false]);
    }
  });

  test("of two that are found the newer counts", () => {
    const { kept, make } = setUp();
    const one = {
      ...all(true),
      madeAt: START - 2,
      textVersion: 3,
      method: "accept_all",
      layer: "first",
      told: true,
    } as const;
    kept.push(write(one), write({ ...one, ...all(false), madeAt: START - 1 }), "nonsense", "1~2~3");
    expect(make().preferences().performance).toBe(false);
  });

  test("a category that came later is asked about, and is off until then", () => {
    const { consent, make } = setUp();
    consent.choose(all(true), "accept_all", "first");
    const categories = [...settings().categories, { id: "surveys", name: "Surveys", description: "Asks." }];
    expect(make().asks()).toBe(false);
    expect(make({ categories }).asks()).toBe(true);
    expect(make({ categories }).preferences()).toMatchObject({ performance: true, surveys: false });
  });

  test("under words that changed in substance refusals hold and grants do not", () => {
    const { consent, make } = setUp();
    consent.choose({ categories: { performance: true }, refusedVendors: [] }, "choose", "centre");
    const changed = { texts: { ...settings().texts, version: 4, askAgainBelow: 4 } };
    expect(make(changed).asks()).toBe(true);
    expect(make(changed).preferences().performance).toBe(false);
    const optOut = make({ ...changed, ...models("opt-out") });
    expect(optOut.preferences()).toMatchObject({ performance: true, targeting: false });
  });

  test("names a vendor that is refused within a granted category", () => {
    const { consent } = setUp();
    consent.choose({ ...all(true), refusedVendors: ["v1"] }, "choose", "centre");
    expect(consent.permits({ categories: ["performance"], vendor: "v1" })).toBe(false);
    expect(consent.permits({ categories: ["performance"], vendor: "v2" })).toBe(true);
  });
});

describe("signals", () => {
  test("GPC takes targeting away whatever is chosen, and says so in the choice", () => {
    const { consent } = setUp(models("opt-out"), { gpc: true });
    expect(consent.preferences()).toMatchObject({ performance: true, targeting: false });
    expect(consent.choose(all(true), "accept_all", "first").categories.targeting).toBe(false);
    expect(consent.permits({ categories: ["performance"], purpose: "sale" })).toBe(false);
  });

  test("a regime may let it take more", () => {
    const regime = { ...models("opt-out").regime, gpc: { denies: ["performance"], show: true } };
    expect(setUp({ regime }, { gpc: true }).consent.collects()).toBe(false);
  });

  test("DNT means nothing unless the workspace says so", () => {
    expect(setUp(models("opt-out"), { dnt: true }).consent.preferences().targeting).toBe(true);
    const honoured = setUp({ ...models("opt-out"), doNotTrack: "as-gpc" }, { dnt: true });
    expect(honoured.consent.preferences().targeting).toBe(false);
  });

  test("what is denied to children stays off", () => {
    const { consent } = setUp({ denied: ["targeting"] });
    consent.choose(all(true), "accept_all", "first");
    expect(consent.preferences()).toMatchObject({ performance: true, targeting: false });
  });
});

test("another tab's choice is seen; nothing new is no change", () => {
  const { consent, make } = setUp();
  expect(consent.refresh()).toBe(false);
  make().choose(all(true), "accept_all", "first");
  expect(consent.refresh()).toBe(true);
  expect(consent.refresh()).toBe(false);
  expect(consent.collects()).toBe(true);
});

test("that the server has a choice is not said of a newer one", () => {
  const { consent, clock } = setUp();
  const first = consent.choose(all(true), "accept_all", "first");
  clock.now += 1;
  consent.choose(all(false), "withdraw", "control");
  consent.told(first);
  expect(consent.choice).toMatchObject({ told: false, method: "withdraw" });
});
