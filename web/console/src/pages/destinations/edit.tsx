// The settings of a destination: change, try, save, delete. A change by somebody else in between is shown, not lost.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { part, put, remove } from "../../api/client.ts";
import type { Destination, DestinationKind } from "../../api/model.ts";
import { destinationKinds, destinations, workspacePath } from "../../api/resources.ts";
import { paths } from "../../paths.ts";
import { declaredReason, useBlocked } from "../../session.tsx";
import { Button } from "../../ui/button.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Card } from "../../ui/page.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { bodyOf, draftOf, read } from "./draft.ts";
import { DestinationFields } from "./fields.tsx";
import { TestButton, TestResult, useConnectionTest } from "./test-connection.tsx";

export function DestinationSettings({ saved }: { saved: Destination }) {
  const kinds = useQuery(destinationKinds);
  return (
    <Loaded query={kinds}>
      {({ items }) => {
        const kind = items.find(({ slug }) => slug === saved.kind);
        if (!kind) return <Message tone="bad" title={`This release does not know the kind ${saved.kind}.`} />;
        return <Form kind={kind} saved={saved} />;
      }}
    </Loaded>
  );
}

function Form({ kind, saved }: { kind: DestinationKind; saved: Destination }) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [start, setStart] = useState(saved);
  const [draft, setDraft] = useState(() => draftOf(kind, saved));
  const notAllowed = useBlocked("admin");
  const blocked = declaredReason(saved.declared_by) ?? notAllowed;
  const test = useConnectionTest();
  const { body, errors } = read(kind, draft, start.settings);
  const isValid = Object.keys(errors).length === 0;
  const save = useMutation({
    mutationFn: (version: number) =>
      put<Destination>(workspacePath(workspace, `/destinations/${part(saved.name)}`), body, { if_version: version }),
    onSuccess: async (now) => {
      begin(now ?? saved);
      await client.invalidateQueries({ queryKey: destinations(workspace).queryKey });
      say("Saved", `Destination ${saved.name}`);
    },
  });
  const begin = (from: Destination) => {
    setStart(from);
    setDraft(draftOf(kind, from));
    save.reset();
  };
  return (
    <Card title={kind.title} aside={<DeleteDestination of={saved} blocked={blocked} />}>
      <form
        className="form"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (isValid) save.mutate(start.version);
        }}
      >
        <DestinationFields
          kind={kind}
          draft={draft}
          errors={errors}
          onChange={setDraft}
          isNew={false}
          disabled={blocked !== null}
        />
        <SaveError<Destination>
          error={save.error}
          mine={body}
          theirs={bodyOf}
          onTakeTheirs={begin}
          onKeepMine={(current) => save.mutate(current.version)}
        />
        <TestResult test={test} />
        <div className="row">
          <Button type="submit" look="primary" busy={save.isPending} blocked={blocked}>
            Save
          </Button>
          <TestButton
            test={test}
            tested={() => (isValid ? { kind: kind.slug, settings: body.settings, name: saved.name } : null)}
            blocked={notAllowed}
          />
        </div>
      </form>
    </Card>
  );
}

function DeleteDestination({ of, blocked }: { of: Destination; blocked: string | null }) {
  const [isAsking, setAsking] = useState(false);
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [, go] = useLocation();
  const confirm = async () => {
    await remove(workspacePath(workspace, `/destinations/${part(of.name)}`), { if_version: of.version });
    go(paths.destinations(workspace));
    await client.invalidateQueries({ queryKey: destinations(workspace).queryKey, exact: true });
    say("Deleted", `Destination ${of.name}`);
  };
  return (
    <>
      <Button small look="danger" icon="trash" blocked={blocked} onClick={() => setAsking(true)}>
        Delete
      </Button>
      <Confirm
        open={isAsking}
        onClose={() => setAsking(false)}
        title={`Delete destination ${of.name}?`}
        action="Delete destination"
        onConfirm={confirm}
      >
        <p>
          It gets nothing more. What waits for it now is dropped, and its dead letters can no longer be tried again.
        </p>
      </Confirm>
    </>
  );
}
