// What the server refused, shown at the field that it is about.

import { createContext, type ReactNode, useContext } from "react";
import { Prose } from "../../ui/prose.tsx";
import { type Place, placeOf } from "./refusals.ts";

const Current = createContext<string | null>(null);

export const RefusedWith = ({ message, children }: { message: string | null; children: ReactNode }) => (
  <Current value={message}>{children}</Current>
);

/** The refusal that is about this field, for its `error`. A part of a field's path stands for all below it. */
export function useRefusedAt(): (place: Place) => string | null {
  const message = useContext(Current);
  const refused = message === null ? null : placeOf(message);
  return (place) => (refused === place ? message : null);
}

/** The same for a group of fields, which has no `error` of its own. */
export function RefusedHere({ place }: { place: Place }) {
  const message = useRefusedAt()(place);
  return (
    message !== null && (
      <p className="wrong">
        <Prose text={message} />
      </p>
    )
  );
}

/** Marks where a field stands, so that a refusal can lead to it. */
export const At = ({ place, children, grow }: { place: Place; children: ReactNode; grow?: string }) => (
  <div data-place={place} {...(grow && { className: "grow", style: { flexBasis: grow } })}>
    {children}
  </div>
);

/** Puts the keyboard into the field; the nearest one around it where that has none of its own. */
export function goTo(place: Place): void {
  for (let path = place; path !== ""; path = path.slice(0, Math.max(0, path.lastIndexOf(".")))) {
    const found = document.querySelector<HTMLElement>(`[data-place="${CSS.escape(path)}"]`);
    if (!found) continue;
    const field = found.querySelector<HTMLElement>("input, textarea, select, button");
    (field ?? found).focus();
    found.scrollIntoView({ block: "center" });
    return;
  }
}
