// The queue with a clock, a storage and a network of the test's own.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Event } from "../src/event.ts";
import { Queue } from "../src/queue.ts";
import type { Outcome } from "../src/send.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const event = (messageId: string) => ({ messageId }) as Event;

function setUp({ mayStore = true, answers = [] as Outcome[] } = {}) {
  const kept = new Map<string, string>();
  const sent: string[][] = [];
  const beacons: string[][] = [];
  const state = { mayCollect: true };
  const ids = (body: string) => JSON.parse(body).batch.map(({ messageId }: Event) => messageId);
  const queue = new Queue({
    url: "u",
    writeKey: "k",
    mayCollect: () => state.mayCollect,
    mayStore: () => mayStore,
    store: {
      get: (key) => kept.get(key) ?? null,
      set: (key, value) => kept.set(key, value),
      remove: (key) => kept.delete(key),
    },
    post: async (_, body) => {
      sent.push(ids(body));
      return answers.shift() ?? "done";
    },
    beacon: (_, body) => beacons.push(ids(body)) > 0,
  });
  return { queue, kept, sent, beacons, state };
}

test("sends at most twenty at once, in order", async () => {
  const { queue, sent } = setUp();
  for (let index = 0; index < 45; index += 1) queue.add(event(String(index)));
  await vi.runAllTimersAsync();
  expect(sent.map((batch) => batch.length)).toEqual([20, 20, 5]);
  expect(sent.flat()).toEqual(Array.from({ length: 45 }, (_, index) => String(index)));
});

test("waits as long as the server asks, and keeps the order", async () => {
  const { queue, sent } = setUp({ answers: [{ retryMs: 10_000 }] });
  queue.add(event("a"));
  await vi.advanceTimersByTimeAsync(100);
  queue.add(event("b"));
  await vi.advanceTimersByTimeAsync(9_800);
  expect(sent).toEqual([["a"]]);
  await vi.advanceTimersByTimeAsync(200);
  expect(sent).toEqual([["a"], ["a", "b"]]);
});

test("what is dropped while it is on its way does not come back, and what comes after goes", async () => {
  const { queue, sent } = setUp({ answers: [{ retryMs: 0 }] });
  queue.add(event("a"));
  await vi.advanceTimersByTimeAsync(0);
  queue.drop();
  queue.add(event("b"));
  await vi.runAllTimersAsync();
  expect(sent).toEqual([["a"], ["b"]]);
});

test("begins nothing that is not permitted when it would begin", async () => {
  const { queue, sent, state } = setUp();
  queue.add(event("a"));
  state.mayCollect = false;
  await vi.runAllTimersAsync();
  expect(sent).toEqual([]);
});

test("leaves what waits to a beacon, and in storage where it may", () => {
  const { queue, beacons, kept } = setUp();
  queue.add(event("a"));
  queue.leave();
  expect(beacons).toEqual([["a"]]);
  expect([...kept.keys()]).toEqual(["assent_queue:k"]);
  const without = setUp({ mayStore: false });
  without.queue.add(event("a"));
  without.queue.leave();
  expect([without.beacons, without.kept.size]).toEqual([[["a"]], 0]);
});

test("does not throw away what another tab left, and sends each once", async () => {
  const { queue, kept, sent } = setUp();
  kept.set("assent_queue:k", JSON.stringify([event("theirs")]));
  queue.add(event("ours"));
  queue.leave();
  queue.resume();
  expect(kept.size).toBe(0);
  await vi.runAllTimersAsync();
  expect(sent).toEqual([["theirs", "ours"]]);
});

test("spoilt storage is as good as none", async () => {
  const { queue, kept, sent } = setUp();
  kept.set("assent_queue:k", "{");
  queue.resume();
  queue.add(event("a"));
  await vi.runAllTimersAsync();
  expect(sent).toEqual([["a"]]);
});
