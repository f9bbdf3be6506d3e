// Live: events as they come, with what becomes of them; one click to all that is known of one.

import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useMemo, useState } from "react";
import { sources } from "../../api/resources.ts";
import { count, rate } from "../../format/number.ts";
import { paths } from "../../paths.ts";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { InlineSelect, type Option } from "../../ui/field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { Empty, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { EventDetails } from "../event.tsx";
import { isShown, type StateFilter } from "./fold.ts";
import { LiveList } from "./list.tsx";
import { type Stream, useStream } from "./stream.ts";

const STATE_OPTIONS: readonly Option<StateFilter>[] = [
  ["all", "Everything"],
  ["accepted", "Accepted"],
  ["refused", "Withheld at the door"],
  ["discarded", "Discarded"],
  ["choice", "Choices"],
  ["failing", "Not delivered"],
];
const TYPES = ["track", "page", "screen", "identify", "group", "alias"];
const TYPE_OPTIONS: readonly Option<string>[] = [["", "All types"], ...TYPES.map((type) => [type, type] as const)];

export function LivePage() {
  const workspace = useWorkspace();
  const [isPaused, setPaused] = useState(false);
  const [source, setSource] = useState("");
  const [state, setState] = useState<StateFilter>("all");
  const [type, setType] = useState("");
  const [text, setText] = useState("");
  const [opened, setOpened] = useState<string | null>(null);
  const stream = useStream(workspace, isPaused);
  const wanted = useDeferredValue(text);
  const shown = useMemo(
    () => stream.rows.filter((row) => isShown(row, { state, source, type, text: wanted })),
    [stream.rows, state, source, type, wanted],
  );
  return (
    <>
      <PageHead
        title="Live"
        about="What arrives now and what becomes of it. Nothing here is kept; the lake keeps what may be kept."
        actions={
          <>
            <Button icon={isPaused ? "play" : "pause"} onClick={() => setPaused(!isPaused)}>
              {isPaused ? "Resume" : "Pause"}
            </Button>
            <Button onClick={stream.clear}>Clear</Button>
          </>
        }
      />
      <div className="row">
        <Search value={text} onChange={setText} />
        <SourceSelect value={source} onChange={setSource} />
        <InlineSelect label="What happened" value={state} options={STATE_OPTIONS} onChange={setState} />
        <InlineSelect label="Type" value={type} options={TYPE_OPTIONS} onChange={setType} />
      </div>
      {stream.connection === "lost" && !isPaused && (
        <Message tone="wait" title="The stream broke off.">
          It is opened again as soon as the server answers.
        </Message>
      )}
      <Card
        flush
        title={<Pulse stream={stream} isPaused={isPaused} />}
        aside={<Counted stream={stream} shown={shown.length} />}
      >
        {shown.length > 0 ? (
          <LiveList rows={shown} onOpen={setOpened} />
        ) : (
          <Nothing hasRows={stream.rows.length > 0} isPaused={isPaused} />
        )}
      </Card>
      <Dialog open={opened !== null} onClose={() => setOpened(null)} title="Event" side="right">
        {opened !== null && (
          <div className="stack">
            <EventDetails messageId={opened} />
            <div className="actions">
              <ButtonLink to={paths.event(workspace, opened)}>Open as a page</ButtonLink>
            </div>
          </div>
        )}
      </Dialog>
    </>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <div className="search">
      <Icon name="search" />
      <input
        className="input"
        type="search"
        aria-label="Search by name, message id or source"
        placeholder="Name, message id, source"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

function SourceSelect(props: { value: string; onChange: (value: string) => void }) {
  const names = useQuery(sources(useWorkspace())).data?.items.map((source) => source.name) ?? [];
  const options: Option<string>[] = [["", "All sources"], ...names.map((name) => [name, name] as const)];
  return <InlineSelect label="Source" value={props.value} options={options} onChange={props.onChange} />;
}

function Pulse({ stream, isPaused }: { stream: Stream; isPaused: boolean }) {
  const words = { open: "Listening", connecting: "Connecting", lost: "Connecting again" } as const;
  return (
    <span className="row" role="status">
      {!isPaused && <span className={stream.connection === "open" ? "pulse pulse-on" : "pulse"} aria-hidden="true" />}
      {isPaused ? "Paused" : words[stream.connection]}
    </span>
  );
}

const Counted = ({ stream, shown }: { stream: Stream; shown: number }) => (
  <span className="small muted figure">
    {count(shown)} shown · {rate(stream.perSecond)} lines/s
    {stream.skipped > 0 && ` · ${count(stream.skipped)} passed over`}
  </span>
);

function Nothing({ hasRows, isPaused }: { hasRows: boolean; isPaused: boolean }) {
  const workspace = useWorkspace();
  if (hasRows) return <Empty icon="search" title="No event matches the filter." />;
  if (isPaused) return <Empty icon="pause" title="Paused before an event came." />;
  return (
    <Empty icon="live" title="Waiting for events">
      <p>
        Send one from your site or server while this page is open: what came before is not shown. Each source has a
        snippet with its key.
      </p>
      <ButtonLink to={paths.sources(workspace)}>To the sources</ButtonLink>
    </Empty>
  );
}
