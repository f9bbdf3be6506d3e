// Alerts: what somebody wants to be told about, how it stands, a test of each, and what was told.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { part, post, remove } from "../../api/client.ts";
import type { Alert, AlertTest, Notice } from "../../api/model.ts";
import { alerts, notices, workspacePath } from "../../api/resources.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button, IconButton } from "../../ui/button.tsx";
import { DeclaredBadge } from "../../ui/declared.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Loaded, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { AlertForm } from "./alert-form.tsx";

/** What a window is open for. */
type Doing = { what: "new" } | { what: "change" | "test" | "delete"; alert: Alert };

export function AlertsTab() {
  const workspace = useWorkspace();
  const query = useQuery(alerts(workspace));
  const blocked = useBlocked("admin");
  const [doing, setDoing] = useState<Doing | null>(null);
  const close = () => setDoing(null);
  return (
    <>
      <Card
        flush
        title="Alerts"
        aside={
          <Button small icon="plus" blocked={blocked} onClick={() => setDoing({ what: "new" })}>
            New alert
          </Button>
        }
      >
        <Loaded query={query}>{({ items }) => <Table items={items} blocked={blocked} onDo={setDoing} />}</Loaded>
      </Card>
      <Told />
      <Windows doing={doing} sendsEmail={query.data?.sends_email ?? false} onClose={close} />
    </>
  );
}

function Windows({ doing, sendsEmail, onClose }: { doing: Doing | null; sendsEmail: boolean; onClose: () => void }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const saved = doing?.what === "change" ? doing.alert : null;
  const leaving = doing?.what === "delete" ? doing.alert : null;
  const confirm = async () => {
    if (!leaving) return;
    const { name, version } = leaving;
    await remove(workspacePath(workspace, `/alerts/${part(name)}`), { if_version: version });
    await client.invalidateQueries({ queryKey: alerts(workspace).queryKey });
    say("Deleted", `Alert ${name}`);
  };
  return (
    <>
      <Dialog
        wide
        open={doing?.what === "new" || saved !== null}
        onClose={onClose}
        title={saved ? `Alert ${saved.name}` : "New alert"}
      >
        {(doing?.what === "new" || saved) && <AlertForm saved={saved} sendsEmail={sendsEmail} onDone={onClose} />}
      </Dialog>
      <Dialog
        open={doing?.what === "test"}
        onClose={onClose}
        title={doing?.what === "test" ? `Test of ${doing.alert.name}` : "Test"}
      >
        {doing?.what === "test" && <Test alert={doing.alert} onDone={onClose} />}
      </Dialog>
      <Confirm
        open={leaving !== null}
        onClose={onClose}
        title={`Delete the alert ${leaving?.name ?? ""}?`}
        action="Delete alert"
        onConfirm={confirm}
      >
        <p>Nobody is told any more. What it has found is forgotten; what was told stays in the list.</p>
      </Confirm>
    </>
  );
}

/** What a rule says, as a sentence. */
function meaning(alert: Alert): string {
  const about = alert.destination ?? alert.source;
  switch (alert.when) {
    case "failure_rate":
      return `More than ${alert.above_percent} % of attempts at ${about ?? "a destination"} fail`;
    case "oldest_waiting":
      return `An event waits more than ${alert.above_minutes} min for ${about ?? "a destination"}`;
    case "refusals":
      return `More than ${alert.above_percent} % of events of ${about ?? "a source"} are not stored${alert.reason ? ` (${alert.reason})` : ""}`;
    case "no_choices":
      return `Of more than ${alert.above_pages} pages of ${about ?? "a source"} not one visitor chose`;
    case "untold_withdrawals":
      return `${about ?? "A destination"} is not told of a withdrawal for more than ${alert.above_business_days} business days`;
    case "disk":
      return `More than ${alert.above_percent} % of the disk is used`;
  }
}

function State({ alert }: { alert: Alert }) {
  const firing = alert.standing.filter(({ state }) => state === "firing");
  const names = (those: Alert["standing"]) => those.flatMap(({ about }) => about ?? []).join(", ");
  if (!alert.enabled) return <Badge>Off</Badge>;
  if (firing.length > 0) {
    return (
      <Badge tone="bad" icon="bad">
        Firing{names(firing) && `: ${names(firing)}`}
      </Badge>
    );
  }
  if (alert.standing.length > 0) {
    return (
      <Badge tone="wait" icon="wait">
        Pending{names(alert.standing) && `: ${names(alert.standing)}`}
      </Badge>
    );
  }
  return (
    <Badge tone="good" icon="good">
      At rest
    </Badge>
  );
}

const wayText = (way: Alert["notify"][number]): string => {
  if ("email" in way) return way.email.join(", ");
  // A URL may have a password in its path: its host says enough.
  return URL.canParse(way.webhook.url) ? new URL(way.webhook.url).host : way.webhook.url;
};

