// Every read of the console: its key in the cache and how it is fetched. Writes name the key that they make old.

import { queryOptions } from "@tanstack/react-query";
import { ApiError, call, get, getText, part } from "./client.ts";
import type {
  AlertList,
  AuditEntry,
  Choices,
  Consent,
  DeadLetter,
  Destination,
  DestinationKind,
  ErrorGroup,
  EventDetail,
  Experience,
  LakeTable,
  LedgerShown,
  Notice,
  Overview,
  Page,
  PublishedNotice,
  Rates,
  Regimes,
  Replay,
  Retry,
  SavedQuery,
  Session,
  Setting,
  Source,
  Token,
  User,
  WordsShown,
} from "./model.ts";

const HEALTH_MS = 5_000;
const OVERVIEW_MS = 5_000;
const WAITING_FOR_EVENT_MS = 1_500;

const under = (workspace: string, rest: string) => `/workspaces/${part(workspace)}${rest}`;

/** `null` when nobody is signed in. */
export const session = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    try {
      return await get<Session>("/session", undefined, signal);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 60_000,
});

export const overview = (workspace: string, minutes: number) =>
  queryOptions({
    queryKey: [workspace, "overview", minutes],
    queryFn: ({ signal }) => get<Overview>(under(workspace, "/overview"), { minutes }, signal),
    refetchInterval: OVERVIEW_MS,
  });

export const sources = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "sources"],
    queryFn: ({ signal }) => get<Page<Source>>(under(workspace, "/sources"), undefined, signal),
  });

/** One source; asked often until its first event has come. */
export const source = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [workspace, "sources", name],
    queryFn: ({ signal }) => get<Source>(under(workspace, `/sources/${part(name)}`), undefined, signal),
    refetchInterval: (query) => (query.state.data?.first_event_at === null ? WAITING_FOR_EVENT_MS : false),
  });

