// Fields of forms: a label, a hint and an error that belong to their control for everyone.

import { Switch as Base } from "@base-ui/react/switch";
import { type InputHTMLAttributes, type ReactNode, useId } from "react";
import { Prose } from "./prose.tsx";

interface Labelled {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
}

interface ControlIds {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

export function Field({ label, hint, error, children }: Labelled & { children: (control: ControlIds) => ReactNode }) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const control: ControlIds = { id };
  if (described) control["aria-describedby"] = described;
  if (error) control["aria-invalid"] = true;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(control)}
      {hint && (
        <div className="hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {error && (
        <div className="wrong" id={`${id}-error`}>
          <Prose text={error} />
        </div>
      )}
    </div>
  );
}

type TextProps = Labelled &
  Omit<InputHTMLAttributes<HTMLInputElement>, "onChange" | "value" | "className"> & {
    value: string;
    onChange: (value: string) => void;
  };

export function TextField({ label, hint, error, onChange, ...rest }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(control) => (
        <input
          autoComplete="off"
          spellCheck={false}
          {...rest}
          {...control}
          className="input"
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

export type Option<T extends string> = readonly [value: T, text: string];

export function SelectField<T extends string>(
  props: Labelled & { value: T; options: readonly Option<T>[]; onChange: (value: T) => void; disabled?: boolean },
) {
  return (
    <Field label={props.label} hint={props.hint} error={props.error}>
      {(control) => (
        <select
          {...control}
          className="input"
          value={props.value}
          disabled={props.disabled}
          onChange={(event) => props.onChange(event.target.value as T)}
        >
          {props.options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** A select that stands in a bar: its label is read out, not shown. */
export function InlineSelect<T extends string>(props: {
  label: string;
  value: T;
  options: readonly Option<T>[];
  onChange: (value: T) => void;
}) {
  return (
    <select
      className="input"
      aria-label={props.label}
      value={props.value}
      onChange={(event) => props.onChange(event.target.value as T)}
    >
      {props.options.map(([value, text]) => (
        <option key={value} value={value}>
          {text}
        </option>
      ))}
    </select>
  );
}

export function Check(props: {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  hint?: ReactNode;
}) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <span>
        {props.label}
        {props.hint && <span className="hint"> — {props.hint}</span>}
      </span>
    </label>
  );
}

/** Several of a list. */
export function Checks(props: {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  options: readonly Option<string>[];
  value: readonly string[];
  onChange: (value: string[]) => void;
  disabled?: boolean;
}) {
  const set = (name: string, on: boolean) =>
    props.onChange(props.options.map(([option]) => option).filter((o) => (o === name ? on : props.value.includes(o))));
  return (
    <fieldset disabled={props.disabled}>
      <legend>{props.label}</legend>
      {props.options.map(([name, text]) => (
        <Check key={name} label={text} checked={props.value.includes(name)} onChange={(on) => set(name, on)} />
      ))}
      {props.hint && <div className="hint">{props.hint}</div>}
      {props.error && <div className="wrong">{props.error}</div>}
    </fieldset>
  );
}

export function Switch(props: {
  label: string;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div className="row row-3">
      <Base.Root
        className="switch"
        aria-labelledby={id}
        checked={props.checked}
        onCheckedChange={props.onChange}
        {...(props.disabled && { disabled: true })}
      >
        <Base.Thumb className="switch-thumb" />
      </Base.Root>
      <span>
        <span id={id}>{props.label}</span>
        {props.hint && <span className="hint"> — {props.hint}</span>}
      </span>
    </div>
  );
}
