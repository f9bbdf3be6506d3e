// The lists of a notice: cookies of the site itself, what is kept for how long, and who stands behind a destination.

import { useQuery } from "@tanstack/react-query";
import type { KeyWritten, RecipientWritten } from "../../api/model.ts";
import { destinations } from "../../api/resources.ts";
import { Button } from "../../ui/button.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { put, without } from "./draft.ts";
import { Words } from "./notice-languages.tsx";
import type { NoticeProps } from "./notice-section.tsx";
import { At, RefusedHere, useRefusedAt } from "./refused.tsx";

const KINDS = [
  ["cookie", "Cookie"],
  ["local", "Local storage"],
  ["session", "Session storage"],
] as const;
/** Those of `crates/workspace/texts/notice` that a site's own cookies have; any other is written in words. */
const USES = [
  ["", "What is written below"],
  ["login", "Keeps somebody signed in"],
  ["security", "Protects the site"],
  ["preference", "Remembers a setting"],
  ["session", "Recognises a visit"],
  ["visitor", "Recognises the browser"],
] as const;

export function Cookies({ notice, onChange, categories }: NoticeProps & { categories: string[] }) {
  const all = notice.cookies ?? [];
  const set = (cookies: KeyWritten[]) => onChange(put(notice, "cookies", cookies));
  const fresh: KeyWritten = { name: "", lasts: "session", category: "required", use: "login" };
  return (
    <fieldset className="stack stack-s">
      <legend>
        <h3>Cookies and storage of the site itself</h3>
      </legend>
      <p className="hint">Those of vendors and of Assent are known.</p>
      {all.map((cookie, at) => (
        <Cookie
          // biome-ignore lint/suspicious/noArrayIndexKey: a cookie's name is what is being typed.
          key={at}
          notice={notice}
          cookie={cookie}
          number={at + 1}
          categories={categories}
          onChange={(next) => set(all.map((one, place) => (place === at ? next : one)))}
          onRemove={() => set(all.filter((_, place) => place !== at))}
        />
      ))}
      <At place="notice.cookies">
        <Button small icon="plus" onClick={() => set([...all, fresh])}>
          Add cookie
        </Button>
      </At>
    </fieldset>
  );
}

interface CookieProps {
  notice: NoticeProps["notice"];
  cookie: KeyWritten;
  number: number;
  categories: string[];
  onChange: (cookie: KeyWritten) => void;
  onRemove: () => void;
}

function Cookie({ notice, cookie, number, categories, onChange, onRemove }: CookieProps) {
  const place = `notice.cookies.${cookie.name}`;
  const used = cookie.use ?? "";
  const uses = USES.some(([use]) => use === used) ? USES : [...USES, [used, used] as const];
  return (
    <fieldset className="stack stack-s entry" data-place={place}>
      <legend>
        <h4>{cookie.name || `Cookie ${number}`}</h4>
      </legend>
      <RefusedHere place={place} />
      <div className="grid-2">
        <TextField
          label="Name of the cookie"
          hint="An asterisk stands for any characters."
          placeholder="shop_session"
          value={cookie.name}
          onChange={(name) => onChange({ ...cookie, name })}
        />
        <SelectField
          label="Where it lies"
          value={cookie.kind ?? "cookie"}
          options={KINDS}
          onChange={(kind) => onChange(put(cookie, "kind", kind))}
        />
        <Lasts label="How long it stays" value={cookie.lasts} onChange={(lasts) => onChange({ ...cookie, lasts })} />
        <SelectField
          label="Its category"
          value={cookie.category ?? ""}
          options={[["", "Choose"], ...categories.map((name) => [name, name] as const)]}
          onChange={(category) => onChange(put(cookie, "category", category))}
        />
        <SelectField
          label="What it is for"
          value={used}
          options={uses}
          onChange={(use) => onChange(put(cookie, "use", use))}
        />
      </div>
      <Words
        notice={notice}
        place={`${place}.what_for`}
        label="What it is for, in your words"
        hint="They go before the choice above."
        value={cookie.what_for}
        onChange={(said) => onChange(put(cookie, "what_for", said))}
      />
      <div>
        <Button
          small
          look="quiet"
          icon="trash"
          onClick={onRemove}
        >{`Remove ${cookie.name || `cookie ${number}`}`}</Button>
      </div>
    </fieldset>
  );
}

