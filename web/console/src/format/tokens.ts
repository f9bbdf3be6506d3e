// Colours for SQL and JSON: cut into tokens that always join to the same text again. Not a parser: what it does not
// know stays plain.

export type TokenKind = "plain" | "word" | "string" | "number" | "key" | "quiet";

export interface Token {
  kind: TokenKind;
  text: string;
}

const SQL_WORDS = new Set(
  `all and any as asc between by case cast count cross current_date current_timestamp date date_trunc day desc describe
   distinct else end except exists explain false filter first from full group having hour in inner intersect interval is
   join last left like limit minute month not now null nulls offset on or order outer over partition right select sum
   avg min max then timestamp true union using values when where with year show tables`.split(/\s+/),
);

const SQL = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*'?)|("(?:[^"]|"")*"?)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;
const JSON_PARTS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|\b(true|false|null)\b/g;

function cut(text: string, pattern: RegExp, kindOf: (match: RegExpExecArray) => TokenKind): Token[] {
  const tokens: Token[] = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) tokens.push({ kind: "plain", text: text.slice(end, match.index) });
    tokens.push({ kind: kindOf(match), text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) tokens.push({ kind: "plain", text: text.slice(end) });
  return tokens;
}

export const sqlTokens = (text: string): Token[] =>
  cut(text, SQL, ([, comment, quoted, name, number, word]) => {
    if (comment) return "quiet";
    if (quoted) return "string";
    if (name) return "key";
    if (number) return "number";
    return word && SQL_WORDS.has(word.toLowerCase()) ? "word" : "plain";
  });

export const jsonTokens = (text: string): Token[] =>
  cut(text, JSON_PARTS, ([, quoted, colon, number]) => {
    if (quoted) return colon ? "key" : "string";
    return number ? "number" : "word";
  });
