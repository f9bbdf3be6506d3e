// The world of the mock: a workspace with something of everything, in memory. For development and for tests of states
// that a real server does not get into on demand. Nothing of this folder is in the built console.

import { ago, MINUTE } from "./ago.mjs";
import { alertsOf, noticesOf } from "./alerts.mjs";
import { choicesOf, consentAudit } from "./consent.mjs";
import { deadLetters, errorsOf, retryOf } from "./repair.mjs";

const health = (more = {}) => ({
  delivered: 0,
  withheld: 0,
  filtered: 0,
  rejected: 0,
  dead_lettered: 0,
  waiting: 0,
  oldest_waiting_at: null,
  untold_withdrawals: 0,
  oldest_untold_at: null,
  p50_ms: null,
  p99_ms: null,
  paused: null,
  last_error: null,
  freshness_s: null,
  backlog_bytes: 0,
  ...more,
});

const source = (name, kind, more = {}) => ({
  name,
  kind,
  write_key: `wk_${name}_7f3a9c`,
  proof_key: Buffer.from(name).toString("hex").padEnd(64, "5e1f7c20"),
  category: "performance",
  basis: kind === "server" ? "contract" : "consent",
  compat: null,
  region: null,
  enabled: true,
  banner: null,
  declared_by: null,
  version: 1,
  first_event_at: ago(9 * 86_400_000),
  last_event_at: ago(2_000),
  ...more,
});

const destination = (name, kind, more = {}) => ({
  name,
  kind,
  sources: ["web", "api"],
  settings: {},
  categories: ["performance"],
  vendor: null,
  purpose: "analytics",
  recipient: "service_provider",
  unmapped: "deny",
  unstamped: "deny",
  withdrawals: "silent",
  enabled: true,
  declared_by: null,
  version: 3,
  health: health(),
  ...more,
});

const DESTINATIONS = () => [
  destination("warehouse-hook", "webhook", {
    settings: {
      url: "https://hooks.example.com/in",
      secret: { secret: true },
      batch: { events_max: 100, wait_ms: 200 },
    },
    health: health({
      delivered: 182_341,
      withheld: 20_412,
      filtered: 312,
      rejected: 4,
      p50_ms: 38,
      p99_ms: 212,
      freshness_s: 0.3,
    }),
  }),
  destination("crm", "webhook", {
    settings: { url: "https://crm.example.com/events" },
    categories: ["functionality"],
    purpose: "service",
    withdrawals: "tell",
    health: health({
      untold_withdrawals: 14,
      oldest_untold_at: ago(21 * MINUTE),
      delivered: 9_120,
      withheld: 1_204,
      rejected: 12,
      dead_lettered: 57,
      waiting: 1_480,
      oldest_waiting_at: ago(22 * MINUTE),
      p50_ms: 410,
      p99_ms: 9_800,
      freshness_s: 1_320,
      backlog_bytes: 3_400_000,
      last_error: {
        at: ago(12_000),
        status: 503,
        text: "the receiver failed: upstream connect error or disconnect/reset before headers",
      },
    }),
  }),
  destination("ads", "webhook", {
    settings: { url: "https://ads.example.net/v2" },
    categories: ["targeting"],
    purpose: "advertising",
    recipient: "third_party",
    declared_by: "workspace.yaml",
    health: health({ delivered: 3_011, withheld: 198_322, filtered: 12, p50_ms: 96, p99_ms: 480, freshness_s: 1.1 }),
  }),
  destination("archive", "file", {
    settings: { path: "archive" },
    categories: null,
    health: health({
      withheld: 203_000,
      state: "paused",
      paused: { reason: "credentials_broken", until: new Date(Date.now() + 40_000).toISOString() },
    }),
  }),
];

const RECEIVED = {
  type: "track",
  event: "Order Completed",
  messageId: "msg-0001-order-completed",
  anonymousId: "b7c1…",
  userId: "us…17",
  timestamp: "2026-11-22T02:14:07.120Z",
  properties: { order_id: "5012", total: 49.9, currency: "EUR", products: [{ sku: "A-17", quantity: 2 }] },
  context: {
    ip: "203.0.113.0",
    locale: "de-DE",
    consent: { categoryPreferences: { performance: true, targeting: false } },
  },
};

