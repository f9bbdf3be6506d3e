// For what the rows of an answer are used: the server leaves out what may not be used so. The whole table is for its
// operator, who is an admin or an owner; everybody else declares a use.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { PURPOSES, type QueryUse, RECIPIENTS } from "../../api/model.ts";
import { consent } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { useMay } from "../../session.tsx";
import { Checks, SelectField, TextField } from "../../ui/field.tsx";
import { useWorkspace } from "../../workspace.tsx";

const WHOLE_TABLE = "";
const OWN = "other";
const WHOLE_TABLE_TEXT = "Whole table, as the operator";
/** What an analyst most likely wants. */
const USUAL_CATEGORY = "performance";

const RECIPIENT_TEXT: Record<QueryUse["recipient"], string> = {
  service_provider: "Service provider: for ourselves",
  third_party: "Third party",
};

export interface ChosenUse {
  /** `null`: the whole table. */
  value: QueryUse | null;
  onChange: (use: QueryUse | null) => void;
  categories: readonly string[];
  /** Why nothing can be asked yet. */
  blocked: string | null;
}

export function useChosenUse(): ChosenUse {
  const mayReadAll = useMay("admin");
  const query = useQuery(consent(useWorkspace()));
  const [chosen, setChosen] = useState<QueryUse | null | undefined>(undefined);
  const categories = query.data?.categories.map(({ name }) => name) ?? [];
  const first: QueryUse | null = mayReadAll
    ? null
    : {
        purpose: "analytics",
        categories: categories.filter((name) => name === USUAL_CATEGORY),
        recipient: "service_provider",
      };
  const value = chosen === undefined ? first : chosen;
  return { value, onChange: setChosen, categories, blocked: missing(value) };
}

function missing(use: QueryUse | null): string | null {
  if (use === null) return null;
  if (use.purpose.trim() === "") return "Name the purpose that the rows are used for.";
  return use.categories.length > 0 ? null : "Tick the categories that the use needs.";
}

export function UseOfRows({ value, onChange, categories }: ChosenUse) {
  const mayReadAll = useMay("admin");
  // What is being typed may read as one of the list on the way.
  const [isOwn, setOwn] = useState(false);
  const purposes = PURPOSES.map((purpose) => [purpose, sentence(purpose)] as const);
  const begin: Omit<QueryUse, "purpose"> = value ?? { categories: [], recipient: "service_provider" };
  const choose = (chosen: string) => {
    setOwn(chosen === OWN);
    if (chosen === WHOLE_TABLE) onChange(null);
    else onChange({ ...begin, purpose: chosen === OWN ? "" : chosen });
  };
  return (
    <section className="use-of-rows" aria-label="Use of the rows">
      <SelectField
        label="Use of the rows"
        value={value === null ? WHOLE_TABLE : isOwn ? OWN : value.purpose}
        options={[
          ...(mayReadAll ? [[WHOLE_TABLE, WHOLE_TABLE_TEXT] as const] : []),
          ...purposes,
          [OWN, "Another purpose"],
        ]}
        onChange={choose}
      />
      {value && isOwn && (
        <TextField
          label="Purpose"
          value={value.purpose}
          placeholder="fraud-model"
          onChange={(purpose) => onChange({ ...value, purpose })}
        />
      )}
      {value && (
        <>
          <SelectField
            label="For whom"
            value={value.recipient}
            options={RECIPIENTS.map((one) => [one, RECIPIENT_TEXT[one]] as const)}
            onChange={(recipient) => onChange({ ...value, recipient })}
          />
          <Checks
            label="Categories that must be granted"
            options={categories.map((name) => [name, name] as const)}
            value={value.categories}
            onChange={(ticked) => onChange({ ...value, categories: ticked })}
          />
        </>
      )}
    </section>
  );
}

/** What the rows of an answer were read for, in a line. */
export function useText(use: QueryUse | null): string {
  if (use === null) return "the whole table";
  const whom = use.recipient === "third_party" ? ", for a third party" : "";
  return `rows that may be used for ${use.purpose} under ${use.categories.join(" and ")}${whom}`;
}
