// Text that is read by machines: coloured where we know the language, always with a way to copy it.

import { jsonTokens, sqlTokens, type Token } from "../format/tokens.ts";
import { CopyButton } from "./button.tsx";
import { ScrollFrame } from "./scroll-frame.tsx";

/** Colouring costs an element per token: longer texts stay plain. */
const COLOURED_CHARS_MAX = 60_000;

export type Language = "json" | "sql" | "plain";

function tokens(text: string, language: Language): Token[] {
  if (language === "plain" || text.length > COLOURED_CHARS_MAX) return [{ kind: "plain", text }];
  return language === "json" ? jsonTokens(text) : sqlTokens(text);
}

export function Coloured({ text, language }: { text: string; language: Language }) {
  return tokens(text, language).map((token, at) =>
    token.kind === "plain" ? (
      token.text
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens have no identity but their place.
      <span key={at} className={`tok-${token.kind}`}>
        {token.text}
      </span>
    ),
  );
}

export function Code(props: { text: string; language?: Language; label: string; wrap?: boolean }) {
  return (
    <div className={props.wrap ? "code code-wrap" : "code"}>
      <ScrollFrame label={props.label} as="pre">
        <code>
          <Coloured text={props.text} language={props.language ?? "plain"} />
        </code>
      </ScrollFrame>
      <div className="copy">
        <CopyButton text={props.text} />
      </div>
    </div>
  );
}

export const Json = ({ value, label }: { value: unknown; label: string }) => (
  <Code text={JSON.stringify(value, null, 2) ?? "null"} language="json" label={label} wrap />
);
