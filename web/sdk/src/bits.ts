// Strings of bits as the IAB's formats have them: numbers of a fixed width one after the other, six bits a character of
// the web-safe base64, without padding characters.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHAR_BITS = 6;

/** A number in so many bits. */
export const int = (value: number, width: number) => value.toString(2).padStart(width, "0");

/** A letter as TCF counts it: `A` is 0. */
export const letters = (text: string) =>
  [...text.toUpperCase()].map((one) => int(one.charCodeAt(0) - "A".charCodeAt(0), CHAR_BITS)).join("");

/** As text. Bits are filled up with zeros to a multiple of `unit`, which some formats want to be bytes. */
export function base64(bits: string, unit = 1): string {
  const whole = bits.padEnd(Math.ceil(bits.length / unit) * unit, "0");
  const all = whole.match(/.{1,6}/g) ?? [];
  return all.map((some) => ALPHABET[Number.parseInt(some.padEnd(CHAR_BITS, "0"), 2)]).join("");
}
