// One request to the collector, and what its answer means. The content type keeps it from needing a preflight; the write
// key stands in the body; no cookie travels but in a beacon (`queue.ts`) and with a choice, which a collector of the same
// site answers with the cookie that keeps it: Safari keeps for seven days what a script writes. Those are `SameSite`, so a
// collector elsewhere gets none.

/** What to do after a request: nothing more, never again, or again after so many milliseconds at the earliest. */
export type Outcome = "done" | "refused" | { readonly retryMs: number };

/** Browsers allow 64 KB of requests that outlive their page, all together. */
const KEEPALIVE_BYTES_MAX = 60_000;
/** Statuses that mean no although they look like "not now", and the other way round, as Segment's SDK has it. */
const NEVER = [501, 505, 511];
const LATER = [408, 410, 429, 460];
const RETRY_AFTER_S_MAX = 300;
const SECOND_MS = 1_000;

export const isLongLived = (body: string) => new Blob([body]).size <= KEEPALIVE_BYTES_MAX;

/** `Retry-After` as seconds or as a date; 0 when it says nothing. */
export function retryAfterMs(header: string | null, now: number): number {
  if (!header) return 0;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now) / SECOND_MS;
  return Math.min(Math.max(seconds || 0, 0), RETRY_AFTER_S_MAX) * SECOND_MS;
}

/** `heard` reads what the server answers to what it has taken. */
export async function post(
  url: string,
  body: string,
  signal?: AbortSignal,
  heard?: (answer: Response) => unknown,
): Promise<Outcome> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      // A text goes as `text/plain` by itself, which needs no preflight.
      body,
      keepalive: isLongLived(body),
      credentials: heard ? "include" : "omit",
      ...(signal && { signal }),
    });
    const { status, headers } = answer;
    if (status < 400) {
      await heard?.(answer);
      return "done";
    }
    const isLater = LATER.includes(status) || (status >= 500 && !NEVER.includes(status));
    return isLater ? { retryMs: retryAfterMs(headers.get("Retry-After"), Date.now()) } : "refused";
  } catch {
    return { retryMs: 0 };
  }
}

const FIRST_MS = 500;
const MOST_MS = 60_000;
/** A tenth up or down, so that the browsers of a site do not come back together. */
const JITTER = 0.1;

/** The pause before the next attempt: doubling, and never shorter than the server asked for. */
export function pauseMs(attempt: number, askedMs: number): number {
  const grown = Math.min(FIRST_MS * 2 ** attempt, MOST_MS);
  return Math.max(askedMs, grown * (1 + JITTER * (2 * Math.random() - 1)));
}
