// Which law holds where, what is done before a choice, and the categories that visitors choose between.

import { useQuery } from "@tanstack/react-query";
import { BEFORE, type Before, type CategoryRule } from "../../api/model.ts";
import { regimes } from "../../api/resources.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ChildrenRule } from "./children-rule.tsx";
import { type Draft, withBanner, without } from "./draft.ts";
import { Lines } from "./lines.tsx";
import { At, RefusedHere, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

const BY_REGION = ["by-region", "By region: each visitor under the law of where they are"] as const;
const SIGNALS = [
  ["ignore", "Means nothing"],
  ["as-gpc", "Means the same as Global Privacy Control"],
] as const;
const REGION_LINE = /^\s*([A-Z]{2}(?:-[A-Z0-9]{1,3})?)\s*:\s*([a-z-]+)\s*$/;
const TRAIT_LINE = /^\s*([^:\s]+)\s*:\s*(\S+)\s*$/;

export function RulesSection({ draft, onChange }: SectionProps) {
  const refusedAt = useRefusedAt();
  const rules = (change: Partial<Draft>) => onChange({ ...draft, ...change });
  const known = useQuery(regimes).data?.items.map(({ id, title }) => [id, title] as const) ?? [];
  return (
    <>
      <SelectField
        label="Where no region has a row"
        value={draft.default_regime}
        options={[BY_REGION, ...known]}
        onChange={(default_regime) => rules({ default_regime })}
        hint="By region: an unknown region gets opt-in and the links of the United States."
      />
      <Lines
        label="Regions"
        hint="One in each line; the longest match counts, and counts before the table."
        placeholder={"GB: uk-statistics\nUS-CA: us"}
        pattern={REGION_LINE}
        value={draft.regions}
        onChange={(regions) => rules({ regions })}
      />
      <BeforeChoice draft={draft} onChange={onChange} known={known} />
      <Categories value={draft.categories} onChange={(categories) => rules({ categories })} />
      <At place="choice_traits">
        <Lines
          label="Traits that carry a choice"
          hint="Traits of identify, and the category that each of them grants or refuses."
          placeholder="marketing_opt_in: targeting"
          pattern={TRAIT_LINE}
          value={draft.choice_traits}
          error={refusedAt("choice_traits")}
          onChange={(choice_traits) => rules({ choice_traits })}
        />
      </At>
      <SelectField
        label="Do Not Track"
        value={draft.do_not_track}
        options={SIGNALS}
        onChange={(do_not_track) => rules({ do_not_track })}
        hint="Obsolete. Honour it where you promised to."
      />
      <At place="record_days">
        <TextField
          label="Days that the record of a choice is kept"
          hint="From its arrival, and at least as long as a choice holds. What somebody refuses today stays while they are known."
          type="number"
          min={1}
          value={String(draft.record_days)}
          error={refusedAt("record_days")}
          onChange={(text) => rules({ record_days: Number(text) })}
        />
      </At>
      <ChildrenRule value={draft.children} onChange={(children) => rules({ children })} />
    </>
  );
}

export const BEFORE_TEXT: Record<Before, string> = {
  block: "Block: nothing is stored or sent",
  buffer: "Buffer: kept in memory, sent if the choice then allows it",
  cookieless: "Cookieless: sent under an identifier of the page",
  "always-load": "Always load: sent although nobody was asked. A risk, for a migration",
};

interface BeforeProps extends SectionProps {
  known: readonly (readonly [id: string, title: string])[];
}

function BeforeChoice({ draft, onChange, known }: BeforeProps) {
  const refusedAt = useRefusedAt();
  const before = draft.banner.before ?? {};
  const set = (regime: string, value: Before) => {
    const next = value === "block" ? without(before, regime) : { ...before, [regime]: value };
    onChange(withBanner(draft, { before: Object.keys(next).length > 0 ? next : undefined }));
  };
  return (
    <fieldset className="stack stack-s">
      <legend>
        <h3>Before a choice</h3>
      </legend>
      <p className="hint">What becomes of calls that a page makes before its visitor has chosen.</p>
      <div className="grid-2">
        {known.map(([id, title]) => (
          <At key={id} place={`before.${id}`}>
            <SelectField
              label={title}
              value={before[id] ?? "block"}
              options={BEFORE.map((value) => [value, BEFORE_TEXT[value]] as const)}
              error={refusedAt(`before.${id}`)}
              onChange={(value) => set(id, value)}
            />
          </At>
        ))}
      </div>
    </fieldset>
  );
}

/** Commas between names; a comma at the end is somebody still typing. */
const listed = (text: string): string[] => text.split(/,\s*/).filter((name, at) => name !== "" || at > 0);

function Categories({ value, onChange }: { value: CategoryRule[]; onChange: (value: CategoryRule[]) => void }) {
  const refusedAt = useRefusedAt();
  const change = (at: number, to: CategoryRule) => onChange(value.map((rule, place) => (place === at ? to : rule)));
  return (
    <fieldset className="stack stack-s" data-place="categories">
      <legend>
        <h3>Categories</h3>
      </legend>
      <p className="hint">
        What visitors choose between. Aliases are the names by which other consent platforms call them; cookies, storage
        keys and databases that match go when the category is withdrawn, <code>*</code> stands for any characters.
      </p>
      <RefusedHere place="categories" />
      {value.map((rule, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a category's name is what is being typed.
        <div key={at} className="row row-end">
          <At place={`categories.${rule.name}`} grow="9rem">
            <TextField
              label={`Category ${at + 1}`}
              value={rule.name}
              onChange={(name) => change(at, { ...rule, name })}
              error={refusedAt(`categories.${rule.name}`)}
              readOnly={rule.name === "required"}
              required
            />
          </At>
          <div className="grow" style={{ flexBasis: "10rem" }}>
            <TextField
              label={`Aliases of ${rule.name || "it"}`}
              value={rule.aliases.join(", ")}
              onChange={(text) => change(at, { ...rule, aliases: listed(text) })}
              placeholder="C0002, ta-2"
            />
          </div>
          <div className="grow" style={{ flexBasis: "10rem" }}>
            <TextField
              label={`Goes with ${rule.name || "it"}`}
              value={rule.erase.join(", ")}
              onChange={(text) => change(at, { ...rule, erase: listed(text) })}
              placeholder="_ga, _ga_*"
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
    </fieldset>
  );
}
