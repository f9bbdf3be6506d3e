// Overview: what needs attention first, then how much comes in, where it goes and what does not.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import type { Overview, Storage } from "../../api/model.ts";
import { overview } from "../../api/resources.ts";
import { bytes, compact, count, rate } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import { reasonText, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { ButtonLink, Segments } from "../../ui/button.tsx";
import { Chart } from "../../ui/chart.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { Prose } from "../../ui/prose.tsx";
import { Empty, Loaded } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { DestinationTable } from "./destinations.tsx";

const SPANS = [
  [15, "15 min"],
  [60, "1 h"],
  [360, "6 h"],
  [1_440, "24 h"],
] as const;

export function OverviewPage() {
  const workspace = useWorkspace();
  const [minutes, setMinutes] = useState<number>(60);
  const query = useQuery(overview(workspace, minutes));
  return (
    <>
      <PageHead
        title="Overview"
        actions={<Segments label="Time span" value={minutes} options={SPANS} onChange={setMinutes} />}
      />
      <Loaded query={query} lines={6}>
        {(data) => (
          <>
            <Attention items={data.attention} />
            <Flow data={data} minutes={minutes} />
            <CountedSince data={data} minutes={minutes} />
            <DestinationTable destinations={data.destinations} now={data.now} />
            <div className="grid-2">
              <Reasons
                title="Withheld at the door"
                about="Consent did not permit to store these. Their content was never kept."
                rows={data.refused.map(({ reason, count }) => [reasonText(reason), count])}
              />
              <Reasons
                title="Discarded"
                about="Not an event by the specification, or from a source that is switched off."
                rows={data.discarded.map(({ code, count }) => [sentence(code), count])}
              />
            </div>
            {data.storage && <Disk storage={data.storage} />}
          </>
        )}
      </Loaded>
    </>
  );
}

const TONE = { error: "message-bad", warning: "message-wait" } as const;

function Attention({ items }: { items: Overview["attention"] }) {
  const workspace = useWorkspace();
  if (items.length === 0) {
    return (
      <p className="row">
        <span className="badge tone-good">
          <Icon name="good" /> All well
        </span>
        <span className="muted">Nothing needs attention.</span>
      </p>
    );
  }
  return (
    <section className="stack stack-s" aria-label="Needs attention">
      {items.map((item) => {
        const tone = TONE[item.severity as keyof typeof TONE] ?? "message-note";
        return (
          <div key={item.text} className={`message ${tone}`}>
            <Icon name={tone === "message-bad" ? "bad" : tone === "message-wait" ? "wait" : "note"} />
            <div className="row spread grow">
              <span>
                <Prose text={item.text} />
              </span>
              {item.link && <Link href={paths.inside(workspace, item.link)}>Look at it</Link>}
            </div>
          </div>
        );
      })}
    </section>
  );
}

const total = (rows: readonly { count: number }[]): number => rows.reduce((sum, row) => sum + row.count, 0);

/** Seconds between two points of the curve; a minute when there is only one. */
function stepSeconds(points: Overview["accepted"]): number {
  const [first, second] = points;
  if (!first || !second) return 60;
  return Math.max(1, (Date.parse(second.at) - Date.parse(first.at)) / 1_000);
}

function Flow({ data, minutes }: { data: Overview; minutes: number }) {
  const step = stepSeconds(data.accepted);
  const rates = data.accepted.map(({ count }) => count / step);
  // The last step is not over yet: the one before it says how fast events come now.
  const now = rates.at(-2) ?? rates.at(-1) ?? 0;
  const waiting = data.destinations.reduce((sum, destination) => sum + destination.health.waiting, 0);
  const span = minutes < 60 ? `${minutes} min` : `${minutes / 60} h`;
  return (
    <section className="card" aria-label="Events">
      <dl className="stats">
        <Stat name="Accepted now" value={`${rate(now)}/s`} sub={`peak ${rate(Math.max(0, ...rates))}/s`} />
        <Stat name={`Accepted in ${span}`} value={compact(total(data.accepted))} />
        <Stat name="Withheld at the door" value={compact(total(data.refused))} />
        <Stat name="Discarded" value={compact(total(data.discarded))} />
        <Stat name="Waiting for delivery" value={compact(waiting)} sub={oldest(data)} />
      </dl>
      <div className="card-body">
        {total(data.accepted) > 0 ? (
          <Chart
            summary={`Accepted events per second over the last ${span}: ${rate(now)} now, ${rate(Math.max(0, ...rates))} at most.`}
            x={data.accepted.map(({ at }) => Date.parse(at) / 1_000)}
            series={[{ name: "Accepted per second", token: "--accent", values: rates }]}
            isTime
          />
        ) : (
          <NoEvents />
        )}
      </div>
    </section>
  );
}

/** A server that started within the span has not counted all of it: zeros before are not silence. */
function CountedSince({ data, minutes }: { data: Overview; minutes: number }) {
  if (!data.counted_since || Date.parse(data.now) - Date.parse(data.counted_since) > minutes * 60_000) return null;
  return (
    <p className="muted small">
      Counted since the server started, <When at={data.counted_since} />.
    </p>
  );
}

function NoEvents() {
  const workspace = useWorkspace();
  return (
    <Empty icon="live" title="No event was accepted in this time.">
      <p>Each source has a snippet to copy, and says when its first event has come.</p>
      <ButtonLink to={paths.sources(workspace)}>To the sources</ButtonLink>
    </Empty>
  );
}

function oldest(data: Overview): string | undefined {
  const times = data.destinations.flatMap(({ health }) => health.oldest_waiting_at ?? []);
  const first = times.sort()[0];
  return first && `oldest ${duration(Math.max(0, Date.parse(data.now) - Date.parse(first)))}`;
}

function Stat({ name, value, sub }: { name: string; value: string; sub?: string | undefined }) {
  return (
    <div className="stat">
      <dt>{name}</dt>
      <dd>
        {value} {sub && <span className="sub">{sub}</span>}
      </dd>
    </div>
  );
}

function Reasons(props: { title: string; about: string; rows: (readonly [text: string, count: number])[] }) {
  const rows = [...props.rows].sort(([, a], [, b]) => b - a);
  const most = rows[0]?.[1] ?? 0;
  return (
    <Card title={props.title}>
      <div className="stack">
        <p className="muted small">{props.about}</p>
        {rows.length === 0 && <p>None.</p>}
        <ul className="bars" style={{ padding: 0, listStyle: "none" }}>
          {rows.map(([text, value]) => (
            <li key={text} className="bar">
              <span>{text}</span>
              <span className="figure">{count(value)}</span>
              <Meter parts={[[value, "plain"]]} of={most} />
            </li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

function Disk({ storage }: { storage: Storage }) {
  const { disk_bytes: disk, free_bytes: free, data_bytes: data } = storage;
  const other = Math.max(0, disk - free - data);
  return (
    <Card title="Storage">
      <div className="stack stack-s">
        <Meter
          parts={[
            [data, "accent"],
            [other, "plain"],
          ]}
          of={disk}
        />
        <p className="muted">
          Assent keeps <strong>{bytes(data)}</strong>; {bytes(free)} of {bytes(disk)} are free.
        </p>
      </div>
    </Card>
  );
}
