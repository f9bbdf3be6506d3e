// Destinations at a glance: what became of their events, how fresh they are, what waits.

import { Link } from "wouter";
import { type Health, type Overview, type Pause, RESULTS, type Result } from "../../api/model.ts";
import { compact, count } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import { reasonText, resultLabel, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function DestinationTable({ destinations, now }: { destinations: Overview["destinations"]; now: string }) {
  const workspace = useWorkspace();
  if (destinations.length === 0) {
    return (
      <Card title="Destinations">
        <Empty icon="destinations" title="Events go nowhere yet.">
          <p>Without a destination they are kept in the lake only.</p>
          <ButtonLink to={paths.newDestination(workspace)} icon="plus">
            New destination
          </ButtonLink>
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Destinations" flush>
      <ScrollFrame label="Destinations">
        <table className="table">
          <Head />
          <tbody>
            {destinations.map((one) => (
              <tr key={one.name}>
                <td>
                  <Link href={paths.destination(workspace, one.name)} className="primary">
                    {one.name}
                  </Link>
                </td>
                <td>
                  <HealthBadge health={one.health} now={now} />
                </td>
                <td style={{ minWidth: "8rem" }}>
                  <ResultMeter results={{ ...one, waiting: one.health.waiting }} />
                </td>
                <td className="number">{compact(one.delivered)}</td>
                <td className="number">{compact(one.rejected + one.dead_lettered)}</td>
                <td className="number">{compact(one.health.waiting)}</td>
                <td>
                  {one.health.oldest_waiting_at ? (
                    <When at={one.health.oldest_waiting_at} />
                  ) : (
                    <span className="muted">–</span>
                  )}
                </td>
                <td className="number nowrap">
                  {typeof one.health.freshness_s === "number" ? duration(one.health.freshness_s * 1_000) : "–"}
                </td>
                <td className="number nowrap">
                  {typeof one.health.p50_ms === "number"
                    ? `${duration(one.health.p50_ms)} / ${duration(one.health.p99_ms ?? one.health.p50_ms)}`
                    : "–"}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollFrame>
    </Card>
  );
}

const Head = () => (
  <thead>
    <tr>
      <th>Name</th>
      <th>State</th>
      <th>Results</th>
      <th className="number">Delivered</th>
      <th className="number">Failed</th>
      <th className="number">Waiting</th>
      <th>Oldest waiting</th>
      <th className="number">Freshness</th>
      <th className="number">p50 / p99</th>
    </tr>
  </thead>
);

const pausedText = ({ by, reason }: Pause) => (by ? `Paused by ${by}` : sentence(reasonText(reason)));

const LATE_MS = 60_000;

/** One word for how a destination does. */
export function HealthBadge({
  health,
  now,
  enabled = true,
}: {
  health: Health | null;
  now?: string;
  enabled?: boolean;
}) {
  if (!enabled || health?.state === "disabled") return <Badge icon="plain">Off</Badge>;
  if (!health) return <Badge icon="plain">Not started</Badge>;
  if (health.state === "failed") {
    return (
      <Badge tone="bad" icon="bad" title={health.last_error?.text ?? "It could not be started."}>
        Not started
      </Badge>
    );
  }
  if (health.paused) {
    return (
      <Badge tone="wait" icon="pause" title={pausedText(health.paused)}>
        Paused
      </Badge>
    );
  }
  const oldestMs = health.oldest_waiting_at
    ? Date.parse(now ?? new Date().toISOString()) - Date.parse(health.oldest_waiting_at)
    : 0;
  if (health.last_error && (health.waiting > 0 || oldestMs > LATE_MS)) {
    return (
      <Badge tone="bad" icon="bad" title={health.last_error.text}>
        Failing
      </Badge>
    );
  }
  if (oldestMs > LATE_MS) {
    return (
      <Badge tone="wait" icon="wait">
        Behind
      </Badge>
    );
  }
  if (health.delivered === 0 && health.rejected + health.dead_lettered === 0) return <Badge icon="plain">Idle</Badge>;
  return (
    <Badge tone="good" icon="good">
      Healthy
    </Badge>
  );
}

export type Results = Pick<Health, Result>;

export const totalOf = (results: Results): number => RESULTS.reduce((sum, result) => sum + results[result], 0);

/** The shares of the results, with all figures in the title and for screen readers. */
export function ResultMeter({ results }: { results: Results }) {
  const words = RESULTS.filter((result) => results[result] > 0)
    .map((result) => `${resultLabel(result)} ${count(results[result])}`)
    .join(", ");
  return (
    <div title={words || "No results"}>
      <span className="visually-hidden">{words || "No results"}</span>
      <Meter
        parts={[
          [results.delivered, "good"],
          [results.withheld, "hold"],
          [results.filtered, "plain"],
          [results.rejected + results.dead_lettered, "bad"],
          [results.waiting, "wait"],
        ]}
        of={totalOf(results)}
      />
    </div>
  );
}
