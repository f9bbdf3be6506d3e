// What TrustArc's three cookies mean, each alone and together; the browser's tests have the rest.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Consent } from "../src/consent.ts";
import type { Core } from "../src/core.ts";
import { settings } from "./fixture.ts";

const page: Record<string, (core: Core) => void> = {};

beforeEach(() => void vi.stubGlobal("window", page));
afterEach(() => void vi.unstubAllGlobals());

/** What is kept of a browser with these cookies; `undefined` where nothing is taken over. */
async function taken(cookies: Record<string, string>) {
  const all = Object.entries(cookies).map(([name, value]) => `${name}=${value}`);
  vi.stubGlobal("document", { cookie: all.join("; ") });
  await import("../src/takeover.ts");
  // Whoever vouches for grants gets none from TrustArc, whose cookies keep no time.
  const takeOver = { from: ["trustarc" as const], grants: ["functionality", "performance", "targeting"] };
  const store = { read: () => [], write: () => {} };
  const consent = new Consent({ ...settings(), takeOver }, { store, signals: () => ({}), now: Date.now });
  page["assent:takeover"]?.({ consent, adopt: (make: () => unknown) => make() } as unknown as Core);
  return consent.choice?.categories;
}

describe("TrustArc", () => {
  const refused = { functionality: false, performance: false, targeting: false };
  test.each([
    ["required alone", { notice_preferences: "0:" }, refused],
    ["a level, with a signature", { notice_preferences: "1:b3c4" }, { performance: false, targeting: false }],
    ["the highest level, which refuses nothing", { notice_preferences: "3:" }, undefined],
    ["no level", { notice_preferences: "yes" }, undefined],
    [
      "a list beside the level",
      { notice_preferences: "0:", notice_gdpr_prefs: "0,3:" },
      { functionality: false, performance: false },
    ],
    [
      "the other list beside it",
      { notice_preferences: "2:", cmapi_cookie_privacy: "permit 1,2" },
      { performance: false, targeting: false },
    ],
    ["nothing", {}, undefined],
  ])("%s", async (_, cookies, categories) => {
    expect(await taken(cookies as Record<string, string>)).toEqual(categories);
  });
});
