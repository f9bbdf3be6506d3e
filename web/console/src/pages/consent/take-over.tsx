// What visitors chose at the platform that asked before: whose cookies pages read, and whether its grants count.

import type { TakeOverWritten } from "../../api/model.ts";
import { Check, Checks } from "../../ui/field.tsx";
import { versionOf, withBanner } from "./draft.ts";
import { At, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

const PLATFORMS = [
  ["onetrust", "OneTrust"],
  ["trustarc", "TrustArc"],
] as const;

export function TakeOver({ draft, onChange }: SectionProps) {
  const taken = draft.banner.take_over ?? null;
  const version = versionOf(draft.banner);
  const vendors = (draft.banner.vendors ?? []).map(({ id }) => id);
  const all = vendors.length > 0 ? `, and named all ${vendors.length} vendors of today` : "";
  const named = taken?.grants?.vendors ?? [];
  const set = (next: TakeOverWritten | null) => onChange(withBanner(draft, { take_over: next }));
  const vouch = (from: string[], isVouched: boolean) =>
    set(isVouched ? { from, grants: { version, vendors } } : { from });
  return (
    <At place="take_over">
      <Checks
        label="Take over what visitors chose at the platform before"
        hint="Its cookies are read where nobody has chosen here yet. Refusals always count."
        options={PLATFORMS}
        value={taken?.from ?? []}
        error={useRefusedAt()("take_over")}
        onChange={(from) => set(from.length > 0 ? { ...taken, from } : null)}
      />
      {taken && (
        <Check
          label={`Its notice said what version ${version} says${all}`}
          hint={
            taken.grants
              ? `grants to version ${taken.grants.version} count, with their day, where these were named: ${named.join(", ") || "none"}`
              : "otherwise its grants do not count; TrustArc's never do, because it keeps no time"
          }
          checked={taken.grants?.version === version && vendors.every((id) => named.includes(id))}
          onChange={(isVouched) => vouch(taken.from, isVouched)}
        />
      )}
    </At>
  );
}
