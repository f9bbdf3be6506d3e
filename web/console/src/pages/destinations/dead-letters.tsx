// Events that were refused or given up. One, some, all of a filter or of a time range can be tried again; each then asks
// the gate anew, so that what was refused since does not leave. How far that is stands above the table.

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { part, post } from "../../api/client.ts";
import type { DeadLetter } from "../../api/model.ts";
import { type DeadLetterFilter, deadLetters, deadLettersKey, workspacePath } from "../../api/resources.ts";
import { count, plural } from "../../format/number.ts";
import { fromLocalInput } from "../../format/time.ts";
import { filterText, reasonText, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { InlineSelect, type Option } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Skeleton } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { Retries } from "./retries.tsx";

const REASONS = [
  "refused",
  "too_large",
  "inexpressible",
  "retries_exhausted",
  "backlog_over_budget",
  "unreadable",
  "newer_release",
  "shredded",
  "switched_off",
];
const REASON_OPTIONS: readonly Option<string>[] = [
  ["", "All reasons"],
  ...REASONS.map((reason) => [reason, sentence(reasonText(reason))] as const),
];

type Wish = { ids: string[] } | DeadLetterFilter;

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
    mutationFn: (what: Wish) => post(workspacePath(workspace, `/destinations/${part(name)}/dead-letters/retry`), what),
    onSuccess: async (_, what) => {
      setChosen(new Set());
      say("Trying again", "ids" in what ? plural(what.ids.length, "dead letter") : "All that match");
      await client.invalidateQueries({ queryKey: key });
    },
  });
  const items = query.data?.pages.flatMap((page) => page.items);
  const [isTyping, setTyping] = useState(false);
  // What was chosen may not be among those: nobody should send again what is not shown.
  const look = (other: DeadLetterFilter) => {
    setFilter(other);
    setChosen(new Set());
  };
  return (
    <>
      <Filter filter={filter} onChange={look} onTyping={setTyping} />
      {retry.error && <ErrorMessage error={retry.error} />}
      <Retries name={name} />
      {query.error && <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />}
      <Card
        flush
        title={items ? plural(items.length, "dead letter") + (query.hasNextPage ? " shown" : "") : "Dead letters"}
        aside={<Actions chosen={chosen} filter={filter} retry={retry} isEmpty={!items?.length} isTyping={isTyping} />}
      >
        {!items && !query.error && <Skeleton />}
        {items?.length === 0 && <None isFiltered={Object.values(filter).some(Boolean)} />}
        {items && items.length > 0 && (
          <Letters items={items} chosen={chosen} onChoose={setChosen} onRetry={(id) => retry.mutate({ ids: [id] })} />
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

function Filter(props: {
  filter: DeadLetterFilter;
  onChange: (filter: DeadLetterFilter) => void;
  onTyping: (isTyping: boolean) => void;
}) {
  const { filter, onChange } = props;
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
      <SearchText value={filter.text ?? ""} onChange={(text) => set("text", text)} onTyping={props.onTyping} />
      <div className="row">
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
    </div>
  );
}

/** Asks when the typing pauses: every change reads the results of a week. */
function SearchText(props: { value: string; onChange: (text: string) => void; onTyping: (isTyping: boolean) => void }) {
  const { value, onChange, onTyping } = props;
  const [text, setText] = useState(value);
  useEffect(() => {
    onTyping(text !== value);
    if (text === value) return;
    const timer = setTimeout(() => onChange(text), 400);
    return () => clearTimeout(timer);
  });
  return (
    <input
      className="input"
      type="search"
      style={{ width: "auto" }}
      aria-label="Part of the answer"
      placeholder="Part of the answer"
      maxLength={200}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

function Actions(props: {
  chosen: ReadonlySet<string>;
  filter: DeadLetterFilter;
  retry: { isPending: boolean; mutate: (what: Wish) => void };
  isEmpty: boolean;
  isTyping: boolean;
}) {
  const blocked = useBlocked("admin");
  const isFiltered = Object.values(props.filter).some(Boolean);
  const notYet = props.isTyping ? "What is typed is being looked for." : null;
  const nothing = notYet ?? (props.isEmpty ? "There is nothing to try again." : null);
  const [isAsking, setAsking] = useState(false);
  const all = () => {
    setAsking(false);
    props.retry.mutate(props.filter);
  };
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
        onClick={() => setAsking(true)}
      >
        {isFiltered ? "Retry all that match" : "Retry all"}
      </Button>
      <Dialog
        open={isAsking}
        onClose={() => setAsking(false)}
        title={isFiltered ? "Retry all that match?" : "Retry all?"}
      >
        {isFiltered && <p>{filterText(props.filter)}</p>}
        <p>
          Also those that are not shown yet. Each is read from the log, passes the consent rules of today, and is sent
          again; what the log does not have any more stays here.
        </p>
        <div className="actions">
          <Button onClick={() => setAsking(false)}>Cancel</Button>
          <Button look="primary" icon="retry" onClick={all}>
            Retry
          </Button>
        </div>
      </Dialog>
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

/** The name to retry it by; `null` for what the log does not have any more. */
const retryable = ({ id, message_id }: DeadLetter) => (message_id === null ? null : id);

function notRetryable({ id, message_id }: DeadLetter): string | null {
  if (id === null) return "A stretch of the log, given up as a whole: it cannot be sent again by name.";
  return message_id === null ? "The log does not have it any more." : null;
}

function Letters({ items, chosen, onChoose, onRetry }: TableProps) {
  const ids = items.map(retryable).filter((id) => id !== null);
  const all = ids.length > 0 && ids.every((id) => chosen.has(id));
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
                disabled={ids.length === 0}
                onChange={() => onChoose(all ? new Set() : new Set(ids))}
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
          {items.map((item, at) => (
            <Letter
              key={item.id ?? `${item.at} ${at}`}
              item={item}
              chosen={chosen}
              onToggle={toggle}
              onRetry={onRetry}
            />
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

function Letter(props: {
  item: DeadLetter;
  chosen: ReadonlySet<string>;
  onToggle: (id: string) => void;
  onRetry: (id: string) => void;
}) {
  const { item } = props;
  const workspace = useWorkspace();
  const blocked = useBlocked("admin");
  const id = retryable(item);
  const of = item.message_id ?? plural(item.events, "event");
  return (
    <tr>
      <td>
        {id !== null && (
          <input
            type="checkbox"
            aria-label={`Choose ${of}`}
            checked={props.chosen.has(id)}
            onChange={() => props.onToggle(id)}
          />
        )}
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
        <Button
          small
          icon="retry"
          blocked={blocked ?? notRetryable(item)}
          onClick={() => id !== null && props.onRetry(id)}
        >
          Retry
        </Button>
      </td>
    </tr>
  );
}
