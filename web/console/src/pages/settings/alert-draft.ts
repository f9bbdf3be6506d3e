// An alert as a form holds it: numbers as the text that is typed, ways with fields of their own.

import type { Alert, Condition, Way } from "../../api/model.ts";

interface WebhookDraft {
  kind: "webhook";
  url: string;
  /** Typed anew; empty keeps what is stored with this address. */
  secret: string;
  isSigned: boolean;
  allow_private: boolean;
}

interface EmailDraft {
  kind: "email";
  /** Addresses with commas between them. */
  to: string;
}

export type WayDraft = (WebhookDraft | EmailDraft) & { key: number };

export interface AlertDraft {
  name: string;
  when: Condition;
  /** A destination or a source; empty: each by itself. */
  about: string;
  reason: string;
  above: string;
  window_minutes: string;
  for_minutes: string;
  repeat_after_hours: string;
  ways: WayDraft[];
  enabled: boolean;
}

/** A threshold that is worth a message, by condition. */
export const ABOVE: Record<Condition, string> = {
  failure_rate: "10",
  oldest_waiting: "15",
  refusals: "90",
  no_choices: "200",
  untold_withdrawals: "5",
  disk: "85",
};

/** Its figure is taken over a window. */
export const hasWindow = (when: Condition): boolean =>
  when === "failure_rate" || when === "refusals" || when === "no_choices";
/** Its threshold is a whole number. */
export const isCounted = (when: Condition): boolean =>
  when === "oldest_waiting" || when === "no_choices" || when === "untold_withdrawals";
export const isAboutSource = (when: Condition): boolean => when === "refusals" || when === "no_choices";

let keys = 0;
const nextKey = (): number => ++keys;

export const newWebhook = (): WayDraft => ({
  kind: "webhook",
  key: nextKey(),
  url: "",
  secret: "",
  isSigned: false,
  allow_private: false,
});
export const newEmail = (): WayDraft => ({ kind: "email", key: nextKey(), to: "" });

export const newAlert = (): AlertDraft => ({
  name: "",
  when: "failure_rate",
  about: "",
  reason: "",
  above: ABOVE.failure_rate,
  window_minutes: "5",
  for_minutes: "5",
  repeat_after_hours: "4",
  ways: [],
  enabled: true,
});

function wayDraft(way: Way): WayDraft {
  if ("email" in way) return { kind: "email", key: nextKey(), to: way.email.join(", ") };
  const { url, secret, allow_private } = way.webhook;
  // A reference to a variable is no secret and is shown.
  const shown = typeof secret === "string" ? secret : "";
  return {
    kind: "webhook",
    key: nextKey(),
    url,
    secret: shown,
    isSigned: secret != null,
    allow_private: allow_private ?? false,
  };
}

export const draftOf = (alert: Alert): AlertDraft => ({
  name: alert.name,
  when: alert.when,
  about: alert.destination ?? alert.source ?? "",
  reason: alert.reason ?? "",
  above: String(alert.above_percent ?? alert.above_minutes ?? alert.above_pages ?? alert.above_business_days ?? ""),
  window_minutes: String(alert.window_minutes),
  for_minutes: String(alert.for_minutes),
  repeat_after_hours: String(alert.repeat_after_hours),
  ways: alert.notify.map(wayDraft),
  enabled: alert.enabled,
});

function wayOf(way: WayDraft): Way {
  if (way.kind === "email") {
    const to = way.to.split(/[\s,;]+/).filter((address) => address !== "");
    return { email: to };
  }
  const secret = way.isSigned ? (way.secret === "" ? ({ secret: true } as const) : way.secret) : null;
  return { webhook: { url: way.url, ...(secret && { secret }), ...(way.allow_private && { allow_private: true }) } };
}

/** What the API is sent. */
export function bodyOf(draft: AlertDraft): Record<string, unknown> {
  const above = Number(draft.above);
  const about = draft.about || null;
  const is = (...conditions: Condition[]) => conditions.includes(draft.when);
  return {
    name: draft.name,
    when: draft.when,
    destination: is("failure_rate", "oldest_waiting", "untold_withdrawals") ? about : null,
    source: isAboutSource(draft.when) ? about : null,
    reason: is("refusals") ? draft.reason || null : null,
    above_percent: is("oldest_waiting", "no_choices", "untold_withdrawals") ? null : above,
    above_minutes: is("oldest_waiting") ? above : null,
    above_pages: is("no_choices") ? above : null,
    above_business_days: is("untold_withdrawals") ? above : null,
    window_minutes: hasWindow(draft.when) ? Number(draft.window_minutes) : null,
    for_minutes: Number(draft.for_minutes),
    repeat_after_hours: Number(draft.repeat_after_hours),
    notify: draft.ways.map(wayOf),
    enabled: draft.enabled,
  };
}
