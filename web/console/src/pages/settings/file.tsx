// The workspace as a file: take it along, or apply one after looking at what it would change.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, get } from "../../api/client.ts";
import type { Change } from "../../api/model.ts";
import { workspacePath } from "../../api/resources.ts";
import { plural } from "../../format/number.ts";
import { sentence } from "../../format/words.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Code } from "../../ui/code.tsx";
import { Diff } from "../../ui/diff.tsx";
import { Check, Field } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { ErrorMessage, Message } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function FileTab() {
  return (
    <div className="stack">
      <Export />
      <Apply />
    </div>
  );
}

function Export() {
  const workspace = useWorkspace();
  const blocked = useBlocked("admin");
  const load = useMutation({ mutationFn: () => get<string>(workspacePath(workspace, "/export")) });
  return (
    <Card title="Export">
      <div className="stack">
        <p className="muted">
          Everything this workspace is, as YAML that <code>assent apply</code> and <code>--workspace</code> accept. It
          has the write keys; secrets stay references.
        </p>
        <div>
          <Button icon="file" busy={load.isPending} blocked={blocked} onClick={() => load.mutate()}>
            Show as YAML
          </Button>
        </div>
        {load.error && <ErrorMessage error={load.error} />}
        {load.data && <Code text={load.data} label="Workspace file" />}
      </div>
    </Card>
  );
}

function Apply() {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const blocked = useBlocked("admin");
  const [yaml, setYaml] = useState("");
  const [prune, setPrune] = useState(false);
  const [planned, setPlanned] = useState<Change[] | null>(null);
  const run = useMutation({
    mutationFn: (dry_run: boolean) =>
      call<{ changes: Change[] }>("POST", workspacePath(workspace, "/apply"), {
        text: yaml,
        query: { dry_run, prune },
      }),
    onSuccess: async ({ changes }, isDry) => {
      setPlanned(isDry ? changes : null);
      if (isDry) return;
      say("Applied", plural(changes.length, "change"));
      await client.invalidateQueries({ queryKey: [workspace] });
    },
  });
  const edit = (text: string) => {
    setYaml(text);
    setPlanned(null);
  };
  return (
    <Card title="Apply">
      <div className="stack">
        <Field label="Workspace file" hint="What it declares can then be changed by a file only.">
          {(control) => (
            <textarea
              {...control}
              className="input mono"
              rows={8}
              value={yaml}
              onChange={(e) => edit(e.target.value)}
            />
          )}
        </Field>
        <Check label="Remove what the file does not name" checked={prune} onChange={setPrune} />
        {run.error && <ErrorMessage error={run.error} />}
        {planned && <Plan changes={planned} />}
        <div className="row">
          <Button
            busy={run.isPending}
            blocked={blocked ?? (yaml.trim() === "" ? "Paste a file first." : null)}
            onClick={() => run.mutate(true)}
          >
            Show what would change
          </Button>
          {planned && planned.length > 0 && (
            <Button look="primary" busy={run.isPending} onClick={() => run.mutate(false)}>
              Apply {plural(planned.length, "change")}
            </Button>
          )}
        </div>
      </div>
    </Card>
  );
}

function Plan({ changes }: { changes: Change[] }) {
  if (changes.length === 0) return <Message tone="good" title="Nothing would change." />;
  return changes.map((change) => (
    <div key={`${change.kind} ${change.name}`} className="stack stack-s">
      <p className="row">
        <Badge>{sentence(change.action)}</Badge> {change.kind} <code>{change.name}</code>
      </p>
      <Diff before={change.before} after={change.after} label={`Change of ${change.name}`} />
    </div>
  ));
}
