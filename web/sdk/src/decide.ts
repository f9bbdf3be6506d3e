// The decisions about consent, as `crates/consent` makes them: both run the golden vectors of `crates/consent/vectors`.
// Pure functions of plain values, so that the browser can ask before it acts what the server would answer afterwards.
// The server decides again; what is allowed here is not yet allowed there.

/** Why not. The codes are those of traces and metrics. */
export type Reason =
  | "category_refused"
  | "no_consent"
  | "consent_unknown"
  | "withdrawn"
  | "gpc_opt_out"
  | "dnt_opt_out"
  | "unmapped"
  | "basis_permits_required_only"
  | "required_not_for_purpose"
  | "integrations_object"
  | "sent_client_side"
  | "consent_expired"
  | "vendor_refused"
  | "known_child";

/** Category key → granted. Only `true` grants. */
export type Preferences = Record<string, boolean>;

/** Where a stamp's preferences come from: the event, the choice on record, nobody, or nobody at a source like Segment. */
export type Origin = "sent" | "record" | "default" | "unknown";

/** Whether a region asks first or permits until refused. */
export type Model = "opt-in" | "opt-out";

/** What the browser says by itself. */
export interface Signals {
  readonly gpc?: boolean;
  readonly dnt?: boolean;
}

/** The categories of a workspace and what `DNT: 1` means there. */
export interface Rules {
  readonly categories: readonly { readonly id: string; readonly aliases?: readonly string[] }[];
  readonly doNotTrack?: "ignore" | "as-gpc";
}

/** What held when the event was captured. */
export interface Stamp extends Signals {
  readonly origin: Origin;
  readonly preferences?: Preferences;
  readonly regime?: Model;
  /** By what right it was collected: `consent`, or another that permits `required` only. */
  readonly basis?: string;
}

/** What is on record about a subject today, all its identifiers together. */
export interface Known {
  readonly refused: readonly string[];
  readonly granted: readonly string[];
  /** Granted once, by a grant that has ended. */
  readonly ended?: readonly string[];
  readonly any: boolean;
}

/** A choice on record: when it was made, and to which version of the banner's words, where those asked. */
export interface OnRecord {
  readonly granted?: readonly string[];
  readonly refused?: readonly string[];
  readonly days?: number;
  readonly words?: number;
}

/** What ends grants: refusals have no end. */
export interface Ends {
  readonly lifetimeDays: number;
  readonly askAgainBelow?: number;
}

/** A use of events. */
export interface Use {
  readonly purpose?: string;
  /** All must be granted. */
  readonly categories: readonly string[];
  /** The vendor of the banner that receives. */
  readonly vendor?: string;
  readonly recipient?: "service_provider" | "third_party";
  readonly unmapped?: "allow" | "deny";
  readonly unstamped?: "allow" | "deny";
  /** The names by which an event's `integrations` mean it. */
  readonly names?: readonly string[];
}

/** What the event itself says about destinations. */
export interface Wishes {
  readonly integrations?: Readonly<Record<string, unknown>>;
  readonly bundled?: readonly string[];
}

export const REQUIRED = "required";
/** Nobody asked about anything. */
export const NOTHING_KNOWN: Known = { refused: [], granted: [], any: false };

const within = (all: readonly string[], some: readonly string[]) => some.every((one) => all.includes(one));
const overlaps = (some: readonly string[], others: readonly string[]) => some.some((one) => others.includes(one));

/** The category that a key names, by itself or as an alias. */
export function named(rules: Rules, key: string): string | undefined {
  if (key === REQUIRED) return key;
  return rules.categories.find(({ id, aliases }) => id === key || aliases?.includes(key))?.id;
}

function set(rules: Rules, keys: readonly string[]): string[] {
  return keys.flatMap((key) => named(rules, key) ?? []);
}

/** What preferences grant. A category named twice, by name and alias, is granted only if both say so. */
function granted(rules: Rules, preferences: Preferences): string[] {
  const says = (wanted: boolean) =>
    set(
      rules,
      Object.keys(preferences).filter((key) => (preferences[key] === true) === wanted),
    );
  const refused = says(false);
  return [REQUIRED, ...says(true).filter((id) => !refused.includes(id))];
}

