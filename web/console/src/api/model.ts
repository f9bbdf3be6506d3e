// What the API says. Where its description (`schema.d.ts`, generated) has an object, the type here is that one, so that
// a change of the API breaks this build; what the description does not have yet is by the contract, and follows as soon
// as it does.

import type { components } from "./schema.d.ts";

type Described = components["schemas"];

/** Every field is there: the server writes `null` where there is nothing, which the description calls optional. */
type Present<T> = { [Key in keyof T]-?: Exclude<T[Key], undefined> };

export type Session = Omit<Present<Described["Session"]>, "user"> & { user: Omit<Described["Me"], "token"> };
export type Role = Described["Me"]["role"];
export const ROLES: readonly Role[] = ["viewer", "analyst", "admin", "owner"];

export interface Page<T> {
  items: T[];
  next: string | null;
}

export type User = Present<Described["User"]>;
export type Token = Present<Described["Token"]>;

export type AuditEntry = Present<Described["AuditEntry"]>;

/** What the versions of an object have in common: a change must name the one it starts from. */
export interface Versioned {
  name: string;
  version: number;
  declared_by: string | null;
}

export const BASES = [
  "consent",
  "contract",
  "legal_obligation",
  "vital_interests",
  "public_task",
  "legitimate_interests",
] as const;

export type SourceKind = "browser" | "mobile" | "server";

export interface Source extends Versioned {
  kind: SourceKind;
  write_key: string | null;
  /** What the operator's own server proves with who is signed in; `null` for whoever is less than an admin. */
  proof_key: string | null;
  category: string;
  basis: (typeof BASES)[number] | null;
  compat: "segment" | null;
  /** The script that a page gets; `null`: Assent's own, or Segment's where `compat` says so. */
  sdk: "assent" | "segment" | null;
  region: string | null;
  enabled: boolean;
  /** What its site asks otherwise than the workspace; `null`: nothing. */
  banner: SiteBanner | null;
  first_event_at: string | null;
  last_event_at: string | null;
}

export const RESULTS = ["delivered", "withheld", "filtered", "rejected", "dead_lettered", "waiting"] as const;
export type Result = (typeof RESULTS)[number];

export type Health = Omit<Present<Described["Health"]>, "paused" | "last_error"> & {
  paused: Pause | null;
  last_error: Present<Described["LastError"]> | null;
};

/** Why nothing goes: somebody wants it so (`by`), or it does not answer and is tried again (`until`). */
export type Pause = Present<Described["Pause"]>;

export interface Destination extends Versioned {
  kind: string;
  sources: string[];
  settings: Record<string, unknown>;
  categories: string[] | null;
  vendor: string | null;
  purpose: string;
  recipient: "service_provider" | "third_party";
  unmapped: "deny" | "allow";
  unstamped: "deny" | "allow";
  withdrawals: "silent" | "tell";
  enabled: boolean;
  health: Health | null;
}

/** The part of JSON Schema that descriptors of destinations use. */
export interface Schema {
  type?: "object" | "string" | "integer" | "number" | "boolean" | "array";
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  enum?: string[];
  items?: Schema;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  format?: string;
  "x-secret"?: boolean;
}

export type DestinationKind = Omit<Described["DestinationKind"], "settings_schema"> & { settings_schema: Schema };

export type ConnectionTest = Present<Described["TrialResult"]>;

export type ErrorGroup = Omit<Described["DestinationError"], "result"> & { result: Result };

export type DeadLetter = Omit<Present<Described["Letter"]>, "result"> & { result: Result };

export type Retry = Described["RetryProgress"];

export type Replay = Present<Described["ReplayProgress"]>;
export type Rehearsal = Described["ReplayRehearsal"];
export type ReplayWanted = Described["ReplayWanted"];

export interface Overview {
  now: string;
  accepted: { at: string; count: number }[];
  refused: { reason: string; count: number }[];
  discarded: { code: string; count: number }[];
  destinations: Activity[];
  attention: { severity: string; text: string; link: string | null }[];
  /** `null` when the disk cannot be asked. */
  storage: Storage | null;
  /** Since when it counts: earlier minutes are zero because nobody counted. */
  counted_since: string | null;
}

export type Storage = Described["Storage"];

/** What became of a destination's events in the span, and how it is doing now. */
export interface Activity {
  name: string;
  delivered: number;
  withheld: number;
  filtered: number;
  rejected: number;
  dead_lettered: number;
  health: Health;
}

export interface Attempt {
  at: string;
  number: number;
  status: number;
  /** `delivered`, `withheld`, …, `waiting`. */
  outcome: Result;
  reason: string;
  text?: string | null;
  /** Of which replay it was; `null` when it was sent as it came. */
  replay: number | null;
}

