// Short news at the edge of the page: what was done, read out politely, gone by itself. A library's toasts bring
// swiping, stacking and queues for ten times the bytes; nothing here needs an answer.

import { useSyncExternalStore } from "react";
import { IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";

interface News {
  id: number;
  title: string;
  about: string | undefined;
}

const SHOWN_MS = 4_500;
const SHOWN_MAX = 3;
const watchers = new Set<() => void>();
let news: readonly News[] = [];
let last = 0;

function set(next: readonly News[]): void {
  news = next;
  for (const watcher of watchers) watcher();
}

const drop = (id: number): void => set(news.filter((one) => one.id !== id));

/** Says that something was done. Failures are shown where they happened, not here. */
export function say(title: string, about?: string): void {
  last += 1;
  const id = last;
  set([...news, { id, title, about }].slice(-SHOWN_MAX));
  window.setTimeout(() => drop(id), SHOWN_MS);
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export function Toasts() {
  const shown = useSyncExternalStore(watch, () => news);
  return (
    <div className="toasts" role="status">
      {shown.map(({ id, title, about }) => (
        <div key={id} className="toast">
          <Icon name="check" />
          <div className="grow">
            <strong>{title}</strong>
            {about && <div className="small muted">{about}</div>}
          </div>
          <IconButton name="Close" icon="close" look="quiet" small onClick={() => drop(id)} />
        </div>
      ))}
    </div>
  );
}
