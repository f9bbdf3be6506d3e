// Replay: events of the lake sent to this destination once more, through the consent of today. First what would go, then
// how far it is.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { part, post } from "../../api/client.ts";
import type { Destination, Rehearsal, Replay, ReplayWanted } from "../../api/model.ts";
import { replays, workspacePath } from "../../api/resources.ts";
import { count, percent, plural } from "../../format/number.ts";
import { fromLocalInput } from "../../format/time.ts";
import { reasonText, resultLabel } from "../../format/words.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { Empty, ErrorMessage, Loaded, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

const CALLS = ["track", "identify", "page", "screen", "group", "alias"];
const TONES = { running: "note", paused: "wait", finished: "good", cancelled: "plain", failed: "bad" } as const;

interface Draft {
  from: string;
  to: string;
  type: string;
  source: string;
  events: string;
  rate: string;
}

const NOTHING: Draft = { from: "", to: "", type: "", source: "", events: "", rate: "1000" };

/** What the form means; what is left empty does not matter. */
function wanted(draft: Draft): ReplayWanted {
  const names = draft.events
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  const [from, to] = [fromLocalInput(draft.from), fromLocalInput(draft.to)];
  return {
    ...(from && { from }),
    ...(to && { to }),
    ...(draft.type && { types: [draft.type] }),
    ...(draft.source && { sources: [draft.source] }),
    ...(names.length > 0 && { events: names }),
    rate_per_s: Number(draft.rate),
  };
}

