// Two people changed the same object: both versions side by side, and a choice. Nothing is overwritten in silence.

import { ApiError } from "../api/client.ts";
import { Button } from "./button.tsx";
import { Diff } from "./diff.tsx";
import { ErrorMessage, Message } from "./states.tsx";

/** The object as it is now, when the error is a conflict of versions. */
export function conflictOf<T extends { version: number }>(error: unknown): T | null {
  if (!(error instanceof ApiError) || error.code !== "version_conflict") return null;
  const current = error.current as T | undefined;
  return typeof current?.version === "number" ? current : null;
}

/** Shows why a save failed. For a conflict: what differs, and both ways out. */
export function SaveError<T extends { version: number }>(props: {
  error: unknown;
  /** The object as it would be saved. */
  mine: unknown;
  /** The same fields of the object as it is now. */
  theirs: (current: T) => unknown;
  onTakeTheirs: (current: T) => void;
  onKeepMine: (current: T) => void;
}) {
  if (props.error === null || props.error === undefined) return null;
  const current = conflictOf<T>(props.error);
  if (!current) return <ErrorMessage error={props.error} />;
  return (
    <Message tone="wait" title="Somebody else changed this in the meantime.">
      <p>Lines with − are saved now (version {current.version}); lines with + are yours.</p>
      <Diff before={props.theirs(current)} after={props.mine} label="What differs" />
      <div className="row">
        <Button onClick={() => props.onTakeTheirs(current)}>Take theirs</Button>
        <Button look="danger" onClick={() => props.onKeepMine(current)}>
          Save mine over it
        </Button>
      </div>
    </Message>
  );
}