/** As `granted`; where the region permits until refused, also what the choice was not asked about. */
function grantedOnRecord(rules: Rules, preferences: Preferences, regime: Model): string[] {
  const said = granted(rules, preferences);
  if (regime === "opt-in") return said;
  const asked = set(rules, Object.keys(preferences));
  return [...said, ...rules.categories.map(({ id }) => id).filter((id) => !asked.includes(id))];
}

/** The reason that a signal gives, if it is set and honoured. */
export function optOut(signals: Signals, rules: Rules): Reason | undefined {
  if (signals.gpc) return "gpc_opt_out";
  return signals.dnt && rules.doNotTrack === "as-gpc" ? "dnt_opt_out" : undefined;
}

const DISCLOSURES = ["advertising", "sale", "sharing"];

/** Sale, sharing, advertising across contexts, and a third party's analytics, which is a disclosure for its own ends. */
function isDisclosure(use: Use, rules: Rules): boolean {
  const { purpose = "analytics" } = use;
  return (
    DISCLOSURES.includes(purpose) ||
    set(rules, use.categories).includes("targeting") ||
    (purpose === "analytics" && use.recipient === "third_party")
  );
}

function bySignal(signals: Signals, use: Use, rules: Rules): Reason | undefined {
  return isDisclosure(use, rules) ? optOut(signals, rules) : undefined;
}

/** What choices and stamps name beside categories: the opt-out of sale and sharing, and what a child may not. */
const SALE_AND_SHARING = "use:sale_and_sharing";
const ADULT = "age:adult";
const OWN_CONSENT = "age:own_consent";
const isBeside = (key: string) => /^(vendor|use|age):/.test(key);

/** A known child's data is not disclosed, and of one too young to consent nothing optional is used. */
function byAge(refused: readonly string[], discloses: boolean, isOptional: boolean): Reason | undefined {
  const isDenied = (discloses && refused.includes(ADULT)) || (isOptional && refused.includes(OWN_CONSENT));
  return isDenied ? "known_child" : undefined;
}

function byMapping(use: Use, categories: readonly string[]): Reason | undefined {
  if (!categories.length) return use.unmapped === "allow" ? undefined : "unmapped";
  const covered = ["analytics", ...DISCLOSURES].includes(use.purpose ?? "analytics");
  return covered && within([REQUIRED], categories) ? "required_not_for_purpose" : undefined;
}

function byStamp(stamp: Stamp, use: Use, categories: readonly string[], rules: Rules): Reason | undefined {
  const needed = categories.filter((id) => id !== REQUIRED);
  if (!needed.length && categories.length) return undefined;
  const { regime = "opt-in", preferences = {} } = stamp;
  switch (stamp.origin) {
    case "sent":
      return within(granted(rules, preferences), needed) ? undefined : "category_refused";
    case "record":
      return within(grantedOnRecord(rules, preferences, regime), needed) ? undefined : "category_refused";
    case "default":
      if ((stamp.basis ?? "consent") !== "consent") return "basis_permits_required_only";
      return regime === "opt-in" ? "no_consent" : undefined;
    case "unknown":
      return use.unstamped !== "allow" && categories.length ? "consent_unknown" : undefined;
  }
}

/** As Segment reads them: names are case-sensitive, a name beats `All`, only `false` switches off. */
function byWish({ integrations, bundled }: Wishes, { names = [] }: Use): Reason | undefined {
  const name = names.find((one) => integrations?.[one] !== undefined) ?? "All";
  if (integrations?.[name] === false) return "integrations_object";
  return bundled && overlaps(names, bundled) ? "sent_client_side" : undefined;
}

/**
 * What denies a use whoever granted what: the browser's signals, and the use's own declaration. With a grant of all its
 * categories it is what `decide` comes to in the page, where every stamp is made now and events have no wishes.
 */
export function denied(signals: Signals, use: Use, rules: Rules): Reason | undefined {
  return bySignal(signals, use, rules) ?? byMapping(use, set(rules, use.categories));
}

