// To which field a refusal of the server's belongs. The server says it in a sentence that names the thing in backticks
// and has no path; what is not recognised here is shown beside the save button all the same.

/** A field's path, as its element carries it: `languages.de.title`, `vendors.ga`, `before.eu`. */
export type Place = string;

const RULES: readonly (readonly [pattern: RegExp, place: (...found: string[]) => Place])[] = [
  [/notice language `([^`]+)`/, (code) => `notice.languages.${code}`],
  [/`notice\.cookies `([^`]*)``/, (name) => `notice.cookies.${name}`],
  [/the notice: the name of a cookie/, () => "notice.cookies."],
  [/the notice: (?:cookie|storage key) `([^`]*)`/, (name) => `notice.cookies.${name}`],
  [/cookie `([^`]*)` of the notice/, (name) => `notice.cookies.${name}`],
  [/`notice\.recipients` names destination `([^`]+)`/, (name) => `notice.recipients.${name}`],
  [/`notice\.([^`]+)`/, (path) => `notice.${path}`],
  [/`([^`]*)` is not a lifetime/, (text) => `notice.lasts.${text}`],
  [/`consent\.record_days`/, () => "record_days"],
  [/`consent\.children` needs/, () => "children.name"],
  [/`consent\.children\.parent`/, () => "children.parent"],
  [/`banner\.version` (?:counts|is still|goes back)/, () => "version"],
  [/the words of banner language `([^`]+)` change/, (code) => `languages.${code}.reviewed`],
  [/`banner\.identifier_days`/, () => "identifier_days"],
  [/`banner\.languages` is empty/, () => "languages"],
  [/`([^`]*)` is not a language/, (code) => `languages.${code}`],
  [/banner language `([^`]+)` is a draft/, (code) => `languages.${code}.reviewed`],
  [/banner language `([^`]+)` has no words at `([^`]+)`/, (code, at) => `languages.${code}.${at}`],
  [/banner language `([^`]+)` has more than \d+ characters at `([^`]+)`/, (code, at) => `languages.${code}.${at}`],
  [/banner language `([^`]+)` has words at/, (code) => `languages.${code}`],
  [/banner language `([^`]+)`: category `([^`]+)`/, (code, name) => `languages.${code}.categories.${name}`],
  [/banner language `([^`]+)`: `accept` and `reject`/, (code) => `languages.${code}.reject`],
  [/banner language `([^`]+)`: `([^`]+)`/, (code, at) => `languages.${code}.${at}`],
  [/`banner\.before\.([a-z-]+): /, (regime) => `before.${regime}`],
  [/(?:two vendors|vendor) `([^`]*)`/, (id) => `vendors.${id}`],
  [/(?:two tags|tag) `([^`]*)`/, (id) => `tags.${id}`],
  [/`consent_mode\.([^`]+)`/, () => "consent_mode"],
  [/`tcf\./, () => "tcf"],
  [/`(?:banner\.)?(cookie_domain)`/, (place) => place],
  [/`banner\.(frames|hand_off)`/, (place) => place],
  [/`banner\.take_over\./, () => "take_over"],
  [/the trait `([^`]+)`/, () => "choice_traits"],
  [/two categories `([^`]+)`/, (name) => `categories.${name}`],
  [/category `([^`]+)`, which does not exist/, () => "categories"],
];

export function placeOf(message: string): Place | null {
  for (const [pattern, place] of RULES) {
    const found = pattern.exec(message);
    if (found) return place(...found.slice(1));
  }
  return null;
}

/** The source whose site is refused; `null`: it is the workspace's own banner. */
export const siteOf = (message: string): string | null =>
  /source `([^`]+)`(?:, `banner`:|: `banner\.|: the words of banner language)/.exec(message)?.[1] ?? null;

export const SECTIONS = ["words", "rules", "vendors", "tags", "notice", "more"] as const;
export type Section = (typeof SECTIONS)[number];

/** Where a field stands. */
export function sectionOf(place: Place): Section {
  const [first = ""] = place.split(".");
  if (first === "languages") return "words";
  if (first === "vendors" || first === "tags" || first === "notice") return first;
  return ["before", "categories", "choice_traits", "record_days", "children"].includes(first) ? "rules" : "more";
}
