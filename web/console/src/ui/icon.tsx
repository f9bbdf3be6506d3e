// The icons, drawn for this console on a grid of 16: one stroke, no fill, so that they take the text's colour.

import type { ReactElement } from "react";

const PATHS = {
  overview: "M2 13h12M4 10.5V8M8 10.5V3.5M12 10.5V6",
  live: "M1.5 8h3l2-5 3 10 2-5h3",
  sources: "M2 4.5h7M2 8h5M2 11.5h7M11 5l3 3-3 3",
  destinations: "M2 8h8.5M7.5 4.5 11 8l-3.5 3.5M14 2.5v11",
  lake: "M2 4c0-1 2.7-1.8 6-1.8S14 3 14 4s-2.7 1.8-6 1.8S2 5 2 4Zm0 0v8c0 1 2.7 1.8 6 1.8s6-.8 6-1.8V4M2 8c0 1 2.7 1.8 6 1.8S14 9 14 8",
  settings: "M2 4.5h6m4 0h2M2 11.5h2m4 0h6M10 3v3M6 10v3",
  plus: "M8 3v10M3 8h10",
  close: "m4 4 8 8m0-8-8 8",
  check: "m3 8.5 3.2 3.2L13 4.8",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9Zm3.3-1.2L14 14",
  pause: "M5.5 3v10M10.5 3v10",
  play: "m4.5 3 8 5-8 5z",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3",
  bad: "M8 4.5v4M8 11v.5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  wait: "M8 4.5V8l2.5 1.5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  hold: "M3.8 3.8l8.4 8.4M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  note: "M8 7.5v4M8 4.5V5M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Z",
  plain: "M4 8h8",
  good: "m3 8.5 3.2 3.2L13 4.8",
  down: "m4 6 4 4 4-4",
  menu: "M2 4h12M2 8h12M2 12h12",
  theme: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 0v12M8 5h4.5M8 8h6M8 11h4.5",
  user: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.5 6c.6-2.6 2.8-4 5.5-4s4.9 1.4 5.5 4",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  file: "M4 1.800h5l3 3v9.400H4zM9 1.800v3h3",
  lock: "M3.5 7.500h9v6h-9zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.500h11",
  send: "M14 2 7 9M14 2 9.5 14 7 9 2 6.500z",
  trash: "M2.5 4.500h11M6 4.500v-2h4v2M4 4.500l.6 9h6.800l.6-9",
  shield: "M8 1.8 13 4v4c0 3-2 5.2-5 6.200C5 13.2 3 11 3 8V4z",
  right: "m6 4 4 4-4 4",
  out: "M9.5 2.500h4v4M13.5 2.5 7 9M11.5 9.500v4h-9v-9h4",
} as const;

export type IconName = keyof typeof PATHS;

/** Always decoration: what it says stands beside it as text. */
export function Icon({ name }: { name: IconName }): ReactElement {
  return (
    <svg aria-hidden="true" width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor">
      <path d={PATHS[name]} strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