function Table(props: { items: Alert[]; blocked: string | null; onDo: (doing: Doing) => void }) {
  if (props.items.length === 0) {
    return (
      <Empty icon="wait" title="No alerts">
        <p>
          An alert tells somebody, by webhook or e-mail, when a destination fails or falls behind, when events are not
          stored, or when the disk fills.
        </p>
      </Empty>
    );
  }
  return (
    <ScrollFrame label="Alerts">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>State</th>
            <th>When</th>
            <th>Who is told</th>
            <th>
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {props.items.map((alert) => (
            <Row key={alert.name} alert={alert} blocked={props.blocked} onDo={props.onDo} />
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

function Row({ alert, blocked, onDo }: { alert: Alert; blocked: string | null; onDo: (doing: Doing) => void }) {
  const fixed = declaredReason(alert.declared_by) ?? blocked;
  const since = alert.standing.map((one) => one.since).sort()[0];
  return (
    <tr>
      <td>
        <div className="stack stack-s">
          <strong>{alert.name}</strong>
          <DeclaredBadge by={alert.declared_by} />
        </div>
      </td>
      <td>
        <State alert={alert} />
        {since && (
          <div className="small muted">
            since <When at={since} />
          </div>
        )}
      </td>
      <td>
        {meaning(alert)}
        {alert.for_minutes > 0 && <span className="muted">, for {alert.for_minutes} min</span>}
      </td>
      <td className="break">
        {alert.notify.length === 0 ? <span className="muted">Nobody</span> : alert.notify.map(wayText).join("; ")}
      </td>
      <td>
        <div className="actions">
          <IconButton
            small
            look="quiet"
            icon="send"
            name={`Test ${alert.name}`}
            blocked={blocked ?? (alert.notify.length === 0 ? "It tells nobody yet." : null)}
            onClick={() => onDo({ what: "test", alert })}
          />
          <Button
            small
            blocked={fixed}
            onClick={() => onDo({ what: "change", alert })}
            aria-label={`Edit ${alert.name}`}
          >
            Edit
          </Button>
          <IconButton
            small
            look="quiet"
            icon="trash"
            name={`Delete ${alert.name}`}
            blocked={fixed}
            onClick={() => onDo({ what: "delete", alert })}
          />
        </div>
      </td>
    </tr>
  );
}

function Test({ alert, onDone }: { alert: Alert; onDone: () => void }) {
  const workspace = useWorkspace();
  const test = useMutation({
    mutationFn: () => post<AlertTest>(workspacePath(workspace, `/alerts/${part(alert.name)}/test`)),
  });
  return (
    <div className="stack">
      <p>Sends a notice that is marked as a test, with made-up figures, to everybody that the alert names.</p>
      {test.data?.sends.map((send, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the ways of one answer never move.
        <Message key={at} tone={send.ok ? "good" : "bad"} title={send.to}>
          <p>{send.ok ? "It was taken." : send.error}</p>
        </Message>
      ))}
      {test.error && <ErrorMessage error={test.error} />}
      <div className="actions">
        <Button onClick={onDone}>Close</Button>
        <Button look="primary" icon="send" busy={test.isPending} onClick={() => test.mutate()}>
          Send test
        </Button>
      </div>
    </div>
  );
}

const KINDS = {
  firing: ["Firing", "bad"],
  repeated: ["Still firing", "bad"],
  resolved: ["Resolved", "good"],
} as const;

const SENDS = {
  sent: ["told", "good"],
  waiting: ["is tried again", "wait"],
  failed: ["given up", "bad"],
} as const;

const figureText = ({ figure, above, unit }: Notice): string => {
  const sign = unit === "percent" ? " %" : unit === "minutes" ? " min" : ` ${unit}`;
  const found = figure === null ? "not counted any more" : `${Math.round(figure * 10) / 10}${sign}`;
  return `${found} (above ${above}${sign})`;
};

function Told() {
  const query = useQuery(notices(useWorkspace()));
  return (
    <Card flush title="What was told">
      <Loaded query={query}>{({ items }) => <Notices items={items} />}</Loaded>
    </Card>
  );
}

function Notices({ items }: { items: Notice[] }) {
  if (items.length === 0) return <Empty icon="good" title="Nothing was told yet" />;
  return (
    <ScrollFrame label="What was told">
      <table className="table">
        <thead>
          <tr>
            <th>When</th>
            <th>Alert</th>
            <th>What</th>
            <th>Figure</th>
            <th>Who was told</th>
          </tr>
        </thead>
        <tbody>
          {items.map((notice) => (
            <tr key={notice.id}>
              <td>
                <When at={notice.at} />
              </td>
              <td>
                <strong>{notice.alert}</strong>
                {notice.about && <span className="muted"> · {notice.about}</span>}
              </td>
              <td>
                <Badge tone={KINDS[notice.kind][1]} icon={KINDS[notice.kind][1]}>
                  {KINDS[notice.kind][0]}
                </Badge>
              </td>
              <td>{figureText(notice)}</td>
              <td>
                <Sends notice={notice} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

function Sends({ notice }: { notice: Notice }) {
  if (notice.sends.length === 0) return <span className="muted">Nobody</span>;
  return (
    <div className="stack stack-s">
      {notice.sends.map((send, at) => {
        const [text, tone] = SENDS[send.state];
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the ways of one notice never move.
          <div key={at}>
            <Badge tone={tone} icon={tone}>
              {send.to}: {text}
            </Badge>
            {send.error && <div className="small muted break">{send.error}</div>}
          </div>
        );
      })}
    </div>
  );
}
