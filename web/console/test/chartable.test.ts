// What of an answer can be drawn.

import { expect, test } from "vitest";
import { axisOf, figureColumns } from "../src/pages/lake/chartable.ts";

const result = (columns: string[], rows: unknown[][]) => ({
  columns: columns.map((name) => ({ name, type: "" })),
  rows,
  truncated: false,
  took_ms: 1,
});

test("columns of figures, nulls allowed, text of figures included", () => {
  expect(
    figureColumns(
      result(
        ["a", "b", "c", "d"],
        [
          ["x", 1, "2", null],
          ["y", null, "3.5", null],
        ],
      ),
    ),
  ).toEqual([1, 2]);
});

test("times are put in order and read as UTC", () => {
  const axis = axisOf(result(["t"], [["2026-11-22T02:00:00"], ["2026-11-22 01:00:00Z"]]), 0);
  expect(axis).toMatchObject({ isTime: true, order: [1, 0], labels: null });
  expect(axis.x).toEqual([Date.UTC(2026, 10, 22, 1) / 1_000, Date.UTC(2026, 10, 22, 2) / 1_000]);
});

test("anything else becomes labels", () => {
  expect(axisOf(result(["n"], [["b"], [null]]), 0)).toEqual({
    x: [0, 1],
    isTime: false,
    labels: ["b", "–"],
    order: [0, 1],
  });
});
