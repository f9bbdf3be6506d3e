// The consent pages' logic: when a change of the block wants a new version, to which field a refusal belongs, and what
// two versions differ in.

import { expect, test } from "vitest";
import type { Consent } from "../src/api/model.ts";
import { readCheckpoint } from "../src/pages/consent/checkpoint.ts";
import { begin, type Draft, isChanged, needsNewVersion, raised, said, withBanner } from "../src/pages/consent/draft.ts";
import { OWN_LANGUAGES, ownText, ownWords } from "../src/pages/consent/own-words.ts";
import { LABELS } from "../src/pages/consent/places.ts";
import { follow, isStopped, type Watched } from "../src/pages/consent/publishing.ts";
import { placeOf, sectionOf } from "../src/pages/consent/refusals.ts";
import { compare } from "../src/pages/consent/told.ts";
import { asOnSite, movesOf, saying, staysOf, tabOf } from "../src/pages/sources/site.ts";

const saved: Consent = {
  categories: ["required", "performance"].map((name) => ({ name, aliases: [], erase: [] })),
  default_regime: "by-region",
  regions: {},
  choice_traits: {},
  record_days: 1_825,
  do_not_track: "ignore",
  children: null,
  banner: { version: 2, languages: { en: {}, de: { reviewed: "J. R." } } },
  notice: null,
  version: 7,
  declared_by: null,
};

const wants = (change: (draft: Draft) => Draft): boolean => {
  const { start, draft } = begin(saved);
  return needsNewVersion({ start, draft: change(draft) });
};

test("what visitors read or agree to wants a new version; what they do not see does not", () => {
  expect(wants((draft) => draft)).toBe(false);
  expect(wants((draft) => withBanner(draft, { languages: { en: { title: "Hi" }, de: { reviewed: "J. R." } } }))).toBe(
    true,
  );
  expect(wants((draft) => withBanner(draft, { vendors: [{ id: "a", name: "A", category: "performance" }] }))).toBe(
    true,
  );
  expect(wants((draft) => ({ ...draft, categories: draft.categories.slice(0, 1) }))).toBe(true);
  expect(wants((draft) => withBanner(draft, { languages: { en: {}, de: { reviewed: "Another" } } }))).toBe(false);
  expect(wants((draft) => withBanner(draft, { identifier_days: 30, control: "none" }))).toBe(false);
  // Who has raised it already is not asked.
  const changed = withBanner(saved, { languages: { en: { title: "Hi" } }, version: 3 });
  expect(needsNewVersion({ start: saved, draft: changed })).toBe(false);
});

test("the next version asks again only where somebody wants it", () => {
  const { draft } = begin(saved);
  expect(raised(draft, true).banner).toMatchObject({ version: 3, ask_again_below: 3 });
  expect(raised(draft, false).banner.ask_again_below).toBeUndefined();
});

test("an emptied field says nothing, and nothing said is no change", () => {
  const { start, draft } = begin(saved);
  const words = said({ title: "Hi" }, "title", "");
  expect(words).toEqual({});
  expect(isChanged({ start, draft: withBanner(draft, { cookie_domain: undefined, consent_mode: null }) })).toBe(false);
});

test("a refusal leads to its field", () => {
  // The sentences of `crates/workspace/src/lint.rs`.
  const sentences: [string, string, string][] = [
    ["banner language `de` is a draft and cannot be published: let somebody", "languages.de.reviewed", "words"],
    ["banner language `nl` has no words at `body`", "languages.nl.body", "words"],
    ["banner language `en` has more than 1000 characters at `body`", "languages.en.body", "words"],
    ["banner language `en`: `accept` is a button and has more than 40 characters", "languages.en.accept", "words"],
    ["banner language `en`: `accept` and `reject` say the same", "languages.en.reject", "words"],
    ["banner language `en`: category `ads` has a name of 1 to 80", "languages.en.categories.ads", "words"],
    ["`e n` is not a language: write a code as `de` or `pt-BR`", "languages.e n", "words"],
    ["`banner.before.eu: cookieless` is not lawful: source `web` collects under `p`", "before.eu", "rules"],
    ["`banner.before.us: always-load` says nothing: source `web` collects under `p`", "before.us", "rules"],
    ["vendor `ga`: its policy is an `https://` address", "vendors.ga", "vendors"],
    ["there are two vendors `ga`", "vendors.ga", "vendors"],
    ["tag `t` waits for category `ads`, which does not exist", "tags.t", "tags"],
    ["`banner.identifier_days` is 0; it is 1 to 395 (thirteen months)", "identifier_days", "more"],
    ["`banner.version` counts from 1, and `ask_again_below` is at most the version", "version", "more"],
    ["`tcf.publisher_country` is `de`: write two letters as `DE`", "tcf", "more"],
    ["`banner.frames`: `x` is not the origin of a site", "frames", "more"],
    ["`banner.hand_off`: `x` is not the origin of a site", "hand_off", "more"],
    ["`consent_mode.ad_storage` is granted by category `x`, which does not exist", "consent_mode", "more"],
    [
      "source `web` collects under category `performance`, which does not exist; categories are …",
      "categories",
      "rules",
    ],
    ["`notice.controller.email` is not an e-mail address: write it …", "notice.controller.email", "notice"],
    ["`notice.retention[0].what` has 1 to 1000 characters in each language", "notice.retention[0].what", "notice"],
    ["notice language `de` is a draft and cannot be published: let …", "notice.languages.de", "notice"],
    ["the notice: cookie `sid` is of category `x`, which does not exist", "notice.cookies.sid", "notice"],
    ["cookie `sid` of the notice needs a `category`", "notice.cookies.sid", "notice"],
    ["`notice.recipients` names destination `x`, which does not exist", "notice.recipients.x", "notice"],
    ["`soon` is not a lifetime: write `session`, …", "notice.lasts.soon", "notice"],
    ["`consent.record_days` is 30; it is at least 365, the longest", "record_days", "rules"],
    ["`consent.children` needs the `name` of the field that …", "children.name", "rules"],
    ["`consent.children.parent` names `b`, which is not in `denied`: …", "children.parent", "rules"],
  ];
  for (const [sentence, place, section] of sentences) {
    expect([placeOf(sentence), place && sectionOf(place)], sentence).toEqual([place, section]);
  }
  expect(placeOf("something that nobody foresaw")).toBeNull();
});

