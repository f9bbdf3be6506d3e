// Who gets something in the page: visitors may refuse each of them.

import type { VendorWritten } from "../../api/model.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { Empty } from "../../ui/states.tsx";
import { withBanner } from "./draft.ts";
import { At, RefusedHere } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

export function VendorsSection({ draft, onChange }: SectionProps) {
  const all = draft.banner.vendors ?? [];
  const categories = draft.categories.map(({ name }) => [name, name] as const);
  const set = (vendors: VendorWritten[]) => onChange(withBanner(draft, { vendors }));
  const change = (at: number, to: Partial<VendorWritten>) =>
    set(all.map((vendor, place) => (place === at ? { ...vendor, ...to } : vendor)));
  /** An empty address is none. */
  const policy = (at: number, text: string) => {
    const { policy: _, ...rest } = all[at] as VendorWritten;
    set(all.map((vendor, place) => (place !== at ? vendor : text ? { ...rest, policy: text } : rest)));
  };
  const number = (at: number, text: string) => {
    const { tcf: _, ...rest } = all[at] as VendorWritten;
    set(all.map((vendor, place) => (place !== at ? vendor : text ? { ...rest, tcf: Number(text) } : rest)));
  };
  return (
    <>
      {all.length === 0 && (
        <Empty icon="user" title="No vendors">
          <p>Visitors choose by category only. Name a vendor, and they may refuse it alone.</p>
        </Empty>
      )}
      {all.map((vendor, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a vendor's id is what is being typed.
        <fieldset key={at} className="stack stack-s entry" data-place={`vendors.${vendor.id}`}>
          <legend>
            <h3>{vendor.name || `Vendor ${at + 1}`}</h3>
          </legend>
          <RefusedHere place={`vendors.${vendor.id}`} />
          <div className="grid-2">
            <TextField
              label="Name"
              value={vendor.name}
              onChange={(name) => change(at, { name })}
              placeholder="Google Analytics"
            />
            <TextField label="Id" value={vendor.id} onChange={(id) => change(at, { id })} placeholder="ga" />
            <SelectField
              label="Needs"
              value={vendor.category}
              options={categories}
              onChange={(category) => change(at, { category })}
            />
            <TextField
              label="Privacy policy"
              value={vendor.policy ?? ""}
              onChange={(text) => policy(at, text)}
              placeholder="https://…"
            />
            {draft.banner.tcf && (
              <TextField
                label="Number on the IAB's vendor list"
                type="number"
                min={1}
                value={vendor.tcf ? String(vendor.tcf) : ""}
                onChange={(text) => number(at, text)}
              />
            )}
          </div>
          <div>
            <Button
              small
              look="quiet"
              icon="trash"
              onClick={() => set(all.filter((_, place) => place !== at))}
            >{`Remove ${vendor.name || "vendor"}`}</Button>
          </div>
        </fieldset>
      ))}
      <At place="vendors">
        <Button
          small
          icon="plus"
          onClick={() => set([...all, { id: "", name: "", category: draft.categories.at(-1)?.name ?? "targeting" }])}
        >
          Add vendor
        </Button>
      </At>
    </>
  );
}