/** May this event be used so? Deny-overrides; the order decides only which of several reasons is told. */
export function decide(known: Known, stamp: Stamp, wishes: Wishes, use: Use, rules: Rules): Reason | "allow" {
  const categories = set(rules, use.categories);
  const { preferences = {} } = stamp;
  // Of what is no category, what held at capture and what holds today deny alike.
  const refused = [...known.refused, ...Object.keys(preferences).filter((key) => preferences[key] === false)];
  const beside = refused.filter(isBeside);
  const discloses = isDisclosure(use, rules);
  return (
    bySignal(stamp, use, rules) ??
    (discloses && beside.includes(SALE_AND_SHARING) ? "gpc_opt_out" : undefined) ??
    byAge(beside, discloses, !categories.length || !within([REQUIRED], categories)) ??
    byMapping(use, categories) ??
    (overlaps(known.refused, categories) ? "withdrawn" : undefined) ??
    byStamp(stamp, use, categories, rules) ??
    (beside.includes(`vendor:${use.vendor}`) ? "vendor_refused" : undefined) ??
    byWish(wishes, use) ??
    "allow"
  );
}

/** What a source says about collecting. */
export interface Source {
  /** Under which category it collects. */
  readonly category?: string;
  readonly basis?: string;
  readonly compat?: "segment";
}

/** What is known when an event arrives. */
export interface Arrival extends Signals {
  /** The stamp that it carries. */
  readonly sent?: Preferences;
  readonly known: Known;
  readonly regime: Model;
}

function originOf(source: Source, { sent, known }: Arrival): Origin {
  if (sent) return "sent";
  if (known.any) return "record";
  return source.compat === "segment" ? "unknown" : "default";
}

/** What denies a collection whatever its stamp grants. */
function refusedToday(arrival: Arrival, category: readonly string[], rules: Rules): Reason | undefined {
  const { granted, refused } = arrival.known;
  const discloses = category.includes("targeting");
  // Only a later opt-in in two steps beats a signal, and a refusal under any identifier beats that.
  const signals = granted.includes(SALE_AND_SHARING) ? {} : arrival;
  const signalled = optOut(signals, rules) ?? (refused.includes(SALE_AND_SHARING) ? "gpc_opt_out" : undefined);
  return (
    (discloses ? signalled : undefined) ??
    byAge(refused, discloses, !within([REQUIRED], category)) ??
    (overlaps(refused, category) ? "withdrawn" : undefined)
  );
}

/** May this event be stored at all? The answer is the origin of the stamp under which it may, or why it may not. */
export function collect(source: Source, rules: Rules, arrival: Arrival): Origin | Reason {
  const origin = originOf(source, arrival);
  if ((source.basis ?? "consent") !== "consent") return origin;
  const { sent = {}, known, regime } = arrival;
  const category = set(rules, [source.category ?? "performance"]);
  const reason = refusedToday(arrival, category, rules);
  if (reason) return reason;
  switch (origin) {
    case "sent":
      return source.compat === "segment" || within(granted(rules, sent), category) ? origin : "category_refused";
    case "record":
      return within(grantedOnRecord(rules, record(known), regime), category) ? origin : missing(known, category);
    case "default":
      return regime === "opt-out" || within([REQUIRED], category) ? origin : "no_consent";
    case "unknown":
      return origin;
  }
}

function missing({ ended = [] }: Known, category: readonly string[]): Reason {
  return overlaps(ended, category) ? "consent_expired" : "category_refused";
}

function record(known: Known): Preferences {
  const said = (ids: readonly string[], value: boolean) => ids.map((id) => [id, value] as const);
  return Object.fromEntries([...said(known.granted, true), ...said(known.refused, false)]);
}

/** Made so long ago, or to words so old, that its grants count no more. */
function hasEnded({ days = 0, words }: OnRecord, { lifetimeDays, askAgainBelow = 0 }: Ends): boolean {
  return days >= lifetimeDays || (words !== undefined && words < askAgainBelow);
}

/** The choices of several identifiers taken together: a refusal under any counts, and `required` cannot be refused. */
export function together(choices: readonly OnRecord[], rules: Rules, ends: Ends): Known {
  const ids = (keys: readonly string[] = []) => [...set(rules, keys), ...keys.filter(isBeside)];
  const all = choices.map((choice) => {
    const refused = ids(choice.refused).filter((id) => id !== REQUIRED);
    const granted = ids(choice.granted).filter((id) => !refused.includes(id));
    return { refused, granted, isEnded: hasEnded(choice, ends) };
  });
  const refused = all.flatMap((choice) => choice.refused);
  const said = (isEnded: boolean) =>
    all.flatMap((choice) => (choice.isEnded === isEnded ? choice.granted : [])).filter((id) => !refused.includes(id));
  const granted = said(false);
  return { refused, granted, ended: said(true).filter((id) => !granted.includes(id)), any: choices.length > 0 };
}
