// The TC string of TCF 2.3: the core segment and the vendors that were disclosed, by the IAB's "Consent string and vendor
// list formats v2". It is specific to the site, claims no legitimate interest for anybody, and restricts nothing.

import { base64, int, letters } from "./bits.ts";

export interface Said {
  /** When it was chosen, in milliseconds; only its day (UTC) is written, so that it identifies nobody. */
  readonly at: number;
  readonly cmpId: number;
  readonly cmpVersion: number;
  readonly screen: number;
  /** Two letters. */
  readonly language: string;
  readonly publisherCountry: string;
  readonly vendorListVersion: number;
  readonly policyVersion: number;
  /** Ids, counted from 1. */
  readonly specialFeatures: readonly number[];
  readonly purposes: readonly number[];
  readonly vendors: readonly number[];
  readonly disclosed: readonly number[];
}

const DAY_MS = 86_400_000;
const DECISECONDS_A_DAY = 864_000;
const SPECIAL_FEATURES = 12;
const PURPOSES = 24;
const ID = 16;
const COUNT = 12;
const DISCLOSED = 1;

/** A bit for each id from 1 to `most`. */
const field = (ids: readonly number[], most: number) =>
  Array.from({ length: most }, (_, index) => Number(ids.includes(index + 1))).join("");

/** Vendors as a field of bits or as ranges, whichever is shorter. */
function vendors(ids: readonly number[]): string {
  const sorted = [...new Set(ids)].sort((one, other) => one - other);
  const most = sorted.at(-1) ?? 0;
  const ranges: [number, number][] = [];
  for (const id of sorted) {
    const last = ranges.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  const entry = ([from, to]: [number, number]) =>
    from === to ? `0${int(from, ID)}` : `1${int(from, ID)}${int(to, ID)}`;
  const list = int(ranges.length, COUNT) + ranges.map(entry).join("");
  return int(most, ID) + (list.length < most ? `1${list}` : `0${field(sorted, most)}`);
}

export function tcString(said: Said): string {
  const at = int(Math.floor(said.at / DAY_MS) * DECISECONDS_A_DAY, 36);
  const core = [
    int(2, 6),
    at,
    at,
    int(said.cmpId, 12),
    int(said.cmpVersion, 12),
    int(said.screen, 6),
    letters(said.language),
    int(said.vendorListVersion, 12),
    int(said.policyVersion, 6),
    // Specific to the site; in words that are not the IAB's.
    "11",
    field(said.specialFeatures, SPECIAL_FEATURES),
    field(said.purposes, PURPOSES),
    field([], PURPOSES),
    // Purpose 1 is asked like the others.
    "0",
    letters(said.publisherCountry),
    vendors(said.vendors),
    vendors([]),
    int(0, COUNT),
  ];
  return `${base64(core.join(""))}.${base64(int(DISCLOSED, 3) + vendors(said.disclosed))}`;
}
