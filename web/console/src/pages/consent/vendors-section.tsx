// Who gets something in the page: visitors may refuse each of them.

import type { VendorWritten } from "../../api/model.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { Empty } from "../../ui/states.tsx";
import { type Draft, withBanner } from "./draft.ts";
import { At, RefusedHere } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

export function VendorsSection({ draft, onChange }: SectionProps) {
  const all = draft.banner.vendors ?? [];
  const set = (vendors: VendorWritten[]) => onChange(withBanner(draft, { vendors }));
  const fresh: VendorWritten = { id: "", name: "", category: draft.categories.at(-1)?.name ?? "targeting" };
  return (
    <>
      {all.length === 0 && (
        <Empty icon="user" title="No vendors">
          <p>Visitors choose by category only. Name a vendor, and they may refuse it alone.</p>
        </Empty>
      )}
      {all.map((vendor, at) => (
        <Vendor
          // biome-ignore lint/suspicious/noArrayIndexKey: a vendor's id is what is being typed.
          key={at}
          number={at + 1}
          vendor={vendor}
          draft={draft}
          onChange={(next) => set(all.map((one, place) => (place === at ? next : one)))}
          onRemove={() => set(all.filter((_, place) => place !== at))}
        />
      ))}
      <At place="vendors">
        <Button small icon="plus" onClick={() => set([...all, fresh])}>
          Add vendor
        </Button>
      </At>
    </>
  );
}

interface VendorProps {
  number: number;
  vendor: VendorWritten;
  draft: Draft;
  onChange: (vendor: VendorWritten) => void;
  onRemove: () => void;
}

function Vendor({ number, vendor, draft, onChange, onRemove }: VendorProps) {
  const { policy, tcf, ...rest } = vendor;
  const change = (to: Partial<VendorWritten>) => onChange({ ...vendor, ...to });
  /** What is left empty is the catalogue's to say. */
  const write = (key: "name" | "category", text: string) => {
    const { [key]: _, ...others } = vendor;
    onChange(text ? { ...others, [key]: text } : others);
  };
  /** An empty field is none. */
  const setPolicy = (text: string) => onChange({ ...rest, ...(tcf && { tcf }), ...(text && { policy: text }) });
  const setTcf = (text: string) => onChange({ ...rest, ...(policy && { policy }), ...(text && { tcf: Number(text) }) });
  return (
    <fieldset className="stack stack-s entry" data-place={`vendors.${vendor.id}`}>
      <legend>
        <h3>{vendor.name || vendor.id || `Vendor ${number}`}</h3>
      </legend>
      <RefusedHere place={`vendors.${vendor.id}`} />
      <div className="grid-2">
        <TextField
          label="Name"
          value={vendor.name ?? ""}
          onChange={(name) => write("name", name)}
          placeholder="Google Analytics"
          hint="Empty: as the catalogue has it under this id."
        />
        <TextField label="Id" value={vendor.id} onChange={(id) => change({ id })} placeholder="google-analytics" />
        <SelectField
          label="Needs"
          value={vendor.category ?? ""}
          options={[["", "What the catalogue says"], ...draft.categories.map(({ name }) => [name, name] as const)]}
          onChange={(category) => write("category", category)}
        />
        <TextField label="Privacy policy" value={policy ?? ""} onChange={setPolicy} placeholder="https://…" />
        {draft.banner.tcf && (
          <TextField
            label="Number on the IAB's vendor list"
            type="number"
            min={1}
            value={tcf ? String(tcf) : ""}
            onChange={setTcf}
          />
        )}
      </div>
      <div>
        <Button
          small
          look="quiet"
          icon="trash"
          onClick={onRemove}
        >{`Remove ${vendor.name || vendor.id || "vendor"}`}</Button>
      </div>
    </fieldset>
  );
}
