// From lines of the live stream to rows, one for each event: what arrived, then what became of it at each output.
// Pure, so that its laws are tested without a stream.

export interface Line {
  tail: string;
  at?: string;
  source?: string;
  type?: string;
  message_id?: string;
  name?: string;
  reason?: string;
  code?: string;
  events?: number;
  outputs?: string[];
  destination?: string;
  result?: string;
  status?: number;
  attempt?: number;
  /** Events of a range that share one fate. */
  records?: number;
}

export interface Row {
  /** The message id, or a number of our own for what has none. */
  key: string;
  messageId: string | null;
  at: string;
  source: string;
  type: string;
  /** The event's name, or why there is none. */
  text: string;
  /** `accepted`, `refused`, `discarded`, `choice`, `dropped`. */
  state: string;
  outputs: ReadonlyMap<string, Fate>;
}

export interface Fate {
  result: string;
  reason: string;
}

export interface Rows {
  /** Newest first. */
  rows: readonly Row[];
  /** Lines without a message id so far: their keys. */
  nameless: number;
}

export const EMPTY: Rows = { rows: [], nameless: 0 };
export const ROWS_MAX = 2_000;
/** Lines of one refresh that are read; of more only the newest, because nobody reads a thousand rows a second. */
export const LINES_PER_REFRESH_MAX = 400;

export function parseLine(text: string): Line | null {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === "object" && line !== null && "tail" in line ? (line as Line) : null;
  } catch {
    return null;
  }
}

/** Adds lines, oldest first. */
export function fold(before: Rows, lines: readonly Line[], now: string): Rows {
  if (lines.length === 0) return before;
  const changed = new Map<string, Row>();
  const known = new Map(before.rows.map((row) => [row.key, row]));
  const added: string[] = [];
  let { nameless } = before;
  for (const line of lines) {
    const key = line.message_id ?? `#${nameless}`;
    const row = changed.get(key) ?? known.get(key);
    if (!line.message_id) nameless += 1;
    // A result without its event came from before we looked: the row starts with what is known.
    if (!row) added.push(key);
    changed.set(key, apply(row ?? blank(key, line, now), line));
  }
  const fresh = added.map((key) => changed.get(key)).filter((row) => row !== undefined);
  const kept = before.rows.map((row) => changed.get(row.key) ?? row);
  return { rows: [...fresh.reverse(), ...kept].slice(0, ROWS_MAX), nameless };
}

const blank = (key: string, line: Line, now: string): Row => ({
  key,
  messageId: line.message_id ?? null,
  at: line.at ?? now,
  source: line.source ?? "",
  type: "",
  text: "",
  state: "accepted",
  outputs: new Map(),
});

function apply(row: Row, line: Line): Row {
  const type = line.type ?? row.type;
  const named: Row = { ...row, type, source: line.source ?? row.source };
  switch (line.tail) {
    case "accepted":
      return { ...named, text: line.name ?? "", at: line.at ?? row.at };
    case "refused":
      return { ...named, state: "refused", text: line.reason ?? "" };
    case "discarded":
      return { ...named, state: "discarded", text: line.code ?? "" };
    case "choice":
      return { ...named, state: "choice", text: "" };
    case "dropped":
      return { ...named, state: "dropped", text: line.reason ?? row.text };
    case "processed":
      return { ...named, outputs: withOutputs(row.outputs, line.outputs ?? []) };
    default: {
      if (!line.destination) return named;
      const text = line.records === undefined ? row.text : `${line.records} events together`;
      return { ...named, text, outputs: withFate(row.outputs, line) };
    }
  }
}

function withOutputs(outputs: Row["outputs"], names: readonly string[]): Row["outputs"] {
  const next = new Map(outputs);
  for (const name of names) if (!next.has(name)) next.set(name, { result: "waiting", reason: "" });
  return next;
}

const withFate = (outputs: Row["outputs"], line: Line): Row["outputs"] =>
  new Map(outputs).set(line.destination ?? "", { result: line.result ?? line.tail, reason: line.reason ?? "" });

export const STATES = ["all", "accepted", "refused", "discarded", "choice", "failing"] as const;
export type StateFilter = (typeof STATES)[number];

/** Whether a row is shown under a filter. */
export function isShown(row: Row, filter: { state: StateFilter; source: string; type: string; text: string }): boolean {
  if (filter.source !== "" && row.source !== filter.source) return false;
  if (filter.type !== "" && row.type !== filter.type) return false;
  if (filter.state === "failing") {
    const fates = [...row.outputs.values()];
    if (!fates.some(({ result, reason }) => result !== "delivered" && result !== "filtered" && reason !== ""))
      return false;
  } else if (filter.state !== "all" && row.state !== filter.state) return false;
  const wanted = filter.text.trim().toLowerCase();
  return wanted === "" || `${row.text} ${row.messageId ?? ""} ${row.source}`.toLowerCase().includes(wanted);
}
