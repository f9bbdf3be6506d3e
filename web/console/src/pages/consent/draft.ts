// The consent block while somebody works on it: what is saved, what they wrote, and what of it visitors would notice.

import type { Banner, Consent, WordsWritten } from "../../api/model.ts";
import { stable } from "../../format/diff.ts";

export type Draft = Omit<Consent, "version" | "declared_by">;

/** What a draft started from, and how far it has come. */
export interface Work {
  start: Consent;
  draft: Draft;
}

export const draftOf = ({ version: _, declared_by: __, ...written }: Consent): Draft => written;
export const begin = (saved: Consent): Work => ({ start: saved, draft: draftOf(saved) });
export const isChanged = ({ start, draft }: Work): boolean => stable(draftOf(start)) !== stable(draft);

export const FIRST_LANGUAGE = "en";
export const versionOf = (banner: Banner): number => banner.version ?? 1;
/** A workspace that says nothing asks in English. */
export const languagesOf = (banner: Banner): Record<string, WordsWritten> =>
  banner.languages ?? { [FIRST_LANGUAGE]: {} };

type Change = { [Key in keyof Banner]?: Banner[Key] | undefined };

export const withBanner = (draft: Draft, change: Change): Draft => {
  const banner: Record<string, unknown> = { ...draft.banner, ...change };
  // What is not said has its default: an absent key, not an empty one.
  for (const [key, value] of Object.entries(banner)) if (value === undefined || value === null) delete banner[key];
  return { ...draft, banner: banner as Banner };
};

/** What visitors are told: the words, the vendors, and which categories there are. Who has read it is not among it. */
function told({ banner, categories }: Draft): string {
  const languages = Object.entries(languagesOf(banner)).map(([code, { reviewed: _, ...said }]) => [code, said]);
  return stable([Object.fromEntries(languages), banner.vendors ?? [], categories.map(({ name }) => name).sort()]);
}

/** Whether visitors would agree to something else than under the saved version, which still has the same number. */
export const needsNewVersion = ({ start, draft }: Work): boolean =>
  told(draftOf(start)) !== told(draft) && versionOf(draft.banner) === versionOf(start.banner);

/** The draft under the next version; `askAgain`: grants of before count no longer, refusals hold. */
export function raised(draft: Draft, askAgain: boolean): Draft {
  const version = versionOf(draft.banner) + 1;
  return withBanner(draft, { version, ...(askAgain && { ask_again_below: version }) });
}

/** A copy without one key. */
export function without<T>(all: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = all;
  return rest;
}

/** A copy in which empty text is no text: Assent's words stand there again. */
export function said(words: WordsWritten, place: string, text: string): WordsWritten {
  const next: WordsWritten = { ...words };
  if (text === "") delete next[place];
  else next[place] = text;
  return next;
}

/** A copy with this at the key; what is empty is not said. */
export function put<T extends object, Key extends keyof T>(all: T, key: Key, value: T[Key] | undefined): T {
  const next = { ...all };
  const isEmpty = value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
  if (isEmpty) Reflect.deleteProperty(next, key);
  else next[key] = value;
  return next;
}
