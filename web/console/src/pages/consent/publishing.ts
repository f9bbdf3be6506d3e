// Whether leaves come. The server does not say how many wait, so it is watched while somebody looks: every choice leaves
// a leaf within about a second, so choices that are counted while the ledger does not grow mean that nothing is signed.

import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { rates } from "../../api/resources.ts";
import { useServed } from "../../api/served.ts";
import { useNow } from "../../ui/when.tsx";

/** Longer than a publication and the two refreshes that it may fall between. */
const PATIENCE_MS = 15_000;
const REFRESH_MS = 5_000;

export interface Watched {
  /** Leaves and choices of today, as they were when the ledger last grew. */
  size: number;
  choices: number;
  /** Since when there are more choices and no leaf; `null`: there are not. */
  behindSince: number | null;
}

/** What is known after another look. */
export function follow(before: Watched | null, size: number, choices: number, now: number): Watched {
  // The count begins anew at midnight.
  const isFresh = before === null || size > before.size || choices < before.choices;
  if (isFresh) return { size, choices, behindSince: null };
  return choices > before.choices && before.behindSince === null ? { ...before, behindSince: now } : before;
}

export const isStopped = ({ behindSince }: Watched, now: number): boolean =>
  behindSince !== null && now - behindSince > PATIENCE_MS;

/** Whether publishing has stopped, as far as it was seen. */
export function useIsStopped(workspace: string, size: number): boolean {
  const isServed = useServed("consentRates") === true;
  const { data } = useQuery({ ...rates(workspace, 1), refetchInterval: REFRESH_MS, enabled: isServed });
  const choices = data?.rows.reduce((sum, row) => sum + row.choices, 0);
  const [watched, setWatched] = useState<Watched | null>(null);
  const now = useNow();
  useEffect(() => {
    if (choices !== undefined) setWatched((before) => follow(before, size, choices, Date.now()));
  }, [size, choices]);
  return watched !== null && isStopped(watched, now);
}
