// The form of an alert, for making one and for changing one.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { part, post, put } from "../../api/client.ts";
import type { Alert, Condition } from "../../api/model.ts";
import { alerts, destinations, sources, workspacePath } from "../../api/resources.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { Check, type Option, SelectField, Switch, TextField } from "../../ui/field.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { NAME_HINT, nameError } from "../sources/fields.tsx";
import {
  ABOVE,
  type AlertDraft,
  bodyOf,
  draftOf,
  hasWindow,
  isAboutSource,
  isCounted,
  newAlert,
  newEmail,
  newWebhook,
  type WayDraft,
} from "./alert-draft.ts";

const CONDITIONS: readonly Option<Condition>[] = [
  ["failure_rate", "Attempts at a destination fail"],
  ["oldest_waiting", "Events wait too long for a destination"],
  ["refusals", "Events of a source are not stored"],
  ["no_choices", "No visitor chooses"],
  ["untold_withdrawals", "A destination is not told of withdrawals"],
  ["disk", "The disk fills"],
];

const ABOVE_LABEL: Record<Condition, string> = {
  failure_rate: "Failed, above how many percent",
  oldest_waiting: "Oldest event, above how many minutes",
  refusals: "Not stored, above how many percent",
  no_choices: "Pages without a choice, above how many",
  untold_withdrawals: "Oldest withdrawal, above how many business days",
  disk: "Used, above how many percent",
};

interface Fields {
  draft: AlertDraft;
  set: (change: Partial<AlertDraft>) => void;
}

/** `saved`: the one to change; without it a new one. */
export function AlertForm(props: { saved: Alert | null; sendsEmail: boolean; onDone: () => void }) {
  const { saved, onDone } = props;
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [draft, setDraft] = useState(() => (saved ? draftOf(saved) : newAlert()));
  const [version, setVersion] = useState(saved?.version ?? 0);
  const set = (change: Partial<AlertDraft>) => setDraft((before) => ({ ...before, ...change }));
  const save = useMutation({
    mutationFn: (ifVersion: number) =>
      saved
        ? put<Alert>(workspacePath(workspace, `/alerts/${part(saved.name)}`), bodyOf(draft), { if_version: ifVersion })
        : post<Alert>(workspacePath(workspace, "/alerts"), bodyOf(draft)),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: alerts(workspace).queryKey });
      say(saved ? "Saved" : "Created", `Alert ${draft.name}`);
      onDone();
    },
  });
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        save.mutate(version);
      }}
    >
      {!saved && (
        <TextField
          label="Name"
          value={draft.name}
          onChange={(name) => set({ name })}
          hint={NAME_HINT}
          error={nameError(draft.name)}
          required
          maxLength={63}
        />
      )}
      <ConditionFields draft={draft} set={set} />
      <TimeFields draft={draft} set={set} />
      <WayFields draft={draft} set={set} sendsEmail={props.sendsEmail} />
      <Switch
        label="Watches"
        hint="off: nothing is looked at and nobody is told"
        checked={draft.enabled}
        onChange={(enabled) => set({ enabled })}
      />
      <SaveError<Alert>
        error={save.error}
        mine={bodyOf(draft)}
        theirs={(current) => bodyOf(draftOf(current))}
        onTakeTheirs={(current) => {
          setDraft(draftOf(current));
          setVersion(current.version);
          save.reset();
        }}
        onKeepMine={(current) => save.mutate(current.version)}
      />
      <div className="actions">
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" look="primary" busy={save.isPending}>
          {saved ? "Save alert" : "Create alert"}
        </Button>
      </div>
    </form>
  );
}

function ConditionFields({ draft, set }: Fields) {
  return (
    <>
      <SelectField
        label="When"
        value={draft.when}
        options={CONDITIONS}
        onChange={(when) =>
          set({ when, about: "", above: ABOVE[when], window_minutes: when === "no_choices" ? "60" : "5" })
        }
      />
      {draft.when !== "disk" && <AboutField draft={draft} set={set} />}
      {draft.when === "refusals" && (
        <TextField
          label="Reason"
          value={draft.reason}
          onChange={(reason) => set({ reason: reason.trim() })}
          placeholder="no_consent"
          hint="A reason or code of the overview. Empty: all of them."
        />
      )}
      <TextField
        label={ABOVE_LABEL[draft.when]}
        type="number"
        min={0}
        max={draft.when === "untold_withdrawals" ? 14 : undefined}
        step={isCounted(draft.when) ? 1 : "any"}
        value={draft.above}
        onChange={(above) => set({ above })}
        required
      />
    </>
  );
}

