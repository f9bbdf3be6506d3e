// The choice as it is kept in the cookie: who reads it back must understand it after years of other versions, so it has
// a version of its own, names categories instead of numbering them, and stays under 1 KB. It holds no identifier.

import type { Choice, Layer, Method } from "./settings.ts";

/** A choice with what is known about its making. */
export interface MadeChoice extends Choice {
  /** Milliseconds since 1970, by the visitor's clock. It also tells one choice from another. */
  readonly madeAt: number;
  /** The version of the texts that were shown. */
  readonly textVersion: number;
  readonly method: Method;
  readonly layer: Layer;
  /** Whether the server is known to have it. */
  readonly told: boolean;
}

const FORMAT = "1";
const FIELDS = 8;
const DIGITS = 36;

/** Escapes also the two characters that separate here. */
const escaped = (item: string) => encodeURIComponent(item).replace(/[.~]/g, (one) => (one === "." ? "%2E" : "%7E"));
const list = (items: readonly string[]) => items.map(escaped).join(".");
const unlist = (text: string) => (text ? text.split(".").map(decodeURIComponent) : []);

/** `1~<text version>~<time>~<granted>~<refused>~<refused vendors>~<method>.<layer>~<told>`. */
export function write(choice: MadeChoice): string {
  const ids = Object.keys(choice.categories);
  const of = (value: boolean) => list(ids.filter((id) => choice.categories[id] === value));
  return [
    FORMAT,
    choice.textVersion,
    choice.madeAt.toString(DIGITS),
    of(true),
    of(false),
    list(choice.refusedVendors),
    `${choice.method}.${choice.layer}`,
    Number(choice.told),
  ].join("~");
}

/** `null` for anything that is not a choice of this format: whoever cannot read a choice asks again. */
export function read(text: string | null | undefined): MadeChoice | null {
  const fields = (text ?? "").split("~");
  const [format, textVersion, madeAt, granted, refused, vendors, how, told] = fields;
  const at = Number.parseInt(madeAt ?? "", DIGITS);
  if (format !== FORMAT || fields.length !== FIELDS || !(at > 0)) return null;
  try {
    const categories: Record<string, boolean> = {};
    for (const id of unlist(granted ?? "")) categories[id] = true;
    // Of both, the refusal counts.
    for (const id of unlist(refused ?? "")) categories[id] = false;
    const [method, layer] = (how ?? "").split(".") as [Method, Layer];
    const refusedVendors = unlist(vendors ?? "");
    return {
      categories,
      refusedVendors,
      madeAt: at,
      textVersion: Number(textVersion),
      method,
      layer,
      told: told === "1",
    };
  } catch {
    return null;
  }
}
