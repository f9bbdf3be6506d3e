// What a visitor is asked, from the texts and the table of regimes that the server is built from; and the linter's
// sentences for the few faults that tests of the console make. The server's own answer is tested against the SDK
// (`tests/consent`) and in front of the real binary.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const data = (path) => JSON.parse(readFileSync(new URL(`../../../crates/workspace/${path}`, import.meta.url), "utf8"));
const TEXTS = Object.fromEntries(["ar", "de", "en", "es", "fr"].map((code) => [code, data(`texts/${code}.json`)]));
const REGIMES = data("regimes.json");

export const regimes = REGIMES.regimes.map((row) => ({ id: row.id, title: row.title, row }));

function regimeOf({ default_regime, regions }, region) {
  const own = region && (regions[region] ?? regions[region.split("-")[0]]);
  const row = (id) => REGIMES.regimes.find((one) => one.id === id);
  if (own) return row(own);
  if (default_regime !== "by-region") return row(default_regime);
  const country = region?.split("-")[0];
  return REGIMES.regimes.find(({ regions: all = [] }) => all.includes(country)) ?? row("rest");
}

/** The published language that fits, else English, else the first. */
function languageOf(languages, wanted) {
  const codes = Object.keys(languages);
  return codes.find((code) => code === wanted) ?? (codes.includes("en") ? "en" : codes[0]);
}

export function experienceOf(consent, region, wanted) {
  const { banner } = consent;
  const languages = banner.languages ?? { en: {} };
  const language = languageOf(languages, wanted);
  const { categories: said = {}, reviewed: _, ...over } = languages[language];
  const own = TEXTS[language] ?? { categories: {} };
  const words = { ...own, ...over };
  const row = regimeOf(consent, region);
  const hasLink = row.links?.includes("choices");
  const {
    choices_link,
    reload_button,
    confirm,
    over_gpc_title,
    over_gpc,
    over_gpc_allow,
    over_gpc_keep,
    categories: __,
    ...texts
  } = words;
  const optional = consent.categories.map(({ name }) => name).filter((name) => name !== "required");
  return {
    v: 1,
    region: region || null,
    regime: {
      id: row.id,
      version: REGIMES.version,
      models: Object.fromEntries(optional.map((name) => [name, row.models?.[name] ?? row.otherwise])),
      first: row.first,
      lifetimeDays: row.lifetime_days,
      reaskDays: row.reask_days,
      gpc: row.gpc,
      ...(row.confirm_opt_in && { confirmOptIn: true }),
    },
    source: { category: "performance" },
    before: banner.before?.[row.id] ?? "block",
    categories: consent.categories.map(({ name, aliases, erase }) => {
      const text = said[name] ?? own.categories[name] ?? { name, description: "" };
      return { id: name, aliases, erase, ...text };
    }),
    ...(banner.vendors?.length && { vendors: banner.vendors }),
    texts: {
      ...texts,
      language,
      version: banner.version ?? 1,
      hash: createHash("sha256").update(JSON.stringify(words)).digest("hex"),
      control: hasLink ? choices_link : words.control,
      reloadButton: reload_button,
      overGpc: { title: over_gpc_title, body: over_gpc, allow: over_gpc_allow, keep: over_gpc_keep },
      ...(row.confirm_opt_in && { confirm }),
      ...(hasLink && { links: [{ text: choices_link }] }),
    },
    ...(banner.tags?.length && { tags: banner.tags }),
    storage: { identifierDays: banner.identifier_days ?? 90 },
    control: { kind: banner.control ?? "floating" },
  };
}