test("Assent has words at every place that the editor shows, in every language of its own", () => {
  expect(OWN_LANGUAGES).toEqual(["ar", "de", "en", "es", "fr"]);
  for (const language of OWN_LANGUAGES) {
    for (const [place] of LABELS) expect(ownText(language, place), `${language} ${place}`).not.toBe("");
    const shown = LABELS.map(([place]) => place);
    const others = Object.keys(ownWords(language) ?? {}).filter((place) => !shown.includes(place));
    expect(others.sort(), `${language}: what the editor does not show`).toEqual(
      language === "ar" ? ["categories", "dir"] : ["categories"],
    );
  }
});

test("two versions are told apart in words, against what holds where nothing is written", () => {
  expect(compare({}, { default_regime: "opt-in", banner: { version: 1, languages: { en: {} } } })).toEqual([]);
  const groups = compare(
    { categories: ["required"], banner: { before: { eu: "buffer" } } },
    {
      categories: [{ name: "required", aliases: [], erase: [] }],
      default_regime: "by-region",
      record_days: 400,
      banner: { languages: { en: { title: "Hi" } }, vendors: [{ id: "ga", name: "GA", category: "required" }] },
    },
  );
  expect(groups.find(({ title }) => title === "Words: English (en)")?.changes).toEqual([
    { what: "Title", before: "Your privacy on this site", after: "Hi" },
  ]);
  expect(groups.find(({ title }) => title === "Rules")?.changes).toContainEqual({
    what: "Records of choices are kept",
    before: "1825 days",
    after: "400 days",
  });
  expect(groups.find(({ title }) => title === "Before a choice")?.changes).toEqual([
    { what: "eu", before: "buffer", after: "" },
  ]);
  expect(groups.map(({ title }) => title).sort()).toEqual([
    "Before a choice",
    "Rules",
    "Vendor: GA",
    "Words: English (en)",
  ]);
});

test("a ledger that does not grow while choices come has stopped, and one at rest has not", () => {
  const look = (before: Watched | null, size: number, choices: number, second: number) =>
    follow(before, size, choices, second * 1_000);
  const rest = look(look(null, 40, 7, 0), 40, 7, 600);
  expect(isStopped(rest, 900_000)).toBe(false);
  const behind = look(look(rest, 40, 8, 600), 40, 9, 605);
  expect([isStopped(behind, 610_000), isStopped(behind, 616_000)]).toEqual([false, true]);
  expect(isStopped(look(behind, 41, 9, 620), 900_000)).toBe(false);
  expect(isStopped(look(look(null, 40, 7, 0), 40, 0, 5), 900_000), "a new day").toBe(false);
});

test("a checkpoint is read by its lines", () => {
  const note = "cdp.example/ledger/acme\n42\nCsUYapGGPo4=\n\n— cdp.example/ledger/acme AAAA\n";
  expect(readCheckpoint(note)).toEqual({ origin: "cdp.example/ledger/acme", size: 42, root: "CsUYapGGPo4=" });
});

test("a site that says none is another than one that says nothing", () => {
  const inherits = saying({ surfaces: ["gpp"] }, "surfaces", undefined);
  expect(inherits).toBeNull();
  const none = saying(saying({}, "surfaces", []) ?? {}, "frames", []);
  expect(none).toEqual({ surfaces: [], frames: [] });
  expect(saying({ control: "none" }, "consent_mode", {})).toEqual({ control: "none", consent_mode: {} });
  const template = withBanner(saved, { surfaces: ["gpp"], frames: ["https://a.example"], consent_mode: { a: "b" } });
  const consent = { ...saved, banner: template.banner };
  expect(asOnSite(consent, none).banner).toMatchObject({ surfaces: [], frames: [], consent_mode: { a: "b" } });
  // As a file may write what is inherited.
  const silent = { surfaces: ["trustarc"], consent_mode: null, cookie_domain: null };
  expect(asOnSite(consent, silent).banner).toMatchObject({ surfaces: ["trustarc"], consent_mode: { a: "b" } });
  expect([movesOf(silent), staysOf(silent)]).toEqual([["surfaces"], []]);
});

test("every field of a site's banner is found under its tab", () => {
  const places = ["languages.de.title", "before.eu", "tags.ga", "consent_mode", "surfaces", "frames", "vendors.ga"];
  expect(places.map(tabOf)).toEqual(["words", "before", "tags", "platforms", "platforms", "host", null]);
});
