// A new source; then its page, with the key and the lines to paste.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { post } from "../../api/client.ts";
import type { Source } from "../../api/model.ts";
import { sources, workspacePath } from "../../api/resources.ts";
import { paths } from "../../paths.ts";
import { useBlocked } from "../../session.tsx";
import { Button, ButtonLink } from "../../ui/button.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ErrorMessage } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { NEW_SOURCE, nameError, SourceFields } from "./fields.tsx";

export function NewSourcePage() {
  const workspace = useWorkspace();
  const [draft, setDraft] = useState(NEW_SOURCE);
  const [, go] = useLocation();
  const client = useQueryClient();
  const blocked = useBlocked("admin");
  const create = useMutation({
    mutationFn: () => post<Source>(workspacePath(workspace, "/sources"), draft),
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: sources(workspace).queryKey });
      go(paths.source(workspace, made.name));
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!nameError(draft.name) && !blocked) create.mutate();
  };
  return (
    <>
      <PageHead title="New source" back={{ to: paths.sources(workspace), text: "Sources" }} />
      <Card>
        <form className="form" onSubmit={submit}>
          <SourceFields draft={draft} onChange={setDraft} isNew />
          {create.error && <ErrorMessage error={create.error} />}
          <div className="row">
            <Button type="submit" look="primary" busy={create.isPending} blocked={blocked}>
              Create source
            </Button>
            <ButtonLink to={paths.sources(workspace)}>Cancel</ButtonLink>
          </div>
        </form>
      </Card>
    </>
  );
}
