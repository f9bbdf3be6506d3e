// Who answers for a notice and can be reached (GDPR Art. 13(1)(a) and (b), Art. 27, Art. 77).

import type { PartyWritten } from "../../api/model.ts";
import { Switch, TextField } from "../../ui/field.tsx";
import { put } from "./draft.ts";
import { LongField } from "./long-field.tsx";
import type { NoticeProps } from "./notice-section.tsx";
import { At, useRefusedAt } from "./refused.tsx";

const FRESH: PartyWritten = { name: "", address: "", email: "" };

export function Parties({ notice, onChange }: NoticeProps) {
  const { representative = null } = notice;
  return (
    <>
      <fieldset className="stack">
        <legend>
          <h3>Who is responsible</h3>
        </legend>
        <Party
          place="notice.controller"
          party={notice.controller}
          onChange={(controller) => onChange({ ...notice, controller })}
        />
      </fieldset>
      <fieldset className="stack">
        <legend>
          <h3>Representative in the Union</h3>
        </legend>
        <Switch
          label="There is one"
          hint="For controllers outside of it (GDPR Art. 27)."
          checked={representative !== null}
          onChange={(isOn) => onChange(put(notice, "representative", isOn ? FRESH : undefined))}
        />
        {representative && (
          <Party
            place="notice.representative"
            party={representative}
            onChange={(party) => onChange({ ...notice, representative: party })}
          />
        )}
      </fieldset>
      <Officer notice={notice} onChange={onChange} />
    </>
  );
}

function Party(props: { place: string; party: PartyWritten; onChange: (party: PartyWritten) => void }) {
  const { place, party, onChange } = props;
  const refusedAt = useRefusedAt();
  return (
    <>
      <div className="grid-2">
        <At place={`${place}.name`}>
          <TextField
            label="Name"
            value={party.name}
            placeholder="Example Ltd"
            error={refusedAt(`${place}.name`)}
            onChange={(name) => onChange({ ...party, name })}
          />
        </At>
        <At place={`${place}.email`}>
          <TextField
            label="E-mail about privacy"
            value={party.email}
            placeholder="privacy@company.example"
            error={refusedAt(`${place}.email`)}
            onChange={(email) => onChange({ ...party, email })}
          />
        </At>
      </div>
      <At place={`${place}.address`}>
        <LongField
          label="Postal address"
          value={party.address}
          error={refusedAt(`${place}.address`)}
          onChange={(address) => onChange({ ...party, address })}
        />
      </At>
      <At place={`${place}.phone`}>
        <TextField
          label="Telephone"
          type="tel"
          hint="Empty: none is named."
          value={party.phone ?? ""}
          error={refusedAt(`${place}.phone`)}
          onChange={(phone) => onChange(put(party, "phone", phone))}
        />
      </At>
    </>
  );
}

/** The officer and the authority are named by what is written: with both fields empty there is none. */
function Officer({ notice, onChange }: NoticeProps) {
  const refusedAt = useRefusedAt();
  const dpo = notice.dpo ?? { email: "" };
  const authority = notice.authority ?? { name: "" };
  const setDpo = (next: typeof dpo) => onChange(put(notice, "dpo", next.email || next.name ? next : undefined));
  const setAuthority = (next: typeof authority) =>
    onChange(put(notice, "authority", next.name || next.url ? next : undefined));
  return (
    <fieldset className="stack">
      <legend>
        <h3>Officer and authority</h3>
      </legend>
      <div className="grid-2">
        <At place="notice.dpo.email">
          <TextField
            label="E-mail of the data protection officer"
            hint="Empty: none is named."
            value={dpo.email}
            error={refusedAt("notice.dpo.email")}
            onChange={(email) => setDpo({ ...dpo, email })}
          />
        </At>
        <At place="notice.dpo.name">
          <TextField
            label="Their name"
            hint="It need not be published."
            value={dpo.name ?? ""}
            error={refusedAt("notice.dpo.name")}
            onChange={(name) => setDpo(put(dpo, "name", name))}
          />
        </At>
        <At place="notice.authority.name">
          <TextField
            label="Supervisory authority"
            value={authority.name}
            error={refusedAt("notice.authority.name")}
            onChange={(name) => setAuthority({ ...authority, name })}
          />
        </At>
        <At place="notice.authority.url">
          <TextField
            label="Where it takes complaints"
            placeholder="https://…"
            value={authority.url ?? ""}
            error={refusedAt("notice.authority.url")}
            onChange={(url) => setAuthority(put(authority, "url", url))}
          />
        </At>
      </div>
    </fieldset>
  );
}
