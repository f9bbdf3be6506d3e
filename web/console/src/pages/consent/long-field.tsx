// A text of several lines.

import { Field } from "../../ui/field.tsx";

interface Props {
  label: string;
  hint?: string;
  placeholder?: string;
  value: string;
  error?: string | null;
  onChange: (value: string) => void;
}

export function LongField({ label, hint, placeholder, value, error, onChange }: Props) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <textarea
          {...control}
          className="input"
          rows={3}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}
