// Times, figures, CSV, differences, colours: pure texts.

import { expect, test } from "vitest";
import { cell, toCsv } from "../src/format/csv.ts";
import { diff, stable } from "../src/format/diff.ts";
import { bytes, percent, plural, rate } from "../src/format/number.ts";
import { ago, duration, fromLocalInput } from "../src/format/time.ts";
import { jsonTokens, sqlTokens } from "../src/format/tokens.ts";
import { filterText } from "../src/format/words.ts";

test("how long ago", () => {
  const now = new Date("2026-11-22T12:00:00Z");
  const before = (seconds: number) => ago(new Date(now.getTime() - seconds * 1_000), now);
  expect([2, 42, 150, 7_300, 200_000].map(before)).toEqual([
    "now",
    "42 sec. ago",
    "2 min. ago",
    "2 hr. ago",
    "2 days ago",
  ]);
  expect(before(-90)).toBe("in 1 min.");
});

test("durations", () => {
  expect([12, 1_540, 42_000, 125_000, 3_900_000, 200_000_000].map(duration)).toEqual([
    "12 ms",
    "1.5 s",
    "42 s",
    "2 min 5 s",
    "1 h 5 min",
    "2 d 7 h",
  ]);
  expect(fromLocalInput("")).toBeUndefined();
  expect(fromLocalInput("yesterday")).toBeUndefined();
});

test("figures", () => {
  expect([0, 900, 1_024, 1_600_000, 8.4e9].map(bytes)).toEqual(["0 B", "900 B", "1.0 KiB", "1.5 MiB", "7.8 GiB"]);
  expect([0, 0.004, 0.5, 3.25, 412].map(rate)).toEqual(["0", "< 0.01", "0.50", "3.3", "412"]);
  expect([percent(1, 3), percent(0, 0), percent(5, 5), plural(1, "row"), plural(2_000, "row")]).toEqual([
    "33.3 %",
    "–",
    "100 %",
    "1 row",
    "2,000 rows",
  ]);
});

test("CSV quotes what must be quoted and disarms formulas", () => {
  expect(
    toCsv(
      ["a", "b"],
      [
        ["x,y", 'say "hi"'],
        [null, { k: 1 }],
        ["=1+1", -3],
      ],
    ),
  ).toBe('a,b\r\n"x,y","say ""hi"""\r\n,"{""k"":1}"\r\n\'=1+1,-3\r\n');
  expect(cell("-5.2e3")).toBe("-5.2e3");
});

test("a difference joins to both versions again", () => {
  const [before, after] = [
    { b: 1, a: [1, 2] },
    { a: [1, 3], b: 1, c: "new" },
  ];
  const lines = diff(before, after);
  const side = (kind: "added" | "removed") => lines.filter((line) => line.kind !== kind).map(({ text }) => text);
  expect(side("added").join("\n")).toBe(stable(before));
  expect(side("removed").join("\n")).toBe(stable(after));
  expect(diff({ a: 1, b: 2 }, { b: 2, a: 1 }).every(({ kind }) => kind === "same")).toBe(true);
  expect(diff(null, { a: 1 }).every(({ kind }) => kind === "added")).toBe(true);
});

test("coloured text is the same text", () => {
  const sql = "select 'it''s', \"Na me\", 1.5 -- why\nfrom t /* open";
  expect(
    sqlTokens(sql)
      .map(({ text }) => text)
      .join(""),
  ).toBe(sql);
  expect(sqlTokens("select a").map(({ kind }) => kind)).toEqual(["word", "plain", "plain"]);
  const json = JSON.stringify({ k: ["v: x", -1.5e3, true, null] }, null, 2);
  expect(
    jsonTokens(json)
      .map(({ text }) => text)
      .join(""),
  ).toBe(json);
  expect(
    jsonTokens('{"k": "v"}')
      .filter(({ kind }) => kind !== "plain")
      .map(({ kind }) => kind),
  ).toEqual(["key", "string"]);
});

test("which dead letters a filter means", () => {
  const text = "no such list";
  expect(filterText({ reason: "switched_off", text })).toBe(
    "Those for the reason “The destination was switched off”, with “no such list” in the answer.",
  );
  expect(filterText({ from: "2026-11-21T12:00:00Z" })).toMatch(/2026.* or later\.$/);
});
