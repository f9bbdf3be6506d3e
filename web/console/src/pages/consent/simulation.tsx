// What a draft would have meant: the events of the last days, decided once by the rules of now and once by the draft's.

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { post } from "../../api/client.ts";
import type { Consent, Simulation } from "../../api/model.ts";
import { consent, workspacePath } from "../../api/resources.ts";
import { useServed } from "../../api/served.ts";
import { count, plural } from "../../format/number.ts";
import { reasonText } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Button, Segments } from "../../ui/button.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Loaded, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { Changes } from "./changes.tsx";
import { draftOf } from "./draft.ts";
import { compare } from "./told.ts";
import { useDesk } from "./work.tsx";

export function SimulationTab() {
  const isServed = useServed("consentSimulation");
  const query = useQuery(consent(useWorkspace()));
  if (isServed === false) return <Message tone="note" title="This server does not simulate drafts." />;
  return <Loaded query={query}>{(saved) => <Simulated saved={saved} />}</Loaded>;
}

const SPANS = [
  [1, "1 day"],
  [7, "7 days"],
  [30, "30 days"],
] as const;

function Simulated({ saved }: { saved: Consent }) {
  const workspace = useWorkspace();
  const { work, isChanged } = useDesk(workspace, saved);
  const blocked = useBlocked("analyst");
  const [days, setDays] = useState<number>(7);
  const run = useMutation({
    mutationFn: () => post<Simulation>(workspacePath(workspace, "/consent/simulation"), { consent: work.draft, days }),
  });
  const groups = compare(draftOf(work.start), work.draft);
  return (
    <>
      <Card title="Your draft">
        <div className="stack">
          {isChanged ? (
            <details>
              <summary>{plural(groups.length, "part")} of it would change</summary>
              <div className="stack">
                <Changes groups={groups} />
              </div>
            </details>
          ) : (
            <p className="muted">
              Nothing was changed. Write a draft in <Link href={paths.consent(workspace, "banner")}>Banner</Link>, come
              back without saving it, and see what it would have meant.
            </p>
          )}
          <div className="row row-3">
            <Segments label="Span" value={days} options={SPANS} onChange={setDays} />
            <Button look="primary" icon="play" busy={run.isPending} blocked={blocked} onClick={() => run.mutate()}>
              Simulate
            </Button>
          </div>
          <p className="hint">
            Decides what the lake has of these days once more, with the choices of today, and sends nothing. What was
            never collected is not in it, and nobody can know how visitors would have answered another banner.
          </p>
          {run.error && <ErrorMessage error={run.error} />}
        </div>
      </Card>
      {run.data && <Result result={run.data} />}
    </>
  );
}

function Result({ result }: { result: Simulation }) {
  const { days, events, total, destinations, people_asked_again, truncated } = result;
  return (
    <>
      {truncated && (
        <Message tone="wait" title="Only a part was looked at.">
          {plural(events, "event")} of {count(total)}, of people who were picked by chance: read the figures as shares.
        </Message>
      )}
      <Card flush title={`${plural(events, "event")} of ${plural(days, "day")}`}>
        {destinations.length === 0 || events === 0 ? (
          <Empty icon="destinations" title={events === 0 ? "No events in this span" : "No destination yet"} />
        ) : (
          <Table destinations={destinations} />
        )}
      </Card>
      <Card title="People">
        <p>
          {people_asked_again === 0
            ? "Nobody who has chosen would be asked again."
            : `${plural(people_asked_again, "person who has chosen", "people who have chosen")} would be asked again.`}
        </p>
      </Card>
    </>
  );
}

function Table({ destinations }: { destinations: Simulation["destinations"] }) {
  const workspace = useWorkspace();
  return (
    <ScrollFrame label="What would have been sent">
      <table className="table">
        <thead>
          <tr>
            <th>Destination</th>
            <th className="number">Sent now</th>
            <th className="number">Sent by the draft</th>
            <th className="number">Difference</th>
            <th className="number">Withheld now</th>
            <th className="number">Withheld by the draft</th>
            <th>Decided otherwise</th>
          </tr>
        </thead>
        <tbody>
          {destinations.map(({ name, now, draft, changes }) => (
            <tr key={name}>
              <td>
                <Link href={paths.destination(workspace, name)} className="primary">
                  {name}
                </Link>
              </td>
              <td className="number">{count(now.sent)}</td>
              <td className="number">{count(draft.sent)}</td>
              <td className="number">
                <strong>{signed(draft.sent - now.sent)}</strong>
              </td>
              <td className="number">{count(now.withheld)}</td>
              <td className="number">{count(draft.withheld)}</td>
              <td className="changes-cell">
                {changes.length === 0 ? (
                  <span className="muted">none</span>
                ) : (
                  <ul className="plain small">
                    {changes.map(({ reason, becomes, events }) => (
                      <li key={`${becomes} ${reason}`}>
                        {count(events)} {becomes === "sent" ? "would be sent; now" : "would be withheld"}:{" "}
                        {reasonText(reason)}
                      </li>
                    ))}
                  </ul>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

const signed = (value: number): string => (value > 0 ? `+${count(value)}` : value < 0 ? `−${count(-value)}` : "0");
