// The words of the banner in each language. What is left empty is said in Assent's words, which stand in the field.

import { type ReactNode, useState } from "react";
import type { WordsWritten } from "../../api/model.ts";
import { Button } from "../../ui/button.tsx";
import { Field, InlineSelect, SelectField, TextField } from "../../ui/field.tsx";
import { Message } from "../../ui/states.tsx";
import { type Draft, FIRST_LANGUAGE, languagesOf, said, withBanner, without } from "./draft.ts";
import { OWN_LANGUAGES, ownText, ownWords } from "./own-words.ts";
import { PLACES } from "./places.ts";
import { At, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";
import { languageName } from "./terms.ts";

export function WordsSection({ draft, onChange, language, onLanguage }: SectionProps & LanguageProps) {
  const languages = languagesOf(draft.banner);
  const codes = Object.keys(languages);
  const current = codes.includes(language) ? language : (codes[0] ?? FIRST_LANGUAGE);
  const set = (next: Record<string, WordsWritten>) => onChange(withBanner(draft, { languages: next }));
  const add = (code: string) => {
    set({ ...languages, [code]: {} });
    onLanguage(code);
  };
  const written = languages[current];
  return (
    <>
      <Languages codes={codes} language={current} onLanguage={onLanguage} onAdd={add}>
        <Button
          small
          icon="trash"
          look="quiet"
          blocked={codes.length === 1 ? "Somebody must be asked: one language stays." : null}
          onClick={() => set(without(languages, current))}
        >
          Remove {current}
        </Button>
      </Languages>
      {written && (
        <OneLanguage
          key={current}
          code={current}
          words={written}
          categories={draft.categories}
          onChange={(next) => set({ ...languages, [current]: next })}
        />
      )}
    </>
  );
}

/** The languages that there are: which is looked at, another one, and what else can be done with this one. */
export function Languages(props: {
  codes: string[];
  language: string;
  onLanguage: (code: string) => void;
  onAdd: (code: string) => void;
  children: ReactNode;
}) {
  const { codes, language, onLanguage, onAdd, children } = props;
  return (
    <At place="languages">
      <div className="row">
        <InlineSelect
          label="Language"
          value={language}
          options={codes.map((code) => [code, languageName(code)] as const)}
          onChange={onLanguage}
        />
        <AddLanguage known={codes} onAdd={onAdd} />
        {children}
      </div>
    </At>
  );
}

interface LanguageProps {
  /** Which language is looked at: the preview follows it. */
  language: string;
  onLanguage: (code: string) => void;
}

const OTHER = "other";

function AddLanguage({ known, onAdd }: { known: string[]; onAdd: (code: string) => void }) {
  const [code, setCode] = useState<string | null>(null);
  const options = OWN_LANGUAGES.filter((one) => !known.includes(one)).map((one) => [one, languageName(one)] as const);
  const choose = (value: string) => {
    if (value === OTHER) setCode("");
    else if (value !== "") onAdd(value);
  };
  if (code === null) {
    return (
      <InlineSelect
        label="Add a language"
        value=""
        options={[["", "Add a language…"], ...options, [OTHER, "Another: write all of it"]]}
        onChange={choose}
      />
    );
  }
  const blocked = /^[A-Za-z0-9-]{2,35}$/.test(code) ? null : "A code as de or pt-BR.";
  return (
    <>
      <input
        className="input code-input"
        aria-label="Code of the language"
        placeholder="pt-BR"
        value={code}
        onChange={(event) => setCode(event.target.value)}
      />
      <Button
        small
        blocked={known.includes(code) ? "It is there already." : blocked}
        onClick={() => {
          onAdd(code);
          setCode(null);
        }}
      >
        Add
      </Button>
      <Button small look="quiet" onClick={() => setCode(null)}>
        Cancel
      </Button>
    </>
  );
}

interface OneProps {
  code: string;
  words: WordsWritten;
  categories: Draft["categories"];
  /** What is said where nothing is written, over Assent's own: for a site, the workspace's. */
  below?: WordsWritten | undefined;
  onChange: (words: WordsWritten) => void;
}

const DIRECTIONS = [
  ["", "As the language is written"],
  ["ltr", "Left to right"],
  ["rtl", "Right to left"],
] as const;

export function OneLanguage({ code, words, categories, below, onChange }: OneProps) {
  const refusedAt = useRefusedAt();
  const isOwn = ownWords(code) !== undefined || below !== undefined;
  const inherited = (at: string) => (typeof below?.[at] === "string" ? below[at] : ownText(code, at));
  const place = `languages.${code}`;
  return (
    <>
      {code !== FIRST_LANGUAGE && (
        <At place={`${place}.reviewed`}>
          <TextField
            label="Read by"
            hint="Who speaks it and has read every sentence, and when. Without a name it stays a draft and is not saved."
            placeholder="Jane Roe, 2026-11-20"
            value={words.reviewed ?? ""}
            error={refusedAt(`${place}.reviewed`)}
            onChange={(text) => onChange(said(words, "reviewed", text))}
          />
        </At>
      )}
      {!isOwn && (
        <Message tone="note" title="Assent has no words in this language.">
          Write every one of them; with a word missing it is refused.
        </Message>
      )}
      {isOwn && (
        <p className="hint">
          What is left empty is said in {below ? "the workspace" : "Assent"}&rsquo;s words, which stand in the fields.
        </p>
      )}
      {PLACES.map(([title, places]) => (
        <fieldset key={title} className="stack">
          <legend>
            <h3>{title}</h3>
          </legend>
          {places.map(([at, label]) => (
            <At key={at} place={`${place}.${at}`}>
              <Words
                label={label}
                isLong={at === "body"}
                value={typeof words[at] === "string" ? words[at] : ""}
                placeholder={inherited(at)}
                error={refusedAt(`${place}.${at}`)}
                lang={code}
                onChange={(text) => onChange(said(words, at, text))}
              />
            </At>
          ))}
        </fieldset>
      ))}
      <fieldset className="stack">
        <legend>
          <h3>Categories</h3>
        </legend>
        {categories.map(({ name }) => (
          <CategoryText key={name} code={code} name={name} words={words} below={below} onChange={onChange} />
        ))}
      </fieldset>
      <SelectField
        label="Direction"
        value={words.dir ?? ""}
        options={DIRECTIONS}
        onChange={(dir) => onChange(said(words, "dir", dir))}
      />
    </>
  );
}

interface WordsFieldProps {
  label: string;
  isLong: boolean;
  value: string;
  placeholder: string;
  error: string | null;
  lang: string;
  onChange: (text: string) => void;
}

function Words({ label, isLong, value, placeholder, error, lang, onChange }: WordsFieldProps) {
  return (
    <Field label={label} error={error}>
      {(control) =>
        isLong ? (
          <textarea
            {...control}
            className="input"
            rows={4}
            lang={lang}
            dir="auto"
            value={value}
            placeholder={placeholder}
            onChange={(event) => onChange(event.target.value)}
          />
        ) : (
          <input
            {...control}
            className="input"
            autoComplete="off"
            lang={lang}
            dir="auto"
            value={value}
            placeholder={placeholder}
            onChange={(event) => onChange(event.target.value)}
          />
        )
      }
    </Field>
  );
}

interface CategoryTextProps {
  code: string;
  name: string;
  words: WordsWritten;
  below: WordsWritten | undefined;
  onChange: (words: WordsWritten) => void;
}

/** A category's name and description stand together: who writes one of them takes over the other. */
function CategoryText({ code, name, words, below, onChange }: CategoryTextProps) {
  const refusedAt = useRefusedAt();
  const own = below?.categories?.[name] ?? ownWords(code)?.categories[name] ?? { name, description: "" };
  const all = words.categories ?? {};
  const written = all[name];
  const set = (change: { name?: string; description?: string }) => {
    const next = { ...(written ?? own), ...change };
    const isOwn = [next.name, own.name].includes("") || next.name === own.name;
    const isBack = isOwn && [own.description, ""].includes(next.description);
    const categories = isBack ? without(all, name) : { ...all, [name]: next };
    const { categories: _, ...rest } = words;
    onChange(Object.keys(categories).length > 0 ? { ...rest, categories } : rest);
  };
  return (
    <At place={`languages.${code}.categories.${name}`}>
      <div className="stack stack-s">
        <Words
          label={`Name of ${name}`}
          isLong={false}
          value={written?.name ?? ""}
          placeholder={own.name}
          error={refusedAt(`languages.${code}.categories.${name}`)}
          lang={code}
          onChange={(text) => set({ name: text })}
        />
        <Words
          label={`What ${name} does`}
          isLong={false}
          value={written?.description ?? ""}
          placeholder={own.description}
          error={null}
          lang={code}
          onChange={(text) => set({ description: text })}
        />
      </div>
    </At>
  );
}
