// What one site says otherwise than the workspace's banner, as it is written; and the banner that then holds on it, for
// the preview. The server's own reading of both is `crates/workspace/src/site.rs`.

import type { Banner, Consent, SiteBanner, TagWritten, WordsWritten } from "../../api/model.ts";
import { type Draft, draftOf, languagesOf, put } from "../consent/draft.ts";
import type { Place } from "../consent/refusals.ts";

/** What a field's list calls the workspace's. */
export const INHERITED = "";
/** What belongs to the site's host and stays with it when the rest is published. */
const OF_HOST = ["cookie_domain", "frames"];

/** What the file says as `null` is the workspace's, as what is absent. */
const spoken = <T extends object>(site: T): Partial<T> =>
  Object.fromEntries(Object.entries(site).filter(([, value]) => value !== null)) as Partial<T>;
const keys = (site: SiteBanner | null): string[] => Object.keys(spoken(site ?? {}));
export const movesOf = (site: SiteBanner | null): string[] => keys(site).filter((key) => !OF_HOST.includes(key));
export const staysOf = (site: SiteBanner | null): string[] => keys(site).filter((key) => OF_HOST.includes(key));

/**
 * A copy with this at the key; `undefined`: the workspace's holds again. An empty list is said: none, whatever the
 * workspace has. A site that says nothing has no banner.
 */
export function saying<Key extends keyof SiteBanner>(site: SiteBanner, key: Key, value: SiteBanner[Key] | undefined) {
  const next = Array.isArray(value) ? { ...site, [key]: value } : put(site, key, value);
  return Object.keys(next).length > 0 ? next : null;
}

/** The words of one language; one that says nothing stays only where the workspace does not have it. */
export function speaking(site: SiteBanner, template: Banner, code: string, words: WordsWritten) {
  const said = Object.keys(words).length > 0 || !(code in languagesOf(template));
  const languages = put(site.languages ?? {}, code, said ? words : undefined);
  return saying(site, "languages", Object.keys(languages).length > 0 ? languages : undefined);
}

function laidOver(below: WordsWritten = {}, over: WordsWritten): WordsWritten {
  const { reviewed, ...said } = over;
  const { reviewed: wasRead, ...words } = below;
  // Who has read the workspace's words has not read these.
  const reader = reviewed ?? (Object.keys(said).length > 0 ? undefined : wasRead);
  const categories = { ...words.categories, ...said.categories };
  return {
    ...words,
    ...said,
    ...(Object.keys(categories).length > 0 && { categories }),
    ...(reader && { reviewed: reader }),
  };
}

function tagsOf(below: TagWritten[], over: TagWritten[]): TagWritten[] {
  const inPlace = below.map((tag) => over.find(({ id }) => id === tag.id) ?? tag);
  return [...inPlace, ...over.filter(({ id }) => !below.some((tag) => tag.id === id))];
}

/** The consent block as visitors of the site meet it. */
export function asOnSite(consent: Consent, site: SiteBanner | null): Draft {
  const { banner } = consent;
  const { languages: said = {}, before, tags, ...rest } = spoken(site ?? {});
  const all = { ...languagesOf(banner) };
  for (const [code, over] of Object.entries(said)) all[code] = laidOver(all[code], over);
  return {
    ...draftOf(consent),
    banner: {
      ...banner,
      ...rest,
      languages: all,
      ...(before && { before: { ...banner.before, ...before } }),
      ...(tags && { tags: tagsOf(banner.tags ?? [], tags) }),
    },
  };
}

export type Tab = "words" | "before" | "tags" | "platforms" | "host";

/** Under which tab a field stands; `null`: it has none here. */
export function tabOf(place: Place | null): Tab | null {
  const [first = ""] = place?.split(".") ?? [];
  if (first === "languages") return "words";
  if (first === "before" || first === "tags") return first;
  if (first === "consent_mode" || first === "surfaces") return "platforms";
  return first === "frames" || first === "cookie_domain" ? "host" : null;
}
