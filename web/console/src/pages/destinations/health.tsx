// How a destination does: results, latency, what waits, the last error.

import type { Destination, Health, Pause } from "../../api/model.ts";
import { bytes, compact, count, percent } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import { reasonText, resultLabel, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { ButtonLink } from "../../ui/button.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { Empty, Message } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { totalOf } from "../overview/destinations.tsx";
import { Categories } from "./list.tsx";

export function HealthTab({ of }: { of: Destination }) {
  const { health } = of;
  if (!health) {
    return (
      <Empty icon="destinations" title={of.enabled ? "It has not started yet." : "It is switched off."}>
        <p>{of.enabled ? "A new destination starts within a second." : "Switch it on in its settings."}</p>
      </Empty>
    );
  }
  return (
    <>
      {health.paused && <Paused pause={health.paused} />}
      <LastError of={of} health={health} />
      <section className="card" aria-label="Figures">
        <dl className="stats">
          <Figure name="Waiting" value={compact(health.waiting)} />
          <Figure name="Oldest waiting" value={<When at={health.oldest_waiting_at} none="–" />} />
          <Figure name="Backlog" value={bytes(health.backlog_bytes)} />
          <Figure
            name="Freshness"
            value={span(typeof health.freshness_s === "number" ? health.freshness_s * 1_000 : null)}
          />
          <Figure name="Latency p50" value={span(health.p50_ms)} />
          <Figure name="Latency p99" value={span(health.p99_ms)} />
          {(of.withdrawals === "tell" || health.untold_withdrawals > 0) && (
            <Figure name="Untold withdrawals" value={compact(health.untold_withdrawals)} />
          )}
          {health.oldest_untold_at && (
            <Figure name="Oldest untold" value={<When at={health.oldest_untold_at} none="–" />} />
          )}
        </dl>
      </section>
      <div className="grid-2">
        <Results health={health} />
        <Card title="What it may get">
          <dl className="facts">
            <dt>Kind</dt>
            <dd>{of.kind}</dd>
            <dt>Sources</dt>
            <dd>{of.sources.join(", ") || "none"}</dd>
            <dt>Categories</dt>
            <dd>
              <Categories of={of} />
            </dd>
            {of.vendor && (
              <>
                <dt>Vendor</dt>
                <dd>{of.vendor}</dd>
              </>
            )}
            <dt>Purpose</dt>
            <dd>{sentence(of.purpose)}</dd>
            <dt>Recipient</dt>
            <dd>{sentence(of.recipient)}, as claimed</dd>
            <dt>Unknown consent</dt>
            <dd>{of.unstamped === "allow" ? "Allowed" : "Denied"}</dd>
            <dt>Withdrawals</dt>
            <dd>{of.withdrawals === "tell" ? "Told" : "Not told"}</dd>
          </dl>
        </Card>
      </div>
    </>
  );
}

function Paused({ pause }: { pause: Pause }) {
  return (
    <Message tone="wait" title={pause.by ? `Paused by ${pause.by}` : "Paused"}>
      {pause.by ? (
        <p>
          Since <When at={pause.since} />. Events wait in the log, as many as its backlog may hold, until somebody
          resumes it.
        </p>
      ) : (
        <p>
          {sentence(reasonText(pause.reason))}. Events wait in the log until it goes on; tried again{" "}
          <When at={pause.until} />.
        </p>
      )}
    </Message>
  );
}

const span = (ms: number | null | undefined): string => (typeof ms === "number" ? duration(ms) : "–");

function LastError({ of, health }: { of: Destination; health: Health }) {
  const workspace = useWorkspace();
  if (!health.last_error) return null;
  const { at, status, text } = health.last_error;
  return (
    <Message tone="bad" title={status > 0 ? `Last error: HTTP ${status}` : "Last error"}>
      <p className="break">{text}</p>
      <p className="row spread">
        <span className="muted small">
          <When at={at} />
        </span>
        <ButtonLink small to={paths.destination(workspace, of.name, "errors")}>
          All errors
        </ButtonLink>
      </p>
    </Message>
  );
}

const Figure = ({ name, value }: { name: string; value: React.ReactNode }) => (
  <div className="stat">
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

const FILLS = [
  ["delivered", "good"],
  ["waiting", "wait"],
  ["withheld", "hold"],
  ["filtered", "plain"],
  ["rejected", "bad"],
  ["dead_lettered", "bad"],
] as const;

function Results({ health }: { health: Health }) {
  const all = totalOf(health);
  return (
    <Card title="Results">
      {all === 0 ? (
        <p className="muted">No event has come this way yet.</p>
      ) : (
        <ul className="bars" style={{ padding: 0, listStyle: "none" }}>
          {FILLS.map(([result, fill]) => (
            <li key={result} className="bar">
              <span>{resultLabel(result)}</span>
              <span className="figure">
                {count(health[result])} <span className="muted">{percent(health[result], all)}</span>
              </span>
              <Meter parts={[[health[result], fill]]} of={all} />
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
