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
  const days: number[] = [];
  const clock = { now: START };
  const browser = { gpc, dnt };
  const write = (text: string, forDays: number) => {
    kept.splice(0, kept.length, text);
    days.push(forDays);
  };
  const around = { store: { read: () => [...kept, null], write }, signals: () => browser, now: () => clock.now };
  const make = (more: Partial<AssentSettings> = {}) => new Consent({ ...settings(), ...changes, ...more }, around);
  return { kept, days, clock, browser, make, consent: make() };
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

  // Obligations 11, 14, 20.
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

  // Obligation 24.
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

  test("an opt-in that was confirmed over it holds as long as a grant, and until a choice that was not", () => {
    const { consent, clock, make } = setUp(models("opt-out"), { gpc: true });
    const says = () => [consent.preferences().targeting, consent.isSignalled()];
    consent.choose(all(true), "confirmed_over_gpc", "centre");
    expect(says()).toEqual([true, false]);
    expect(consent.permits({ categories: ["performance"], purpose: "sale" })).toBe(true);
    const asksAgain = make({ texts: { ...settings().texts, version: 4, askAgainBelow: 4 } });
    expect([asksAgain.preferences().targeting, asksAgain.isSignalled()]).toEqual([false, true]);
    clock.now += 181 * DAY_MS;
    consent.refresh();
    expect(says()).toEqual([false, true]);
    consent.choose(all(true), "confirmed_over_gpc", "centre");
    expect(consent.choose(all(true), "accept_all", "first").categories.targeting).toBe(false);
    expect(says()).toEqual([false, true]);
  });

  test("confirming over it grants no child what a rule denies, and a category that was left out stays out", () => {
    const { consent } = setUp({ denied: ["targeting"] }, { gpc: true });
    consent.choose(all(true), "confirmed_over_gpc", "centre");
    expect([consent.preferences().targeting, consent.isSignalled()]).toEqual([false, true]);
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
  consent.told(first.madeAt);
  expect(consent.choice).toMatchObject({ told: false, method: "withdraw" });
});

const made = {
  ...all(true),
  madeAt: START - 2,
  textVersion: 3,
  method: "accept_all",
  layer: "first",
  told: true,
} as const;

describe("what is followed", () => {
  test("a sibling site's withdrawal that comes with the server's answer to an older choice is not taken for followed", () => {
    const { consent, clock, make } = setUp();
    const grant = consent.choose(all(true), "accept_all", "first");
    clock.now += 1;
    make().choose(all(false), "withdraw", "control");
    consent.told(grant.madeAt);
    expect(consent.refresh()).toBe(true);
    expect(consent.preferences().performance).toBe(false);
  });

  test("a signal that is switched on while the page lives is a change", () => {
    const { consent, browser } = setUp(models("opt-out"));
    browser.gpc = true;
    expect(consent.refresh()).toBe(true);
    expect(consent.refresh()).toBe(false);
  });

  test("one's own choice is followed by whoever makes it", () => {
    const { consent } = setUp();
    consent.choose(all(true), "accept_all", "first");
    expect(consent.refresh()).toBe(false);
  });
});

describe("an older grant", () => {
  test("in the other place is replaced, so that it cannot outlive the refusal", () => {
    const { kept, make } = setUp();
    const refusal = write({ ...made, ...all(false), madeAt: START - 1 });
    kept.push(write(made), refusal);
    make();
    expect(kept).toEqual([refusal]);
  });

  test("does not replace what a later SDK wrote and this one cannot read", () => {
    const { kept, make } = setUp();
    kept.push(write(made), "2~later");
    make();
    expect(kept).toEqual([write(made), "2~later"]);
  });

  test("from the future does not count, and is gone before that day; a refusal counts", () => {
    const { kept, clock, make } = setUp(models("opt-out"));
    const grant = write({ ...made, madeAt: START + 2 * DAY_MS });
    kept.push(grant, write({ ...made, ...all(false), madeAt: START - 1 }));
    expect(make().preferences().targeting).toBe(false);
    clock.now += 3 * DAY_MS;
    expect(make().preferences().targeting).toBe(false);
    kept.splice(0, 1, write({ ...made, ...all(false), madeAt: clock.now + 2 * DAY_MS }));
    expect(make().preferences().performance).toBe(false);
  });
});

describe("when a choice has expired", () => {
  const regime = { ...models("opt-out").regime, lifetimeDays: 400, reaskDays: 365, first: "none" } as const;
  const mixed = { categories: { performance: true }, refusedVendors: ["v1"] };

  test("what is on by default stays off for whoever refused it, as often as they come back", () => {
    const { consent, clock, make, days } = setUp({ regime });
    consent.choose(mixed, "choose", "centre");
    expect(days).toEqual([400]);
    clock.now += 100 * DAY_MS;
    make();
    expect(days, "what the server has set is left alone").toEqual([400]);
    clock.now += 101 * DAY_MS;
    make();
    expect(days, "later each visit renews the cookie").toEqual([400, 400]);
    for (const year of [1, 2, 3]) {
      clock.now += 401 * DAY_MS;
      const later = make();
      expect(later.preferences(), `${year}`).toMatchObject({ performance: true, targeting: false });
      expect(later.permits({ categories: ["performance"], vendor: "v1" })).toBe(false);
      expect(days.at(-1)).toBe(400);
    }
  });

  test("its grants are gone, and what needs a grant is asked again", () => {
    const exempt = { ...regime, first: "ask", models: { performance: "exempt" } } as const;
    const { consent, clock, make } = setUp({ regime: exempt });
    consent.choose({ categories: { targeting: true }, refusedVendors: [] }, "choose", "centre");
    clock.now += 401 * DAY_MS;
    const later = make();
    expect(later.preferences()).toEqual({ required: true, functionality: false, performance: false, targeting: false });
    expect(later.asks()).toBe(true);
  });

  test("nothing of it is left where everything is asked", () => {
    const { consent, clock, make, days } = setUp({ regime: { ...settings().regime, lifetimeDays: 180 } });
    consent.choose(mixed, "choose", "centre");
    expect(days).toEqual([180]);
    clock.now += 181 * DAY_MS;
    expect(make().choice).toBeNull();
  });
});

test("a name that means no category permits nothing", () => {
  const { consent } = setUp({ ...models("opt-out"), source: { category: "perfromance" } });
  expect(consent.collects()).toBe(false);
  expect(consent.permits({ categories: ["performance", "perfromance"] })).toBe(false);
});
