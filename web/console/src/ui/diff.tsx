// Two versions of an object as lines that came and went.

import { diff } from "../format/diff.ts";
import { ScrollFrame } from "./scroll-frame.tsx";

const SIGNS = { same: " ", added: "+", removed: "−" } as const;
const SPOKEN = { same: "", added: "added: ", removed: "removed: " } as const;
/** Unchanged lines that are kept around a change. */
const CONTEXT_LINES = 2;

export function Diff({ before, after, label }: { before: unknown; after: unknown; label: string }) {
  const lines = diff(before, after);
  const changed = lines.flatMap((line, at) => (line.kind === "same" ? [] : [at]));
  if (changed.length === 0) return <p className="muted">Nothing changed.</p>;
  const isNear = (at: number) => changed.some((change) => Math.abs(change - at) <= CONTEXT_LINES);
  return (
    <ScrollFrame label={label} className="diff">
      {lines.map((line, at) =>
        isNear(at) ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place.
          <div key={at} className={line.kind}>
            <span aria-hidden="true">{SIGNS[line.kind]} </span>
            <span className="visually-hidden">{SPOKEN[line.kind]}</span>
            {line.text}
          </div>
        ) : null,
      )}
    </ScrollFrame>
  );
}
