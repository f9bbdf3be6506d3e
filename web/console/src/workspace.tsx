// The workspace that the address names.

import { createContext, type ReactNode, useContext } from "react";

const Current = createContext<string | null>(null);

export function WorkspaceOf({ name, children }: { name: string; children: ReactNode }) {
  return <Current value={name}>{children}</Current>;
}

export function useWorkspace(): string {
  const name = useContext(Current);
  if (name === null) throw new Error("a page of a workspace stands outside of one");
  return name;
}
