// What Assent looks like to scripts made for OneTrust: `window.OneTrust` as the wrapper of Segment and site snippets read
// it, the lists of active groups, its cookies, events and held markup. What it cannot do it does not have.

import { guarded } from "./complain.ts";
import type { Core } from "./core.ts";
import { granted, groupOf, isOptIn, onChange, openOn, pushToLayer, setRaw, watch } from "./surface.ts";

const MARKUP = "optanon-category-";
/** What `OnConsentChanged` listens to; some sites do so themselves. */
const CHANGED = "consent.onetrust";
/** The nonce of this file's own tag, for scripts that a page has it insert. */
const nonce = (document.currentScript as HTMLScriptElement | null)?.nonce ?? "";
const inserted = new Set<string>();

function api(core: Core) {
  const { consent, banner } = core;
  const { settings } = consent;
  const isAsked = isOptIn(core);
  const choose = (categories: Record<string, boolean>, refusedVendors: readonly string[] = []) =>
    core.choose({ categories, refusedVendors }, "api", "page");
  return {
    GetDomainData: () => ({
      ShowAlertNotice: isAsked || settings.regime.first === "ask",
      ConsentModel: { Name: isAsked ? "opt-in" : "opt-out" },
      Groups: settings.categories.map((one) => ({ CustomGroupId: groupOf(one), GroupName: one.name })),
    }),
    IsAlertBoxClosed: () => !!consent.choice,
    IsAlertBoxClosedAndValid: () => !!consent.choice && !consent.asks(),
    OnConsentChanged: (listener: EventListener) => addEventListener(CHANGED, listener),
    AllowAll: () => banner.all("accept_all", "page"),
    RejectAll: () => banner.all("reject_all", "page"),
    // Who closes it has granted nothing.
    Close: () => consent.asks() && choose({}),
    /** A choice of the page's own form, as `C0002:1,C0004:0`. What it does not name stays as it was chosen; what nobody chose
     * is refused, because a default is no grant. */
    UpdateConsent(_kind: string, said: string) {
      const changed = new Map(said.split(",").map((one) => one.split(":") as [string, string]));
      const named = settings.categories.filter((one) => changed.has(groupOf(one)));
      const categories = { ...consent.choice?.categories };
      for (const one of named) categories[one.id] = changed.get(groupOf(one)) === "1";
      // Of vendors and purposes it names no group: then it is no choice.
      if (named.length) choose(categories, consent.choice?.refusedVendors);
    },
    /** Held markup like any other, so it runs once its groups are granted; without groups, once all are. */
    InsertScript(src: string, selector: string, then?: () => void, _options?: unknown, groups?: string | number) {
      // `OptanonWrapper` asks for the same one again at each change.
      if (inserted.has(src)) return;
      inserted.add(src);
      const script = document.createElement("script");
      script.nonce = nonce;
      script.dataset.src = src;
      mark(core, script, groups ? `${groups}`.split(",") : consent.optional);
      // What loads is another element, made by whoever releases this one.
      const heard = ({ target }: Event) => void ((target as Element).getAttribute("src") === src && then?.());
      document.addEventListener("load", heard, true);
      const place = selector === "body" ? document.body : document.getElementById(selector);
      (place ?? document.head).append(script);
    },
    ToggleInfoDisplay: () => core.open(),
    getGeolocationData: () => {
      const [country, state = ""] = (settings.region ?? "").split("-");
      return { country, state };
    },
  };
}

/** Everything but what only a change is told by: lists, cookies, the page's function. */
function tell(core: Core): string[] {
  const page = window as unknown as Record<string, unknown> & { OptanonWrapper?: () => void };
  const groups = [...granted(core, groupOf)];
  const detail = groups.flatMap(([group, isGranted]) => (isGranted ? group : []));
  const list = `,${detail},`;
  page.OnetrustActiveGroups = list;
  page.OptanonActiveGroups = list;
  write(core, groups);
  dispatchEvent(new CustomEvent("OneTrustGroupsUpdated", { detail }));
  const event = "OneTrustGroupsUpdated";
  pushToLayer({ event, OnetrustActiveGroups: list, OptanonActiveGroups: list });
  guarded(() => page.OptanonWrapper?.());
  return detail;
}

function write(core: Core, groups: [group: string, isGranted: boolean][]) {
  const { consent } = core;
  if (!consent.choice) return;
  const at = new Date(consent.choice.madeAt);
  const said = new URLSearchParams({
    isGpcEnabled: `${Number(consent.isSignalled())}`,
    datestamp: `${at}`,
    interactionCount: "1",
    groups: `${groups.map(([group, isGranted]) => `${group}:${Number(isGranted)}`)}`,
  });
  setRaw(core, "OptanonConsent", `${said}`);
  setRaw(core, "OptanonAlertBoxClosed", at.toISOString());
}

/** Markup held for its groups is held for our categories. */
function hold(core: Core) {
  const found = document.querySelectorAll<HTMLElement>(`[class*="${MARKUP}"]:not([data-category])`);
  for (const element of found) {
    mark(core, element, (element.className.split(MARKUP)[1]?.split(" ")[0] ?? "").split("-"));
  }
  if (found.length) core.tags.release();
}

function mark({ consent }: Core, element: HTMLElement, groups: readonly string[]) {
  const ids = groups.flatMap((group) => {
    const named = consent.settings.categories.flatMap((one) => (groupOf(one) === group ? one.id : []));
    // A group that nobody knows stays in the list, and nobody grants it.
    return named.length ? named : group;
  });
  if (ids.every((id) => id === "required")) element.dataset.purpose = "service";
  element.dataset.category = ids.join(" ");
}

function start(core: Core) {
  const page = window as unknown as Record<string, unknown>;
  page.OneTrust = { ...(page.OneTrust as object | undefined), ...api(core) };
  page.Optanon = page.OneTrust;
  openOn(core, "#ot-sdk-btn,.ot-sdk-show-settings");
  watch(() => hold(core));
  onChange(core, () => {
    dispatchEvent(new CustomEvent(CHANGED, { detail: tell(core) }));
    // Pages load anew at it. The report of the choice, which follows this, is to be on its way by then.
    setTimeout(() => dispatchEvent(new CustomEvent("OTConsentApplied")));
  });
  tell(core);
}

(window as unknown as Record<string, (core: Core) => void>)["assent:onetrust"] = start;
