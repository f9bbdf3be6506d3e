// Consent in the mock's world: somebody's choices, a receipt, the words, the ledger, and how visitors answered.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ago, MINUTE } from "./ago.mjs";
import { experienceOf, noticeFacts, refusalOf, regimes } from "./experience.mjs";

const DAY = 86_400_000;
const KEY = "mock.example/ledger/acme+1a2b3c4d+ASK1c1gXK1AvyxwZCoPUJBVcVkd4Gml1TB/9uT5Tmr5R";
const CHECKPOINT =
  "mock.example/ledger/acme\n18204\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
  "— mock.example/ledger/acme GisPPDf7l3T0JqAvDSbk0Yc7UdhGTq2V5cM8jvFfV1p7Lk0bT1VJmC0r6xw3q9n8D4s2uE1yHhZkQb5aRwXoPdMtCgE=\n";
const SUBJECT = "s-9f31c2a07be44d1f8c02d61be5a7f3d0";

const texts = (language) =>
  JSON.parse(readFileSync(new URL(`../../../crates/workspace/texts/${language}.json`, import.meta.url), "utf8"));

/** The words as they are hashed and kept. */
function noticeOf(language, vendors) {
  const { categories, ...words } = texts(language);
  const text = JSON.stringify({ categories, language, vendors, words });
  return { hash: createHash("sha256").update(text).digest("hex"), text };
}

const VENDORS = [
  {
    category: "performance",
    id: "ga",
    name: "Google Analytics",
    policy: "https://policies.google.com/privacy",
  },
  { category: "targeting", id: "ads", name: "Example Ads" },
];
const GERMAN = noticeOf("de", VENDORS);
const ALL = ["functionality", "performance", "targeting"];

const choice = (receipt, days, granted, presented, more = {}) => ({
  receipt,
  granted,
  refused: ALL.filter((name) => !granted.includes(name)),
  method: "event",
  source: "web",
  made_at: ago(days * DAY),
  received_at: ago(days * DAY - 400),
  presented: presented && { regime: "eu", regimeVersion: 1, region: "DE", ...presented },
  ...more,
});

const shown = { version: 2, textHash: GERMAN.hash, language: "de" };
export const choicesOf = (isFull) =>
  isFull
    ? [
        choice("5f1c0e6a9d7b4c22a1b8f06d3e94c7aa", 2, ["functionality"], {
          ...shown,
          method: "withdraw",
          layer: "control",
        }),
        choice("0b7d2c91e4f84a6f9d3355ab12c8e07f", 41, ["functionality", "performance"], {
          ...shown,
          method: "choose",
          layer: "centre",
          refusedVendors: ["ga"],
          gpc: true,
        }),
        choice("c42a8e10f7b94d03b6e1d5f2a7093c18", 90, [], null, { method: "import" }),
      ]
    : [];

const standingOf = (items) => {
  const standing = {};
  for (const { granted, refused, made_at } of [...items].reverse()) {
    for (const name of granted) standing[name] = { granted: true, at: made_at };
    for (const name of refused) standing[name] = { granted: false, at: made_at };
  }
  return standing;
};

function choices({ world, query, refuse }) {
  const who = query.get("user_id") ?? query.get("anonymous_id");
  if (who === null) return refuse(400, "invalid_request", "nobody is named", "give `user_id`, `anonymous_id` or both");
  world.lookUps += 1;
  const asOf = query.get("as_of");
  const isKnown = ["u-1", "a-1"].includes(who);
  const items = isKnown ? world.choices.filter(({ received_at }) => !asOf || received_at <= asOf) : [];
  const subjects = isKnown && world.isFull ? [SUBJECT] : [];
  return { body: { subjects, standing: standingOf(items), items } };
}

/** One line with its own spelling, as the real one: whoever parses and writes it again has another text. */
function receipt({ world, names, refuse }) {
  const found = world.choices.find((one) => one.receipt === names[0]);
  if (!found) return refuse(404, "not_found", `there is no choice \`${names[0]}\``, "check the number");
  const state = (all, said) => all.map((purpose) => ({ purpose, state: said }));
  const { received_at, made_at, method, source } = found;
  const record = {
    choices: [...state(found.granted, "given"), ...state(found.refused, "refused")],
    id: found.receipt,
    kind: "choice",
    made_at,
    method,
    received_at,
    source,
    subject: SUBJECT,
  };
  const notice = found.presented ? { notice: JSON.parse(GERMAN.text) } : {};
  const text = JSON.stringify({ version: 1, record, ...notice, proof: { index: 18_112 } });
  return { body: `${text} `, headers: { "content-type": "application/ld+json" } };
}

const row = (regime, banner_version, language, choices, [all, some, none, gone], granted) => ({
  regime,
  banner_version,
  language,
  choices,
  accepted_all: all,
  partial: some,
  rejected_all: none,
  withdrawn: gone,
  by_category: ALL.map((category, at) => ({ category, granted: granted[at] })),
});

const RATES = [
  row("eu", 2, "de", 9_120, [3_812, 1_004, 4_180, 124], [4_700, 4_102, 3_830]),
  row("eu", 1, "de", 2_044, [1_201, 88, 740, 15], [1_260, 1_240, 1_205]),
  row("uk", 2, "en", 1_310, [498, 160, 640, 12], [640, 530, 501]),
  row("us", 2, "en", 402, [9, 41, 352, 0], [44, 30, 9]),
  row(null, null, null, 61, [0, 8, 53, 0], [6, 2, 0]),
];

