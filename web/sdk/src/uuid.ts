// Random UUIDs (version 4), also on pages without TLS, where browsers hide `crypto.randomUUID`.

import { DAY_MS } from "./store.ts";

const BYTE = 256;
const HEX = 16;

export function uuid(): string {
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => {
    const random = (crypto.getRandomValues(new Uint8Array(1))[0] as number) % BYTE;
    return (Number(digit) ^ (random & ((HEX - 1) >> (Number(digit) / 4)))).toString(HEX);
  });
}

/** A random identifier with the day on which it was made, counted from 1970, so that no storage can hide its age. */
export const dated = () => `d${Math.floor(Date.now() / DAY_MS)}-${uuid()}`;

/** Whether it says that it is older than that. */
export const isOlder = (id: string | null, days: number) =>
  Date.now() / DAY_MS - Number(/^d(\d{5})-/.exec(id ?? "")?.[1]) > days;
