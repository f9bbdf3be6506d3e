// The queue with a clock, a storage and a network of the test's own.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Event } from "../src/event.ts";
import { Queue } from "../src/queue.ts";
import type { Outcome } from "../src/send.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const KEY = "assent_queue:k";
const HOUR_MS = 3_600_000;
const event = (messageId: string) => ({ messageId }) as Event;

function setUp({
  mayStore = true,
  answers = [] as (Outcome | Promise<Outcome>)[],
  kept = new Map<string, string>(),
} = {}) {
  const sent: string[][] = [];
  const bodies: string[] = [];
  const state = { mayCollect: true, isFull: false, isOnline: true };
  const ids = (body: string) => JSON.parse(body).batch.map(({ messageId }: Event) => messageId);
  const queue = new Queue({
    url: "u",
    writeKey: "k",
    mayCollect: () => state.mayCollect,
    mayStore: () => mayStore,
    isOnline: () => state.isOnline,
    store: {
      get: (key) => kept.get(key) ?? null,
      set: (key, value) => !state.isFull && kept.set(key, value),
      remove: (key) => kept.delete(key),
    },
    post: async (_, body) => {
      sent.push(ids(body));
      bodies.push(body);
      return answers.shift() ?? "done";
    },
  });
  const left = () => JSON.parse(kept.get(KEY) ?? "[]").map(([, { messageId }]: [number, Event]) => messageId);
  return { queue, kept, sent, bodies, state, left };
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

test("sends what waits when the page goes, and keeps it where it may", () => {
  const { queue, sent, left } = setUp();
  queue.add(event("a"));
  queue.leave();
  expect([sent, left()]).toEqual([[["a"]], ["a"]]);
  const without = setUp({ mayStore: false });
  without.queue.add(event("a"));
  without.queue.leave();
  expect([without.sent, without.kept.size]).toEqual([[["a"]], 0]);
});

test("what storage does not take is not safe: it goes although the server asked for a pause", async () => {
  const { queue, sent, state } = setUp({ answers: [{ retryMs: 60_000 }] });
  state.isFull = true;
  queue.add(event("a"));
  await vi.advanceTimersByTimeAsync(0);
  queue.leave();
  expect(sent).toEqual([["a"], ["a"]]);
});

test("does not throw away what another tab left, and sends each once", async () => {
  const { queue, kept, sent } = setUp();
  kept.set(KEY, JSON.stringify([[0, event("theirs")]]));
  queue.add(event("ours"));
  queue.leave();
  expect(sent).toEqual([["theirs", "ours"]]);
  queue.resume();
  expect(kept.size).toBe(0);
  await vi.runAllTimersAsync();
  expect(sent.at(-1)).toEqual(["theirs", "ours"]);
});

test("an acknowledgement takes only its own events out of storage", async () => {
  const first = setUp();
  first.queue.add(event("acknowledged"));
  first.queue.leave();
  const never = new Promise<Outcome>(() => {});
  const second = setUp({ kept: first.kept, answers: [never, never] });
  second.queue.add(event("theirs"));
  second.queue.leave();
  expect(first.left()).toEqual(["acknowledged", "theirs"]);
  await vi.advanceTimersByTimeAsync(0);
  expect(first.left()).toEqual(["theirs"]);
});

test("what a request took is not sent again after the server has forgotten it; what none took is", async () => {
  const { queue, kept, state } = setUp({ answers: [new Promise<Outcome>(() => {})] });
  queue.add(event("on its way"));
  await vi.advanceTimersByTimeAsync(0);
  state.isOnline = false;
  queue.add(event("without a network"));
  queue.leave();
  const soon = setUp({ kept: new Map(kept) });
  vi.advanceTimersByTime(22 * HOUR_MS);
  soon.queue.resume();
  vi.advanceTimersByTime(2 * HOUR_MS);
  const late = setUp({ kept: new Map(kept) });
  late.queue.resume();
  await vi.advanceTimersByTimeAsync(0);
  expect(soon.sent).toEqual([["on its way", "without a network"]]);
  expect(late.sent).toEqual([["without a network"]]);
});

test("an event that JSON cannot write is refused, and stops no other", async () => {
  const { queue, sent } = setUp();
  const round = { ...event("round") };
  round.self = round;
  expect(() => queue.add(round)).toThrow(TypeError);
  expect(() => queue.add({ ...event("big"), amount: 1n })).toThrow(TypeError);
  queue.add(event("a"));
  await vi.runAllTimersAsync();
  expect(sent).toEqual([["a"]]);
});

test("what the page changes after its call does not change the event", async () => {
  const { queue, bodies } = setUp();
  const said = { ...event("a"), properties: { price: 1 } };
  queue.add(said);
  said.properties.price = 2;
  queue.leave();
  expect(JSON.parse(bodies[0] ?? "").batch).toEqual([{ messageId: "a", properties: { price: 1 } }]);
});

test("spoilt storage is as good as none", async () => {
  const { queue, kept, sent } = setUp();
  kept.set("assent_queue:k", "{");
  queue.resume();
  queue.add(event("a"));
  await vi.runAllTimersAsync();
  expect(sent).toEqual([["a"]]);
});