const entry = (id, at, actor, before, after) => ({
  id,
  at,
  actor,
  action: "updated",
  workspace: "acme",
  kind: "consent",
  object: "consent",
  before,
  after,
});

/** Three versions of the block, as the audit log keeps them: without what holds anyway. */
export function consentAudit(isFull) {
  if (!isFull) return [];
  const english = { languages: { en: {} } };
  const german = { version: 2, languages: { en: {}, de: { reviewed: "Jane Roe, 2026-11-20" } } };
  const first = { banner: english };
  const second = { default_regime: "by-region", banner: german };
  const third = {
    default_regime: "by-region",
    regions: { GB: "uk-statistics" },
    banner: {
      ...german,
      languages: { ...german.languages, de: { ...german.languages.de, title: "Ihre Wahl bei Acme" } },
      before: { eu: "buffer" },
      vendors: [VENDORS[0]],
    },
  };
  return [
    entry(903, ago(95 * MINUTE), "admin", second, third),
    entry(702, ago(6 * DAY), "terraform", first, second),
    entry(501, ago(40 * DAY), "admin", {}, first),
  ];
}

const changed = ({ world, body, query, refuse }) => {
  const { categories } = world;
  const why = refusalOf(body);
  if (why) return refuse(400, "invalid_workspace", why, "change it as the message says");
  if (Number(query.get("if_version")) !== categories.version)
    return refuse(409, "version_conflict", "`consent` was changed since", "look at both versions", {
      current: categories,
    });
  world.categories = { ...categories, ...body, version: categories.version + 1 };
  return { body: world.categories };
};

function preview({ body: { consent, region, language }, refuse }) {
  const why = refusalOf(consent);
  return why ? refuse(400, "invalid_workspace", why, "change it") : { body: experienceOf(consent, region, language) };
}

function noticePreview({ body: { consent, language }, refuse }) {
  const why = refusalOf(consent);
  return why ? refuse(400, "invalid_workspace", why, "change it") : { body: noticeFacts(consent, language) };
}

const simulation = ({ body: { consent, days }, refuse, world }) => {
  const why = refusalOf(consent);
  if (why) return refuse(400, "invalid_workspace", why, "change it");
  if (!world.isFull)
    return { body: { days, events: 0, total: 0, destinations: [], people_asked_again: 0, truncated: false } };
  const sums = (sent, withheld) => ({ sent: sent * days, withheld: withheld * days });
  const of = (name, now, draft, changes) => ({ name, now: sums(...now), draft: sums(...draft), changes });
  return {
    body: {
      days,
      events: 8_430 * days,
      total: days === 30 ? 1_204_311 : 8_430 * days,
      destinations: [
        of(
          "warehouse-hook",
          [6_010, 2_420],
          [5_402, 3_028],
          [{ reason: "no_consent", becomes: "withheld", events: 608 * days }],
        ),
        of("crm", [1_204, 312], [1_204, 312], []),
        of("ads", [402, 8_028], [118, 8_312], [{ reason: "withdrawn", becomes: "withheld", events: 284 * days }]),
      ],
      people_asked_again: 312,
      truncated: days === 30,
    },
  };
};

export const consentRoutes = [
  ["GET", /^\/regimes$/, () => ({ body: { version: 1, as_of: "2026-11-22", items: regimes } })],
  ["GET", /^\/w\/categories$/, ({ world }) => ({ body: world.categories })],
  ["PUT", /^\/w\/categories$/, changed],
  [
    "GET",
    /^\/w\/experience$/,
    ({ world, query }) => ({ body: experienceOf(world.categories, query.get("region"), query.get("language")) }),
  ],
  ["POST", /^\/w\/consent\/preview$/, preview],
  ["POST", /^\/w\/consent\/preview\/notice$/, noticePreview],
  ["POST", /^\/w\/consent\/simulation$/, simulation],
  ["GET", /^\/w\/choices$/, choices],
  ["GET", /^\/w\/choices\/([^/]+)\/receipt$/, receipt],
  [
    "GET",
    /^\/w\/words\/([^/]+)$/,
    ({ names, refuse }) =>
      names[0] === GERMAN.hash
        ? { body: { hash: GERMAN.hash, version: 2, language: "de", since: ago(60 * DAY), words: GERMAN.text } }
        : refuse(404, "not_found", "there is no text with this hash", "check the hash"),
  ],
  [
    "GET",
    /^\/w\/ledger$/,
    ({ world, refuse }) =>
      world.isLedgerClosed
        ? refuse(503, "busy", "the ledger is not open; if that lasts, the server's log says why", "try again")
        : {
            body: {
              key: KEY,
              size: world.isFull ? 18_204 : 0,
              checkpoint: world.isFull ? CHECKPOINT : CHECKPOINT.replace("18204", "0"),
              published_at: ago(3 * MINUTE),
              files: "/ledger/acme/",
            },
          },
  ],
  [
    "GET",
    /^\/w\/consent\/rates$/,
    ({ world, query }) => ({
      body: {
        rows: world.isFull ? [...RATES, ...world.moreRates] : [],
        since: ago(Number(query.get("days")) * DAY),
      },
    }),
  ],
];
