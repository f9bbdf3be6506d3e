// Saving a draft. Where visitors would agree to something else than before, the next version of the words is offered:
// the number is what choices on record say that they were made under.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, put } from "../../api/client.ts";
import type { Consent } from "../../api/model.ts";
import { consent, workspacePath } from "../../api/resources.ts";
import { Button } from "../../ui/button.tsx";
import { SaveError } from "../../ui/conflict.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Check } from "../../ui/field.tsx";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { begin, type Draft, draftOf, needsNewVersion, raised, versionOf } from "./draft.ts";
import type { Desk } from "./work.tsx";

export interface Save {
  error: unknown;
  isSaving: boolean;
  isAsking: boolean;
  /** Saves, or asks about the version first. */
  ask: () => void;
  stopAsking: () => void;
  run: (draft: Draft, version: number) => void;
  reset: () => void;
}

export function useSave(desk: Desk): Save {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const { start, draft } = desk.work;
  const save = useMutation({
    mutationFn: ({ written, version }: { written: Draft; version: number }) =>
      put<Consent>(workspacePath(workspace, "/categories"), written, { if_version: version }),
    onSuccess: async (now) => {
      client.setQueryData(consent(workspace).queryKey, now);
      desk.set(begin(now));
      say("Saved", `Words version ${versionOf(now.banner)}`);
      await client.invalidateQueries({ queryKey: consent(workspace).queryKey });
    },
    onSettled: () => setAsking(false),
  });
  const run = (written: Draft, version: number) => save.mutate({ written, version });
  return {
    error: save.error,
    isSaving: save.isPending,
    isAsking,
    ask: () => (needsNewVersion(desk.work) ? setAsking(true) : run(draft, start.version)),
    stopAsking: () => setAsking(false),
    run,
    reset: save.reset,
  };
}

interface BarProps {
  desk: Desk;
  save: Save;
  blocked: string | null;
  onDiscard: () => void;
}

export function SaveBar({ desk, save, blocked, onDiscard }: BarProps) {
  const { draft } = desk.work;
  const isRefusal = save.error instanceof ApiError && save.error.code === "invalid_workspace";
  const unchanged = desk.isChanged ? null : "Nothing was changed.";
  return (
    <>
      {!isRefusal && (
        <SaveError<Consent>
          error={save.error}
          mine={draft}
          theirs={draftOf}
          onTakeTheirs={(current) => {
            save.reset();
            desk.set(begin(current));
          }}
          onKeepMine={(current) => save.run(draft, current.version)}
        />
      )}
      <div className="row save-bar">
        <Button type="submit" look="primary" busy={save.isSaving} blocked={blocked ?? unchanged}>
          Save
        </Button>
        <Button
          blocked={unchanged}
          onClick={() => {
            save.reset();
            onDiscard();
          }}
        >
          Discard
        </Button>
      </div>
      {save.isAsking && <AskVersion desk={desk} save={save} />}
    </>
  );
}

function AskVersion({ desk, save }: { desk: Desk; save: Save }) {
  const [askAgain, setAskAgain] = useState(true);
  const { start, draft } = desk.work;
  const next = versionOf(draft.banner) + 1;
  return (
    <Dialog open onClose={save.stopAsking} title="A new version of the words?">
      <p>
        Visitors would read something else than before, or agree to other vendors. Every choice on record names the
        version that it was made under: under the same number nobody could tell the two apart.
      </p>
      <Check
        label="Ask those again who chose before"
        hint="their refusals hold meanwhile, their grants do not"
        checked={askAgain}
        onChange={setAskAgain}
      />
      <div className="actions">
        <Button onClick={save.stopAsking}>Cancel</Button>
        <Button look="primary" busy={save.isSaving} onClick={() => save.run(raised(draft, askAgain), start.version)}>
          {`Save as version ${next}`}
        </Button>
      </div>
    </Dialog>
  );
}
