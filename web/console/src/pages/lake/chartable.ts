// Which columns of an answer can be drawn, and their values. Pure.

import type { QueryResult } from "../../api/model.ts";

export interface Axis {
  /** Seconds since 1970, numbers, or places in `labels`. */
  x: number[];
  isTime: boolean;
  labels: string[] | null;
  /** The rows in the order of `x`. */
  order: number[];
}

const DATE = /^\d{4}-\d{2}-\d{2}([T ]|$)/;

const columnOf = (result: QueryResult, at: number): unknown[] => result.rows.map((row) => row[at] ?? null);
const toNumber = (value: unknown): number | null => {
  if (typeof value === "number") return value;
  return typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
};

/** Places of columns that hold figures: at least one, and nothing else. */
export function figureColumns(result: QueryResult): number[] {
  return result.columns.flatMap((_, at) => {
    const values = columnOf(result, at).filter((value) => value !== null);
    return values.length > 0 && values.every((value) => toNumber(value) !== null) ? [at] : [];
  });
}

export const figures = (result: QueryResult, at: number): (number | null)[] => columnOf(result, at).map(toNumber);

/** A column as a horizontal axis: times and numbers in their order, anything else as labels in the rows' order. */
export function axisOf(result: QueryResult, at: number): Axis {
  const values = columnOf(result, at);
  const isTime = values.length > 0 && values.every((value) => typeof value === "string" && DATE.test(value));
  const asNumbers = isTime ? values.map((value) => secondsOf(String(value))) : values.map(toNumber);
  const rows = values.map((_, row) => row);
  if (asNumbers.some((value) => value === null || Number.isNaN(value))) {
    return { x: rows, isTime: false, labels: values.map((value) => String(value ?? "–")), order: rows };
  }
  const order = rows.sort((a, b) => (asNumbers[a] ?? 0) - (asNumbers[b] ?? 0));
  return { x: order.map((row) => asNumbers[row] ?? 0), isTime, labels: null, order };
}

/** Times without a zone are UTC, as the lake's are. */
function secondsOf(text: string): number {
  const iso = text.includes(" ") ? text.replace(" ", "T") : text;
  return Date.parse(/[zZ]|[+-]\d\d:?\d\d$/.test(iso) || iso.length === 10 ? iso : `${iso}Z`) / 1_000;
}
