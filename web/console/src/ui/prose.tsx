// A sentence of the server's, in which literals stand in backticks.

export function Prose({ text }: { text: string }) {
  return text.split("`").map((piece, at) =>
    at % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: pieces have no identity but their place.
      <code key={at}>{piece}</code>
    ) : (
      piece
    ),
  );
}