export const destinations = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "destinations"],
    queryFn: ({ signal }) => get<Page<Destination>>(under(workspace, "/destinations"), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

export const destination = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [workspace, "destinations", name],
    queryFn: ({ signal }) => get<Destination>(under(workspace, `/destinations/${part(name)}`), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

export const destinationKinds = queryOptions({
  queryKey: ["destination-kinds"],
  queryFn: ({ signal }) => get<Page<DestinationKind>>("/destination-kinds", undefined, signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export const errorGroups = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [workspace, "destinations", name, "errors"],
    queryFn: ({ signal }) =>
      get<Page<ErrorGroup>>(under(workspace, `/destinations/${part(name)}/errors`), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

export interface DeadLetterFilter {
  reason?: string;
  text?: string;
  from?: string;
  to?: string;
}

export const deadLettersKey = (workspace: string, name: string) => [workspace, "destinations", name, "dead-letters"];

export const deadLetters = (workspace: string, name: string, filter: DeadLetterFilter, before: string | null) =>
  get<Page<DeadLetter>>(under(workspace, `/destinations/${part(name)}/dead-letters`), { ...filter, before });

const RETRY_MS = 2_000;

/** What is sent again; asked often while something is. */
export const retries = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [...deadLettersKey(workspace, name), "retries"],
    queryFn: ({ signal }) =>
      get<Page<Retry>>(under(workspace, `/destinations/${part(name)}/dead-letters/retries`), undefined, signal),
    refetchInterval: (query) => (query.state.data?.items.some(({ state }) => state !== "done") ? RETRY_MS : HEALTH_MS),
  });

/** What is replayed to a destination; asked often while something is. */
export const replays = (workspace: string, name: string) =>
  queryOptions({
    queryKey: [workspace, "destinations", name, "replays"],
    queryFn: ({ signal }) =>
      get<Page<Replay>>(under(workspace, `/destinations/${part(name)}/replays`), undefined, signal),
    refetchInterval: (query) =>
      query.state.data?.items.some(({ state }) => state === "running") ? RETRY_MS : HEALTH_MS,
  });

export const eventDetail = (workspace: string, messageId: string) =>
  queryOptions({
    queryKey: [workspace, "events", messageId],
    queryFn: ({ signal }) => get<EventDetail>(under(workspace, `/events/${part(messageId)}`), undefined, signal),
    // What waits is settled soon; what is settled stays.
    refetchInterval: (query) => (query.state.data && isSettled(query.state.data) ? false : HEALTH_MS),
  });

function isSettled(event: EventDetail): boolean {
  return event.outputs.every((output) => {
    const last = output.attempts.at(-1);
    return last ? last.outcome !== "waiting" : output.decision?.verdict === "withheld";
  });
}

export const consent = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "categories"],
    queryFn: ({ signal }) => get<Consent>(under(workspace, "/categories"), undefined, signal),
  });

export const regimes = queryOptions({
  queryKey: ["regimes"],
  queryFn: ({ signal }) => get<Regimes>("/regimes", undefined, signal),
  staleTime: Number.POSITIVE_INFINITY,
});

export interface WhoseChoices {
  user_id?: string;
  anonymous_id?: string;
  as_of?: string;
}

/**
 * What is on record about somebody. The server writes down who asked, so it is asked once for each time that somebody
 * presses the button: never again for a window that gets the focus back.
 */
export const choices = (workspace: string, whose: WhoseChoices) =>
  queryOptions({
    queryKey: [workspace, "choices", whose],
    queryFn: ({ signal }) => get<Choices>(under(workspace, "/choices"), { ...whose }, signal),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
    retry: false,
  });

/** A receipt as its maker may keep it: text of which every byte counts. */
export const receipt = (workspace: string, number: string) =>
  queryOptions({
    queryKey: [workspace, "receipts", number],
    queryFn: () => getText(receiptPath(workspace, number)),
    gcTime: 0,
    retry: false,
  });

export const receiptPath = (workspace: string, number: string) => under(workspace, `/choices/${part(number)}/receipt`);

/** Words by their hash: they never change. */
export const words = (workspace: string, hash: string) =>
  queryOptions({
    queryKey: [workspace, "words", hash],
    queryFn: ({ signal }) => get<WordsShown>(under(workspace, `/words/${part(hash)}`), undefined, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const ledger = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "ledger"],
    queryFn: ({ signal }) => get<LedgerShown>(under(workspace, "/ledger"), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

export const rates = (workspace: string, days: number) =>
  queryOptions({
    queryKey: [workspace, "rates", days],
    queryFn: ({ signal }) => get<Rates>(under(workspace, "/consent/rates"), { days }, signal),
  });

/** What a visitor is asked by what is saved. */
export const experience = (workspace: string, visitor: { region: string; language: string }) =>
  queryOptions({
    queryKey: [workspace, "categories", "experience", visitor],
    queryFn: ({ signal }) => get<Experience>(under(workspace, "/experience"), { ...visitor }, signal),
  });

/** What a visitor would be asked by a draft. */
export const draftExperience = (workspace: string, asked: { consent: unknown; region: string; language: string }) =>
  queryOptions({
    queryKey: [workspace, "categories", "preview", asked],
    queryFn: ({ signal }) => {
      const { consent, region, language } = asked;
      const body = { consent, region: region || null, language: language || null };
      return call<Experience>("POST", under(workspace, "/consent/preview"), { body, signal });
    },
    staleTime: 60_000,
    gcTime: 10_000,
    retry: false,
  });

/** The notice that a draft would publish; of what is saved, it is the one that is published. */
export const draftNotice = (workspace: string, asked: { consent: unknown; source: string; language: string }) =>
  queryOptions({
    queryKey: [workspace, "categories", "notice", asked],
    queryFn: ({ signal }) =>
      call<PublishedNotice>("POST", under(workspace, "/consent/preview/notice"), { body: asked, signal }),
    staleTime: 60_000,
    gcTime: 10_000,
    retry: false,
  });

/** Every change of the consent block, newest first. */
export const consentChanges = (workspace: string, before: string | null) =>
  get<Page<AuditEntry>>("/audit", { workspace, kind: "consent", before });

export const lakeSchema = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "lake", "schema"],
    queryFn: async ({ signal }) => {
      const answer = await get<{ tables?: LakeTable[]; items?: LakeTable[] }>(
        under(workspace, "/lake/schema"),
        undefined,
        signal,
      );
      return answer.tables ?? answer.items ?? [];
    },
    staleTime: 300_000,
  });

export const savedQueries = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "lake", "saved"],
    queryFn: ({ signal }) => get<Page<SavedQuery>>(under(workspace, "/lake/saved"), undefined, signal),
  });

export const users = queryOptions({
  queryKey: ["users"],
  queryFn: ({ signal }) => get<Page<User>>("/users", undefined, signal),
});

export const tokens = queryOptions({
  queryKey: ["tokens"],
  queryFn: ({ signal }) => get<Page<Token>>("/tokens", undefined, signal),
});

export const settings = queryOptions({
  queryKey: ["settings"],
  queryFn: ({ signal }) => get<Page<Setting>>("/settings", undefined, signal),
});

export const alerts = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "alerts"],
    queryFn: ({ signal }) => get<AlertList>(under(workspace, "/alerts"), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

/** What was told lately. */
export const notices = (workspace: string) =>
  queryOptions({
    queryKey: [workspace, "alerts", "notices"],
    queryFn: ({ signal }) => get<Page<Notice>>(under(workspace, "/alert-notices"), undefined, signal),
    refetchInterval: HEALTH_MS,
  });

export interface AuditFilter {
  actor?: string;
  action?: string;
}

export const audit = (workspace: string, filter: AuditFilter, before: string | null) =>
  get<Page<AuditEntry>>("/audit", { workspace, ...filter, before });

export const workspacePath = under;

/** Where visitors read the notice. */
export const noticePath = (writeKey: string, language: string) =>
  `/v1/projects/${encodeURIComponent(writeKey)}/notice?language=${encodeURIComponent(language)}`;