export function ReplayTab({ of }: { of: Destination }) {
  const workspace = useWorkspace();
  const query = useQuery(replays(workspace, of.name));
  const open = query.data?.items.find(({ state }) => state === "running" || state === "paused");
  return (
    <>
      <Ask of={of} isBusy={open !== undefined} />
      <Card title="Replays">
        <Loaded query={query}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty icon="retry" title="Nothing was replayed">
                <p>What is sent from the lake, and how far it is, stands here.</p>
              </Empty>
            ) : (
              <ul className="stack" style={{ padding: 0, listStyle: "none" }} aria-live="polite">
                {items.map((replay) => (
                  <li key={replay.number}>
                    <Line name={of.name} replay={replay} />
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
    </>
  );
}

function Ask({ of, isBusy }: { of: Destination; isBusy: boolean }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const admin = useBlocked("admin");
  const [draft, setDraft] = useState(NOTHING);
  const [isAsking, setAsking] = useState(false);
  const path = workspacePath(workspace, `/destinations/${part(of.name)}/replays`);
  const rehearse = useMutation({
    mutationFn: () => post<Rehearsal>(path, { ...wanted(draft), dry_run: true }),
  });
  const set = (name: keyof Draft) => (value: string) => {
    setDraft({ ...draft, [name]: value });
    // It was about other events.
    rehearse.reset();
  };
  const start = async () => {
    const { number } = await post<Replay>(path, wanted(draft));
    say("Replay begun", `${number} of ${of.name}`);
    rehearse.reset();
    await client.invalidateQueries({ queryKey: replays(workspace, of.name).queryKey });
  };
  const rate = Number(draft.rate);
  const wrong = Number.isInteger(rate) && rate >= 1 && rate <= 50_000 ? null : "A number from 1 to 50,000.";
  const blocked = admin ?? (of.enabled ? null : "It is disabled.") ?? wrong;
  return (
    <Card title="Send history again">
      <div className="stack form">
        <p>
          Events that the lake has go to {of.name} through its own limits and through the consent of today: what was
          withdrawn since stays here, and what was granted later lets nothing more through. Live events go first.
        </p>
        <Fields of={of} draft={draft} set={set} wrong={wrong} />
        <div className="actions">
          <Button busy={rehearse.isPending} blocked={blocked} onClick={() => rehearse.mutate()}>
            Dry run
          </Button>
          <Button
            look="primary"
            icon="play"
            blocked={blocked ?? (isBusy ? "Another replay is not over." : null)}
            onClick={() => setAsking(true)}
          >
            Start replay
          </Button>
        </div>
        {rehearse.error && <ErrorMessage error={rehearse.error} />}
        {rehearse.data && <Rehearsed found={rehearse.data} />}
        <Confirm
          open={isAsking}
          onClose={() => setAsking(false)}
          title={`Replay to ${of.name}?`}
          action="Start replay"
          onConfirm={start}
        >
          <p>
            {rehearse.data
              ? `The dry run found ${plural(rehearse.data.total, "event")}.`
              : "There was no dry run of this selection."}{" "}
            What arrives cannot be taken back; the receiver may see events that it has already.
          </p>
        </Confirm>
      </div>
    </Card>
  );
}

interface FieldsOf {
  of: Destination;
  draft: Draft;
  set: (name: keyof Draft) => (value: string) => void;
  /** What is wrong with the rate. */
  wrong: string | null;
}

function Fields({ of, draft, set, wrong }: FieldsOf) {
  return (
    <>
      <div className="row row-3">
        <TextField
          label="From"
          type="datetime-local"
          value={draft.from}
          onChange={set("from")}
          hint="The first event, when empty."
        />
        <TextField label="To" type="datetime-local" value={draft.to} onChange={set("to")} hint="Now, when empty." />
      </div>
      <SelectField
        label="Call"
        value={draft.type}
        options={[["", "All calls"], ...CALLS.map((call) => [call, call] as const)]}
        onChange={set("type")}
      />
      <SelectField
        label="Source"
        value={draft.source}
        options={[["", "All that it reads from"], ...of.sources.map((source) => [source, source] as const)]}
        onChange={set("source")}
      />
      <TextField
        label="Event names"
        value={draft.events}
        onChange={set("events")}
        hint="Of track calls, with commas between them; all when empty."
      />
      <TextField
        label="Events per second, at most"
        inputMode="numeric"
        value={draft.rate}
        error={wrong}
        onChange={set("rate")}
      />
    </>
  );
}

function Rehearsed({ found }: { found: Rehearsal }) {
  const kept = found.read - found.sent;
  const shares = [...found.types, ...found.sources];
  return (
    <Message tone={found.sent > 0 ? "good" : "note"} title={`${plural(found.sent, "event")} would be sent`}>
      <p>
        Of {count(found.read)} looked at
        {found.is_estimate ? `, out of ${count(found.total)} (time was up, so take it as an estimate)` : ""};{" "}
        {count(kept)} would stay here.
      </p>
      <ul>
        {found.kept_back.map(({ result, reason, count: events }) => (
          <li key={`${result}-${reason}`}>
            {resultLabel(result)}: {count(events)}, {reasonText(reason)}
          </li>
        ))}
        {found.gone > 0 && <li>{count(found.gone)} of people whom the vault does not know any more</li>}
        {shares.map(({ name, read, sent }) => (
          <li key={name}>
            <code>{name}</code>: {count(sent)} of {count(read)}
          </li>
        ))}
      </ul>
    </Message>
  );
}

/** What was asked for, beside the time; nothing of what is empty. */
function meant({ types, sources, events, message_ids }: Replay["selection"]): string {
  const parts = [
    sources.length > 0 && `from ${sources.join(", ")}`,
    types.length > 0 && `only ${types.join(", ")}`,
    events > 0 && `of ${plural(events, "event name")}`,
    message_ids > 0 && `of ${plural(message_ids, "message id")}`,
  ];
  return parts.filter(Boolean).join("; ");
}

/** How much of it is done; nobody counts any more for one that is over. */
function done({ state, total, gone }: Replay, settled: number): string {
  if (total !== null) return `${percent(settled + gone, Math.max(1, total))} of ${plural(total, "event")}`;
  return state === "running" || state === "paused" ? "Counting" : "Not counted";
}

function Line({ name, replay }: { name: string; replay: Replay }) {
  const { number, state, total, taken, gone, results, selection, waits } = replay;
  const delivered = results.filter(({ result }) => result === "delivered").reduce((sum, one) => sum + one.count, 0);
  const isKept = (result: string) => result === "withheld" || result === "filtered";
  const kept = results.filter(({ result }) => isKept(result)).reduce((sum, one) => sum + one.count, 0);
  const settled = results.reduce((sum, one) => sum + one.count, 0);
  const rest = taken - settled;
  const whole = total ?? taken + gone;
  const told = [
    ...results.map((one) => `${count(one.count)} ${resultLabel(one.result).toLowerCase()}${because(one.reason)}`),
    ...(gone > 0 ? [`${count(gone)} cannot be sent any more`] : []),
    ...(rest > 0 ? [`${count(rest)} on their way`] : []),
  ];
  return (
    <section className="stack stack-s" aria-label={`Replay ${number}`}>
      <p className="row spread">
        <span className="row">
          <strong>Replay {number}</strong>
          <Badge tone={TONES[state]}>{state}</Badge>
          {done(replay, settled)}
        </span>
        <Steps name={name} replay={replay} />
      </p>
      <Meter
        parts={[
          [delivered, "good"],
          [kept, "hold"],
          [settled - delivered - kept, "bad"],
        ]}
        of={whole}
      />
      <p>{told.join(", ") || "Nothing yet"}</p>
      {replay.error && <Message tone="bad">{replay.error}</Message>}
      {waits && (
        <Message tone="wait" title="It waits and tries again">
          {waits}
        </Message>
      )}
      <p className="small muted">
        {replay.by}, <When at={replay.at} />; received{" "}
        {selection.from ? (
          <>
            from <When at={selection.from} />
          </>
        ) : (
          "from the first on"
        )}{" "}
        to <When at={selection.to} />
        {meant(selection) && `; ${meant(selection)}`}, {count(replay.rate_per_s)} per second at most
      </p>
    </section>
  );
}

const because = (reason: string) => (reason ? ` (${reasonText(reason)})` : "");

function Steps({ name, replay }: { name: string; replay: Replay }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const admin = useBlocked("admin");
  const { number, state } = replay;
  const step = useMutation({
    mutationFn: (what: string) =>
      post(workspacePath(workspace, `/destinations/${part(name)}/replays/${number}/${what}`)),
    onSettled: () => client.invalidateQueries({ queryKey: replays(workspace, name).queryKey }),
  });
  const isOver = state === "finished" || state === "cancelled";
  return (
    <span className="row">
      {step.error && <ErrorMessage error={step.error} />}
      {state === "running" && (
        <Button small icon="pause" blocked={admin} busy={step.isPending} onClick={() => step.mutate("pause")}>
          Pause
        </Button>
      )}
      {(state === "paused" || state === "failed") && (
        <Button small icon="play" blocked={admin} busy={step.isPending} onClick={() => step.mutate("resume")}>
          Resume
        </Button>
      )}
      {!isOver && (
        <Button small blocked={admin} busy={step.isPending} onClick={() => step.mutate("cancel")}>
          Cancel
        </Button>
      )}
    </span>
  );
}
