// Every version of the consent block, and what any two of them differ in, in words. The audit log is where they are kept.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { AuditEntry } from "../../api/model.ts";
import { consentChanges } from "../../api/resources.ts";
import { plural } from "../../format/number.ts";
import { exact } from "../../format/time.ts";
import { useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { Diff } from "../../ui/diff.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, ErrorMessage, Message, Skeleton } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { Changes } from "./changes.tsx";
import { versionOf } from "./draft.ts";
import { type Block, compare } from "./told.ts";

export function VersionsTab() {
  const blocked = useBlocked("admin");
  return blocked ? <Message tone="note" title={blocked} /> : <Versions />;
}

/** A version: the block after a change, or before the first that is known. */
interface Version {
  id: string;
  entry: AuditEntry | null;
  block: Block;
}

function versionsOf(entries: AuditEntry[], isAll: boolean): Version[] {
  const made = entries.map((entry) => ({ id: String(entry.id), entry, block: (entry.after ?? {}) as Block }));
  const first = entries.at(-1);
  const block = (first?.before ?? {}) as Block;
  return first && isAll ? [...made, { id: "0", entry: null, block }] : made;
}

function Versions() {
  const workspace = useWorkspace();
  const query = useInfiniteQuery({
    queryKey: [workspace, "categories", "versions"],
    queryFn: ({ pageParam }) => consentChanges(workspace, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
  });
  if (query.error) return <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton />;
  const entries = query.data.pages.flatMap(({ items }) => items);
  const versions = versionsOf(entries, !query.hasNextPage);
  if (versions.length === 0) {
    return (
      <Card>
        <Empty icon="file" title="Nobody has changed how visitors are asked">
          <p>Assent&rsquo;s own words and rules hold. The first change is the first version here.</p>
        </Empty>
      </Card>
    );
  }
  return (
    <Compared
      versions={versions}
      more={
        query.hasNextPage && (
          <div className="card-body">
            <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              Show more
            </Button>
          </div>
        )
      }
    />
  );
}

const wordsOf = ({ block }: Version): string => `words version ${versionOf(block.banner ?? {})}`;
const nameOf = (version: Version): string =>
  version.entry
    ? `${exact(new Date(version.entry.at))}, ${version.entry.actor}, ${wordsOf(version)}`
    : `Before the first change, ${wordsOf(version)}`;

function Compared({ versions, more }: { versions: Version[]; more: React.ReactNode }) {
  const [now, setNow] = useState(versions[0]?.id ?? "");
  const [old, setOld] = useState(versions[1]?.id ?? versions[0]?.id ?? "");
  const options = versions.map((version) => [version.id, nameOf(version)] as const);
  const left = versions.find(({ id }) => id === old) ?? versions[0];
  const right = versions.find(({ id }) => id === now) ?? versions[0];
  const show = (at: number) => {
    setNow(versions[at]?.id ?? "");
    setOld(versions[at + 1]?.id ?? "");
    document.getElementById("versions-compared")?.focus();
  };
  return (
    <>
      <Card flush title="Versions">
        <ScrollFrame label="Versions">
          <table className="table">
            <thead>
              <tr>
                <th>When</th>
                <th>By</th>
                <th className="number">Words</th>
                <th>Changed</th>
                <th>
                  <span className="visually-hidden">Compare</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {versions.map((version, at) => {
                const before = versions[at + 1];
                return (
                  <tr key={version.id}>
                    <td>{version.entry ? <When at={version.entry.at} /> : "Before"}</td>
                    <td>{version.entry?.actor ?? <span className="muted">–</span>}</td>
                    <td className="number">{versionOf(version.block.banner ?? {})}</td>
                    <td>{before && summary(compare(before.block, version.block))}</td>
                    <td>
                      {before && (
                        <Button small onClick={() => show(at)}>
                          Compare with the one before
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </ScrollFrame>
        {more}
      </Card>
      <Card title="What is different">
        <div className="stack" id="versions-compared" tabIndex={-1}>
          <div className="grid-2">
            <SelectField label="From" value={old} options={options} onChange={setOld} />
            <SelectField label="To" value={now} options={options} onChange={setNow} />
          </div>
          {left && right && <Difference before={left.block} after={right.block} />}
        </div>
      </Card>
    </>
  );
}

function Difference({ before, after }: { before: Block; after: Block }) {
  const groups = compare(before, after);
  if (groups.length === 0) return <p className="muted">They say the same.</p>;
  return (
    <>
      <Changes groups={groups} />
      <details>
        <summary className="muted">As it is written</summary>
        <Diff before={before} after={after} label="The consent block, line by line" />
      </details>
    </>
  );
}

const NAMED = 2;

function summary(groups: ReturnType<typeof compare>): string {
  if (groups.length === 0) return "Nothing that holds";
  const named = groups.slice(0, NAMED).map(({ title }) => title);
  const rest = groups.length - named.length;
  return [...named, ...(rest > 0 ? [plural(rest, "more", "more")] : [])].join(", ");
}
