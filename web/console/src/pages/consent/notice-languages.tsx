// The languages of a notice, and texts of the workspace's own, which stand in each of them.

import type { NoticeWritten, Said } from "../../api/model.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { FIRST_LANGUAGE, put, without } from "./draft.ts";
import { LongField } from "./long-field.tsx";
import type { NoticeProps } from "./notice-section.tsx";
import { useRefusedAt } from "./refused.tsx";
import { languageName } from "./terms.ts";

/** Assent has a notice's words in these (`crates/workspace/texts/notice`). */
const OURS = ["ar", "de", "en", "es", "fr"];

export const languagesOfNotice = (notice: NoticeWritten): string[] =>
  Object.keys(notice.languages ?? { [FIRST_LANGUAGE]: {} });

export function NoticeLanguages({ notice, onChange }: NoticeProps) {
  const refusedAt = useRefusedAt();
  const languages = notice.languages ?? { [FIRST_LANGUAGE]: {} };
  const missing = OURS.filter((code) => !(code in languages));
  const set = (next: typeof languages) => onChange({ ...notice, languages: next });
  return (
    <fieldset className="stack stack-s" data-place="notice.languages">
      <legend>
        <h3>Languages</h3>
      </legend>
      <p className="hint">Words over Assent&rsquo;s own are written in a workspace file, and stay as they are there.</p>
      {Object.entries(languages).map(([code, words]) => (
        <div key={code} className="stack stack-s" data-place={`notice.languages.${code}`}>
          {code === FIRST_LANGUAGE ? (
            <p>{languageName(code)}</p>
          ) : (
            <TextField
              label={`${languageName(code)}: read by`}
              hint="Who speaks it and has read every sentence, and when."
              placeholder="Jane Roe, 2026-11-20"
              value={words.reviewed ?? ""}
              error={refusedAt(`notice.languages.${code}`)}
              onChange={(who) => set({ ...languages, [code]: put(words, "reviewed", who) })}
            />
          )}
          {Object.keys(languages).length > 1 && (
            <div>
              <Button small look="quiet" icon="trash" onClick={() => set(without(languages, code))}>
                {`Remove ${languageName(code)}`}
              </Button>
            </div>
          )}
        </div>
      ))}
      {missing.length > 0 && (
        <SelectField
          label="Publish it in another language"
          value=""
          options={[["", "Choose"], ...missing.map((code) => [code, languageName(code)] as const)]}
          onChange={(code) => code && set({ ...languages, [code]: {} })}
        />
      )}
    </fieldset>
  );
}

/** What stands there for a language. One text for all is the first language's until it is written for each. */
function textIn(said: Said | null | undefined, code: string, first: string): string {
  if (typeof said === "string") return code === first ? said : "";
  return said?.[code] ?? "";
}

interface WordsProps {
  notice: NoticeWritten;
  label: string;
  place: string;
  hint?: string;
  placeholder?: string;
  value: Said | null | undefined;
  onChange: (value: Said | undefined) => void;
}

/** A text in each language that is published; empty in all of them, nothing is said. */
export function Words({ notice, label, place, hint, placeholder, value, onChange }: WordsProps) {
  const refusedAt = useRefusedAt();
  const codes = languagesOfNotice(notice);
  const [first = FIRST_LANGUAGE] = codes;
  const isOne = codes.length === 1;
  const set = (code: string, text: string) => {
    const texts = codes.map((one) => [one, one === code ? text : textIn(value, one, first)] as const);
    const written = texts.filter(([, said]) => said !== "");
    if (written.length === 0) onChange(undefined);
    else onChange(isOne ? text : Object.fromEntries(written));
  };
  return (
    <div className="stack stack-s" data-place={place}>
      {codes.map((code) => (
        <LongField
          key={code}
          label={isOne ? label : `${label}: ${languageName(code)}`}
          {...(hint && { hint })}
          {...(placeholder && code === FIRST_LANGUAGE && { placeholder })}
          value={textIn(value, code, first)}
          error={refusedAt(place)}
          onChange={(text) => set(code, text)}
        />
      ))}
    </div>
  );
}

interface SaidProps extends NoticeProps {
  place: "accounts" | "transfers" | "obligatory" | "automated_decisions";
  label: string;
  hint?: string;
  placeholder?: string;
}

export function SaidField({ notice, place, onChange, ...rest }: SaidProps) {
  return (
    <Words
      {...rest}
      notice={notice}
      place={`notice.${place}`}
      value={notice[place]}
      onChange={(said) => onChange(put(notice, place, said))}
    />
  );
}
