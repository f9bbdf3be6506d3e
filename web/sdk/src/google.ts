// Google Consent Mode v2. Google's tags obey what stands first in `dataLayer`, and an update counts for a click only when
// it is made in the click's own task: so both happen here at once, nothing is awaited.

import type { Preferences } from "./decide.ts";

type Mapping = Readonly<Record<string, string>>;

/** How long Google's tags wait for an update after the default. */
const WAIT_MS = 500;

/** Google's tags tell a command from other entries by its being an `arguments` object. */
function command(..._: unknown[]): IArguments {
  // biome-ignore lint/complexity/noArguments: Google asks for exactly this object.
  return arguments;
}

const said = (mapping: Mapping, preferences: Preferences) =>
  Object.fromEntries(
    Object.entries(mapping).map(([type, category]) => [type, preferences[category] ? "granted" : "denied"]),
  );

const layer = (): unknown[] => ((window as { dataLayer?: unknown[] }).dataLayer ??= []);

const isDefault = (entry: unknown) => {
  const words = entry as ArrayLike<unknown> | null;
  return words?.[0] === "consent" && words[1] === "default";
};

/** Everything denied, in front of all that waits, unless the page said a default itself. */
export function googleDefault(mapping: Mapping) {
  const entries = layer();
  if (entries.some(isDefault)) return;
  // What nobody mapped stays denied, as in `snippet.ts`: a type that is not named is to Google's tags one that nobody
  // refused. `security_storage` is left out: what keeps a site safe needs no grant.
  const all = {
    functionality_storage: "",
    ad_storage: "",
    ad_user_data: "",
    ad_personalization: "",
    analytics_storage: "",
    personalization_storage: "",
    ...mapping,
  };
  const first = command("consent", "default", { ...said(all, {}), wait_for_update: WAIT_MS });
  // Google's container replaces `push` when it has read the list; then only a push reaches it.
  if (Object.hasOwn(entries, "push")) entries.push(first);
  else entries.unshift(first);
}

export function googleUpdate(mapping: Mapping, preferences: Preferences) {
  layer().push(command("consent", "update", said(mapping, preferences)));
}
