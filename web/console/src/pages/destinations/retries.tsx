// How far dead letters are that somebody sent again.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { Retry } from "../../api/model.ts";
import { deadLettersKey, retries } from "../../api/resources.ts";
import { count } from "../../format/number.ts";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

const SHOWN_MS = 3_600_000;

/** What is being sent again, and what lately was. */
export function Retries({ name }: { name: string }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const query = useQuery(retries(workspace, name));
  const items = query.data?.items.filter(({ state, at }) => state !== "done" || Date.now() - Date.parse(at) < SHOWN_MS);
  const open = items?.filter(({ state }) => state !== "done").length;
  // What is sent again leaves the table, and comes back when it fails again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: every progress is a reason to look again.
  useEffect(() => {
    void client.invalidateQueries({ queryKey: deadLettersKey(workspace, name), predicate: isLetters });
  }, [client, workspace, name, query.data]);
  if (!items?.length) return null;
  return (
    <Card title={open ? "Trying again" : "Tried again lately"}>
      <ul className="stack stack-s" style={{ padding: 0, listStyle: "none" }} aria-live="polite">
        {items.map((retry) => (
          <li key={retry.id}>
            <RetryLine retry={retry} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** Not the retries themselves, whose change led here. */
const isLetters = ({ queryKey }: { queryKey: readonly unknown[] }) => queryKey.at(-1) !== "retries";

function RetryLine({ retry }: { retry: Retry }) {
  const { taken, delivered, withheld, failed, gone } = retry;
  const words = [
    [delivered, "delivered"],
    [withheld, "kept back by consent today"],
    [failed, "failed again"],
    [gone, "no longer in the log"],
    [taken - delivered - withheld - failed, "on their way"],
  ] as const;
  const told = words.filter(([events]) => events > 0).map(([events, what]) => `${count(events)} ${what}`);
  return (
    <>
      <p className="row spread">
        <span>
          {retry.state !== "done" && <span className="spinner" aria-hidden="true" />}{" "}
          {told.join(", ") || (retry.state === "done" ? "Nothing matched" : "Searching the results")}
        </span>
        <span className="small muted">
          {retry.by}, <When at={retry.at} />
        </span>
      </p>
      {taken > 0 && (
        <Meter
          parts={[
            [delivered, "good"],
            [withheld, "hold"],
            [failed, "bad"],
          ]}
          of={taken}
        />
      )}
    </>
  );
}
