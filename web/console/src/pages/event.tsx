// One event: why it did or did not reach each output, as it was received, as it was processed.

import { Tabs } from "@base-ui/react/tabs";
import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client.ts";
import type { Attempt, EventDetail, EventOutput } from "../api/model.ts";
import { eventDetail } from "../api/resources.ts";
import { reasonText, resultLabel, resultTone, sentence } from "../format/words.ts";
import { paths } from "../paths.ts";
import { Badge, ResultBadge } from "../ui/badge.tsx";
import { CopyButton } from "../ui/button.tsx";
import { Json } from "../ui/code.tsx";
import { Card, PageHead } from "../ui/page.tsx";
import { Empty, Loaded, Message } from "../ui/states.tsx";
import { When } from "../ui/when.tsx";
import { useWorkspace } from "../workspace.tsx";

export function EventPage({ messageId }: { messageId: string }) {
  return (
    <>
      <PageHead title="Event" back={{ to: paths.live(useWorkspace()), text: "Live" }} />
      <Card title="What is known of it">
        <EventDetails messageId={messageId} />
      </Card>
    </>
  );
}

export function EventDetails({ messageId }: { messageId: string }) {
  const query = useQuery(eventDetail(useWorkspace(), messageId));
  const isMissing = query.error instanceof ApiError && query.error.status === 404 && query.data === undefined;
  return (
    <div className="stack">
      <p className="row">
        <code className="break">{messageId}</code>
        <CopyButton text={messageId} name="Copy id" />
      </p>
      {isMissing ? (
        <Empty icon="search" title="This event is not known (yet).">
          <p>
            It was taken in less than a second ago, is older than the seven days that results are kept, or was never
            stored.
          </p>
        </Empty>
      ) : (
        <Loaded query={query}>{(event) => <Views event={event} />}</Loaded>
      )}
    </div>
  );
}

function Views({ event }: { event: EventDetail }) {
  return (
    <Tabs.Root defaultValue="trace">
      <Tabs.List className="tabs-list" aria-label="Views of the event">
        <Tabs.Tab value="trace" className="tab">
          Outputs
        </Tabs.Tab>
        <Tabs.Tab value="received" className="tab">
          As received
        </Tabs.Tab>
        <Tabs.Tab value="processed" className="tab">
          As processed
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="trace" className="tab-panel stack">
        <Trace event={event} />
      </Tabs.Panel>
      <Tabs.Panel value="received" className="tab-panel stack">
        <Text value={event.received} isMasked={event.masked} name="The event as received" />
      </Tabs.Panel>
      <Tabs.Panel value="processed" className="tab-panel stack">
        <Text value={event.processed} isMasked={event.masked} name="The event as processed" />
      </Tabs.Panel>
    </Tabs.Root>
  );
}

function Text({ value, name, isMasked }: { value: unknown; name: string; isMasked: boolean }) {
  if (value === null || value === undefined) {
    return (
      <Empty
        icon="file"
        title="Not there any more: the log keeps events for a few days, the lake keeps them for good."
      />
    );
  }
  return (
    <>
      {isMasked && (
        <Message tone="note" title="Personal data is masked.">
          You do not have the right to see it.
        </Message>
      )}
      <Json value={value} label={name} />
    </>
  );
}

function Trace({ event }: { event: EventDetail }) {
  if (event.outputs.length === 0) {
    return <Empty icon="destinations" title="No destination takes events of this source." />;
  }
  return event.outputs.map((output) => <Output key={output.destination} output={output} stamp={event.stamp} />);
}

function Output({ output, stamp }: { output: EventOutput; stamp: Facts | null }) {
  const { decision, attempts } = output;
  const workspace = useWorkspace();
  const result =
    attempts.at(-1)?.outcome ?? (decision && decision.verdict !== "permitted" ? decision.verdict : "waiting");
  return (
    <section className="card card-body stack">
      <div className="row spread">
        <h3>
          <Link href={paths.destination(workspace, output.destination)}>{output.destination}</Link>
        </h3>
        <ResultBadge result={result} />
      </div>
      <ol className="trace">
        {decision && <Decision decision={decision} stamp={stamp} />}
        {attempts.map((attempt) => (
          <Tried key={`${attempt.replay} ${attempt.number} ${attempt.at}`} attempt={attempt} />
        ))}
        {attempts.length === 0 && result === "waiting" && <li className="is-wait muted">Waits for its turn.</li>}
      </ol>
    </section>
  );
}

type Facts = Record<string, unknown>;

function Decision({ decision, stamp }: { decision: NonNullable<EventOutput["decision"]>; stamp: Facts | null }) {
  const isPermitted = decision.verdict === "permitted";
  return (
    <li className={isPermitted ? "is-good" : "is-hold"}>
      <div className="stack stack-s">
        <p>
          <strong>{isPermitted ? "Permitted by the gate" : sentence(decision.verdict)}</strong>
          {decision.reason && `: ${reasonText(decision.reason)}`}{" "}
          {decision.reason && <code className="muted">{decision.reason}</code>}
        </p>
        <Inputs asked={decision.inputs ?? {}} stamp={stamp ?? {}} />
      </div>
    </li>
  );
}

/** Both sides of a decision: what the destination asks for, and what held when the event was captured. */
function Inputs({ asked, stamp }: { asked: Facts; stamp: Facts }) {
  return (
    <details>
      <summary className="muted">What the decision was made of</summary>
      <div className="grid-3 small">
        <FactList title="Asked for" facts={asked} />
        <FactList title="At capture" facts={stamp} />
      </div>
    </details>
  );
}

function FactList({ title, facts }: { title: string; facts: Facts }) {
  const entries = Object.entries(facts);
  if (entries.length === 0) return null;
  return (
    <div>
      <strong>{title}</strong>
      <dl className="facts">
        {entries.map(([name, value]) => (
          <Fragment key={name}>
            <dt>{sentence(name)}</dt>
            <dd>{inWords(value)}</dd>
          </Fragment>
        ))}
      </dl>
    </div>
  );
}

function inWords(value: unknown): string {
  if (value === null || value === undefined || value === "") return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(String).join(", ") || "none";
  if (typeof value !== "object") return sentence(String(value));
  const pairs = Object.entries(value).map(([key, inner]) => `${key}: ${inWords(inner)}`);
  return pairs.join(", ") || "none";
}

const TONES: Record<string, string> = { good: "is-good", bad: "is-bad", hold: "is-hold", wait: "is-wait" };

function Tried({ attempt }: { attempt: Attempt }) {
  const { outcome: result, reason } = attempt;
  // What consent forbids is told by the decision above; there was no attempt. Of a replay it is told here.
  const isReplayed = typeof attempt.replay === "number";
  if (!isReplayed && (result === "withheld" || result === "filtered")) return null;
  return (
    <li className={TONES[resultTone(result)] ?? ""}>
      <p className="row">
        <strong>{attempt.number > 0 ? `Attempt ${attempt.number}` : "Without an attempt"}</strong>
        {isReplayed && <Badge>{`Replay ${attempt.replay}`}</Badge>}
        <span>{resultLabel(result).toLowerCase()}</span>
        {reason && <span>{reasonText(reason)}</span>}
        {attempt.status > 0 && <Badge>{`HTTP ${attempt.status}`}</Badge>}
        <span className="muted small">
          <When at={attempt.at} />
        </span>
      </p>
      {attempt.text && <p className="small muted break">{attempt.text}</p>}
    </li>
  );
}
