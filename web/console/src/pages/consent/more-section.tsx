// The version of the words, how visitors find their choices again, and what other scripts are told.

import type { CategoryRule } from "../../api/model.ts";
import { Checks, SelectField, Switch, TextField } from "../../ui/field.tsx";
import { versionOf, withBanner, without } from "./draft.ts";
import { Sites, Tcf } from "./iab.tsx";
import { At, RefusedHere, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";
import { TakeOver } from "./take-over.tsx";

export const CONTROLS = [
  ["floating", "A button at the bottom of every page"],
  ["none", "None: the pages have elements with data-assent-open"],
] as const;
export const SURFACES = [
  ["trustarc", "TrustArc: window.truste"],
  ["onetrust", "OneTrust: window.OneTrust"],
  ["gpp", "GPP 1.1 of the IAB, United States: __gpp"],
] as const;
const GOOGLE = [
  "analytics_storage",
  "ad_storage",
  "ad_user_data",
  "ad_personalization",
  "functionality_storage",
  "personalization_storage",
  "security_storage",
];
const IDENTIFIER_DAYS = 90;

/** An empty field is no number, and what is no number has its default. */
const number = (text: string) => (text === "" ? undefined : Number(text));

export function MoreSection({ draft, onChange }: SectionProps) {
  const { banner } = draft;
  const refusedAt = useRefusedAt();
  const set = (change: Parameters<typeof withBanner>[1]) => onChange(withBanner(draft, change));
  return (
    <>
      <Version draft={draft} onChange={onChange} />
      <fieldset className="stack">
        <legend>
          <h3>Browser</h3>
        </legend>
        <SelectField
          label="How visitors find their choices again"
          value={banner.control ?? "floating"}
          options={CONTROLS}
          onChange={(control) => set({ control })}
        />
        <div className="grid-2">
          <At place="identifier_days">
            <TextField
              label="Days that an identifier lives"
              hint="Nothing renews it. At most 395."
              type="number"
              min={1}
              max={395}
              value={String(banner.identifier_days ?? IDENTIFIER_DAYS)}
              error={refusedAt("identifier_days")}
              onChange={(text) => set({ identifier_days: number(text) })}
            />
          </At>
          <TextField
            label="Domain of the cookies"
            hint="Empty: the widest that the browser takes."
            placeholder="example.com"
            value={banner.cookie_domain ?? ""}
            onChange={(text) => set({ cookie_domain: text || undefined })}
          />
        </div>
        <Checks
          label="Answer as another consent platform"
          hint="For wrappers and snippets that were written for it."
          options={SURFACES}
          value={banner.surfaces ?? []}
          onChange={(surfaces) => set({ surfaces: surfaces.length > 0 ? surfaces : undefined })}
        />
        <Sites draft={draft} onChange={onChange} />
        <TakeOver draft={draft} onChange={onChange} />
      </fieldset>
      <ConsentMode draft={draft} onChange={onChange} />
      <Tcf draft={draft} onChange={onChange} />
    </>
  );
}

function Version({ draft, onChange }: SectionProps) {
  const { banner } = draft;
  const refusedAt = useRefusedAt();
  const set = (change: Parameters<typeof withBanner>[1]) => onChange(withBanner(draft, change));
  return (
    <fieldset className="stack">
      <legend>
        <h3>Version</h3>
      </legend>
      <div className="grid-2">
        <At place="version">
          <TextField
            label="Version of the words"
            hint="Recorded with every choice. Saving changed words offers the next one."
            type="number"
            min={1}
            value={String(versionOf(banner))}
            error={refusedAt("version")}
            onChange={(text) => set({ version: number(text) })}
          />
        </At>
        <TextField
          label="Ask again below"
          hint="Who chose under an older version is asked again: refusals hold meanwhile, grants do not."
          type="number"
          min={1}
          value={banner.ask_again_below ? String(banner.ask_again_below) : ""}
          onChange={(text) => set({ ask_again_below: number(text) })}
        />
      </div>
    </fieldset>
  );
}

function ConsentMode({ draft, onChange }: SectionProps) {
  const mode = draft.banner.consent_mode ?? null;
  const set = (consent_mode: Record<string, string> | null) => onChange(withBanner(draft, { consent_mode }));
  return (
    <fieldset className="stack" data-place="consent_mode">
      <legend>
        <h3>Google Consent Mode</h3>
      </legend>
      <Switch
        label="Tell Google&rsquo;s tags what is granted"
        hint="Off: it is left alone."
        checked={mode !== null}
        onChange={(isOn) => set(isOn ? {} : null)}
      />
      <RefusedHere place="consent_mode" />
      {mode && <GoogleTypes mode={mode} categories={draft.categories} onChange={set} />}
    </fieldset>
  );
}

interface GoogleTypesProps {
  mode: Record<string, string>;
  categories: readonly CategoryRule[];
  onChange: (mode: Record<string, string>) => void;
}

/** Google's consent types, each with the category that grants it. */
export function GoogleTypes({ mode, categories, onChange }: GoogleTypesProps) {
  const types = [...new Set([...GOOGLE, ...Object.keys(mode)])];
  const options = [["", "Not said"] as const, ...categories.map(({ name }) => [name, name] as const)];
  return (
    <div className="grid-2">
      {types.map((type) => (
        <SelectField
          key={type}
          label={type}
          value={mode[type] ?? ""}
          options={options}
          onChange={(category) => onChange(category ? { ...mode, [type]: category } : without(mode, type))}
        />
      ))}
    </div>
  );
}
