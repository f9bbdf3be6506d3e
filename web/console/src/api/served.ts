// What the server serves, from its own description. Parts of the console whose operations a server does not have (an
// older release, another role) are left out instead of failing when they are used.

import { queryOptions, useQuery } from "@tanstack/react-query";
import { ApiError } from "./client.ts";

const IN_WORKSPACE = "/api/v1/workspaces/{workspace}";
const OPERATIONS = {
  pause: `${IN_WORKSPACE}/destinations/{name}/pause`,
  deadLetters: `${IN_WORKSPACE}/destinations/{name}/dead-letters`,
  replays: `${IN_WORKSPACE}/destinations/{name}/replays`,
  savedQueries: `${IN_WORKSPACE}/lake/saved`,
  consentRates: `${IN_WORKSPACE}/consent/rates`,
  consentPreview: `${IN_WORKSPACE}/consent/preview`,
  consentSimulation: `${IN_WORKSPACE}/consent/simulation`,
} as const;

const served = queryOptions({
  queryKey: ["openapi"],
  queryFn: async ({ signal }) => {
    const answer = await fetch("/api/openapi.json", { signal });
    if (!answer.ok) throw new ApiError(answer.status, "no_description", "the server does not describe itself", null);
    const { paths } = (await answer.json()) as { paths: Record<string, unknown> };
    return new Set(Object.keys(paths));
  },
  staleTime: Number.POSITIVE_INFINITY,
});

/** Whether the server has this; false until it is known. */
export function useServes(operation: keyof typeof OPERATIONS): boolean {
  return useServed(operation) ?? false;
}

/** The same for pages that say so when it is missing: `undefined` until it is known. */
export function useServed(operation: keyof typeof OPERATIONS): boolean | undefined {
  return useQuery(served).data?.has(OPERATIONS[operation]);
}
