// One part of a source while somebody works on it. A source is written as a whole, but its settings and the banner of
// its site are two forms: each keeps what the other has saved meanwhile, and neither calls that a conflict.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { part as name, put } from "../../api/client.ts";
import type { Source } from "../../api/model.ts";
import { source as oneSource, sources, workspacePath } from "../../api/resources.ts";
import { stable } from "../../format/diff.ts";
import { say } from "../../ui/toast.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { draftOf, type SourceDraft } from "./fields.tsx";

/** `pick` takes the part out of a source, and is the same function each time. */
export function usePart<Part extends Partial<SourceDraft>>(saved: Source, pick: (source: Source) => Part) {
  const workspace = useWorkspace();
  const client = useQueryClient();
  const [{ start, part }, setWork] = useState({ start: saved, part: pick(saved) });
  const isChanged = stable(pick(start)) !== stable(part);
  // Nothing of one's own is lost by going on from there.
  const isOther = !isChanged || stable(pick(start)) === stable(pick(saved));
  const isStale = saved.version > start.version && isOther;
  useEffect(() => {
    if (isStale) setWork((work) => ({ start: saved, part: isChanged ? work.part : pick(saved) }));
  }, [isStale, isChanged, saved, pick]);
  const save = useMutation({
    mutationFn: ({ base, written }: { base: Source; written: Part }) =>
      put<Source>(
        workspacePath(workspace, `/sources/${name(base.name)}`),
        { ...draftOf(base), ...written },
        { if_version: base.version },
      ),
    onSuccess: async (now) => {
      await taken(now);
      begin(now);
      say("Saved", `Source ${now.name}`);
    },
  });
  const begin = (from: Source) => {
    setWork({ start: from, part: pick(from) });
    save.reset();
  };
  /** What the server has now; a part that somebody is writing goes on from there. */
  const taken = async (now: Source) => {
    client.setQueryData(oneSource(workspace, now.name).queryKey, now);
    await client.invalidateQueries({ queryKey: sources(workspace).queryKey });
  };
  const set = (next: Part) => {
    if (save.error) save.reset();
    setWork({ start, part: next });
  };
  return { start, part, isChanged, set, begin, taken, save };
}
