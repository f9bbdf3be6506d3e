// What every section of the editor gets.

import type { Draft } from "./draft.ts";

export interface SectionProps {
  draft: Draft;
  onChange: (draft: Draft) => void;
}
