// What is being written, kept while somebody goes from tab to tab or to another page and back. It ends with the window,
// which asks before it closes.

import { useEffect, useState } from "react";
import type { Consent } from "../../api/model.ts";
import { begin, isChanged, type Work } from "./draft.ts";

const works = new Map<string, Work>();

export interface Desk {
  work: Work;
  isChanged: boolean;
  set: (work: Work) => void;
}

/** The work on a workspace's consent block; begun anew from what is saved unless something was changed. */
export function useDesk(workspace: string, saved: Consent): Desk {
  const [work, setWork] = useState<Work>(() => works.get(workspace) ?? begin(saved));
  const set = (next: Work) => {
    if (isChanged(next)) works.set(workspace, next);
    else works.delete(workspace);
    setWork(next);
  };
  const dirty = isChanged(work);
  // Saved by somebody else meanwhile: nothing of one's own is lost by starting from theirs.
  const isStale = !dirty && work.start.version !== saved.version;
  useEffect(() => {
    if (isStale) setWork(begin(saved));
  }, [isStale, saved]);
  useEffect(() => {
    if (!dirty) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [dirty]);
  return { work, isChanged: dirty, set };
}
