// Takes over what another consent platform left in this browser, once, when a site has switched: refusals always; a grant
// only where the operator vouches that it was given to the words and vendors of today (`takeOver.grants`), with the day on
// which it was given, and while a choice of that day still holds. What is not taken over is asked about like anything new.
// Visitors without an identifier stand on no list that could be imported: their cookies are all that is known of them.

import { read } from "./choice.ts";
import type { Core } from "./core.ts";
import type { Category, Platform } from "./settings.ts";
import { CHOICE_KEY, cookie, local } from "./store.ts";
import { bucketsOf, groupsOf } from "./surface.ts";

const DAY_MS = 86_400_000;

/** What another platform left. */
interface Left {
  /** What was said of a category; `undefined` where the platform did not ask about it. */
  readonly said: (category: Category, index: number) => boolean | undefined;
  /** Milliseconds since 1970; `NaN` where the platform keeps no time. */
  readonly at: number;
}

/** As the platform wrote it: decoded too early, an address inside of it could pass for a part of it. */
function raw(name: string): string {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? "";
}

/** A category that was several there: one refusal refuses it. */
const together = (said: readonly (boolean | undefined)[]) =>
  said.includes(false) ? false : said.find((one) => one !== undefined);

/** Its cookie lists groups before anybody chose; the other one is there when somebody closed the banner. */
function onetrust(): Left | undefined {
  const groups = new URLSearchParams(raw("OptanonConsent")).get("groups");
  const closed = cookie("OptanonAlertBoxClosed");
  if (!groups || !closed) return undefined;
  const all = new Map(groups.split(",").map((one) => [one.slice(0, -2), one.endsWith(":1")]));
  const namesOf = (category: Category) => {
    // A site's own groups have names of its own.
    const known = (category.aliases ?? []).filter((one) => all.has(one));
    return known.length ? known : groupsOf(category);
  };
  return { said: (category) => together(namesOf(category).map((one) => all.get(one))), at: Date.parse(closed) };
}

/**
 * Its cookies are there once somebody chose, and list what is granted: from 0 in the first, from 1 in the second. The third
 * says only up to which bucket, from 0: what lies above is refused, of what lies below one in between may be.
 */
function trustarc(): Left | undefined {
  const [prefs] = (cookie("notice_gdpr_prefs") ?? "").split(":");
  const permitted = /^permit[ _]([\d,|]+)/.exec(cookie("cmapi_cookie_privacy") ?? "")?.[1];
  const granted = prefs ? prefs.split(",").map((one) => Number(one) + 1) : permitted?.split(/[,|]/).map(Number);
  const level = /^(\d+):/.exec(cookie("notice_preferences") ?? "")?.[1];
  if (!granted && !level) return undefined;
  const said = (bucket: number) => (granted ? granted.includes(bucket) : bucket <= Number(level) + 1 && undefined);
  return { said: (category, index) => together(bucketsOf(category, index).map(said)), at: Number.NaN };
}

const PLATFORMS: Record<Platform, () => Left | undefined> = { onetrust, trustarc };

function takeOver({ consent }: Core, left: Left) {
  const { settings } = consent;
  const { grants = [] } = settings.takeOver ?? {};
  const now = Date.now();
  const isTimed = left.at <= now;
  const isFresh = isTimed && left.at + settings.regime.lifetimeDays * DAY_MS > now;
  const off = consent.denied();
  const categories: Record<string, boolean> = {};
  settings.categories.forEach((category, index) => {
    const { id } = category;
    const said = left.said(category, index);
    if (!consent.optional.includes(id) || said === undefined) return;
    if (!said) categories[id] = false;
    else if (isFresh && grants.includes(id) && !off.includes(id)) categories[id] = true;
  });
  if (!Object.keys(categories).length) return undefined;
  const { version: textVersion } = settings.texts;
  const madeAt = isTimed ? left.at : now;
  return {
    categories,
    refusedVendors: [],
    madeAt,
    textVersion,
    method: "imported",
    layer: "page",
    told: false,
  } as const;
}

(window as unknown as Record<string, (core: Core) => void>)["assent:takeover"] = (core) => {
  const { consent } = core;
  const { storage = {}, takeOver: { from } = { from: [] } } = consent.settings;
  const key = storage.choice ?? CHOICE_KEY;
  // Whoever answered here has said something newer, also where it has ended since.
  if ([cookie(key), local.get(key)].some(read)) return;
  for (const platform of from) {
    const left = PLATFORMS[platform]();
    const made = left && takeOver(core, left);
    if (!made) continue;
    core.adopt(() => consent.keep(made));
    return;
  }
};