export interface EventOutput {
  destination: string;
  decision: { verdict: string; reason: string; inputs: Record<string, unknown> | null } | null;
  attempts: Attempt[];
}

export interface EventDetail {
  received: unknown;
  processed: unknown;
  /** Whether values are masked for whoever asks. */
  masked: boolean;
  /** What held at its capture. */
  stamp: Record<string, unknown> | null;
  source: string | null;
  /** `null` when only a replay of it is known. */
  received_at: string | null;
  outputs: EventOutput[];
}

export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  took_ms: number;
}

/** What somebody may want rows for; any other name is one of their own. */
export const PURPOSES: readonly string[] = [
  "service",
  "security",
  "analytics",
  "personalisation",
  "advertising",
  "sale",
  "sharing",
  "research",
];

export const RECIPIENTS = ["service_provider", "third_party"] as const;

/** For what the rows of an answer are used. */
export type QueryUse = Omit<Described["DeclaredUse"], "recipient"> & { recipient: (typeof RECIPIENTS)[number] };

export interface LakeTable {
  name: string;
  columns: { name: string; type: string }[];
}

export const CONDITIONS = [
  "failure_rate",
  "oldest_waiting",
  "refusals",
  "no_choices",
  "untold_withdrawals",
  "disk",
] as const;
export type Condition = (typeof CONDITIONS)[number];

/** Where a notice goes. `{ secret: true }` stands for a secret that is kept with its address. */
export type Way =
  | { webhook: { url: string; secret?: string | { secret: true } | null; allow_private?: boolean } }
  | { email: string[] };

export interface Alert extends Versioned {
  when: Condition;
  destination: string | null;
  source: string | null;
  reason: string | null;
  above_percent: number | null;
  above_minutes: number | null;
  above_pages: number | null;
  above_business_days: number | null;
  window_minutes: number;
  for_minutes: number;
  repeat_after_hours: number;
  notify: Way[];
  enabled: boolean;
  standing: Present<Described["AlertStanding"]>[];
}

export interface AlertList extends Page<Alert> {
  /** Whether this server can send e-mail. */
  sends_email: boolean;
}

export type AlertTest = Described["AlertTest"];

export type Notice = Omit<Present<Described["Notice"]>, "sends"> & { sends: Present<Described["NoticeSend"]>[] };

export type SavedQuery = Described["SavedQueryShown"];

export interface CategoryRule {
  name: string;
  aliases: string[];
  /** Cookies, storage keys and databases that go when it is withdrawn. */
  erase: string[];
}

export type Regimes = Described["Regimes"];

/** What a visitor was shown when they chose, as far as the page said it. */
export interface Presented {
  version?: number;
  /** SHA-256 of the words, in hex. */
  textHash?: string;
  language?: string;
  layer?: string;
  method?: string;
  regime?: string;
  regimeVersion?: number;
  region?: string;
  refusedVendors?: string[];
  gpc?: boolean;
}

export type ChoiceShown = Omit<Present<Described["ChoiceShown"]>, "presented"> & { presented: Presented | null };
export type Choices = Omit<Present<Described["ChoicesOnRecord"]>, "items"> & { items: ChoiceShown[] };
export type WordsShown = Present<Described["WordsShown"]>;
export type LedgerShown = Present<Described["LedgerShown"]>;

/** How visitors answered, by what they were asked. */
export type RateRow = Present<Described["RateShown"]>;
export type Rates = Omit<Described["Rates"], "rows"> & { rows: RateRow[] };

/** The words that a workspace writes over Assent's, in one language: by place, and by category. */
export interface WordsWritten {
  /** Who of those who speak it has read it. */
  reviewed?: string;
  dir?: "ltr" | "rtl";
  categories?: Record<string, { name: string; description: string }>;
  [place: string]: unknown;
}

export interface VendorWritten {
  id: string;
  /** Absent, as all that follows: the catalogue's. */
  name?: string;
  category?: string;
  policy?: string;
  /** Its number on the IAB's vendor list. */
  tcf?: number;
}

/** TCF 2.3, for who is registered with the IAB. */
export interface TcfWritten {
  cmp_id: number;
  cmp_version: number;
  publisher_country: string;
  vendor_list: string;
  /** The IAB's number → the category that grants it. */
  purposes: Record<string, string>;
  special_features?: Record<string, string>;
}

export const TAG_KINDS = ["script", "img", "iframe"] as const;

export interface TagWritten {
  id: string;
  kind: (typeof TAG_KINDS)[number];
  src: string;
  categories: string[];
  purpose: string;
  vendor?: string;
  attributes?: Record<string, string>;
  into?: string;
}

export const BEFORE = ["block", "buffer", "cookieless", "always-load"] as const;
export type Before = (typeof BEFORE)[number];

