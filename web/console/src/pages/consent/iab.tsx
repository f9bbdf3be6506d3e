// The IAB's TCF, for operators who are registered as a consent platform, and the sites whose frames go by one choice.

import type { TcfWritten } from "../../api/model.ts";
import { Check, Switch, TextField } from "../../ui/field.tsx";
import { withBanner } from "./draft.ts";
import { Lines } from "./lines.tsx";
import { LongField } from "./long-field.tsx";
import { At, RefusedHere, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

const NUMBER_LINE = /^\s*(\d{1,2})\s*:\s*(\S+)\s*$/;
const FRESH: TcfWritten = { cmp_id: 0, cmp_version: 1, publisher_country: "", vendor_list: "", purposes: {} };

export function Tcf({ draft, onChange }: SectionProps) {
  const tcf = draft.banner.tcf ?? null;
  const set = (next: TcfWritten | null) => onChange(withBanner(draft, { tcf: next }));
  const change = (to: Partial<TcfWritten>) => tcf && set({ ...tcf, ...to });
  const features = (value: Record<string, string>) => {
    if (!tcf) return;
    const { special_features: _, ...rest } = tcf;
    set(Object.keys(value).length > 0 ? { ...rest, special_features: value } : rest);
  };
  return (
    <fieldset className="stack" data-place="tcf">
      <legend>
        <h3>TCF 2.3 of the IAB</h3>
      </legend>
      <Switch
        label="Answer as __tcfapi"
        hint="Only with a number that the IAB gave you. Assent is registered nowhere and certified by nobody."
        checked={tcf !== null}
        onChange={(isOn) => set(isOn ? FRESH : null)}
      />
      <RefusedHere place="tcf" />
      {tcf && (
        <>
          <Registration tcf={tcf} onChange={change} />
          <Lines
            label="Purposes"
            hint="The IAB's number, 1 to 11, and the category that grants it. Others are refused."
            placeholder={"1: functionality\n3: targeting"}
            pattern={NUMBER_LINE}
            value={tcf.purposes}
            onChange={(purposes) => change({ purposes })}
          />
          <Lines
            label="Special features"
            hint="1 or 2, and the category."
            placeholder="1: targeting"
            pattern={NUMBER_LINE}
            value={tcf.special_features ?? {}}
            onChange={features}
          />
        </>
      )}
    </fieldset>
  );
}

/** What the IAB and the operator's own site have of it. */
function Registration({ tcf, onChange }: { tcf: TcfWritten; onChange: (to: Partial<TcfWritten>) => void }) {
  return (
    <div className="grid-2">
      <TextField
        label="Your number as a consent platform"
        type="number"
        min={1}
        max={4095}
        value={tcf.cmp_id ? String(tcf.cmp_id) : ""}
        onChange={(text) => onChange({ cmp_id: Number(text) })}
      />
      <TextField
        label="Your version of what is shown"
        type="number"
        min={0}
        max={4095}
        value={String(tcf.cmp_version)}
        onChange={(text) => onChange({ cmp_version: Number(text) })}
      />
      <TextField
        label="Your country"
        placeholder="DE"
        value={tcf.publisher_country}
        onChange={(text) => onChange({ publisher_country: text.toUpperCase() })}
      />
      <TextField
        label="Where you serve the IAB's vendor list"
        placeholder="/vendor-list.json"
        value={tcf.vendor_list}
        onChange={(vendor_list) => onChange({ vendor_list })}
      />
    </div>
  );
}

/** Lists of this operator's own sites, by what they do for each other. */
const SITES = [
  {
    place: "frames",
    label: "Sites that show each other's pages in frames",
    hint: "Their origins, one in each line. A page in a frame goes by what was chosen on the page around it.",
  },
  {
    place: "hand_off",
    label: "Sites that link to each other",
    hint: "Their origins, one in each line. A choice goes along when a visitor follows a link from one to another, without an identifier.",
  },
] as const;

export function Sites({ draft, onChange }: SectionProps) {
  const refusedAt = useRefusedAt();
  const lists = SITES.map(({ place, label, hint }) => (
    <At place={place} key={place}>
      <LongField
        label={label}
        hint={hint}
        placeholder={"https://shop.example\nhttps://www.example"}
        value={(draft.banner[place] ?? []).join("\n")}
        error={refusedAt(place)}
        onChange={(text) => onChange(withBanner(draft, { [place]: text === "" ? undefined : text.split(/[\s,]+/) }))}
      />
    </At>
  ));
  return (
    <>
      {lists}
      <At place="other_devices">
        <Check
          label="Say what somebody who is signed in refused on other devices"
          hint="pages must prove who it is, with the proof key of their source"
          checked={draft.banner.other_devices ?? false}
          onChange={(checked) => onChange(withBanner(draft, { other_devices: checked || undefined }))}
        />
      </At>
    </>
  );
}
