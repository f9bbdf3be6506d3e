// The system's codes in words, and the tone in which each is shown. A code without a row is shown as it is, so that a
// newer server never leaves a hole.

export type Tone = "good" | "wait" | "bad" | "hold" | "note" | "plain";

const RESULTS: Record<string, [label: string, tone: Tone]> = {
  delivered: ["Delivered", "good"],
  withheld: ["Withheld", "hold"],
  filtered: ["Filtered", "plain"],
  rejected: ["Rejected", "bad"],
  dead_lettered: ["Dead-lettered", "bad"],
  waiting: ["Waiting", "wait"],
  accepted: ["Accepted", "note"],
  refused: ["Withheld", "hold"],
  discarded: ["Discarded", "bad"],
  dropped: ["Dropped", "plain"],
  choice: ["Choice", "good"],
  permitted: ["Permitted", "good"],
};

const REASONS: Record<string, string> = {
  category_refused: "the visitor had refused a needed category",
  no_consent: "nobody consented, and the regime asks for it",
  consent_unknown: "consent is unknown",
  withdrawn: "the subject refuses it today",
  gpc_opt_out: "Global Privacy Control opts out of this use",
  dnt_opt_out: "Do Not Track opts out of this use",
  unmapped: "the destination has no categories",
  basis_permits_required_only: "the source's basis permits required uses only",
  required_not_for_purpose: "required may not be used for this purpose",
  integrations_object: "the event's integrations object excludes it",
  sent_client_side: "the browser has sent it itself",
  consent_expired: "the grant on record has ended",
  vendor_refused: "the subject refuses this vendor",
  known_child: "the subject is known to be a child",
  rate_limited: "the receiver is over its limit",
  receiver_failed: "the receiver failed",
  timeout: "no answer in time",
  unreachable: "no connection",
  connection_broken: "the connection broke",
  credentials_broken: "the receiver does not accept our credentials",
  address_refused: "its address may not be reached",
  disk_failed: "the local disk refused",
  refused: "the receiver refuses it for good",
  too_large: "too large for the receiver",
  inexpressible: "the destination cannot express it",
  retries_exhausted: "tried for four hours",
  backlog_over_budget: "waited longer than the backlog may hold",
  unreadable: "its record cannot be read",
  newer_release: "written by a newer release",
  shredded: "its key was destroyed on purpose",
  switched_off: "the destination was switched off",
  by_operator: "paused by hand",
  not_served: "the workspace is not served now",
};

export const resultLabel = (code: string): string => RESULTS[code]?.[0] ?? sentence(code);
export const resultTone = (code: string): Tone => RESULTS[code]?.[1] ?? "plain";
export const reasonText = (code: string): string => REASONS[code] ?? code.replaceAll("_", " ");

/** `dead_lettered` → "Dead lettered". */
export function sentence(code: string): string {
  const text = code.replaceAll(/[_-]/g, " ").replace(/\b(gpc|dnt|ip|url)\b/g, (word) => word.toUpperCase());
  return text.charAt(0).toUpperCase() + text.slice(1);
}

interface Wanted {
  reason?: string;
  text?: string;
  from?: string;
  to?: string;
}

/** Which dead letters a filter means. */
export function filterText({ reason, text, from, to }: Wanted): string {
  const parts = [
    reason && `for the reason “${sentence(reasonText(reason))}”`,
    text && `with “${text}” in the answer`,
    from && `that were given up at ${new Date(from).toLocaleString()} or later`,
    to && `that were given up before ${new Date(to).toLocaleString()}`,
  ].filter(Boolean);
  return `Those ${parts.join(", ")}.`;
}
