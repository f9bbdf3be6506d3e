// Two versions of the consent block, compared in words: what visitors read, and which rules hold. What a workspace does
// not write counts as what holds then: Assent's words, and the defaults.

import type {
  Banner,
  CategoryRule,
  ChildrenWritten,
  NoticeWritten,
  TagWritten,
  TcfWritten,
  VendorWritten,
  WordsWritten,
} from "../../api/model.ts";
import { languagesOf, versionOf } from "./draft.ts";
import { ownText, ownWords } from "./own-words.ts";
import { LABELS } from "./places.ts";
import { languageName } from "./terms.ts";

/** The block as it is stored or drafted: every part may be missing, and a category may be its name alone. */
export interface Block {
  categories?: (CategoryRule | string | Partial<CategoryRule>)[];
  default_regime?: string;
  regions?: Record<string, string>;
  choice_traits?: Record<string, string>;
  do_not_track?: string;
  record_days?: number;
  children?: ChildrenWritten | null;
  banner?: Banner;
  notice?: NoticeWritten | null;
}

export interface Told {
  what: string;
  /** Empty: it was not there. */
  before: string;
  /** Empty: it is not there any more. */
  after: string;
}

export interface ToldGroup {
  title: string;
  changes: Told[];
}

const DEFAULT_CATEGORIES = ["required", "functionality", "performance", "targeting"];
const IDENTIFIER_DAYS = "90";
const RECORD_DAYS = 1_825;

type Said = Map<string, Map<string, string>>;

function say(all: Said, title: string, what: string, text: string): void {
  if (text === "") return;
  const group = all.get(title) ?? new Map<string, string>();
  group.set(what, text);
  all.set(title, group);
}

function sayWords(all: Said, code: string, words: WordsWritten, names: string[]): void {
  const title = `Words: ${languageName(code)}`;
  for (const [place, label] of LABELS) {
    const own = words[place];
    say(all, title, label, typeof own === "string" ? own : ownText(code, place));
  }
  for (const name of names) {
    const { name: called, description } = words.categories?.[name] ??
      ownWords(code)?.categories[name] ?? { name, description: "" };
    say(all, title, `Name of ${name}`, called);
    say(all, title, `What ${name} does`, description);
  }
  say(all, title, "Read by", words.reviewed ?? "");
  say(all, title, "Direction", words.dir ?? "");
}

function sayVendor(all: Said, { id, name, category, policy, tcf }: VendorWritten): void {
  const title = `Vendor: ${name || id}`;
  say(all, title, "Id", id);
  say(all, title, "Needs", category ?? "");
  say(all, title, "Privacy policy", policy ?? "");
  say(all, title, "Number at the IAB", tcf ? String(tcf) : "");
}

function sayTag(all: Said, tag: TagWritten): void {
  const title = `Tag: ${tag.id}`;
  say(all, title, "Kind", tag.kind);
  say(all, title, "Address", tag.src);
  say(all, title, "Waits for", tag.categories.join(", "));
  say(all, title, "Purpose", tag.purpose);
  say(all, title, "Vendor", tag.vendor ?? "");
  say(all, title, "Into", tag.into ?? "");
  for (const [name, value] of Object.entries(tag.attributes ?? {}))
    say(all, title, `Attribute ${name}`, value || "(set)");
}

function sayTcf(all: Said, tcf: TcfWritten | null | undefined): void {
  if (!tcf) return;
  const title = "TCF: as a consent platform";
  say(all, title, "Number", String(tcf.cmp_id));
  say(all, title, "Version", String(tcf.cmp_version));
  say(all, title, "Country", tcf.publisher_country);
  say(all, title, "Vendor list", tcf.vendor_list);
  for (const [number, category] of Object.entries(tcf.purposes)) say(all, title, `Purpose ${number}`, category);
  for (const [number, category] of Object.entries(tcf.special_features ?? {})) {
    say(all, title, `Special feature ${number}`, category);
  }
}

