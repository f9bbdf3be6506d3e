// What may be wider than the page scrolls in its own frame, which the keyboard can reach.

import type { ReactNode } from "react";

export function ScrollFrame(props: { label: string; children: ReactNode; as?: "div" | "pre"; className?: string }) {
  const Tag = props.as ?? "div";
  const className = props.className ?? (Tag === "div" ? "table-frame" : undefined);
  return (
    <Tag className={className} role="region" aria-label={props.label} tabIndex={0}>
      {props.children}
    </Tag>
  );
}
