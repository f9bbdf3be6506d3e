// A destination: one page with tabs, each with an address of its own.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { part, post } from "../../api/client.ts";
import type { Destination } from "../../api/model.ts";
import { destination, workspacePath } from "../../api/resources.ts";
import { useServes } from "../../api/served.ts";
import { DESTINATION_TABS, type DestinationTab, paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { DeclaredNote } from "../../ui/declared.tsx";
import { PageHead, TabLinks } from "../../ui/page.tsx";
import { ErrorMessage, Loaded } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { HealthBadge } from "../overview/destinations.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { DestinationSettings } from "./edit.tsx";
import { ErrorGroups } from "./error-groups.tsx";
import { HealthTab } from "./health.tsx";
import { Tester } from "./tester.tsx";

const TABS: readonly (readonly [DestinationTab, string])[] = [
  ["health", "Health"],
  ["errors", "Errors"],
  ["dead-letters", "Dead letters"],
  ["tester", "Event tester"],
  ["settings", "Settings"],
];

export function DestinationPage({ name: encoded, tab }: { name: string; tab: string }) {
  const name = decodeURIComponent(encoded);
  const workspace = useWorkspace();
  const query = useQuery(destination(workspace, name));
  const hasDeadLetters = useServes("deadLetters");
  const tabs = TABS.filter(([one]) => one !== "dead-letters" || hasDeadLetters);
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
    case "tester":
      return <Tester of={of} />;
    case "settings":
      return <DestinationSettings saved={of} />;
  }
}

function State({ of }: { of: Destination }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const blocked = useBlocked("admin");
  const canPause = useServes("pause");
  const isPaused = Boolean(of.health?.paused);
  const toggle = useMutation({
    mutationFn: () => post(workspacePath(workspace, `/destinations/${part(of.name)}/${isPaused ? "resume" : "pause"}`)),
    onSuccess: async () => {
      say(isPaused ? "Resumed" : "Paused", of.name);
      await client.invalidateQueries({ queryKey: destination(workspace, of.name).queryKey });
    },
  });
  return (
    <>
      {toggle.error && <ErrorMessage error={toggle.error} />}
      <HealthBadge health={of.health} enabled={of.enabled} />
      {canPause && (
        <Button
          icon={isPaused ? "play" : "pause"}
          busy={toggle.isPending}
          blocked={blocked}
          onClick={() => toggle.mutate()}
        >
          {isPaused ? "Resume" : "Pause"}
        </Button>
      )}
    </>
  );
}
