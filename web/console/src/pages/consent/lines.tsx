// Pairs written as lines, because a list of forty states is read as lines.

import { useState } from "react";
import { Field } from "../../ui/field.tsx";

interface LinesProps<T extends string> {
  label: string;
  hint: string;
  placeholder: string;
  value: Record<string, T>;
  /** A line in two groups: key and value. */
  pattern: RegExp;
  error?: string | null;
  onChange: (value: Record<string, T>) => void;
}

export function Lines<T extends string>(props: LinesProps<T>) {
  const { label, hint, placeholder, value, pattern, error, onChange } = props;
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
    <Field label={label} hint={hint} error={wrong ? `Not understood: ${wrong}` : error}>
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
