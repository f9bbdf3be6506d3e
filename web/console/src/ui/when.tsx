// A moment: how long ago in the text, exactly in the title and for machines. All of a page tick together.

import { useSyncExternalStore } from "react";
import { ago, exact } from "../format/time.ts";

const TICK_MS = 1_000;
const watchers = new Set<() => void>();
let now = Date.now();
let timer: number | undefined;

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= window.setInterval(tick, TICK_MS);
  return () => {
    watchers.delete(watcher);
    if (watchers.size > 0) return;
    window.clearInterval(timer);
    timer = undefined;
  };
}

function tick(): void {
  now = Date.now();
  for (const watcher of watchers) watcher();
}

/** The present, by the second. */
export const useNow = (): number => useSyncExternalStore(watch, () => now);

export function When({ at, none = "never" }: { at: string | null | undefined; none?: string }) {
  // The text is what is compared, so that a row is not painted again every second.
  const text = useSyncExternalStore(watch, () =>
    at ? ago(new Date(at), new Date(Math.max(now, Date.now() - 999))) : none,
  );
  if (!at) return <span className="muted">{none}</span>;
  return (
    <time dateTime={at} title={`${exact(new Date(at))} · ${at}`} className="nowrap">
      {text}
    </time>
  );
}
