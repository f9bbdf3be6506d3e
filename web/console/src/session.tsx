// Who is signed in and what they may do. The server decides; the console only shows beforehand what it would refuse.

import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext } from "react";
import { ROLES, type Role, type Session } from "./api/model.ts";
import { session } from "./api/resources.ts";

const Current = createContext<Session | null>(null);

export function SessionOf({ session, children }: { session: Session; children: ReactNode }) {
  return <Current value={session}>{children}</Current>;
}

export function useSession(): Session {
  const current = useContext(Current);
  if (!current) throw new Error("a page that needs a session stands outside of it");
  return current;
}

export const useSessionQuery = () => useQuery(session);

const isAtLeast = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** `null` when the role suffices, else why not. */
export function useBlocked(needed: Role): string | null {
  const { user } = useSession();
  return isAtLeast(user.role, needed) ? null : `This needs the role ${needed}; yours is ${user.role}.`;
}

export const useMay = (needed: Role): boolean => useBlocked(needed) === null;

/** Why an object of a file cannot be changed here. */
export const declaredReason = (declaredBy: string | null | undefined): string | null =>
  declaredBy ? `Declared by ${declaredBy}: change it there.` : null;