/** A time as files write it. Its refusal names the text and not the place. */
function Lasts({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const refusedAt = useRefusedAt();
  const place = `notice.lasts.${value}`;
  return (
    <At place={place}>
      <TextField
        label={label}
        hint="session, until-deleted, or as 20m, 24h, 90d, 13mo, 2y."
        placeholder="90d"
        value={value}
        error={refusedAt(place)}
        onChange={onChange}
      />
    </At>
  );
}

export function Periods({ notice, onChange }: NoticeProps) {
  const all = notice.retention ?? [];
  const set = (retention: typeof all) => onChange(put(notice, "retention", retention));
  const change = (at: number, to: (typeof all)[number]) => set(all.map((one, place) => (place === at ? to : one)));
  return (
    <fieldset className="stack stack-s">
      <legend>
        <h3>What is kept for how long</h3>
      </legend>
      <p className="hint">Beside what Assent knows. It does not know for how long log and lake keep events.</p>
      {all.map((kept, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: what is kept is what is being typed.
        <fieldset key={at} className="stack stack-s entry">
          <legend>
            <h4>{`Period ${at + 1}`}</h4>
          </legend>
          <Words
            notice={notice}
            place={`notice.retention[${at}].what`}
            label="What is kept"
            placeholder="Events"
            value={kept.what}
            onChange={(what) => change(at, { ...kept, what: what ?? "" })}
          />
          <Lasts label="For how long" value={kept.lasts} onChange={(lasts) => change(at, { ...kept, lasts })} />
          <div>
            <Button
              small
              look="quiet"
              icon="trash"
              onClick={() => set(all.filter((_, place) => place !== at))}
            >{`Remove period ${at + 1}`}</Button>
          </div>
        </fieldset>
      ))}
      <At place="notice.retention">
        <Button small icon="plus" onClick={() => set([...all, { what: "", lasts: "13mo" }])}>
          Add period
        </Button>
      </At>
    </fieldset>
  );
}

const TRANSFERS = [
  ["", "Not said"],
  ["none", "None: it stays where the law of its origin holds"],
  ["adequacy", "An adequacy decision (Art. 45)"],
  ["standard_clauses", "Standard contractual clauses (Art. 46)"],
  ["binding_rules", "Binding corporate rules (Art. 47)"],
  ["derogation", "An exception (Art. 49)"],
] as const;

/** Only of destinations that exist: the server refuses others. One that is gone can be removed. */
export function Recipients({ notice, onChange }: NoticeProps) {
  const known = useQuery(destinations(useWorkspace())).data?.items.map(({ name }) => name) ?? [];
  const all = notice.recipients ?? {};
  const missing = known.filter((name) => !(name in all));
  const set = (recipients: Record<string, RecipientWritten>) =>
    onChange(put(notice, "recipients", Object.keys(recipients).length > 0 ? recipients : undefined));
  return (
    <fieldset className="stack stack-s" data-place="notice.recipients">
      <legend>
        <h3>Who stands behind a destination</h3>
      </legend>
      <p className="hint">Without a row the notice has the destination&rsquo;s own name.</p>
      {Object.entries(all).map(([name, recipient]) => (
        <Recipient
          key={name}
          destination={name}
          recipient={recipient}
          onChange={(next) => set({ ...all, [name]: next })}
          onRemove={() => set(without(all, name))}
        />
      ))}
      {missing.length > 0 && (
        <SelectField
          label="Name somebody behind"
          value=""
          options={[["", "Choose a destination"], ...missing.map((name) => [name, name] as const)]}
          onChange={(name) => name && set({ ...all, [name]: { name: "" } })}
        />
      )}
    </fieldset>
  );
}

interface RecipientProps {
  destination: string;
  recipient: RecipientWritten;
  onChange: (recipient: RecipientWritten) => void;
  onRemove: () => void;
}

function Recipient({ destination, recipient, onChange, onRemove }: RecipientProps) {
  const refusedAt = useRefusedAt();
  const place = `notice.recipients.${destination}`;
  return (
    <fieldset className="stack stack-s entry" data-place={place}>
      <legend>
        <h4>{destination}</h4>
      </legend>
      <RefusedHere place={place} />
      <div className="grid-2">
        <At place={`${place}.name`}>
          <TextField
            label="Name, for visitors"
            placeholder="CRM Ltd"
            value={recipient.name}
            error={refusedAt(`${place}.name`)}
            onChange={(name) => onChange({ ...recipient, name })}
          />
        </At>
        <At place={`${place}.country`}>
          <TextField
            label="Where it is"
            placeholder="Germany"
            value={recipient.country ?? ""}
            error={refusedAt(`${place}.country`)}
            onChange={(country) => onChange(put(recipient, "country", country))}
          />
        </At>
        <TextField
          label="Contract on file"
          hint="For the records of processing, not for visitors."
          value={recipient.contract ?? ""}
          onChange={(contract) => onChange(put(recipient, "contract", contract))}
        />
        <SelectField
          label="What safeguards a transfer"
          hint="For the records of processing."
          value={recipient.transfer ?? ""}
          options={TRANSFERS}
          onChange={(transfer) => onChange(put(recipient, "transfer", transfer))}
        />
      </div>
      <div>
        <Button small look="quiet" icon="trash" onClick={onRemove}>{`Remove ${destination}`}</Button>
      </div>
    </fieldset>
  );
}
