// What the IAB's two interfaces need before their answers are there: a function that is always a function, a frame by
// which frames within the page find it, and messages for those. It takes calls until a chunk takes them over, as the
// IAB's own stand-ins do, so either works. Asking is all that a message can do: neither interface has a command that sets
// consent.

import { SUPPORTED } from "./gpp-string.ts";

type Callback = (...answer: unknown[]) => void;
type Asked = { command: string; parameter?: unknown; version?: number; callId?: unknown };
/** What is called before there are answers; the chunk that has them goes through it. */
export type Waiting = unknown[][];
export type Listener = { readonly id: number; readonly callback: Callback };
/** `__gpp` keeps what registered with the stand-in, because it must be answered at once. */
export type Standing = ((...args: never[]) => unknown) & { queue?: Waiting; events?: Listener[]; lastId?: number };
type Name = "__tcfapi" | "__gpp";

const page = window as unknown as Record<string, unknown> & Record<Name, Standing | undefined>;

/** The function of that name as it is now. */
export const standing = (name: Name) => page[name];

/** Puts this function there. */
export function stand(name: Name, answer: (...args: never[]) => unknown) {
  page[name] = answer as Standing;
}

/** Makes the function found from frames. Whoever did so before goes on doing it. */
export function locate(name: Name) {
  const locator = `${name}Locator`;
  // The top's, or that of a frame between: the nearest answers.
  if (page.frames && (page.frames as unknown as Record<string, unknown>)[locator]) return;
  const add = () => {
    if (!document.body) return setTimeout(add, 5);
    const frame = document.createElement("iframe");
    frame.style.display = "none";
    frame.name = locator;
    frame.title = locator;
    document.body.append(frame);
  };
  add();
  addEventListener("message", (event) => receive(name, event));
}

function receive(name: Name, { data, source, origin }: MessageEvent) {
  const isText = typeof data === "string";
  let asked: Asked | undefined;
  try {
    asked = (isText ? JSON.parse(data) : data)?.[`${name}Call`];
  } catch {
    return;
  }
  if (!asked || typeof asked !== "object") return;
  const { command, parameter, version, callId } = asked;
  const callback = (returnValue: unknown, success: unknown) => {
    const answer = { [`${name}Return`]: { returnValue, success, callId } };
    const targetOrigin = origin === "null" ? "*" : origin;
    source?.postMessage(isText ? JSON.stringify(answer) : answer, { targetOrigin });
  };
  const call = page[name] as unknown as (...args: unknown[]) => void;
  if (name === "__gpp") call(command, callback, parameter, version);
  else call(command, version, callback, parameter);
}

/** Queues everything but `ping`. */
export function standInForTcf() {
  if (typeof page.__tcfapi === "function") return;
  const queue: Waiting = [];
  stand("__tcfapi", (...args: [string?, number?, Callback?]) => {
    const [command, , callback] = args;
    if (!args.length) return queue;
    // Whether the GDPR applies is not known yet: a key without a value says that.
    const said = { gdprApplies: undefined, cmpLoaded: false, cmpStatus: "stub", apiVersion: "2.3" };
    if (command !== "ping") queue.push(args);
    else if (typeof callback === "function") callback(said, true);
    return undefined;
  });
  locate("__tcfapi");
}

/** What `__gpp` answers to `ping` until the settings are there. */
const GPP_WAITING = {
  gppVersion: "1.1",
  cmpStatus: "stub",
  cmpDisplayStatus: "hidden",
  signalStatus: "not ready",
  supportedAPIs: SUPPORTED,
  cmpId: 0,
  sectionList: [],
  applicableSections: [],
  gppString: "",
  parsedSections: {},
};

/** Its commands are answered at once; listeners are kept. */
export function standInForGpp() {
  if (typeof page.__gpp === "function") return;
  const events: Listener[] = [];
  const answer = (...[command, callback, parameter]: [string?, Callback?, unknown?]) => {
    // A callback must be a function, and nothing can be told without one.
    if (typeof callback !== "function") return;
    const at = events.findIndex(({ id }) => id === parameter);
    const event = (eventName: string, listenerId: number, data: boolean) =>
      callback({ eventName, listenerId, data, pingData: GPP_WAITING }, true);
    if (command === "ping") callback(GPP_WAITING, true);
    else if (command === "addEventListener") {
      self.lastId = (self.lastId ?? 0) + 1;
      events.push({ id: self.lastId, callback });
      event("listenerRegistered", self.lastId, true);
    } else if (command === "removeEventListener") {
      // Of nobody it takes nobody away.
      callback(events.splice(at, Number(at >= 0)).length > 0, true);
    } else callback(command === "hasSection" ? false : null, true);
  };
  const self: Standing = Object.assign(answer, { queue: [], events });
  stand("__gpp", self);
  locate("__gpp");
}