function AboutField({ draft, set }: Fields) {
  const workspace = useWorkspace();
  const ofSource = isAboutSource(draft.when);
  const found = useQuery({ ...destinations(workspace), enabled: !ofSource });
  const from = useQuery({ ...sources(workspace), enabled: ofSource });
  const items: { name: string }[] = (ofSource ? from.data?.items : found.data?.items) ?? [];
  const names = items.map(({ name }) => name);
  const known = draft.about === "" || names.includes(draft.about) ? names : [draft.about, ...names];
  return (
    <SelectField
      label={ofSource ? "Source" : "Destination"}
      value={draft.about}
      options={[["", "Each by itself"], ...known.map((name) => [name, name] as const)]}
      onChange={(about) => set({ about })}
    />
  );
}

function TimeFields({ draft, set }: Fields) {
  return (
    <>
      {hasWindow(draft.when) && (
        <TextField
          label="Over how many minutes"
          type="number"
          min={1}
          max={1440}
          value={draft.window_minutes}
          onChange={(window_minutes) => set({ window_minutes })}
          hint="What is counted is counted over so long."
          required
        />
      )}
      <TextField
        label="For how many minutes"
        type="number"
        min={0}
        max={10080}
        value={draft.for_minutes}
        onChange={(for_minutes) => set({ for_minutes })}
        hint="It is told when it held for so long, and that it is over when it was over for so long."
        required
      />
      <TextField
        label="Again after how many hours"
        type="number"
        min={1}
        max={672}
        value={draft.repeat_after_hours}
        onChange={(repeat_after_hours) => set({ repeat_after_hours })}
        hint="While it goes on."
        required
      />
    </>
  );
}

function WayFields({ draft, set, sendsEmail }: Fields & { sendsEmail: boolean }) {
  const change = (key: number, to: WayDraft | null) =>
    set({ ways: draft.ways.flatMap((way) => (way.key === key ? (to ? [to] : []) : [way])) });
  return (
    <fieldset className="stack">
      <legend>Who is told</legend>
      {draft.ways.length === 0 && <p className="hint">Nobody yet: it shows in the console only.</p>}
      {draft.ways.map((way, at) => (
        <div key={way.key} className="stack stack-s">
          <OneWay way={way} number={at + 1} onChange={(to) => change(way.key, to)} sendsEmail={sendsEmail} />
        </div>
      ))}
      <div className="row">
        <Button small icon="plus" onClick={() => set({ ways: [...draft.ways, newWebhook()] })}>
          Webhook
        </Button>
        <Button small icon="plus" onClick={() => set({ ways: [...draft.ways, newEmail()] })}>
          E-mail
        </Button>
      </div>
    </fieldset>
  );
}

function OneWay(props: {
  way: WayDraft;
  number: number;
  onChange: (way: WayDraft | null) => void;
  sendsEmail: boolean;
}) {
  const { way, number, onChange } = props;
  const removal = (
    <IconButton small icon="trash" look="quiet" name={`Remove way ${number}`} onClick={() => onChange(null)} />
  );
  if (way.kind === "email") {
    return (
      <>
        <div className="row spread">
          <strong>E-mail</strong>
          {removal}
        </div>
        <TextField
          label={`Addresses of way ${number}`}
          value={way.to}
          onChange={(to) => onChange({ ...way, to })}
          placeholder="ops@example.com, night@example.com"
          hint={
            props.sendsEmail
              ? "With commas between them."
              : "This server cannot send e-mail: set smtp_url and smtp_from in its settings."
          }
          required
        />
      </>
    );
  }
  return (
    <>
      <div className="row spread">
        <strong>Webhook</strong>
        {removal}
      </div>
      <TextField
        label={`URL of way ${number}`}
        type="url"
        value={way.url}
        onChange={(url) => onChange({ ...way, url })}
        placeholder="https://hooks.example.com/assent"
        required
      />
      <Check
        label="Sign its requests"
        hint="as Standard Webhooks has it"
        checked={way.isSigned}
        onChange={(isSigned) => onChange({ ...way, isSigned })}
      />
      {way.isSigned && (
        <TextField
          label={`Secret of way ${number}`}
          value={way.secret}
          onChange={(secret) => onChange({ ...way, secret })}
          placeholder="whsec_…"
          hint="Empty keeps the stored one, as long as the URL stays."
        />
      )}
      <Check
        label="May be inside your network"
        checked={way.allow_private}
        onChange={(allow_private) => onChange({ ...way, allow_private })}
      />
    </>
  );
}