const DETAIL = {
  received: RECEIVED,
  processed: { ...RECEIVED, _assent: { subject: "s-9f31c2", outputs: ["warehouse-hook", "crm", "ads"] } },
  message_id: "msg-0001-order-completed",
  received_at: ago(5_000),
  source: "web",
  masked: false,
  stamp: {
    origin: "sent",
    preferences: { performance: true, functionality: true, targeting: false },
    gpc: false,
    dnt: false,
    regime: "opt-in",
    basis: "consent",
  },
  place: { partition: 3, position: "00000000000a41f2" },
  outputs: [
    {
      destination: "warehouse-hook",
      decision: {
        verdict: "permitted",
        reason: "",
        inputs: {
          categories: ["performance"],
          purpose: "analytics",
          recipient: "service_provider",
          recipient_is: "claimed",
        },
      },
      attempts: [
        { at: ago(4_000), number: 1, status: 200, outcome: "delivered", reason: "", text: "200 in 38 ms, batch of 12" },
      ],
    },
    {
      destination: "crm",
      decision: {
        verdict: "permitted",
        reason: "",
        inputs: {
          categories: ["functionality"],
          purpose: "analytics",
          recipient: "service_provider",
          recipient_is: "claimed",
        },
      },
      attempts: [
        {
          at: ago(40_000),
          number: 1,
          status: 503,
          outcome: "waiting",
          reason: "receiver_failed",
          text: "upstream connect error",
        },
        {
          at: ago(12_000),
          number: 2,
          status: 503,
          outcome: "waiting",
          reason: "receiver_failed",
          text: "upstream connect error",
        },
      ],
    },
    {
      destination: "ads",
      decision: {
        verdict: "withheld",
        reason: "category_refused",
        inputs: {
          categories: ["targeting"],
          purpose: "analytics",
          recipient: "service_provider",
          recipient_is: "claimed",
        },
      },
      attempts: [],
    },
  ],
};

const KINDS = [
  {
    slug: "echo",
    title: "Echo",
    docs: "Keeps its latest events in memory, for trying things out. Sends nothing.",
    settings_schema: { type: "object", properties: {} },

    purposes: ["service", "analytics"],
  },
  {
    slug: "file",
    title: "File",
    docs: "Appends each event as a line of JSON. One file a day.",
    settings_schema: {
      type: "object",
      required: ["path"],
      properties: { path: { type: "string", description: "The folder, inside the data directory." } },
    },

    purposes: ["service", "analytics"],
  },
  {
    slug: "webhook",
    title: "Webhook",

    purposes: ["service", "analytics"],
    docs: "Posts each event as JSON, or with `batch` an array of them. Signed when there is a secret.",
    settings_schema: {
      type: "object",
      required: ["url"],
      properties: {
        url: { type: "string", description: "Where to: http or https URL." },
        allow_private: { type: "boolean", description: "whether the URL may be inside your network" },
        secret: { type: "string", "x-secret": true, description: "Signs each request: whsec_ and Base64." },
        headers: {
          type: "object",
          additionalProperties: { type: "string" },
          "x-secret": true,
          description: "More headers.",
        },
        batch: {
          type: "object",
          properties: {
            events_max: { type: "integer", description: "Send arrays of at most so many events." },
            wait_ms: { type: "integer", description: "How long an event waits for others." },
          },
        },
        timeout_ms: { type: "integer", description: "How long a request may take. 10000 without it." },
      },
    },
  },
];

const usersOf = (isFull) => [
  {
    name: "admin",
    role: "owner",
    personal_data: true,
    created_at: ago(30 * 86_400_000),
    last_seen_at: ago(1_000),
    password: "correct horse battery",
  },
  ...(isFull
    ? [
        {
          name: "vera",
          role: "viewer",
          personal_data: false,
          created_at: ago(20 * 86_400_000),
          last_seen_at: ago(3 * 86_400_000),
          password: "correct horse battery",
        },
        {
          name: "anna",
          role: "analyst",
          personal_data: false,
          created_at: ago(12 * 86_400_000),
          last_seen_at: null,
          password: "correct horse battery",
        },
      ]
    : []),
];

const auditOf = (isFull) =>
  isFull
    ? [
        {
          id: 3,
          at: ago(5 * MINUTE),
          actor: "admin",
          action: "updated",
          workspace: "acme",
          kind: "destination",
          object: "crm",
          before: { enabled: true, purpose: "analytics", timeout_ms: 5000 },
          after: { enabled: true, purpose: "service", timeout_ms: 10000 },
        },
        {
          id: 2,
          at: ago(60 * MINUTE),
          actor: "terraform",
          action: "created",
          workspace: "acme",
          kind: "source",
          object: "app",
          before: null,
          after: { name: "app", kind: "mobile" },
        },
        {
          id: 1,
          at: ago(300 * MINUTE),
          actor: "admin",
          action: "signed_in",
          workspace: null,
          kind: "session",
          object: "admin",
          before: null,
          after: null,
        },
      ]
    : [];

