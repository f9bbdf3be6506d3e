// Questions that are kept for everybody of the workspace.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { part, post, remove } from "../../api/client.ts";
import type { SavedQuery } from "../../api/model.ts";
import { savedQueries, workspacePath } from "../../api/resources.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ErrorMessage, Loaded } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function SaveQuery({ sql, blocked }: { sql: string; blocked: string | null }) {
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState("");
  const workspace = useWorkspace();
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: () => post<SavedQuery>(workspacePath(workspace, "/lake/saved"), { name, sql }),
    onSuccess: async () => {
      setOpen(false);
      setName("");
      say("Saved", name);
      await client.invalidateQueries({ queryKey: savedQueries(workspace).queryKey });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <>
      <Button onClick={() => setOpen(true)} blocked={blocked}>
        Save query
      </Button>
      <Dialog open={isOpen} onClose={() => setOpen(false)} title="Save query">
        <form className="stack" onSubmit={submit}>
          <TextField label="Name" value={name} onChange={setName} required maxLength={100} />
          {save.error && <ErrorMessage error={save.error} />}
          <div className="actions">
            <Button onClick={() => setOpen(false)}>Cancel</Button>
            <Button type="submit" look="primary" busy={save.isPending}>
              Save
            </Button>
          </div>
        </form>
      </Dialog>
    </>
  );
}

export function SavedQueries({ onOpen }: { onOpen: (sql: string) => void }) {
  const workspace = useWorkspace();
  const query = useQuery(savedQueries(workspace));
  const client = useQueryClient();
  const [leaving, setLeaving] = useState<SavedQuery | null>(null);
  const confirm = async () => {
    await remove(workspacePath(workspace, `/lake/saved/${part(leaving?.id ?? "")}`));
    await client.invalidateQueries({ queryKey: savedQueries(workspace).queryKey });
  };
  return (
    <Loaded query={query} lines={2}>
      {({ items }) => (
        <>
          {items.length === 0 && <p className="muted small">None yet. “Save query” keeps one for everybody here.</p>}
          <ul className="stack stack-s" style={{ padding: 0, listStyle: "none" }}>
            {items.map((saved) => (
              <li key={saved.id} className="row spread">
                <div className="grow">
                  <Button small look="quiet" onClick={() => onOpen(saved.sql)}>
                    <span className="break">{saved.name}</span>
                  </Button>
                  <div className="small muted">
                    {saved.by}, <When at={saved.at} />
                  </div>
                </div>
                <IconButton name={`Delete ${saved.name}`} icon="trash" look="quiet" onClick={() => setLeaving(saved)} />
              </li>
            ))}
          </ul>
          <Confirm
            open={leaving !== null}
            onClose={() => setLeaving(null)}
            title={`Delete the query ${leaving?.name ?? ""}?`}
            action="Delete query"
            onConfirm={confirm}
          >
            <p>It is gone for everybody.</p>
          </Confirm>
        </>
      )}
    </Loaded>
  );
}
