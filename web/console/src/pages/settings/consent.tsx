// How the workspace reads consent: its categories, the names other platforms give them, and what holds by default.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { put } from "../../api/client.ts";
import type { CategoryRule, Consent } from "../../api/model.ts";
import { consent, regimes, workspacePath } from "../../api/resources.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { DeclaredNote } from "../../ui/declared.tsx";
import { Field, SelectField, TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { Loaded } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function ConsentTab() {
  const query = useQuery(consent(useWorkspace()));
  return <Loaded query={query}>{(data) => <Form saved={data} />}</Loaded>;
}

type Draft = Omit<Consent, "version" | "declared_by">;
const draftOf = ({ version: _, declared_by: __, ...written }: Consent): Draft => written;

const BY_REGION = ["by-region", "By region: each visitor under the law of where they are"] as const;
const SIGNALS = [
  ["ignore", "Means nothing"],
  ["as-gpc", "Means the same as Global Privacy Control"],
] as const;

function Form({ saved }: { saved: Consent }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [start, setStart] = useState(saved);
  const [draft, setDraft] = useState<Draft>(draftOf(saved));
  const notAllowed = useBlocked("admin");
  const blocked = declaredReason(saved.declared_by) ?? notAllowed;
  const save = useMutation({
    mutationFn: (version: number) =>
      put<Consent>(workspacePath(workspace, "/categories"), draft, { if_version: version }),
    onSuccess: async (now) => {
      begin(now ?? saved);
      await client.invalidateQueries({ queryKey: consent(workspace).queryKey });
      say("Saved", "Consent rules");
    },
  });
  const begin = (from: Consent) => {
    setStart(from);
    setDraft(draftOf(from));
    save.reset();
  };
  const rules = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  return (
    <>
      <DeclaredNote by={saved.declared_by} />
      <Card title="Consent">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate(start.version);
          }}
        >
          <fieldset disabled={blocked !== null} className="stack">
            <Categories value={draft.categories} onChange={(categories) => rules({ categories })} />
            <DefaultRegime value={draft.default_regime} onChange={(default_regime) => rules({ default_regime })} />
            <Regions value={draft.regions} onChange={(regions) => rules({ regions })} />
            <p className="hint">
              The banner's words, languages, vendors and tags are written in the workspace file, under{" "}
              <code>consent.banner</code>; saving here keeps them.
            </p>
            <Traits value={draft.choice_traits} onChange={(choice_traits) => rules({ choice_traits })} />
            <SelectField
              label="Do Not Track"
              value={draft.do_not_track}
              options={SIGNALS}
              onChange={(do_not_track) => rules({ do_not_track })}
              hint="Obsolete. Honour it where you promised to."
            />
          </fieldset>
          <SaveError<Consent>
            error={save.error}
            mine={draft}
            theirs={draftOf}
            onTakeTheirs={begin}
            onKeepMine={(current) => save.mutate(current.version)}
          />
          <div>
            <Button type="submit" look="primary" busy={save.isPending} blocked={blocked}>
              Save
            </Button>
          </div>
        </form>
      </Card>
    </>
  );
}

function DefaultRegime({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const known = useQuery(regimes).data?.items.map(({ id, title }) => [id, title] as const) ?? [];
  return (
    <SelectField
      label="Where no region has a row"
      value={value}
      options={[BY_REGION, ...known]}
      onChange={onChange}
      hint="By region: an unknown region gets opt-in and the links of the United States."
    />
  );
}

function Categories({ value, onChange }: { value: CategoryRule[]; onChange: (value: CategoryRule[]) => void }) {
  const change = (at: number, to: CategoryRule) => onChange(value.map((rule, place) => (place === at ? to : rule)));
  return (
    <div className="stack stack-s">
      <span className="label">
        <strong>Categories</strong>
      </span>
      <p className="hint">
        What visitors choose between. Aliases are the names by which other consent platforms call them.
      </p>
      {value.map((rule, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a category's name is what is being typed.
        <div key={at} className="row row-end">
          <div className="grow" style={{ flexBasis: "9rem" }}>
            <TextField
              label={`Category ${at + 1}`}
              value={rule.name}
              onChange={(name) => change(at, { ...rule, name })}
              readOnly={rule.name === "required"}
              required
            />
          </div>
          <div className="grow" style={{ flexBasis: "11rem" }}>
            <TextField
              label={`Aliases of ${rule.name || "it"}`}
              value={rule.aliases.join(", ")}
              onChange={(text) => change(at, { ...rule, aliases: text.split(/,\s*/).filter((a, i) => a || i > 0) })}
              placeholder="C0002, ta-2"
            />
          </div>
          <IconButton
            name={`Remove ${rule.name}`}
            icon="trash"
            look="quiet"
            blocked={rule.name === "required" ? "Required is always there." : null}
            onClick={() => onChange(value.filter((_, place) => place !== at))}
          />
        </div>
      ))}
      <div>
        <Button small icon="plus" onClick={() => onChange([...value, { name: "", aliases: [], erase: [] }])}>
          Add category
        </Button>
      </div>
    </div>
  );
}

interface LinesProps<T extends string> {
  label: string;
  hint: string;
  placeholder: string;
  value: Record<string, T>;
  /** A line in two groups: key and value. */
  pattern: RegExp;
  onChange: (value: Record<string, T>) => void;
}

/** Pairs written as lines, because a list of forty states is read as lines. */
function Lines<T extends string>({ label, hint, placeholder, value, pattern, onChange }: LinesProps<T>) {
  const [text, setText] = useState(() =>
    Object.entries(value)
      .map(([key, inner]) => `${key}: ${inner}`)
      .join("\n"),
  );
  const wrong = text.split("\n").find((line) => line.trim() !== "" && !pattern.test(line));
  const set = (next: string) => {
    setText(next);
    const pairs = next.split("\n").map((line) => pattern.exec(line));
    onChange(Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1], pair[2]]] : []))));
  };
  return (
    <Field label={label} hint={hint} error={wrong && `Not understood: ${wrong}`}>
      {(control) => (
        <textarea
          {...control}
          className="input mono"
          rows={3}
          placeholder={placeholder}
          value={text}
          onChange={(event) => set(event.target.value)}
        />
      )}
    </Field>
  );
}

type Regions = Consent["regions"];
const REGION_LINE = /^\s*([A-Z]{2}(?:-[A-Z0-9]{1,3})?)\s*:\s*([a-z-]+)\s*$/;
const TRAIT_LINE = /^\s*([^:\s]+)\s*:\s*(\S+)\s*$/;

const Regions = (props: { value: Regions; onChange: (value: Regions) => void }) => (
  <Lines
    {...props}
    label="Regions"
    hint="One in each line; the longest match counts, and counts before the table."
    placeholder={"GB: uk-statistics\nUS-CA: us"}
    pattern={REGION_LINE}
  />
);

const Traits = (props: { value: Record<string, string>; onChange: (value: Record<string, string>) => void }) => (
  <Lines
    {...props}
    label="Traits that carry a choice"
    hint="Traits of identify, and the category that each of them grants or refuses."
    placeholder="marketing_opt_in: targeting"
    pattern={TRAIT_LINE}
  />
);
