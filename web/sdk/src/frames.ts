// A page in a frame of another site asks nobody itself: it goes by what was chosen on the page around it, where both are
// among the `frames` of the settings. It asks the top by message; the top answers whom it knows, now and at every change.
// No message sets a choice: the top takes none, and the frame keeps what it hears in memory alone, applies what the
// browser's signals and its own site's choice refuse on top of it, and reports nothing to the server.

import type { Core } from "./core.ts";
import type { Preferences } from "./decide.ts";
import { erase } from "./store.ts";
import { onChange } from "./surface.ts";

const ASK_EVERY_MS = 500;
/** The page around may load later than the frame, but not for ever. */
const ASKED_MAX = 60;
/** What the SDK itself stores in the frame. */
const OWN_NAMES = ["ajs_*", "assent_queue:*"];

interface Said {
  readonly categories: Preferences;
  readonly refusedVendors: readonly string[];
}

type Message = { readonly assent?: { readonly asks?: 1; readonly says?: Said } } | null;

const messageOf = ({ data }: MessageEvent) => (typeof data === "object" ? (data as Message)?.assent : undefined);

function answerFrames(core: Core, isKnown: (origin: string) => boolean) {
  const { consent } = core;
  const asked = new Map<WindowProxy, string>();
  const tell = (frame: WindowProxy, origin: string) => {
    const says = { categories: consent.preferences(), refusedVendors: consent.choice?.refusedVendors ?? [] };
    frame.postMessage({ assent: { says } }, { targetOrigin: origin });
  };
  addEventListener("message", (event) => {
    const { source, origin } = event;
    if (!messageOf(event)?.asks || !isKnown(origin) || !source || !("closed" in source)) return;
    asked.set(source, origin);
    tell(source, origin);
  });
  onChange(core, () => {
    for (const [frame, origin] of asked) {
      if (frame.closed) asked.delete(frame);
      else tell(frame, origin);
    }
  });
}

/** Categories that are said to be granted: what is not a plain `true` is not. */
function granted(said: Said | undefined, ids: readonly string[]): Preferences {
  return Object.fromEntries(ids.map((id) => [id, said?.categories?.[id] === true]));
}

function followTop(core: Core, isKnown: (origin: string) => boolean) {
  const { consent } = core;
  const own = consent.preferences.bind(consent);
  const permits = consent.permits.bind(consent);
  let said: Said | undefined;
  consent.preferences = () => {
    const mine = own();
    if (!said) return mine;
    const theirs = granted(said, consent.optional);
    const denied = consent.denied();
    const may = (id: string) => (consent.choice ? mine[id] === true : !denied.includes(id)) && theirs[id] === true;
    return { ...mine, ...consent.each(may) };
  };
  consent.permits = (use) => !(use.vendor && said?.refusedVendors?.includes(use.vendor)) && permits(use);
  addEventListener("message", (event) => {
    const says = messageOf(event)?.says;
    if (!says || event.source !== window.top || !isKnown(event.origin)) return;
    const before = consent.preferences();
    said = says;
    const now = consent.preferences();
    core.look();
    for (const { id, erase: names = [] } of consent.settings.categories) {
      if (before[id] && !now[id]) erase([...names, ...(id === consent.settings.source.category ? OWN_NAMES : [])]);
    }
  });
  let times = 0;
  // The question holds nothing, so whoever is the top may hear it.
  const ask = () => {
    if (said || times++ > ASKED_MAX) return;
    window.top?.postMessage({ assent: { asks: 1 } }, "*");
    setTimeout(ask, ASK_EVERY_MS);
  };
  ask();
}

(window as unknown as Record<string, (core: Core) => void>)["assent:frames"] = (core) => {
  const { frames = [] } = core.consent.settings;
  const isKnown = (origin: string) => frames.includes(origin);
  // Frames of the page's own origin share its choice as it is.
  if (window === window.top) answerFrames(core, isKnown);
  else followTop(core, isKnown);
};
