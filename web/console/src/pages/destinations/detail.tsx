// A destination: one page with tabs, each with an address of its own.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { part, post } from "../../api/client.ts";
import type { Destination } from "../../api/model.ts";
import { destination, workspacePath } from "../../api/resources.ts";
import { useServes } from "../../api/served.ts";
import { DESTINATION_TABS, type DestinationTab, paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { DeclaredNote } from "../../ui/declared.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { PageHead, TabLinks } from "../../ui/page.tsx";
import { ErrorMessage, Loaded } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { HealthBadge } from "../overview/destinations.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { DestinationSettings } from "./edit.tsx";
import { ErrorGroups } from "./error-groups.tsx";
import { HealthTab } from "./health.tsx";
import { ReplayTab } from "./replay.tsx";
import { Tester } from "./tester.tsx";

const TABS: readonly (readonly [DestinationTab, string])[] = [
  ["health", "Health"],
  ["errors", "Errors"],
  ["dead-letters", "Dead letters"],
  ["replay", "Replay"],
  ["tester", "Event tester"],
  ["settings", "Settings"],
];

export function DestinationPage({ name: encoded, tab }: { name: string; tab: string }) {
  const name = decodeURIComponent(encoded);
  const workspace = useWorkspace();
  const query = useQuery(destination(workspace, name));
  const hasDeadLetters = useServes("deadLetters");
  const hasReplays = useServes("replays");
  const tabs = TABS.filter(([one]) => (one !== "dead-letters" || hasDeadLetters) && (one !== "replay" || hasReplays));
  const current = DESTINATION_TABS.find((known) => known === tab) ?? "health";
  return (
    <>
      <PageHead
        title={name}
        back={{ to: paths.destinations(workspace), text: "Destinations" }}
        actions={query.data && <State of={query.data} />}
      />
      <TabLinks
        label={`Parts of ${name}`}
        tabs={tabs}
        current={current}
        to={(to) => paths.destination(workspace, name, to)}
      />
      <Loaded query={query}>
        {(data) => (
          <>
            {current === "settings" && <DeclaredNote by={data.declared_by} />}
            <Tab of={data} tab={current} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Tab({ of, tab }: { of: Destination; tab: DestinationTab }) {
  switch (tab) {
    case "health":
      return <HealthTab of={of} />;
    case "errors":
      return <ErrorGroups name={of.name} />;
    case "dead-letters":
      return <DeadLetters name={of.name} />;
    case "replay":
      return <ReplayTab of={of} />;
    case "tester":
      return <Tester of={of} />;
    case "settings":
      return <DestinationSettings saved={of} />;
  }
}

function State({ of }: { of: Destination }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const admin = useBlocked("admin");
  const canPause = useServes("pause");
  const [isAsking, setAsking] = useState(false);
  const isPaused = Boolean(of.health?.paused?.by);
  const waits = Boolean(of.health?.paused) && !isPaused;
  const isOff = !of.enabled || of.health?.state === "failed";
  const blocked = admin ?? (isOff ? "It does not run." : null);
  const change = async (what: "pause" | "resume") => {
    await post(workspacePath(workspace, `/destinations/${part(of.name)}/${what}`));
    say(what === "pause" ? "Paused" : waits ? "Trying now" : "Resumed", of.name);
    await client.invalidateQueries({ queryKey: destination(workspace, of.name).queryKey });
  };
  const resume = useMutation({ mutationFn: () => change("resume") });
  return (
    <>
      {resume.error && <ErrorMessage error={resume.error} />}
      <HealthBadge health={of.health} enabled={of.enabled} />
      {canPause && waits && (
        <Button icon="play" busy={resume.isPending} blocked={blocked} onClick={() => resume.mutate()}>
          Try now
        </Button>
      )}
      {canPause && (
        <Button
          icon={isPaused ? "play" : "pause"}
          busy={resume.isPending}
          blocked={blocked}
          onClick={() => (isPaused ? resume.mutate() : setAsking(true))}
        >
          {isPaused ? "Resume" : "Pause"}
        </Button>
      )}
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Pause ${of.name}?`}
        action="Pause destination"
        onConfirm={() => change("pause")}
      >
        <p>
          It sends nothing from now on, also after a restart. Events wait in the log, as many as its backlog may hold;
          what is on its way now may still arrive.
        </p>
      </Confirm>
    </>
  );
}
