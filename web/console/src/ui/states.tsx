// What a page shows when there is nothing, nothing yet, or something went wrong.

import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client.ts";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { Prose } from "./prose.tsx";

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children}
    </div>
  );
}

type MessageTone = "bad" | "wait" | "good" | "note";

export function Message({ tone, title, children }: { tone: MessageTone; title?: ReactNode; children?: ReactNode }) {
  return (
    <div className={`message message-${tone}`} role={tone === "bad" ? "alert" : undefined}>
      <Icon name={tone} />
      <div className="stack stack-s grow">
        {title && <strong>{title}</strong>}
        {children}
      </div>
    </div>
  );
}

/** An error with what the API said of it: the code, the message, what to do. */
export function ErrorMessage({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { code, message, hint } = explain(error);
  return (
    <Message tone="bad" title={<Prose text={message} />}>
      {hint && (
        <p>
          <Prose text={hint} />
        </p>
      )}
      <p className="row small muted">
        <code>{code}</code>
        {error instanceof ApiError && error.status > 0 && <a href={`/docs/errors/${code}`}>about this error</a>}
      </p>
      {onRetry && (
        <p>
          <Button small icon="retry" onClick={onRetry}>
            Try again
          </Button>
        </p>
      )}
    </Message>
  );
}

function explain(error: unknown): { code: string; message: string; hint: string | null } {
  if (error instanceof ApiError) return error;
  return { code: "console_failed", message: error instanceof Error ? error.message : String(error), hint: null };
}

const WIDTHS = ["72%", "54%", "83%", "61%", "40%", "76%"];

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div className="stack card-body" aria-busy="true">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are alike and never move.
        <span key={line} className="skeleton" style={{ width: WIDTHS[line % WIDTHS.length] }} />
      ))}
    </div>
  );
}

/** A query in its three states. What was loaded stays on the page when a later refresh fails, with the failure. */
export function Loaded<T>(props: { query: UseQueryResult<T>; lines?: number; children: (data: T) => ReactNode }) {
  const { query, lines, children } = props;
  const again = () => void query.refetch();
  if (query.data !== undefined) {
    return (
      <>
        {query.error && <ErrorMessage error={query.error} onRetry={again} />}
        {children(query.data)}
      </>
    );
  }
  if (query.error) return <ErrorMessage error={query.error} onRetry={again} />;
  return <Skeleton {...(lines && { lines })} />;
}
