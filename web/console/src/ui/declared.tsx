// Objects that a workspace file declares are read-only here; this says so and names the file.

import { Badge } from "./badge.tsx";
import { Message } from "./states.tsx";

export const DeclaredBadge = ({ by }: { by: string | null }) =>
  by && (
    <Badge icon="file" title={`Declared by ${by}`}>
      {by.split("/").at(-1)}
    </Badge>
  );

export const DeclaredNote = ({ by }: { by: string | null | undefined }) =>
  by && (
    <Message tone="note" title="Read-only here">
      <p>
        This is declared by <code>{by}</code>. Change it there and restart, or run <code>assent apply</code>.
      </p>
    </Message>
  );
