// What the cookie notice says that no configuration knows: who is responsible, where data lies, for how long. Everything
// else of a notice is generated. Without this part none is published, because it would name nobody.

import type { NoticeWritten } from "../../api/model.ts";
import { Checks, Switch, TextField } from "../../ui/field.tsx";
import { put } from "./draft.ts";
import { LongField } from "./long-field.tsx";
import { NoticeLanguages, SaidField } from "./notice-languages.tsx";
import { Cookies, Periods, Recipients } from "./notice-lists.tsx";
import { Parties } from "./notice-parties.tsx";
import { At, useRefusedAt } from "./refused.tsx";
import type { SectionProps } from "./section.ts";

const FRESH: NoticeWritten = { site: "", controller: { name: "", address: "", email: "" } };

export interface NoticeProps {
  notice: NoticeWritten;
  onChange: (notice: NoticeWritten) => void;
}

export function NoticeSection({ draft, onChange }: SectionProps) {
  const { notice } = draft;
  const set = (next: NoticeWritten | null) => onChange({ ...draft, notice: next });
  return (
    <>
      <p className="hint">
        Categories, vendors, cookies and recipients of the notice come from what is configured. What stands here is what
        no configuration knows.
      </p>
      <Switch
        label="Publish a cookie notice"
        hint="Off: banners link to none."
        checked={notice !== null}
        onChange={(isOn) => set(isOn ? FRESH : null)}
      />
      {notice && (
        <>
          <Site notice={notice} onChange={set} />
          <NoticeLanguages notice={notice} onChange={set} />
          <Parties notice={notice} onChange={set} />
          <Collected notice={notice} onChange={set} />
          <Cookies notice={notice} onChange={set} categories={draft.categories.map(({ name }) => name)} />
          <Periods notice={notice} onChange={set} />
          <Places notice={notice} onChange={set} />
          <Rights notice={notice} onChange={set} />
          <Recipients notice={notice} onChange={set} />
        </>
      )}
    </>
  );
}

function Site({ notice, onChange }: NoticeProps) {
  const refusedAt = useRefusedAt();
  return (
    <div className="grid-2">
      <At place="notice.site">
        <TextField
          label="What the site is called"
          placeholder="shop.example"
          value={notice.site}
          error={refusedAt("notice.site")}
          onChange={(site) => onChange({ ...notice, site })}
        />
      </At>
      <At place="notice.url">
        <TextField
          label="A notice of your own"
          hint="Banners then link to it instead."
          placeholder="https://…"
          value={notice.url ?? ""}
          error={refusedAt("notice.url")}
          onChange={(url) => onChange(put(notice, "url", url))}
        />
      </At>
    </div>
  );
}

const DATA = [
  ["identifiers", "Random identifiers of browsers and devices"],
  ["usage", "Pages viewed and what was done on them"],
  ["device", "Browser, device and its settings"],
  ["region", "Country or state, by the address"],
  ["account", "Accounts and what is known in them"],
  ["contact", "Names, addresses, numbers"],
  ["purchases", "Orders and payments"],
] as const;
const USUAL_DATA = ["identifiers", "usage", "device", "region"];
const IP_USES = [
  ["region", "To know which law holds"],
  ["statistics", "To count where visitors come from"],
  ["fraud", "To recognise fraud"],
  ["security", "To protect systems"],
] as const;
const BEACONS = [
  ["pages", "In pages. A tag of kind img counts as one anyway"],
  ["emails", "In e-mails: openings and clicks"],
] as const;
const DAYS_MAX = 3650;

/** What is collected besides what the configuration shows. */
function Collected({ notice, onChange }: NoticeProps) {
  const { ip_addresses: ip = {}, beacons = {} } = notice;
  const isBeacon = (name: "pages" | "emails") => beacons[name] === true;
  return (
    <fieldset className="stack">
      <legend>
        <h3>What is collected</h3>
      </legend>
      <Checks
        label="Personal data"
        options={DATA}
        value={notice.data ?? USUAL_DATA}
        onChange={(data) => onChange({ ...notice, data })}
      />
      <Checks
        label="What addresses (IP) are used for"
        options={IP_USES}
        value={ip.uses ?? ["region"]}
        onChange={(uses) => onChange({ ...notice, ip_addresses: { ...ip, uses } })}
      />
      <TextField
        label="Days that you keep whole addresses"
        hint="Outside of Assent, which keeps none. Empty: you keep none either."
        type="number"
        min={1}
        max={DAYS_MAX}
        value={ip.whole_days ? String(ip.whole_days) : ""}
        onChange={(text) =>
          onChange({ ...notice, ip_addresses: put(ip, "whole_days", text === "" ? undefined : Number(text)) })
        }
      />
      <Checks
        label="Web beacons"
        options={BEACONS}
        value={BEACONS.flatMap(([name]) => (isBeacon(name) ? name : []))}
        onChange={(on) =>
          onChange({ ...notice, beacons: { pages: on.includes("pages"), emails: on.includes("emails") } })
        }
      />
      <SaidField
        notice={notice}
        place="accounts"
        label="What people sign in to"
        hint="As it goes on in a sentence. Empty: there are no accounts."
        placeholder="the customer console"
        onChange={onChange}
      />
      <SaidField
        notice={notice}
        place="obligatory"
        label="Whether somebody has to give data, and what follows if not"
        onChange={onChange}
      />
      <SaidField
        notice={notice}
        place="automated_decisions"
        label="Decisions that programs make alone"
        onChange={onChange}
      />
      <Switch
        label="Something still uses Flash cookies"
        checked={notice.flash_cookies === true}
        onChange={(isOn) => onChange(put(notice, "flash_cookies", isOn || undefined))}
      />
    </fieldset>
  );
}

function Places({ notice, onChange }: NoticeProps) {
  const refusedAt = useRefusedAt();
  return (
    <fieldset className="stack">
      <legend>
        <h3>Where it lies</h3>
      </legend>
      <At place="notice.storage_locations">
        <LongField
          label="Places where data is stored"
          hint="One in each line."
          placeholder="Frankfurt, Germany"
          value={(notice.storage_locations ?? []).join("\n")}
          error={refusedAt("notice.storage_locations")}
          onChange={(text) => onChange(put(notice, "storage_locations", text === "" ? undefined : text.split("\n")))}
        />
      </At>
      <SaidField
        notice={notice}
        place="transfers"
        label="Transfers to other countries, and what safeguards them"
        onChange={onChange}
      />
    </fieldset>
  );
}

const RIGHTS = [
  ["access", "Access"],
  ["rectification", "Rectification"],
  ["erasure", "Erasure"],
  ["restriction", "Restriction"],
  ["portability", "Portability"],
  ["objection", "Objection"],
  ["withdrawal", "Withdrawal of consent"],
  ["complaint", "Complaint to an authority"],
  ["opt_out", "Opt-out of sale and sharing"],
  ["no_retaliation", "No retaliation"],
] as const;

function Rights({ notice, onChange }: NoticeProps) {
  const rights = notice.rights ?? null;
  return (
    <fieldset className="stack stack-s">
      <legend>
        <h3>Rights</h3>
      </legend>
      <Switch
        label="Name the rights yourself"
        hint="Off: those of the laws in use."
        checked={rights !== null}
        onChange={(isOn) => onChange({ ...notice, rights: isOn ? RIGHTS.map(([name]) => name) : null })}
      />
      {rights && (
        <Checks
          label="Rights of visitors"
          options={RIGHTS}
          value={rights}
          onChange={(next) => onChange({ ...notice, rights: next })}
        />
      )}
    </fieldset>
  );
}