/** Why a block cannot be published; `null` when it can. */
export function refusalOf({ banner, categories, notice, children }) {
  const other = refusalOfNotice(notice) ?? refusalOfChildren(children);
  if (other) return other;
  const known = categories.map(({ name }) => name);
  for (const [code, words] of Object.entries(banner.languages ?? {})) {
    if (code !== "en" && !words.reviewed?.trim()) {
      return `banner language \`${code}\` is a draft and cannot be published: let somebody who speaks it read every sentence, then name them, as \`reviewed: "Jane Roe, 2026-11-20"\``;
    }
    const { accept, reject } = { ...TEXTS[code], ...words };
    if (Math.max(accept.length, reject.length) > 3 * Math.min(accept.length, reject.length)) {
      return `banner language \`${code}\`: \`accept\` and \`reject\` are of unlike length (${accept.length} and ${reject.length} characters), which makes one button larger than the other; accepting and refusing must be equal`;
    }
  }
  if (banner.before?.eu === "cookieless") {
    return "`banner.before.eu: cookieless` is not lawful: source `web` collects under `performance`, which is opt-in under this regime, with or without cookies; write `block` or `buffer`";
  }
  if (banner.before?.eu === "always-load") {
    return "`banner.before.eu: always-load` loses what it sends: source `web` takes no event of unknown consent; write `compat: segment` and `sdk: assent` on it, or say `always-load` in the `banner` of the source that has them";
  }
  const lost = (banner.vendors ?? []).find(({ id, name }) => !id || !name);
  if (lost) return `vendor \`${lost.id}\`: its name has 1 to 80 characters`;
  const stray = (banner.tags ?? []).find((tag) => tag.categories.some((category) => !known.includes(category)));
  if (stray) return `tag \`${stray.id}\` waits for category \`${stray.categories[0]}\`, which does not exist`;
  return null;
}

const LIFETIME = /^(session|until-deleted|\d+(s|m|h|d|mo|y))$/;

/** The faults of a notice that tests make, in the linter's words. */
function refusalOfNotice(notice) {
  if (!notice) return null;
  if (!notice.site) return "`notice.site` has 1 to 80 characters";
  const { name, email, address } = notice.controller;
  if (!name) return "`notice.controller.name` has 1 to 80 characters";
  if (!email.includes("@")) {
    return "`notice.controller.email` is not an e-mail address: write it as `privacy@company.example`";
  }
  if (!address) return "`notice.controller.address` is a postal address of 1 to 500 characters";
  for (const [code, { reviewed }] of Object.entries(notice.languages ?? {})) {
    if (code !== "en" && !reviewed) return `notice language \`${code}\` is a draft and cannot be published`;
  }
  const times = [...(notice.retention ?? []), ...(notice.cookies ?? [])];
  const lost = times.find(({ lasts }) => !LIFETIME.test(lasts));
  if (lost) return `\`${lost.lasts}\` is not a lifetime: write \`session\`, \`until-deleted\`, or a number and a unit`;
  const stray = (notice.cookies ?? []).find(({ category }) => !category);
  return stray ? `cookie \`${stray.name}\` of the notice needs a \`category\`` : null;
}

function refusalOfChildren(children) {
  if (!children) return null;
  if (!children.name || children.denied.length === 0) {
    return "`consent.children` needs the `name` of the field that says who is a child, and in `denied` the values that say so";
  }
  const stray = (children.parent ?? []).find((value) => !children.denied.includes(value));
  return stray
    ? `\`consent.children.parent\` names \`${stray}\`, which is not in \`denied\`: whoever needs a parent is a child`
    : null;
}

/** Some of a notice, with a block of every kind. */
export function noticeFacts({ notice }, language) {
  const { site, controller } = notice;
  return {
    v: 1,
    language: language in (notice.languages ?? { en: {} }) ? language : "en",
    dir: language === "ar" ? "rtl" : "ltr",
    title: `Cookie notice of ${site}`,
    intro: ["This notice says which cookies there are."],
    sections: [
      {
        id: "what",
        title: "What a cookie is",
        blocks: [
          { kind: "text", text: "A cookie is a small piece of text." },
          { kind: "heading", text: "Kinds" },
          { kind: "list", items: ["session cookies", "persistent cookies"] },
          { kind: "links", links: [{ text: "How to refuse them", href: "https://browser.example/cookies" }] },
          { kind: "vendor", title: "Google Analytics", text: "It counts visits.", links: [] },
          {
            kind: "table",
            caption: "Cookies of Google Analytics",
            head: ["Name", "How long", "What for"],
            rows: [["_ga", "2 years", "Recognises the browser when it comes back."]],
          },
        ],
      },
      {
        id: "who",
        title: "Who is responsible",
        blocks: [{ kind: "lines", lines: [controller.name, ...controller.address.split("\n"), controller.email] }],
      },
    ],
  };
}
