// What a page calls, as values: the overloads of analytics.js (`page("Name")`, `page("Category", "Name", {…})`,
// `identify({…})`, …) resolved as Segment's SDK resolves them.

import type { PageContext } from "./page.ts";

export type Fields = Record<string, unknown>;
export type Callback = (context: unknown) => void;

/** Options of a call: `integrations`, `context`, and what overrides fields of the event. */
export interface Options extends Fields {
  readonly integrations?: Fields;
  readonly context?: Fields;
}

/** A call, understood. Fields that its kind does not have are absent. */
export interface Call {
  readonly type: "track" | "page" | "screen" | "identify" | "group" | "alias";
  readonly event?: string;
  readonly name?: string;
  readonly category?: string;
  readonly properties?: Fields;
  readonly traits?: Fields;
  readonly userId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly previousId?: string | undefined;
  readonly options: Options;
  readonly done?: Callback | undefined;
  /** What the snippet saw of the page when it took the call. */
  readonly page?: PageContext | undefined;
}

const isString = (value: unknown): value is string => typeof value === "string";
const isFunction = (value: unknown): value is Callback => typeof value === "function";
export const isObject = (value: unknown): value is Fields =>
  Object.prototype.toString.call(value) === "[object Object]";
export const fields = (value: unknown) => (isObject(value) ? value : {});
const asId = (value: unknown) => (typeof value === "number" ? String(value) : value);

function track(args: unknown[]): Call {
  const [first, second, third] = args;
  const asOne = isObject(first);
  const event = asOne ? first.event : first;
  if (!isString(event) || !event) throw new Error("analytics.track: the event's name is missing");
  const properties = asOne ? first.properties : second;
  const options = asOne ? second : third;
  return {
    type: "track",
    event,
    properties: fields(properties),
    options: fields(options),
  };
}

function page(type: "page" | "screen", args: unknown[]): Call {
  const [first, second] = args;
  const strings = args.slice(0, 2).filter(isString);
  const objects = args.filter(isObject);
  // One object is the properties, unless it stands where only options can.
  const isLate = objects.length === 1 && isObject(args[3]);
  const [properties = {}, options = {}] = isLate ? [{}, objects[0]] : objects;
  const call = { type, properties: properties as Fields, options: options as Options };
  if (strings.length === 2) return { ...call, category: first as string, name: second as string };
  return strings.length ? { ...call, name: strings[0] as string } : call;
}

/** `id?, traits?, options?`; an id that is no id is left out. */
function about(args: unknown[]) {
  const [first, ...rest] = args;
  const isId = isString(first) || typeof first === "number" || first === null || first === undefined;
  const [traits, options] = isId ? rest : args;
  const id = isString(first) || typeof first === "number" ? String(first) : undefined;
  return { id, traits: fields(traits), options: fields(options) };
}

function alias(args: unknown[]): Call {
  const [to, from] = args.map(asId).filter(isString);
  return { type: "alias", userId: to, previousId: from, options: fields(args.find(isObject)) };
}

function resolved(type: Call["type"], args: unknown[]): Call {
  if (type === "track") return track(args);
  if (type === "page" || type === "screen") return page(type, args);
  if (type === "alias") return alias(args);
  const { id, ...rest } = about(args);
  return { type, ...rest, ...(type === "group" ? { groupId: id } : { userId: id }) };
}

/** Understands a call. The last argument may be what the snippet saw of the page. */
export function understand(
  type: Call["type"],
  given: readonly unknown[],
  buffered: (value: unknown) => PageContext | undefined,
): Call {
  const seen = buffered(given.at(-1));
  const args = seen ? given.slice(0, -1) : [...given];
  const done = args.find(isFunction);
  return {
    ...resolved(
      type,
      args.filter((one) => !isFunction(one)),
    ),
    done,
    page: seen,
  };
}
