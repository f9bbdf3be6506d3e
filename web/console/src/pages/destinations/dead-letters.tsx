// Events that were given up. One, some, all of a filter or of a time range can be tried again; each then asks the gate
// anew, so that what was refused since does not leave.

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { part, post } from "../../api/client.ts";
import type { DeadLetter } from "../../api/model.ts";
import { type DeadLetterFilter, deadLetters, deadLettersKey, workspacePath } from "../../api/resources.ts";
import { count, plural } from "../../format/number.ts";
import { fromLocalInput } from "../../format/time.ts";
import { reasonText, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { InlineSelect, type Option } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Skeleton } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

const REASONS = [
  "retries_exhausted",
  "refused",
  "backlog_over_budget",
  "credentials_broken",
  "receiver_failed",
  "timeout",
  "unreachable",
  "too_large",
  "inexpressible",
];
const REASON_OPTIONS: readonly Option<string>[] = [
  ["", "All reasons"],
  ...REASONS.map((reason) => [reason, sentence(reasonText(reason))] as const),
];

type Retry = { ids: string[] } | DeadLetterFilter;

export function DeadLetters({ name }: { name: string }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [filter, setFilter] = useState<DeadLetterFilter>({});
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const key = deadLettersKey(workspace, name);
  const query = useInfiniteQuery({
    queryKey: [...key, filter],
    queryFn: ({ pageParam }) => deadLetters(workspace, name, filter, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  const retry = useMutation({
    mutationFn: (what: Retry) => post(workspacePath(workspace, `/destinations/${part(name)}/dead-letters/retry`), what),
    onSuccess: async (_, what) => {
      setChosen(new Set());
      say("Tried again", "ids" in what ? plural(what.ids.length, "dead letter") : "All that match the filter");
      await client.invalidateQueries({ queryKey: key });
    },
  });
  const items = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <Filter filter={filter} onChange={setFilter} />
      {retry.error && <ErrorMessage error={retry.error} />}
      {query.error && <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />}
      <Card
        flush
        title={items ? plural(items.length, "dead letter") + (query.hasNextPage ? " shown" : "") : "Dead letters"}
        aside={<Actions chosen={chosen} filter={filter} retry={retry} isEmpty={!items?.length} />}
      >
        {!items && !query.error && <Skeleton />}
        {items?.length === 0 && <None isFiltered={Object.values(filter).some(Boolean)} />}
        {items && items.length > 0 && (
          <Table items={items} chosen={chosen} onChoose={setChosen} onRetry={(id) => retry.mutate({ ids: [id] })} />
        )}
        {query.hasNextPage && (
          <div className="card-body">
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show more
            </Button>
          </div>
        )}
      </Card>
    </>
  );
}

function Filter({ filter, onChange }: { filter: DeadLetterFilter; onChange: (filter: DeadLetterFilter) => void }) {
  const set = (name: keyof DeadLetterFilter, value: string | undefined) => {
    const { [name]: _, ...rest } = filter;
    onChange(value ? { ...rest, [name]: value } : rest);
  };
  return (
    <div className="row row-3">
      <InlineSelect
        label="Reason"
        value={filter.reason ?? ""}
        options={REASON_OPTIONS}
        onChange={(reason) => set("reason", reason)}
      />
      <label className="row">
        From
        <input
          className="input"
          style={{ width: "auto" }}
          type="datetime-local"
          onChange={(event) => set("from", fromLocalInput(event.target.value))}
        />
      </label>
      <label className="row">
        to
        <input
          className="input"
          style={{ width: "auto" }}
          type="datetime-local"
          onChange={(event) => set("to", fromLocalInput(event.target.value))}
        />
      </label>
    </div>
  );
}

function Actions(props: {
  chosen: ReadonlySet<string>;
  filter: DeadLetterFilter;
  retry: { isPending: boolean; mutate: (what: Retry) => void };
  isEmpty: boolean;
}) {
  const blocked = useBlocked("admin");
  const isFiltered = Object.values(props.filter).some(Boolean);
  const nothing = props.isEmpty ? "There is nothing to try again." : null;
  return (
    <>
      {props.chosen.size > 0 && (
        <Button
          small
          icon="retry"
          busy={props.retry.isPending}
          blocked={blocked}
          onClick={() => props.retry.mutate({ ids: [...props.chosen] })}
        >
          Retry {count(props.chosen.size)} chosen
        </Button>
      )}
      <Button
        small
        icon="retry"
        busy={props.retry.isPending}
        blocked={blocked ?? nothing}
        onClick={() => props.retry.mutate(props.filter)}
      >
        {isFiltered ? "Retry all that match" : "Retry all"}
      </Button>
    </>
  );
}

const None = ({ isFiltered }: { isFiltered: boolean }) =>
  isFiltered ? (
    <Empty icon="search" title="No dead letter matches the filter." />
  ) : (
    <Empty icon="good" title="No dead letters">
      <p>Events that were tried for four hours, or refused for good, would wait here to be repaired.</p>
    </Empty>
  );

interface TableProps {
  items: DeadLetter[];
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  onRetry: (id: string) => void;
}

function Table({ items, chosen, onChoose, onRetry }: TableProps) {
  const all = items.every(({ id }) => chosen.has(id));
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChoose(next);
  };
  return (
    <ScrollFrame label="Dead letters">
      <table className="table">
        <thead>
          <tr>
            <th>
              <input
                type="checkbox"
                aria-label="Choose all shown"
                checked={all}
                onChange={() => onChoose(all ? new Set() : new Set(items.map(({ id }) => id)))}
              />
            </th>
            <th>Given up</th>
            <th>Event</th>
            <th>Reason</th>
            <th>Last answer</th>
            <th className="number">Attempts</th>
            <th>
              <span className="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <Letter key={item.id} item={item} isChosen={chosen.has(item.id)} onToggle={toggle} onRetry={onRetry} />
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

function Letter(props: {
  item: DeadLetter;
  isChosen: boolean;
  onToggle: (id: string) => void;
  onRetry: (id: string) => void;
}) {
  const { item } = props;
  const workspace = useWorkspace();
  const blocked = useBlocked("admin");
  const of = item.message_id ?? (item.events ? plural(item.events, "event") : "a range of events");
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          aria-label={`Choose ${of}`}
          checked={props.isChosen}
          onChange={() => props.onToggle(item.id)}
        />
      </td>
      <td>
        <When at={item.at} />
      </td>
      <td className="mono small nowrap">
        {item.message_id ? <Link href={paths.event(workspace, item.message_id)}>{item.message_id}</Link> : of}
      </td>
      <td>{sentence(reasonText(item.reason))}</td>
      <td>
        {item.status > 0 && <Badge>{`HTTP ${item.status}`}</Badge>} <span className="break">{item.text}</span>
      </td>
      <td className="number">{count(item.attempts)}</td>
      <td className="number">
        <Button small icon="retry" blocked={blocked} onClick={() => props.onRetry(item.id)}>
          Retry
        </Button>
      </td>
    </tr>
  );
}
