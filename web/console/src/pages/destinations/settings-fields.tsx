// The fields of a kind's settings, made from its schema.

import type { ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { Field, SelectField, Switch, TextField } from "../../ui/field.tsx";
import { Prose } from "../../ui/prose.tsx";
import { type Draft, type FieldSpec, KEPT } from "./schema-form.ts";

interface Fields {
  fields: readonly FieldSpec[];
  draft: Draft;
  errors: Readonly<Record<string, string>>;
  onChange: (draft: Draft) => void;
  disabled?: boolean;
}

export function SettingsFields({ fields, draft, errors, onChange, disabled = false }: Fields) {
  return fields.map((field) => (
    <One
      key={field.key}
      field={field}
      value={draft[field.key] ?? ""}
      error={errors[field.key] ?? null}
      disabled={disabled}
      onChange={(value) => onChange({ ...draft, [field.key]: value })}
    />
  ));
}

interface Single {
  field: FieldSpec;
  value: string | boolean;
  error: string | null;
  disabled: boolean;
  onChange: (value: string | boolean) => void;
}

function One({ field, value, error, disabled, onChange }: Single) {
  const label = field.isRequired || field.control === "switch" ? field.label : `${field.label} (optional)`;
  const shared = { label, hint: field.hint && <Prose text={field.hint} />, error, disabled };
  if (typeof value === "boolean" || field.control === "switch") {
    return (
      <Switch label={field.label} hint={shared.hint} checked={value === true} onChange={onChange} disabled={disabled} />
    );
  }
  if (value === KEPT) return <KeptSecret {...shared} onReplace={() => onChange("")} />;
  if (field.control === "select") {
    const options = [...(field.isRequired ? [] : [["", "–"] as const]), ...field.options.map((o) => [o, o] as const)];
    return <SelectField {...shared} value={value} options={options} onChange={onChange} />;
  }
  if (field.control === "lines" || field.control === "map") {
    return <Lines {...shared} value={value} isMap={field.control === "map"} onChange={onChange} />;
  }
  return (
    <TextField
      {...shared}
      value={value}
      onChange={onChange}
      type={field.isSecret ? "password" : "text"}
      inputMode={field.control === "number" ? "numeric" : "text"}
      autoComplete={field.isSecret ? "new-password" : "off"}
    />
  );
}

/** Stored, never shown again: it stays unless another one is typed. */
function KeptSecret(props: { label: string; hint: ReactNode; disabled: boolean; onReplace: () => void }) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(control) => (
        <div className="row">
          <input {...control} className="input" style={{ maxWidth: "14rem" }} value="•••••••• (stored)" readOnly />
          {!props.disabled && (
            <Button small onClick={props.onReplace}>
              Replace
            </Button>
          )}
        </div>
      )}
    </Field>
  );
}

interface LinesProps {
  label: string;
  hint: ReactNode;
  error: string | null;
  value: string;
  isMap: boolean;
  disabled: boolean;
  onChange: (value: string) => void;
}

const Lines = (props: LinesProps) => (
  <Field label={props.label} hint={props.hint} error={props.error}>
    {(control) => (
      <textarea
        {...control}
        className="input mono"
        rows={3}
        placeholder={props.isMap ? "name: value" : "one in each line"}
        value={props.value}
        disabled={props.disabled}
        onChange={(event) => props.onChange(event.target.value)}
      />
    )}
  </Field>
);
