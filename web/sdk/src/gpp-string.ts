// The GPP string for the United States: a header and one section, by the IAB's "Consent String Specification" and the
// specification of each section. What Assent has no choice for (sensitive data, known children) is "not applicable", and
// no transaction is claimed to be covered by the MSPA.

import { base64, int } from "./bits.ts";

export type Values = Readonly<Record<string, number | readonly number[]>>;

export interface Section {
  readonly id: number;
  /** Its API prefix, as `usca`. */
  readonly name: string;
  /** Its subsections, decoded: the core first. */
  readonly parsed: readonly Readonly<Record<string, unknown>>[];
  readonly text: string;
}

const HEADER_TYPE = 3;
const HEADER_VERSION = 1;
const VERSION_BITS = 6;
const GPC_TYPE = 1;
const BYTE_BITS = 8;
/** The MSPA does not cover it. */
const NOT_COVERED = 2;

/** Fields by a letter each, as the table of sections names them. */
const FIELDS: Readonly<Record<string, string>> = {
  p: "ProcessingNotice",
  h: "SharingNotice",
  a: "SaleOptOutNotice",
  b: "SharingOptOutNotice",
  t: "TargetedAdvertisingOptOutNotice",
  d: "SensitiveDataProcessingOptOutNotice",
  i: "SensitiveDataOptOutNotice",
  l: "SensitiveDataLimitUseNotice",
  A: "SaleOptOut",
  B: "SharingOptOut",
  T: "TargetedAdvertisingOptOut",
  S: "SensitiveDataProcessing",
  K: "KnownChildSensitiveDataConsents",
  P: "PersonalDataConsents",
  D: "AdditionalDataProcessingConsent",
  C: "MspaCoveredTransaction",
  O: "MspaOptOutOptionMode",
  M: "MspaServiceProviderMode",
  E: "MspaMode",
};

/**
 * Id, then the core's fields in their order, a number after a letter being the length of a list; after a dot what the
 * second subsection is: `g` says GPC, `S8` is a list of its own.
 */
const SECTIONS: Readonly<Record<string, readonly [id: number, fields: string]>> = {
  usnat: [7, "habtdlABTS16K3PCOM.g"],
  usca: [8, "ablABS9K2PCOM.g"],
  usva: [9, "hatATS8KCOM"],
  usco: [10, "hatATS7KCOM.g"],
  usut: [11, "hatdATS8KCOM"],
  usct: [12, "hatATS8K3COM.g"],
  usfl: [13, "patATS8K3DCOM"],
  usmt: [14, "hatATS8K3DCOM.g"],
  usor: [15, "patATS11K3DCOM.g"],
  ustx: [16, "patATS8KDCOM.g"],
  usde: [17, "patATS9K5DCOM.g"],
  usia: [18, "patiATS8KCOM.g"],
  usne: [19, "patATS8KDCOM.g"],
  usnh: [20, "patATS8K3DCOM.g"],
  usnj: [21, "patATS10K5DCOM.g"],
  ustn: [22, "patATS8KDCOM.g"],
  usmn: [23, "patATS8KDCOM.g"],
  usmd: [24, "CEpatATD.g"],
  usin: [25, "CEpatATKD.S8"],
  usky: [26, "CEpatATKD.S8"],
  usri: [27, "CEpatATKD.S8"],
};
/** The one section whose format was changed. */
const NATIONAL = "usnat";
const NATIONAL_VERSION = 2;

const STATES = "nat ca va co ut ct fl mt or tx de ia ne nh nj tn mn md in ky ri";
const FIRST_ID = 7;
/** All sections that can be written, as a ping names them. Apart from the table, because the stand-in carries them too. */
export const SUPPORTED = /* @__PURE__ */ STATES.split(" ").map((state, at) => `${at + FIRST_ID}:us${state}`);

/** The section of a region: its state's, else the national one; none outside the United States. */
export function prefixOf(region: string | null): string | undefined {
  if (!/^US\b/.test(region ?? "")) return undefined;
  const state = `us${region?.slice(3).toLowerCase()}`;
  return state in SECTIONS ? state : NATIONAL;
}

const part = (bits: string) => base64(bits, BYTE_BITS);

function list(fields: string, values: Values, version: Record<string, number>) {
  const parsed: Record<string, unknown> = { ...version };
  let bits = Object.values(version)
    .map((one) => int(one, VERSION_BITS))
    .join("");
  for (const [, letter = "", length] of fields.matchAll(/([a-zA-Z])(\d*)/g)) {
    const name = FIELDS[letter] ?? "";
    const value = values[name] ?? (length ? [] : name === FIELDS.C ? NOT_COVERED : 0);
    const all = length ? Array.from({ length: Number(length) }, (_, at) => (value as number[])[at] ?? 0) : [value];
    parsed[name] = length ? all : value;
    bits += all.map((one) => int(one as number, 2)).join("");
  }
  return { parsed, text: part(bits) };
}

/** A section with these values; fields that it does not have are left out. */
export function section(name: string, values: Values, gpc: boolean): Section {
  const [id, fields] = SECTIONS[name] as readonly [number, string];
  const [core = "", second] = fields.split(".");
  const version = name === NATIONAL ? NATIONAL_VERSION : 1;
  const first = list(core, values, { [core.startsWith("C") ? "MspaVersion" : "Version"]: version });
  const rest =
    second === "g"
      ? { parsed: { GpcSegmentType: GPC_TYPE, Gpc: gpc }, text: part(`${int(GPC_TYPE, 2)}${Number(gpc)}`) }
      : second && list(second, values, {});
  const all = rest ? [first, rest] : [first];
  return { id, name, parsed: all.map(({ parsed }) => parsed), text: all.map(({ text }) => text).join(".") };
}

/** Sums of Fibonacci numbers, the smallest first, ended by a second one in a row. */
function fibonacci(value: number): string {
  const numbers = [1, 2];
  while ((numbers.at(-1) as number) <= value) numbers.push((numbers.at(-1) as number) + (numbers.at(-2) as number));
  let rest = value;
  let bits = "";
  for (const one of numbers.filter((number) => number <= value).reverse()) {
    bits = `${Number(rest >= one)}${bits}`;
    if (rest >= one) rest -= one;
  }
  return `${bits}1`;
}

/** The whole string; of several sections Assent writes one at most. */
export function gppString(only: Section | undefined): string {
  const ids = only ? `${int(1, 12)}0${fibonacci(only.id)}` : int(0, 12);
  const header = part(`${int(HEADER_TYPE, VERSION_BITS)}${int(HEADER_VERSION, VERSION_BITS)}${ids}`);
  return only ? `${header}~${only.text}` : header;
}
