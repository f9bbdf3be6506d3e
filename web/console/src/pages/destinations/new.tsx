// A new destination: choose what it is, fill in its form, try it, create it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { post } from "../../api/client.ts";
import type { Destination, DestinationKind } from "../../api/model.ts";
import { destinationKinds, destinations, sources, workspacePath } from "../../api/resources.ts";
import { paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { Prose } from "../../ui/prose.tsx";
import { ErrorMessage, Loaded } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { newDraft, read } from "./draft.ts";
import { DestinationFields } from "./fields.tsx";
import { TestButton, TestResult, useConnectionTest } from "./test-connection.tsx";

export function NewDestinationPage() {
  const workspace = useWorkspace();
  const kinds = useQuery(destinationKinds);
  const known = useQuery(sources(workspace));
  const [kind, setKind] = useState<DestinationKind | null>(null);
  return (
    <>
      <PageHead
        title="New destination"
        about="Events reach it only with a permission of the gate, asked for at every attempt."
        back={{ to: paths.destinations(workspace), text: "Destinations" }}
      />
      <Loaded query={kinds}>
        {({ items }) => (
          <div className="kinds">
            {items.map((one) => (
              <button
                key={one.slug}
                type="button"
                className="kind"
                aria-pressed={kind?.slug === one.slug}
                onClick={() => setKind(one)}
              >
                <b>{one.title}</b>
                <span className="small muted">
                  <Prose text={firstSentence(one.docs)} />
                </span>
              </button>
            ))}
          </div>
        )}
      </Loaded>
      {kind && known.data && (
        <Form key={kind.slug} kind={kind} sourceNames={known.data.items.map(({ name }) => name)} />
      )}
    </>
  );
}

const firstSentence = (text: string): string => /^.*?[.:](?=\s|$)/.exec(text)?.[0].replace(/:$/, ".") ?? text;

function Form({ kind, sourceNames }: { kind: DestinationKind; sourceNames: string[] }) {
  const workspace = useWorkspace();
  const [draft, setDraft] = useState(() => newDraft(kind, sourceNames));
  const [isChecked, setChecked] = useState(false);
  const [, go] = useLocation();
  const client = useQueryClient();
  const blocked = useBlocked("admin");
  const test = useConnectionTest();
  const { body, errors } = read(kind, draft);
  const create = useMutation({
    mutationFn: () => post<Destination>(workspacePath(workspace, "/destinations"), body),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: destinations(workspace).queryKey });
      go(paths.destination(workspace, made.name));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    if (Object.keys(errors).length === 0 && !blocked) create.mutate();
  };
  const tested = () => {
    setChecked(true);
    const { name: _, sources: __, ...inSettings } = errors;
    return Object.keys(inSettings).length === 0 ? { kind: kind.slug, settings: body.settings } : null;
  };
  return (
    <Card title={kind.title}>
      <form className="form" onSubmit={submit} noValidate>
        <p className="muted">
          <Prose text={kind.docs} />
        </p>
        <DestinationFields kind={kind} draft={draft} errors={isChecked ? errors : {}} onChange={setDraft} isNew />
        {isChecked && Object.keys(errors).length > 0 && (
          <p className="wrong" role="alert">
            Some fields above need a look.
          </p>
        )}
        {create.error && <ErrorMessage error={create.error} />}
        <TestResult test={test} />
        <div className="row">
          <Button type="submit" look="primary" busy={create.isPending} blocked={blocked}>
            Create destination
          </Button>
          <TestButton test={test} tested={tested} blocked={blocked} />
          <ButtonLink to={paths.destinations(workspace)}>Cancel</ButtonLink>
        </div>
      </form>
    </Card>
  );
}
