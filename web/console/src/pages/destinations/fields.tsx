// The fields of a destination: what the kind asks for, whose events, and under which consent.

import { useQuery } from "@tanstack/react-query";
import { type Banner, type DestinationKind, PURPOSES } from "../../api/model.ts";
import { consent, sources } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { Check, Checks, Field, SelectField, Switch, TextField } from "../../ui/field.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { NAME_HINT } from "../sources/fields.tsx";
import type { DestinationDraft } from "./draft.ts";
import { fieldsOf } from "./schema-form.ts";
import { SettingsFields } from "./settings-fields.tsx";

/** The banner's vendors, and the one that is chosen though it may have gone. */
function vendorsOf({ vendors = [] }: Banner, chosen: string | null) {
  const known = vendors.map(({ id, name }) => [id, name ?? id] as const);
  return chosen && !known.some(([id]) => id === chosen) ? [...known, [chosen, chosen] as const] : known;
}

interface Fields {
  kind: DestinationKind;
  draft: DestinationDraft;
  errors: Readonly<Record<string, string>>;
  onChange: (draft: DestinationDraft) => void;
  isNew: boolean;
  disabled?: boolean;
}

type Part = Fields & { set: (change: Partial<DestinationDraft>) => void };

export function DestinationFields(props: Fields) {
  const { draft, onChange, isNew, disabled = false } = props;
  const set = (change: Partial<DestinationDraft>) => onChange({ ...draft, ...change });
  return (
    <>
      {isNew && (
        <TextField
          label="Name"
          value={draft.name}
          onChange={(name) => set({ name })}
          hint={NAME_HINT}
          error={props.errors.name}
          required
          maxLength={63}
        />
      )}
      <h3>Connection</h3>
      <SettingsFields
        fields={fieldsOf(props.kind.settings_schema)}
        draft={draft.settings}
        errors={props.errors}
        onChange={(settings) => set({ settings })}
        disabled={disabled}
      />
      <h3>Whose events</h3>
      <SourceChecks {...props} set={set} />
      <h3>Consent</h3>
      <ConsentFields {...props} set={set} />
      {!isNew && (
        <Switch
          label="Switched on"
          hint="off: it gets nothing and keeps no backlog"
          checked={draft.enabled}
          onChange={(enabled) => set({ enabled })}
          disabled={disabled}
        />
      )}
    </>
  );
}

function SourceChecks({ draft, errors, set, disabled = false }: Part) {
  const known = useQuery(sources(useWorkspace())).data?.items.map(({ name }) => name) ?? [];
  const names = [...new Set([...known, ...draft.sources])];
  return (
    <Checks
      label="Sources"
      options={names.map((name) => [name, name] as const)}
      value={draft.sources}
      onChange={(next) => set({ sources: next })}
      error={errors.sources}
      disabled={disabled}
    />
  );
}

function ConsentFields({ kind, draft, set, disabled = false }: Part) {
  const rules = useQuery(consent(useWorkspace()));
  const known = rules.data?.categories.map(({ name }) => name) ?? [];
  const categories = [...new Set([...known, ...draft.categories])];
  const vendors = rules.data ? vendorsOf(rules.data.banner, draft.vendor) : [];
  const purposes = [...new Set([...kind.purposes, ...PURPOSES, draft.purpose])];
  return (
    <>
      <Checks
        label="Categories that must all be granted"
        options={categories.map((name) => [name, name] as const)}
        value={draft.categories}
        onChange={(next) => set({ categories: next })}
        hint="None: the destination is unmapped and gets nothing, unless you allow it below."
        disabled={disabled}
      />
      {vendors.length > 0 && (
        <SelectField
          label="Vendor"
          value={draft.vendor ?? ""}
          options={[["", "None of the banner's"] as const, ...vendors]}
          onChange={(vendor) => set({ vendor: vendor || null })}
          hint="Visitors may refuse it by itself in the preference centre."
          disabled={disabled}
        />
      )}
      <SelectField
        label="Purpose"
        value={draft.purpose}
        options={purposes.map((name) => [name, sentence(name)] as const)}
        onChange={(purpose) => set({ purpose })}
        hint="What the recipient uses the events for."
        disabled={disabled}
      />
      <SelectField
        label="Recipient"
        value={draft.recipient}
        options={[
          ["third_party", "Third party: for ends of its own"],
          ["service_provider", "Service provider: acts on your instructions only"],
        ]}
        onChange={(recipient) => set({ recipient })}
        hint="Your claim, until a contract is on record."
        disabled={disabled}
      />
      <WithdrawalsField draft={draft} set={set} disabled={disabled} />
      <Field label="Exceptions" hint="Both are off at the start, and off is the lawful side.">
        {(control) => (
          // biome-ignore lint/a11y/useSemanticElements: the label of the field names the group.
          <div id={control.id} role="group" aria-label="Exceptions">
            <Check
              label="May get events although it has no categories"
              checked={draft.unmapped === "allow"}
              onChange={(on) => set({ unmapped: on ? "allow" : "deny" })}
              disabled={disabled}
            />
            <Check
              label="May get events of unknown consent"
              checked={draft.unstamped === "allow"}
              onChange={(on) => set({ unstamped: on ? "allow" : "deny" })}
              disabled={disabled}
            />
          </div>
        )}
      </Field>
    </>
  );
}

function WithdrawalsField({ draft, set, disabled = false }: Pick<Part, "draft" | "set" | "disabled">) {
  return (
    <Field
      label="When somebody refuses"
      hint="Their events stop coming in any case. An opt-out of sale or sharing must be told to third parties within fifteen business days."
    >
      {(control) => (
        // biome-ignore lint/a11y/useSemanticElements: the label of the field names the group.
        <div id={control.id} role="group" aria-label="When somebody refuses">
          <Check
            label="Tell it who refused what"
            checked={draft.withdrawals === "tell"}
            onChange={(on) => set({ withdrawals: on ? "tell" : "silent" })}
            disabled={disabled}
          />
        </div>
      )}
    </Field>
  );
}
