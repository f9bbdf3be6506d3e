// From a call to the event that is sent, field for field what Segment's SDK sends. The stamp is made here, at capture.

import type { Call, Fields } from "./calls.ts";
import type { PageContext } from "./page.ts";
import { campaign } from "./page.ts";
import { uuid } from "./uuid.ts";

export interface Event extends Fields {
  type: string;
  messageId: string;
  timestamp: string;
  context: Fields & { consent: ConsentStamp };
}

export interface ConsentStamp extends Fields {
  categoryPreferences?: Record<string, boolean>;
}

/** What holds at capture. */
export interface Captured {
  readonly page: PageContext;
  readonly surroundings: Fields;
  readonly consent: ConsentStamp;
  readonly anonymousId: string | null;
  readonly userId: string | null;
  readonly at: Date;
  /** `integrations` that `load` was given: which destinations are on, without their options. */
  readonly integrations: Fields;
}

/** Options with these names replace fields of the event; all others belong to its context. */
const OVERRIDES = ["userId", "anonymousId", "timestamp", "messageId"];

function fromOptions({ integrations, context, ...rest }: Call["options"]): { overrides: Fields; context: Fields } {
  const overrides: Fields = {};
  const more: Fields = { ...context };
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined) continue;
    (OVERRIDES.includes(key) ? overrides : more)[key] = value;
  }
  return { overrides, context: more };
}

/** A page's own properties say more about it than the address bar. */
function ownPage(call: Call, page: PageContext): Fields {
  if (call.type !== "page") return {};
  const keys = Object.keys(page).filter((key) => call.properties?.[key] !== undefined);
  return Object.fromEntries(keys.map((key) => [key, call.properties?.[key]]));
}

function properties(call: Call, page: PageContext): Fields {
  const { category, name } = call;
  if (call.type !== "page") return { ...call.properties };
  return { ...page, ...call.properties, ...(category && { category }), ...(name && { name }) };
}

const on = (integrations: Fields) =>
  Object.fromEntries(Object.entries(integrations).map(([name, value]) => [name, !!value]));

export function build(call: Call, captured: Captured): Event {
  const { options, done: _, page: __, ...said } = call;
  const { page, at, userId, anonymousId } = captured;
  const { overrides, context } = fromOptions(options);
  const search = page.search;
  const event = {
    timestamp: at.toISOString(),
    integrations: { ...on(captured.integrations), ...options.integrations },
    ...(userId !== null && { userId }),
    ...(anonymousId !== null && { anonymousId }),
    ...said,
    // Without another word an alias is one of whom we know.
    ...(call.type === "alias" && { previousId: call.previousId ?? userId ?? anonymousId }),
    ...(said.properties && { properties: properties(call, page) }),
    context: {
      ...captured.surroundings,
      ...(search && { campaign: campaign(search) }),
      ...context,
      page: { ...page, ...ownPage(call, page), ...(context.page as Fields) },
      // Nothing that a page passes can replace what the visitor said.
      consent: captured.consent,
    },
    ...overrides,
    messageId: String(overrides.messageId ?? `assent-${at.getTime()}-${uuid()}`),
  };
  return event as Event;
}
