// Who is known to be a child: which field of events says so. Assent guesses nobody's age.

import { useState } from "react";
import type { ChildrenWritten } from "../../api/model.ts";
import { SelectField, Switch, TextField } from "../../ui/field.tsx";
import { put } from "./draft.ts";
import { At, useRefusedAt } from "./refused.tsx";

const FRESH: ChildrenWritten = { name: "", denied: [] };
const PLACES = [
  ["traits", "The traits of identify"],
  ["context", "The context of any event"],
] as const;

interface Props {
  value: ChildrenWritten | null;
  onChange: (value: ChildrenWritten | null) => void;
}

export function ChildrenRule({ value, onChange }: Props) {
  return (
    <fieldset className="stack" data-place="children">
      <legend>
        <h3>Children</h3>
      </legend>
      <Switch
        label="A field of events says who is a child"
        hint="What is known of a child is not sold, shared or used for targeting."
        checked={value !== null}
        onChange={(isOn) => onChange(isOn ? FRESH : null)}
      />
      {value && <Rule value={value} onChange={onChange} />}
    </fieldset>
  );
}

function Rule({ value, onChange }: { value: ChildrenWritten; onChange: (value: ChildrenWritten) => void }) {
  const refusedAt = useRefusedAt();
  return (
    <>
      <div className="grid-2">
        <SelectField
          label="Where the field is"
          value={value.in ?? "traits"}
          options={PLACES}
          onChange={(place) => onChange(put(value, "in", place))}
        />
        <At place="children.name">
          <TextField
            label="Its name"
            placeholder="age_band"
            value={value.name}
            error={refusedAt("children.name")}
            onChange={(name) => onChange({ ...value, name })}
          />
        </At>
      </div>
      <At place="children.denied">
        <Values
          label="Values of a child"
          hint="Commas between them. Any other value is somebody grown up; without a value nothing is known."
          placeholder="under-13, 13-17"
          value={value.denied}
          onChange={(denied) => onChange({ ...value, denied })}
        />
      </At>
      <At place="children.parent">
        <Values
          label="Of these, values of a child for whom a parent must consent"
          hint="The age differs by country: below 13 in the United States, 13 to 16 in the Union. A parent&rsquo;s consent opens every category for the child."
          placeholder="under-13"
          value={value.parent ?? []}
          error={refusedAt("children.parent")}
          onChange={(parent) => onChange(put(value, "parent", parent))}
        />
      </At>
    </>
  );
}

interface ValuesProps {
  label: string;
  hint: string;
  placeholder: string;
  value: readonly string[];
  error?: string | null;
  onChange: (value: string[]) => void;
}

/** Keeps what is typed, so that a comma at the end is no value. */
function Values({ value, onChange, ...rest }: ValuesProps) {
  const [text, setText] = useState(() => value.join(", "));
  const set = (next: string) => {
    setText(next);
    onChange(next.split(",").flatMap((one) => one.trim() || []));
  };
  return <TextField {...rest} value={text} onChange={set} />;
}
