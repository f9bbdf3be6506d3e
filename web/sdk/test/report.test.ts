// Telling the server: in order, until it has heard, and for whom it was although the page has forgotten them since.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { MadeChoice } from "../src/choice.ts";
import { Consent } from "../src/consent.ts";
import { Report } from "../src/report.ts";
import type { Outcome } from "../src/send.ts";
import { settings } from "./fixture.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const KEY = "assent_untold";
const DAY_MS = 86_400_000;
const NOBODY = { anonymousId: null, userId: null };

function browser() {
  const kept = new Map<string, string>();
  const cookie: string[] = [];
  const told: { anonymousId?: string; userId?: string; messageId: string; method: string }[] = [];
  const answers: (Outcome | Promise<Outcome>)[] = [];
  /** What the server says when it has taken one. */
  const replies: string[] = [];
  const page = () => {
    const store = { read: () => cookie, write: (text: string) => void cookie.splice(0, cookie.length, text) };
    const consent = new Consent(settings(), { store, signals: () => ({}), now: Date.now });
    const report = new Report(consent, {
      url: "u",
      writeKey: "k",
      store: {
        get: (key) => kept.get(key) ?? null,
        set: (key, value) => kept.set(key, value),
        remove: (key) => kept.delete(key),
      },
      post: async (_, body, __, heard) => {
        told.push(JSON.parse(body));
        const outcome = await (answers.shift() ?? "done");
        if (outcome === "done") await heard?.(new Response(replies.shift() ?? '{"success":true}'));
        return outcome;
      },
    });
    const choose = (
      method: MadeChoice["method"],
      granted: boolean,
      by = NOBODY as { anonymousId: string | null; userId: string | null },
    ) => {
      vi.advanceTimersByTime(1);
      report.tell(consent.choose({ categories: { performance: granted }, refusedVendors: [] }, method, "first"), by);
    };
    return { consent, report, choose };
  };
  const methods = () => told.map(({ method }) => method);
  return { kept, told, answers, replies, page, methods };
}

test("a withdrawal that was not heard is told by the next page, of whom it was", async () => {
  const { kept, told, answers, page } = browser();
  answers.push({ retryMs: 0 });
  page().choose("withdraw", false, { anonymousId: "x", userId: "u" });
  await vi.advanceTimersByTimeAsync(0);
  vi.clearAllTimers();
  page().report.resume(NOBODY);
  await vi.runAllTimersAsync();
  expect(told.map(({ anonymousId, userId }) => [anonymousId, userId])).toEqual([
    ["x", "u"],
    ["x", "u"],
  ]);
  expect([...kept.keys()]).toEqual([]);
  page().report.resume(NOBODY);
  await vi.runAllTimersAsync();
  expect(told.length).toBe(2);
});

test("nothing is kept of somebody unknown, and the next page tells it under another number", async () => {
  const { kept, told, answers, page } = browser();
  answers.push({ retryMs: 0 });
  page().choose("reject_all", false);
  await vi.advanceTimersByTimeAsync(0);
  vi.clearAllTimers();
  expect(kept.size).toBe(0);
  page().report.resume(NOBODY);
  await vi.runAllTimersAsync();
  expect(new Set(told.map(({ messageId }) => messageId)).size).toBe(2);
  expect(told.every(({ anonymousId, userId }) => anonymousId === undefined && userId === undefined)).toBe(true);
});

test("choices are told in the order in which they were made, each until it was heard", async () => {
  const { answers, page, methods } = browser();
  const one = page();
  let heard: (outcome: Outcome) => void = () => {};
  answers.push(
    new Promise((resolve) => {
      heard = resolve;
    }),
  );
  one.choose("accept_all", true, { anonymousId: "x", userId: null });
  one.choose("withdraw", false, { anonymousId: "x", userId: null });
  one.choose("accept_all", true, { anonymousId: "y", userId: null });
  heard({ retryMs: 0 });
  await vi.runAllTimersAsync();
  expect(methods()).toEqual(["accept_all", "accept_all", "withdraw", "accept_all"]);
  expect(one.consent.choice?.told).toBe(true);
});

test("of words that were not shown nothing is said", async () => {
  const { told, page } = browser();
  const { choose } = page();
  choose("accept_all", true);
  choose("imported", false);
  await vi.runAllTimersAsync();
  expect(told.map((one) => "textHash" in one)).toEqual([true, false]);
});

test("what the server refuses for good holds up nothing", async () => {
  const { kept, answers, page, methods } = browser();
  const one = page();
  answers.push("refused");
  one.choose("accept_all", true, { anonymousId: "x", userId: null });
  await vi.runAllTimersAsync();
  one.choose("withdraw", false, { anonymousId: "x", userId: null });
  await vi.runAllTimersAsync();
  expect(methods()).toEqual(["accept_all", "withdraw"]);
  expect(kept.size).toBe(0);
});

test("an identifier that waits to be told is not kept for ever", async () => {
  const { kept, told, answers, page } = browser();
  answers.push({ retryMs: 0 });
  page().choose("withdraw", false, { anonymousId: "x", userId: null });
  await vi.advanceTimersByTimeAsync(0);
  vi.clearAllTimers();
  expect(kept.has(KEY)).toBe(true);
  vi.advanceTimersByTime(91 * DAY_MS);
  page();
  expect([kept.size, told.length]).toEqual([0, 1]);
});

test("the receipt is that of the latest choice, and what cannot be read is none", async () => {
  const { kept, replies, page } = browser();
  const one = page();
  replies.push('{"success":true,"receipt":"0a"}', '{"success":true,"receipt":"0b"}', "<html>");
  one.choose("accept_all", true);
  await vi.runAllTimersAsync();
  expect(one.report.receipt).toBe("u/0a?writeKey=k");
  one.choose("withdraw", false);
  expect(one.report.receipt).toBeUndefined();
  await vi.runAllTimersAsync();
  expect(one.report.receipt).toBe("u/0b?writeKey=k");
  one.choose("accept_all", true);
  await vi.runAllTimersAsync();
  expect([one.report.receipt, one.consent.choice?.told, kept.size]).toEqual([undefined, true, 0]);
});
