// A random UUID (version 4), also on pages without TLS, where browsers hide `crypto.randomUUID`.

const BYTE = 256;
const HEX = 16;

export function uuid(): string {
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) => {
    const random = (crypto.getRandomValues(new Uint8Array(1))[0] as number) % BYTE;
    return (Number(digit) ^ (random & ((HEX - 1) >> (Number(digit) / 4)))).toString(HEX);
  });
}