export interface TakeOverWritten {
  from: string[];
  /** What the platform's grants were given to; without it none counts. */
  grants?: { version: number; vendors: string[] };
}

/** How visitors are asked, as in a workspace file: what is absent has its default. */
export interface Banner {
  version?: number;
  ask_again_below?: number | null;
  languages?: Record<string, WordsWritten>;
  before?: Record<string, Before>;
  control?: "floating" | "none";
  consent_mode?: Record<string, string> | null;
  vendors?: VendorWritten[];
  tags?: TagWritten[];
  surfaces?: string[];
  tcf?: TcfWritten | null;
  /** Origins of sites that show each other's pages in frames. */
  frames?: string[];
  /** Origins of sites that take a choice along when a link leads to another. */
  hand_off?: string[];
  /** Pages say what somebody who is signed in refused on other devices. */
  other_devices?: boolean;
  /** What another platform left in browsers is taken over. */
  take_over?: TakeOverWritten | null;
  identifier_days?: number;
  cookie_domain?: string | null;
}

/** What one site says otherwise: what is absent is the workspace's. */
export type SiteBanner = Pick<
  Banner,
  "languages" | "before" | "control" | "consent_mode" | "tags" | "surfaces" | "frames" | "cookie_domain"
>;

/** Words of the workspace's own: for every reader, or by language. */
export type Said = string | Record<string, string>;

export interface PartyWritten {
  name: string;
  address: string;
  email: string;
  phone?: string;
}

export interface KeyWritten {
  name: string;
  kind?: "cookie" | "local" | "session";
  lasts: string;
  category?: string;
  use?: string;
  what_for?: Said;
}

export interface RecipientWritten {
  name: string;
  country?: string;
  contract?: string;
  transfer?: string;
}

/** What a workspace says about itself in its notice: what is absent has its default. */
export interface NoticeWritten {
  site: string;
  url?: string | null;
  controller: PartyWritten;
  representative?: PartyWritten | null;
  dpo?: { name?: string; email: string } | null;
  authority?: { name: string; url?: string } | null;
  languages?: Record<string, { reviewed?: string }>;
  accounts?: Said | null;
  cookies?: KeyWritten[];
  beacons?: { pages?: boolean; emails?: boolean };
  flash_cookies?: boolean;
  ip_addresses?: { uses?: string[]; whole_days?: number | null };
  data?: string[];
  retention?: { what: Said; lasts: string }[];
  storage_locations?: string[];
  transfers?: Said | null;
  obligatory?: Said | null;
  automated_decisions?: Said | null;
  rights?: string[] | null;
  recipients?: Record<string, RecipientWritten>;
}

/** How events say that they are about a child. */
export interface ChildrenWritten {
  in?: "traits" | "context";
  name: string;
  denied: string[];
  parent?: string[];
}

/** A notice as it is published, or would be: `crates/consent/src/notice`. Here only what the console itself shows. */
export interface PublishedNotice {
  language: string;
  dir: "ltr" | "rtl";
  title: string;
  intro: string[];
  sections: { id: string; title: string; blocks: NoticeBlock[] }[];
}

export interface NoticeLink {
  text: string;
  href: string;
}

export type NoticeBlock =
  | { kind: "text" | "heading"; text: string }
  | { kind: "list"; items: string[] }
  | { kind: "links"; links: NoticeLink[] }
  | { kind: "lines"; lines: string[] }
  | { kind: "vendor"; title: string; text: string; links: NoticeLink[] }
  | { kind: "table"; caption: string; head: string[]; rows: string[][] };

/** What a visitor is asked: `web/sdk/src/settings.ts`. Here only what the console itself reads. */
export interface Experience {
  regime: { id: string; first: "ask" | "none"; lifetimeDays: number; models: Record<string, string> };
  before: Before;
  texts: { language: string; version: number; hash: string };
  tags?: unknown[];
}

export type Simulation = Described["Simulated"];

export interface Consent {
  categories: CategoryRule[];
  default_regime: string;
  /** The workspace's own rows: region → regime. */
  regions: Record<string, string>;
  banner: Banner;
  /** As in a workspace file; `null`: no notice is published. */
  notice: NoticeWritten | null;
  /** Traits of `identify` that carry a choice: trait → category. */
  choice_traits: Record<string, string>;
  /** Days that the record of a choice is kept. */
  record_days: number;
  do_not_track: "ignore" | "as-gpc";
  /** Which field of events says who is a child, as in a workspace file. */
  children: ChildrenWritten | null;
  version: number;
  declared_by: string | null;
}

export type Setting = Described["SettingFact"];

export type Change = Present<Described["AppliedChange"]>;
