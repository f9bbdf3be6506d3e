// The small parts: the choice's cookie, calls, answers of the server, and the budgets.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { REGIMES, VENDORS } from "../../../tests/consent/settings.mjs";
import { understand } from "../src/calls.ts";
import { type MadeChoice, read, write } from "../src/choice.ts";
import { googleDefault, googleUpdate } from "../src/google.ts";
import { pauseMs, retryAfterMs } from "../src/send.ts";
import type { AssentSettings } from "../src/settings.ts";

describe("the choice's cookie", () => {
  const made: MadeChoice = {
    categories: { performance: true, "own.~category": false, "mit Umlaut ä": true },
    refusedVendors: ["a.b", "c~d"],
    madeAt: 1_800_000_000_123,
    textVersion: 12,
    method: "choose",
    layer: "centre",
    told: false,
  };
  test("comes back as it was", () => expect(read(write(made))).toEqual(made));
  test("holds no more than 1 KB with twenty long names, and fits a cookie as it stands", () => {
    const ids = Array.from({ length: 20 }, (_, index) => `a-category-with-a-long-name-${index}`);
    const text = write({ ...made, categories: Object.fromEntries(ids.map((id) => [id, true])), refusedVendors: [] });
    expect(text.length).toBeLessThan(1024);
    expect(write(made)).toMatch(/^[\w.~%-]+$/);
  });
  test.each(["", "1", "2~1~a~b~c~d~e.f~1", "1~1~0~a~b~c~d.e~1", "1~1~zz~%~b~c~d.e~1", "a~b~c~d~e~f~g~h"])(
    "asks again for %j",
    (text) => expect(read(text)).toBeNull(),
  );
  test("of a category that is in both lists the refusal counts", () => {
    expect(read("1~1~zz~a~a~~choose.first~1")?.categories).toEqual({ a: false });
  });
});

describe("calls", () => {
  const of = (type: "track" | "page" | "identify" | "group" | "alias", ...args: unknown[]) =>
    JSON.parse(JSON.stringify(understand(type, args, () => undefined)));
  test("an event without a name says what is missing", () => {
    for (const args of [[], [""], [{ properties: {} }]]) expect(() => of("track", ...args)).toThrow(/name is missing/);
  });
  test("ids may be numbers, or left out", () => {
    expect(of("identify", 42)).toMatchObject({ userId: "42", traits: {} });
    expect(of("identify", null, { a: 1 })).toEqual({ type: "identify", traits: { a: 1 }, options: {} });
    expect(of("group", { a: 1 }, { integrations: {} })).toEqual({
      type: "group",
      traits: { a: 1 },
      options: { integrations: {} },
    });
    expect(of("alias", 1, 2)).toMatchObject({ userId: "1", previousId: "2" });
  });
});

describe("Google's consent types", () => {
  const told = (mapping: Record<string, string>, preferences: Record<string, boolean>) => {
    const page: { dataLayer?: IArguments[] } = {};
    vi.stubGlobal("window", page);
    googleDefault(mapping);
    googleUpdate(mapping, preferences);
    vi.unstubAllGlobals();
    return page.dataLayer?.map((entry) => [...entry]);
  };
  const denied = "denied";
  const all = {
    ad_storage: denied,
    ad_user_data: denied,
    ad_personalization: denied,
    analytics_storage: denied,
    functionality_storage: denied,
    personalization_storage: denied,
  };
  test("that nobody mapped are denied, as the snippet denies them, and stay so", () => {
    expect(told({ analytics_storage: "performance" }, { performance: true })).toEqual([
      ["consent", "default", { ...all, wait_for_update: 500 }],
      ["consent", "update", { analytics_storage: "granted" }],
    ]);
    const snippet = readFileSync(new URL("../src/snippet.ts", import.meta.url), "utf8");
    expect([...snippet.matchAll(/(\w+): denied/g)].map(([, name]) => name).sort()).toEqual(Object.keys(all).sort());
  });
  test("that are mapped to what does not exist, or to what keeps a site safe, follow their category", () => {
    expect(told({ ad_storage: "gone", security_storage: "required" }, { required: true })).toEqual([
      ["consent", "default", { ...all, security_storage: denied, wait_for_update: 500 }],
      ["consent", "update", { ad_storage: denied, security_storage: "granted" }],
    ]);
  });
});

describe("answers", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  test.each([
    [null, 0],
    ["2", 2_000],
    ["99999", 300_000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5_000],
    ["Wed, 31 Dec 2025 23:59:55 GMT", 0],
    ["soon", 0],
  ])("Retry-After %j", (header, expected) => expect(retryAfterMs(header, now)).toBe(expected));

  test("pauses double up to a minute and are never shorter than was asked", () => {
    const near = (attempt: number, middle: number) => Math.abs(pauseMs(attempt, 0) - middle) <= middle / 10;
    expect([near(0, 500), near(1, 1_000), near(3, 4_000), near(20, 60_000)]).toEqual([true, true, true, true]);
    expect(pauseMs(0, 5_000)).toBe(5_000);
  });
});

describe("budgets", () => {
  const manifest: Record<string, { gzip: number }> = JSON.parse(
    readFileSync(new URL("../dist/manifest.json", import.meta.url), "utf8"),
  );
  test("the core is 12 KB at most, the preference centre 6", () => {
    const size = (start: string) => Object.entries(manifest).find(([name]) => name.startsWith(start))?.[1].gzip;
    expect(size("analytics.min.js")).toBeLessThanOrEqual(12 * 1024);
    expect(size("sdk/choices.")).toBeLessThanOrEqual(6 * 1024);
  });
  test("the settings of a language with 24 vendors are 5 KB at most, and follow the contract", () => {
    const vendors = Array.from({ length: 24 }, (_, index) => ({
      ...(VENDORS[index % VENDORS.length] as (typeof VENDORS)[0]),
      id: `v${index}`,
    }));
    for (const regime of Object.values(REGIMES)) {
      const all: AssentSettings = { ...regime, vendors };
      expect(gzipSync(JSON.stringify(all), { level: 9 }).length).toBeLessThanOrEqual(5 * 1024);
    }
  });
});
