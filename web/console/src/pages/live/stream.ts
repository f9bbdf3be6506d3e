// The live stream of a workspace. Lines are kept as text and read a few times a second: at ten thousand a second the
// page stays usable, and what is not read is counted. The filter is the page's: lines of deliveries do not name their
// source, so that a filter of the server's would hide what became of the events that it shows.

import { useCallback, useEffect, useRef, useState } from "react";
import { address } from "../../api/client.ts";
import { workspacePath } from "../../api/resources.ts";
import { EMPTY, fold, LINES_PER_REFRESH_MAX, parseLine, type Rows } from "./fold.ts";

const REFRESH_MS = 250;
/** The rate is the mean over so many refreshes. */
const RATE_REFRESHES = 12;

export type Connection = "connecting" | "open" | "lost";

export interface Stream {
  rows: Rows["rows"];
  connection: Connection;
  /** Lines a second, lately. */
  perSecond: number;
  /** Lines that the server or this page passed over, because they came too fast. */
  skipped: number;
  clear: () => void;
}

interface State {
  rows: Rows;
  perSecond: number;
  skipped: number;
}

const START: State = { rows: EMPTY, perSecond: 0, skipped: 0 };

export function useStream(workspace: string, paused: boolean): Stream {
  const [state, setState] = useState<State>(START);
  const [connection, setConnection] = useState<Connection>("connecting");
  const waiting = useRef<string[]>([]);
  const passed = useRef(0);

  useEffect(() => {
    if (paused) return;
    waiting.current = [];
    const events = new EventSource(address(workspacePath(workspace, "/live")));
    const onLine = (event: MessageEvent<string>) => waiting.current.push(event.data);
    const onLagged = (event: MessageEvent<string>) => {
      passed.current += skippedOf(event.data);
    };
    events.onopen = () => setConnection("open");
    events.onerror = () => setConnection("lost");
    events.addEventListener("line", onLine);
    events.addEventListener("lagged", onLagged);
    const counts: number[] = [];
    const timer = window.setInterval(() => {
      const texts = waiting.current;
      waiting.current = [];
      counts.push(texts.length);
      if (counts.length > RATE_REFRESHES) counts.shift();
      const perSecond = mean(counts) * (1_000 / REFRESH_MS);
      setState((before) => refresh(before, texts, perSecond, passed));
    }, REFRESH_MS);
    return () => {
      events.close();
      window.clearInterval(timer);
      setConnection("connecting");
    };
  }, [workspace, paused]);

  const clear = useCallback(() => setState(START), []);
  return { rows: state.rows.rows, connection, perSecond: state.perSecond, skipped: state.skipped, clear };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / (values.length || 1);

function skippedOf(text: string): number {
  try {
    return Number((JSON.parse(text) as { skipped?: unknown }).skipped) || 0;
  } catch {
    return 0;
  }
}

function refresh(before: State, texts: string[], perSecond: number, passed: { current: number }): State {
  const over = Math.max(0, texts.length - LINES_PER_REFRESH_MAX);
  const skipped = before.skipped + over + passed.current;
  passed.current = 0;
  const lines = texts
    .slice(over)
    .map(parseLine)
    .filter((line) => line !== null);
  if (lines.length === 0 && skipped === before.skipped && perSecond === before.perSecond) return before;
  return { rows: fold(before.rows, lines, new Date().toISOString()), perSecond, skipped };
}
