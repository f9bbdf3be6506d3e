// The audit log: who changed what, when, from what to what.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import type { AuditEntry } from "../../api/model.ts";
import { type AuditFilter, audit } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Diff } from "../../ui/diff.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Card } from "../../ui/page.tsx";
import { Empty, ErrorMessage, Message, Skeleton } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function AuditTab() {
  const blocked = useBlocked("admin");
  return blocked ? <Message tone="note" title={blocked} /> : <Entries />;
}

function Entries() {
  const workspace = useWorkspace();
  const [actor, setActor] = useState("");
  const wanted = useDeferredValue(actor.trim());
  const filter: AuditFilter = wanted ? { actor: wanted } : {};
  const query = useInfiniteQuery({
    queryKey: ["audit", workspace, filter],
    queryFn: ({ pageParam }) => audit(workspace, filter, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  const items = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <div className="row">
        <div className="search">
          <Icon name="search" />
          <input
            className="input"
            type="search"
            aria-label="Changes by"
            placeholder="Changes by (name)"
            value={actor}
            onChange={(event) => setActor(event.target.value)}
          />
        </div>
      </div>
      {query.error && <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />}
      <Card flush title="Changes">
        {!items && !query.error && <Skeleton />}
        {items?.length === 0 && <Empty icon="file" title={wanted ? `No change by ${wanted}` : "No change yet"} />}
        <ul style={{ padding: 0, listStyle: "none" }}>
          {items?.map((entry) => (
            <Entry key={entry.id} entry={entry} />
          ))}
        </ul>
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

function Entry({ entry }: { entry: AuditEntry }) {
  const hasDiff = entry.before != null || entry.after != null;
  return (
    <li className="card-body audit-entry">
      <div className="row spread">
        <span className="row">
          <strong>{entry.actor}</strong>
          <Badge>{sentence(entry.action)}</Badge>
          <span className="break">
            {entry.kind} <code>{entry.object}</code>
          </span>
        </span>
        <span className="muted small">
          <When at={entry.at} />
        </span>
      </div>
      {hasDiff && (
        <details>
          <summary className="muted small">What changed</summary>
          <Diff before={entry.before} after={entry.after} label={`Change ${entry.id}: ${entry.object}`} />
        </details>
      )}
    </li>
  );
}
