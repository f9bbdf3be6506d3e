// Cookies and localStorage of the page's site. Nothing here asks whether it may: callers do, and before a permission
// they do not call.

export const DAY_MS = 86_400_000;
/** Where the choice lies, unless the settings say otherwise. */
export const CHOICE_KEY = "assent_choice";

/** A cookie's value. Segment's first SDK put quotes around identifiers; both are read. */
export function cookie(name: string): string | null {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  if (!found) return null;
  const raw = found.slice(name.length + 1);
  try {
    return decodeURIComponent(raw).replace(/^"(.*)"$/, "$1") || null;
  } catch {
    return raw;
  }
}

/** The site's domains from the widest on. The browser refuses what is a public suffix, so the first that holds is it. */
export function domains(): string[] {
  const labels = location.hostname.split(".");
  if (labels.length < 2 || /^[\d.]+$|:/.test(location.hostname)) return [""];
  const wider = labels.slice(1).map((_, index) => labels.slice(-2 - index).join("."));
  return [...wider, ""];
}

function write(name: string, value: string, domain: string, days: number, path = "/") {
  const where = domain ? `; domain=${domain}` : "";
  const secure = location.protocol === "https:" ? "; secure" : "";
  // Not awaiting: the asynchronous Cookie Store is not in every browser, and a choice must hold before the task ends.
  // biome-ignore lint/suspicious/noDocumentCookie: see above.
  document.cookie = `${name}=${value}; path=${path}; max-age=${Math.round((days * DAY_MS) / 1_000)}; samesite=lax${where}${secure}`;
}

/** The domain on which this site's cookies hold, empty for its own host; known once one was set. */
export let site: string | undefined;

export function setCookie(name: string, value: string, days: number, domain?: string) {
  const encoded = encodeURIComponent(value);
  for (const one of domain === undefined ? domains() : [domain]) {
    write(name, encoded, one, days);
    if (cookie(name) !== value) continue;
    site = one;
    return;
  }
  // What the browser does not take must not stay as it was.
  removeCookie(name);
}

/** Removes a cookie wherever this site may have set it: on each of its domains, for the page's path and those above it. */
export function removeCookie(name: string) {
  for (const domain of domains()) {
    let path = "";
    // With what parts them: `/shop` and `/shop/` are two places.
    for (const part of location.pathname.split(/(\/)/)) {
      path += part;
      write(name, "", domain, -1, path);
    }
  }
}

export function cookieNames(): string[] {
  return document.cookie.split("; ").flatMap((one) => one.split("=")[0] || []);
}

/** localStorage throws where it is switched off or full; then there is none. */
function attempt<T>(act: () => T): T | null {
  try {
    return act();
  } catch {
    return null;
  }
}

export const local = {
  get: (key: string) => attempt(() => localStorage.getItem(key)),
  set: (key: string, value: string): unknown => attempt(() => localStorage.setItem(key, value)),
  remove: (key: string): unknown => attempt(() => localStorage.removeItem(key)),
};

/** The part of `local` that the rest of the SDK is given, so that its tests can give another. */
export type Store = typeof local;

/** What JSON says; text that is none is itself. */
export function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return text;
  }
}

/** A list that is kept under a key; none when there is nothing that can be read. */
export function list<T>(store: Store, key: string): T[] {
  const found = parsed(store.get(key));
  return Array.isArray(found) ? found : [];
}

/** Keeps a list; an empty one leaves nothing behind. Whether it is kept. */
export function keep(store: Store, key: string, all: readonly unknown[]): boolean {
  const text = JSON.stringify(all);
  if (all.length) store.set(key, text);
  else store.remove(key);
  return store.get(key) === text;
}

/** Removes this site's cookies, storage keys and databases whose names match; `*` stands for any characters. */
export function erase(patterns: readonly string[]) {
  const escaped = patterns.map((one) => one.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*"));
  if (!escaped.length) return;
  const goes = new RegExp(`^(${escaped.join("|")})$`);
  for (const name of cookieNames()) if (goes.test(name)) removeCookie(name);
  // They are switched off together.
  attempt(() => {
    for (const kind of [localStorage, sessionStorage])
      for (const key of Object.keys(kind)) if (goes.test(key)) kind.removeItem(key);
    // Not every browser lists them. One that the page has open goes when it is closed.
    indexedDB.databases?.().then((all) => {
      for (const { name = "" } of all) if (goes.test(name)) indexedDB.deleteDatabase(name);
    }, Boolean);
  });
}
