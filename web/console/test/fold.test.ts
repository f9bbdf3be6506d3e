// The live view's laws: one row for each event, whatever the order of its lines; a bound on rows; filters.

import { expect, test } from "vitest";
import { EMPTY, fold, isShown, type Line, parseLine, ROWS_MAX } from "../src/pages/live/fold.ts";

const NOW = "2026-11-22T02:00:00.000Z";
const accepted = (id: string, name = "Viewed"): Line => ({
  tail: "accepted",
  message_id: id,
  name,
  type: "track",
  source: "web",
  at: NOW,
});
const processed = (id: string, ...outputs: string[]): Line => ({ tail: "processed", message_id: id, outputs });
const settled = (id: string, destination: string, result: string, reason = ""): Line => ({
  tail: "result",
  message_id: id,
  destination,
  result,
  reason,
});

test("an event is one row, whatever arrives of it and in which order", () => {
  const lines = [
    accepted("a"),
    processed("a", "hook", "crm"),
    settled("a", "hook", "delivered"),
    settled("a", "crm", "waiting", "timeout"),
  ];
  const together = fold(EMPTY, lines, NOW).rows;
  const apart = lines.reduce((rows, line) => fold(rows, [line], NOW), EMPTY).rows;
  expect(together).toEqual(apart);
  expect(together).toHaveLength(1);
  expect([...(together[0]?.outputs ?? [])].map(([name, { result }]) => `${name} ${result}`)).toEqual([
    "hook delivered",
    "crm waiting",
  ]);
});

test("a result that overtakes the list of outputs is not taken back by it", () => {
  const { rows } = fold(EMPTY, [accepted("a"), settled("a", "hook", "delivered"), processed("a", "hook", "crm")], NOW);
  expect(rows[0]?.outputs.get("hook")?.result).toBe("delivered");
  expect(rows[0]?.outputs.get("crm")?.result).toBe("waiting");
});

test("the newest stands first, and rows are bounded", () => {
  const many = Array.from({ length: ROWS_MAX + 5 }, (_, at) => accepted(`m${at}`));
  const { rows } = fold(EMPTY, many, NOW);
  expect(rows).toHaveLength(ROWS_MAX);
  expect(rows[0]?.key).toBe(`m${ROWS_MAX + 4}`);
});

test("lines without a message id are rows of their own", () => {
  const refused: Line = { tail: "refused", reason: "no_consent", type: "page", source: "web" };
  const twice = fold(fold(EMPTY, [refused], NOW), [refused], NOW);
  expect(twice.rows.map(({ key, state, text }) => [key, state, text])).toEqual([
    ["#1", "refused", "no_consent"],
    ["#0", "refused", "no_consent"],
  ]);
});

test("what is not a line is passed over", () => {
  expect(parseLine("{")).toBeNull();
  expect(parseLine("7")).toBeNull();
  expect(parseLine('{"tail":"choice"}')).toEqual({ tail: "choice" });
});

test("filters", () => {
  const [failing, fine] = [
    fold(EMPTY, [accepted("a", "Order Completed"), settled("a", "crm", "waiting", "timeout")], NOW).rows[0],
    fold(EMPTY, [accepted("b", "Viewed"), settled("b", "crm", "delivered")], NOW).rows[0],
  ];
  if (!failing || !fine) throw new Error("each line makes a row");
  const any = { state: "all", source: "", type: "", text: "" } as const;
  expect([failing, fine].filter((row) => isShown(row, { ...any, state: "failing" }))).toEqual([failing]);
  expect([failing, fine].filter((row) => isShown(row, { ...any, text: " ORDER" }))).toEqual([failing]);
  expect([failing, fine].filter((row) => isShown(row, { ...any, type: "page" }))).toEqual([]);
  expect([failing, fine].filter((row) => isShown(row, { ...any, source: "api" }))).toEqual([]);
  expect([failing, fine].filter((row) => isShown(row, { ...any, state: "refused" }))).toEqual([]);
});
