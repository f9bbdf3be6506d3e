// How choices came about, in words. A code without a row is shown as it is.

import type { ChoiceShown } from "../../api/model.ts";
import { sentence, type Tone } from "../../format/words.ts";

const ANSWERS: Record<string, [text: string, tone: Tone]> = {
  accept_all: ["Accepted all", "good"],
  reject_all: ["Refused all", "hold"],
  choose: ["Chose one by one", "note"],
  withdraw: ["Withdrew", "hold"],
  api: ["Answered on a form of the page", "note"],
  confirmed_over_gpc: ["Allowed over the browser’s signal, asked twice", "good"],
};

const WAYS: Record<string, string> = {
  event: "with an event of the page",
  traits: "by a trait of identify",
  import: "imported from elsewhere",
};

const LAYERS: Record<string, string> = {
  first: "first layer of the banner",
  centre: "preference centre",
  control: "the button that stays on the page",
  page: "a form of the page's own",
};

/** What somebody did, in one line. Where the page did not say how, what came of it does. */
export function answerOf({ presented, granted, refused }: ChoiceShown): [text: string, tone: Tone] {
  const said = presented?.method && ANSWERS[presented.method];
  if (said) return said;
  if (refused.length === 0) return ["Granted", "good"];
  return granted.length === 0 ? ["Refused", "hold"] : ["Granted some, refused some", "note"];
}

export const wayText = (code: string): string => WAYS[code] ?? sentence(code);
export const layerText = (code: string): string => LAYERS[code] ?? sentence(code);

const languages = new Intl.DisplayNames(["en"], { type: "language" });
const regions = new Intl.DisplayNames(["en"], { type: "region" });

/** "German (de)"; a code that the browser does not know stays as it is. */
export function languageName(code: string): string {
  try {
    const name = languages.of(code);
    return name && name !== code ? `${name} (${code})` : code;
  } catch {
    return code;
  }
}

/** "Germany (DE)", "United States, CA (US-CA)". */
export function regionName(code: string): string {
  const [country = "", part] = code.split("-");
  try {
    const name = regions.of(country);
    return name && name !== country ? `${name}${part ? `, ${part}` : ""} (${code})` : code;
  } catch {
    return code;
  }
}