const consentOf = () => ({
  categories: ["required", "functionality", "performance", "targeting"].map((name) => ({
    name,
    aliases: name === "performance" ? ["C0002", "ta-2"] : [],
    erase: [],
  })),
  default_regime: "by-region",
  regions: { GB: "uk-statistics" },
  choice_traits: { marketing_opt_in: "targeting" },
  children: null,
  notice: null,
  do_not_track: "ignore",
  record_days: 1825,
  banner: {
    version: 2,
    languages: {
      en: {},
      de: { reviewed: "Jane Roe, 2026-11-20", title: "Ihre Wahl bei Acme" },
      ar: { reviewed: "J. R." },
    },
    before: { eu: "buffer" },
    vendors: [
      { id: "ga", name: "Google Analytics", category: "performance", policy: "https://policies.google.com/privacy" },
    ],
    tags: [
      {
        id: "ga",
        kind: "script",
        src: "https://www.googletagmanager.com/gtag/js?id=G-1",
        categories: ["performance"],
        purpose: "analytics",
        vendor: "ga",
      },
    ],
  },
  version: 4,
  declared_by: null,
});

const settingsOf = () => [
  { key: "log.segment_bytes", value: "134217728", is_default: true, docs: "Bytes of a segment of the log." },
  { key: "backlog.hours_max", value: "48", is_default: false, docs: "How long a destination may be behind." },
];

const tokensOf = (isFull) =>
  isFull
    ? [
        {
          id: "t1",
          name: "terraform",
          role: "admin",
          personal_data: false,
          created_at: ago(9 * 86_400_000),
          last_used_at: ago(5 * MINUTE),
          expires_at: new Date(Date.now() + 60 * 86_400_000).toISOString(),
        },
      ]
    : [];

/** `full` has something of everything, `empty` nothing but a workspace and its first user. */
export function makeWorld(kind) {
  const isFull = kind !== "empty";
  return {
    users: usersOf(isFull),
    tokens: tokensOf(isFull),
    sources: isFull
      ? [
          source("web", "browser"),
          source("app", "mobile", { first_event_at: null, last_event_at: null }),
          source("api", "server", { declared_by: "workspace.yaml" }),
        ]
      : [],
    destinations: isFull ? DESTINATIONS() : [],
    kinds: KINDS,
    deadLetters: isFull ? deadLetters() : [],
    retries: isFull ? [retryOf()] : [],
    errors: errorsOf(isFull),
    alerts: alertsOf(isFull),
    notices: noticesOf(isFull),
    saved: isFull ? [{ id: "q1", name: "Events per minute", sql: "select 1", by: "admin", at: ago(86_400_000) }] : [],
    audit: [...auditOf(isFull), ...consentAudit(isFull)],
    categories: consentOf(),
    choices: choicesOf(isFull),
    lookUps: 0,
    questions: [],
    published: [],
    moreRates: [],
    detail: DETAIL,
    settings: settingsOf(),
    isFull,
  };
}

export function overviewOf(world, minutes) {
  const points = 60;
  const step = (minutes * MINUTE) / points;
  const now = Date.now();
  const count = (at) => Math.round((step / 1_000) * (14 + 9 * Math.sin(at / 6) + (at % 7)));
  return {
    now: new Date(now).toISOString(),
    accepted: Array.from({ length: points }, (_, at) => ({
      at: new Date(now - (points - at) * step).toISOString(),
      count: world.isFull ? count(at) : 0,
    })),
    refused: world.isFull
      ? [
          { reason: "no_consent", count: 9_120 },
          { reason: "withdrawn", count: 212 },
          { reason: "gpc_opt_out", count: 88 },
        ]
      : [],
    discarded: world.isFull
      ? [
          { code: "no_user_anon_id", count: 41 },
          { code: "event_too_large", count: 3 },
        ]
      : [],
    counted_since: new Date(now - 86_400_000).toISOString(),
    destinations: world.destinations.map(({ name, health }) => {
      const { delivered, withheld, filtered, rejected, dead_lettered } = health;
      return { name, delivered, withheld, filtered, rejected, dead_lettered, health };
    }),
    attention: world.isFull
      ? [
          { severity: "error", text: "the alert `crm-fails` is firing about `crm`", link: "settings/alerts" },
          {
            severity: "error",
            text: "crm has not delivered for 22 minutes: the receiver answers 503",
            link: "destinations/crm/errors",
          },
          {
            severity: "warning",
            text: "57 events were given up at crm",
            link: "destinations/crm/dead-letters",
          },
          {
            severity: "warning",
            text: "archive has no categories and gets nothing",
            link: "destinations/archive/settings",
          },
        ]
      : [],
    storage: { disk_bytes: 200e9, free_bytes: 121e9, data_bytes: 8.4e9 },
  };
}
