// The two steps that ask first: what a site says moves to all sites, or goes.

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { part, post, put } from "../../api/client.ts";
import type { Source } from "../../api/model.ts";
import { consent, source as oneSource, workspacePath } from "../../api/resources.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { draftOf } from "./fields.tsx";
import { movesOf, staysOf } from "./site.ts";

interface StepProps {
  source: Source;
  blocked: string | null;
  onDone: (now: Source) => Promise<void>;
}

const NAMES: Record<string, string> = {
  languages: "words",
  before: "what is done before a choice",
  control: "the control",
  consent_mode: "Google Consent Mode",
  tags: "tags",
  surfaces: "the platforms that it answers as",
  cookie_domain: "the domain of the cookies",
  frames: "the sites in frames",
};
const named = (keys: string[]): string => keys.map((key) => NAMES[key] ?? key).join(", ");

/** `over`: the version of the workspace's banner that its author saw. */
export function PublishBanner({ source, over, blocked, onDone }: StepProps & { over: number }) {
  const [isAsking, setAsking] = useState(false);
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [moves, stays] = [movesOf(source.banner), staysOf(source.banner)];
  const nothing = moves.length === 0 ? "It has nothing that all sites could say." : null;
  const confirm = async () => {
    const address = workspacePath(workspace, `/sources/${part(source.name)}`);
    try {
      const now = await post<Source>(`${address}/banner/publish`, {}, { if_version: source.version, to_version: over });
      await onDone(now);
      say("Published", `What ${source.name} said, on all sites`);
    } finally {
      await client.invalidateQueries({ queryKey: oneSource(workspace, source.name).queryKey });
      await client.invalidateQueries({ queryKey: consent(workspace).queryKey });
    }
  };
  return (
    <>
      <Button icon="send" blocked={blocked ?? nothing} onClick={() => setAsking(true)}>
        Publish to all sites
      </Button>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Publish the banner of ${source.name} to all sites?`}
        action="Publish"
        onConfirm={confirm}
      >
        <div className="stack stack-s">
          <p>
            Into the workspace&rsquo;s banner, from which every site inherits: <strong>{named(moves)}</strong>. This
            site then inherits them like the others. A site that says something of its own goes on to say it.
          </p>
          {stays.length > 0 && (
            <p>
              With this site stays what belongs to its host: <strong>{named(stays)}</strong>.
            </p>
          )}
          <p>
            Where visitors are shown something else, the version of the words is raised. The audit log has the change.
          </p>
        </div>
      </Confirm>
    </>
  );
}

export function RemoveBanner({ source, blocked, onDone }: StepProps) {
  const [isAsking, setAsking] = useState(false);
  const workspace = useWorkspace();
  const confirm = async () => {
    const address = workspacePath(workspace, `/sources/${part(source.name)}`);
    const now = await put<Source>(address, { ...draftOf(source), banner: null }, { if_version: source.version });
    await onDone(now);
    say("Removed", `The banner of ${source.name}`);
  };
  return (
    <>
      <Button look="danger" icon="trash" blocked={blocked} onClick={() => setAsking(true)}>
        Remove the site&rsquo;s banner
      </Button>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Remove the banner of ${source.name}?`}
        action="Remove"
        onConfirm={confirm}
      >
        <p>
          Its visitors are asked with the workspace&rsquo;s banner from then on. Gone is:{" "}
          {named(Object.keys(source.banner ?? {}))}.
        </p>
      </Confirm>
    </>
  );
}
