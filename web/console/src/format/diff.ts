// What changed between two objects, line by line of their JSON: the longest common subsequence, which is exact and
// cheap at the size of a configuration object.

export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
}

/** Beyond so many lines a table of pairs would be too large; then all is shown as replaced. */
const LINES_MAX = 1_500;

/** JSON with sorted keys, so that order alone is no change. */
export function stable(value: unknown): string {
  const sorted = (_: string, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  return JSON.stringify(value, sorted, 2) ?? "";
}

export function diff(before: unknown, after: unknown): DiffLine[] {
  return diffLines(linesOf(before), linesOf(after));
}

const linesOf = (value: unknown): string[] =>
  value === null || value === undefined ? [] : (typeof value === "string" ? value : stable(value)).split("\n");

function diffLines(old: string[], now: string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: "removed", text });
  const added = (text: string): DiffLine => ({ kind: "added", text });
  if (old.length > LINES_MAX || now.length > LINES_MAX) return [...old.map(removed), ...now.map(added)];
  const lengths = commonLengths(old, now);
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  while (i < old.length && j < now.length) {
    const [left, right] = [old[i] as string, now[j] as string];
    if (left === right) {
      lines.push({ kind: "same", text: left });
      [i, j] = [i + 1, j + 1];
    } else if (at(i + 1, j) >= at(i, j + 1)) {
      lines.push(removed(left));
      i += 1;
    } else {
      lines.push(added(right));
      j += 1;
    }
  }
  return [...lines, ...old.slice(i).map(removed), ...now.slice(j).map(added)];
}

/** `[i][j]`: how many lines the rests from `i` and from `j` have in common. */
function commonLengths(old: string[], now: string[]): Uint16Array[] {
  const table = Array.from({ length: old.length + 1 }, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = now.length - 1; j >= 0; j--) {
      const [row, next] = [table[i] as Uint16Array, table[i + 1] as Uint16Array];
      row[j] = old[i] === now[j] ? (next[j + 1] ?? 0) + 1 : Math.max(next[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return table;
}
