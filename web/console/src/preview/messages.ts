// What the console and the preview's frame say to each other.

export interface ToFrame {
  /** What a visitor is asked, as the server answers it (`web/sdk/src/settings.ts`). */
  settings: unknown;
  /** Whether the visitor's browser sends Global Privacy Control. */
  gpc: boolean;
}

export type FromFrame =
  | { kind: "ready" }
  /** What holds in the page now: category → granted. */
  | { kind: "state"; preferences: Record<string, boolean>; asks: boolean; isChosen: boolean };
