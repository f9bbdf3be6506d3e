// The fields of a source, for making one and for changing one.

import { useQuery } from "@tanstack/react-query";
import { BASES, type Source, type SourceKind } from "../../api/model.ts";
import { consent } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { Check, type Option, SelectField, Switch, TextField } from "../../ui/field.tsx";
import { useWorkspace } from "../../workspace.tsx";

/** What a person can set. */
export type SourceDraft = Pick<
  Source,
  "name" | "kind" | "category" | "basis" | "compat" | "sdk" | "region" | "enabled" | "banner"
>;

export const NEW_SOURCE: SettingsDraft = {
  name: "",
  kind: "browser",
  category: "performance",
  basis: "consent",
  compat: null,
  sdk: null,
  region: null,
  enabled: true,
};

export const draftOf = (source: Source): SourceDraft => ({
  name: source.name,
  kind: source.kind,
  category: source.category,
  basis: source.basis ?? "consent",
  compat: source.compat,
  sdk: source.sdk,
  region: source.region,
  enabled: source.enabled,
  banner: source.banner,
});

const KINDS: readonly Option<SourceKind>[] = [
  ["browser", "Browser: a web site"],
  ["mobile", "Mobile: an app"],
  ["server", "Server: your own programs"],
];
const SDKS: readonly Option<"assent" | "segment">[] = [
  ["assent", "Assent's, with the banner"],
  ["segment", "Segment's analytics.js, unmodified"],
];
type Basis = NonNullable<Source["basis"]>;
const BASIS_OPTIONS: readonly Option<Basis>[] = BASES.map((basis) => [basis, sentence(basis)] as const);

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const NAME_HINT = "1 to 63 of a–z, 0–9, - and _. It cannot be changed later.";

export const nameError = (name: string): string | null =>
  name === "" || NAME.test(name) ? null : "Use a–z, 0–9, - and _, starting with a letter or a digit.";

/** What the settings' form writes: the banner of its site has a form of its own. */
export type SettingsDraft = Omit<SourceDraft, "banner">;

export function settingsOf(source: Source): SettingsDraft {
  const { banner: _, ...settings } = draftOf(source);
  return settings;
}

interface Fields {
  draft: SettingsDraft;
  onChange: (draft: SettingsDraft) => void;
  isNew: boolean;
  disabled?: boolean;
}

export function SourceFields({ draft, onChange, isNew, disabled = false }: Fields) {
  const set = (change: Partial<SettingsDraft>) => onChange({ ...draft, ...change });
  return (
    <>
      {isNew && (
        <TextField
          label="Name"
          value={draft.name}
          onChange={(name) => set({ name })}
          hint={NAME_HINT}
          error={nameError(draft.name)}
          required
          maxLength={63}
        />
      )}
      <SelectField
        label="Kind"
        value={draft.kind}
        options={KINDS}
        disabled={disabled}
        onChange={(kind) => set({ kind, basis: kind === "server" ? "contract" : "consent" })}
      />
      <BasisFields draft={draft} set={set} disabled={disabled} />
      <TextField
        label="Region of all its events"
        value={draft.region ?? ""}
        onChange={(region) => set({ region: region.trim().toUpperCase() || null })}
        placeholder="DE or US-CA"
        hint="Empty: from the account or the event itself."
        disabled={disabled}
      />
      {draft.kind === "browser" && (
        <SelectField
          label="Script for its pages"
          value={draft.sdk ?? (draft.compat === "segment" ? "segment" : "assent")}
          options={SDKS}
          onChange={(sdk) => set({ sdk })}
          hint="Both take the same calls. Segment's asks nobody: without another consent platform nothing is kept."
        />
      )}
      <Check
        label="Read missing stamps as Segment does"
        hint="unstamped events are kept, marked as of unknown consent"
        checked={draft.compat === "segment"}
        onChange={(on) => set({ compat: on ? "segment" : null })}
        disabled={disabled}
      />
      {!isNew && (
        <Switch
          label="Takes events"
          hint="off: its events are answered and discarded"
          checked={draft.enabled}
          onChange={(enabled) => set({ enabled })}
          disabled={disabled}
        />
      )}
    </>
  );
}

function BasisFields(props: {
  draft: SettingsDraft;
  set: (change: Partial<SettingsDraft>) => void;
  disabled: boolean;
}) {
  const { draft, set, disabled } = props;
  const query = useQuery(consent(useWorkspace()));
  const names = query.data?.categories.map(({ name }) => name) ?? [draft.category];
  const isByConsent = (draft.basis ?? "consent") === "consent";
  return (
    <>
      <SelectField
        label="By what right it collects"
        value={draft.basis ?? "consent"}
        options={BASIS_OPTIONS}
        onChange={(basis) => set({ basis })}
        disabled={disabled}
        hint={
          isByConsent
            ? "Events are stored only when the visitor granted the category below."
            : "Events are stored without asking; unstamped ones may be used for required purposes only."
        }
      />
      {isByConsent && (
        <SelectField
          label="Category that must be granted"
          value={draft.category}
          options={names.map((name) => [name, name] as const)}
          onChange={(category) => set({ category })}
          disabled={disabled}
        />
      )}
    </>
  );
}
