// A destination as it is being written: what a form holds, what is sent, what is wrong with it.

import type { Destination, DestinationKind } from "../../api/model.ts";
import { nameError } from "../sources/fields.tsx";
import { type Draft, fieldsOf, readDraft, draftOf as settingsDraft } from "./schema-form.ts";

export interface DestinationDraft
  extends Pick<
    Destination,
    "name" | "sources" | "vendor" | "purpose" | "recipient" | "unmapped" | "unstamped" | "withdrawals" | "enabled"
  > {
  categories: string[];
  settings: Draft;
}

export function newDraft(kind: DestinationKind, sources: string[]): DestinationDraft {
  return {
    name: "",
    sources,
    categories: [],
    vendor: null,
    purpose: kind.purposes[0] ?? "analytics",
    recipient: "third_party",
    unmapped: "deny",
    unstamped: "deny",
    withdrawals: "silent",
    enabled: true,
    settings: settingsDraft(fieldsOf(kind.settings_schema), {}),
  };
}

export const draftOf = (kind: DestinationKind, saved: Destination): DestinationDraft => ({
  name: saved.name,
  sources: saved.sources,
  categories: saved.categories ?? [],
  vendor: saved.vendor,
  purpose: saved.purpose,
  recipient: saved.recipient,
  unmapped: saved.unmapped,
  unstamped: saved.unstamped,
  withdrawals: saved.withdrawals,
  enabled: saved.enabled,
  settings: settingsDraft(fieldsOf(kind.settings_schema), saved.settings),
});

export type Body = Omit<Destination, "version" | "declared_by" | "health">;

export interface Read {
  body: Body;
  /** By field; empty when it can be sent. */
  errors: Record<string, string>;
}

export function read(kind: DestinationKind, draft: DestinationDraft, before: Record<string, unknown> = {}): Read {
  const { settings, errors } = readDraft(fieldsOf(kind.settings_schema), draft.settings, before);
  const name = draft.name === "" ? "This is needed." : nameError(draft.name);
  if (name) errors.name = name;
  if (draft.sources.length === 0) errors.sources = "Choose at least one.";
  const categories = draft.categories.length > 0 ? draft.categories : null;
  return { body: { ...draft, kind: kind.slug, settings, categories }, errors };
}

/** The fields of a saved object that a form can change, for comparing versions. */
export const bodyOf = (saved: Destination): Body => ({
  name: saved.name,
  kind: saved.kind,
  sources: saved.sources,
  settings: saved.settings,
  categories: saved.categories,
  vendor: saved.vendor,
  purpose: saved.purpose,
  recipient: saved.recipient,
  unmapped: saved.unmapped,
  unstamped: saved.unstamped,
  withdrawals: saved.withdrawals,
  enabled: saved.enabled,
});