/** Where else a choice is known. */
function sayPlaces(all: Said, title: string, banner: Banner): void {
  const lists = { "Answers as": banner.surfaces, "Frames of": banner.frames, "Choices go along to": banner.hand_off };
  for (const [what, list] of Object.entries(lists)) say(all, title, what, (list ?? []).join(", "));
  say(all, title, "Refusals on other devices", banner.other_devices ? "said to whoever is signed in" : "");
  const { from = [], grants } = banner.take_over ?? {};
  const counted = grants
    ? `grants to version ${grants.version} and ${grants.vendors.join(", ") || "no vendor"}`
    : "refusals alone";
  say(all, title, "Taken over", from.length > 0 ? `from ${from.join(", ")}: ${counted}` : "");
}

function sayBanner(all: Said, banner: Banner, names: string[]): void {
  const title = "Banner";
  say(all, title, "Version of the words", String(versionOf(banner)));
  say(all, title, "Asked again below", banner.ask_again_below ? `version ${banner.ask_again_below}` : "");
  say(
    all,
    title,
    "How choices are found again",
    banner.control === "none" ? "elements of the page" : "a floating button",
  );
  say(all, title, "Days that an identifier lives", String(banner.identifier_days ?? IDENTIFIER_DAYS));
  say(all, title, "Domain of the cookies", banner.cookie_domain ?? "");
  sayPlaces(all, title, banner);
  sayTcf(all, banner.tcf);
  for (const [regime, before] of Object.entries(banner.before ?? {})) {
    say(all, "Before a choice", regime, before);
  }
  for (const [type, category] of Object.entries(banner.consent_mode ?? {})) {
    say(all, "Google Consent Mode", type, category);
  }
  for (const [code, words] of Object.entries(languagesOf(banner))) sayWords(all, code, words, names);
  for (const vendor of banner.vendors ?? []) sayVendor(all, vendor);
  for (const tag of banner.tags ?? []) sayTag(all, tag);
}

/** Each fact under its key, as in a workspace file: there are too many, and they change too seldom, for words of their own. */
function sayNotice(all: Said, path: string, value: unknown): void {
  if (value === null || value === undefined) return;
  if (typeof value === "object") {
    for (const [key, inner] of Object.entries(value)) sayNotice(all, path ? `${path}.${key}` : key, inner);
  } else say(all, "Cookie notice", path, String(value));
}

function sayBlock(block: Block): Said {
  const all: Said = new Map();
  const written = block.categories ?? DEFAULT_CATEGORIES;
  const categories = written.map((one) => (typeof one === "string" ? { name: one } : one));
  say(all, "Rules", "Where no region has a row", block.default_regime ?? "opt-in");
  for (const [region, regime] of Object.entries(block.regions ?? {})) say(all, "Rules", `Region ${region}`, regime);
  for (const [trait, category] of Object.entries(block.choice_traits ?? {})) {
    say(all, "Rules", `Trait ${trait}`, `means ${category}`);
  }
  say(all, "Rules", "Do Not Track", block.do_not_track === "as-gpc" ? "as Global Privacy Control" : "ignored");
  say(all, "Rules", "Records of choices are kept", `${block.record_days ?? RECORD_DAYS} days`);
  if (block.children) say(all, "Rules", "Who is known to be a child", JSON.stringify(block.children));
  for (const { name = "", aliases = [], erase = [] } of categories) {
    const title = `Category: ${name}`;
    say(all, title, "There", "yes");
    say(all, title, "Aliases", aliases.join(", "));
    say(all, title, "Goes with it", erase.join(", "));
  }
  const names = categories.map(({ name = "" }) => name);
  sayBanner(all, block.banner ?? {}, names);
  sayNotice(all, "", block.notice);
  return all;
}

/** What is different, in groups; none when the two say the same. */
export function compare(before: Block, after: Block): ToldGroup[] {
  const [old, now] = [sayBlock(before), sayBlock(after)];
  const titles = [...new Set([...now.keys(), ...old.keys()])];
  return titles.flatMap((title) => {
    const [left, right] = [old.get(title), now.get(title)];
    const keys = [...new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])];
    const changes = keys
      .map((what) => ({ what, before: left?.get(what) ?? "", after: right?.get(what) ?? "" }))
      .filter((change) => change.before !== change.after);
    return changes.length > 0 ? [{ title, changes }] : [];
  });
}
