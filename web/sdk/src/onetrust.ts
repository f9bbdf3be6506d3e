// What Assent looks like to scripts made for OneTrust: `window.OneTrust` as the wrapper of Segment and site snippets read
// it, the lists of active groups, its cookies, events and held markup. What it cannot do it does not have.

import { guarded } from "./complain.ts";
import type { Core } from "./core.ts";
import { granted, groupsOf, isOptIn, onChange, openOn, pushToLayer, setRaw, watch } from "./surface.ts";

/** What `OnConsentChanged` listens to; some sites do so themselves. */
const CHANGED = "consent.onetrust";
/** The nonce of this file's own tag, for scripts that a page has it insert. */
const nonce = (document.currentScript as HTMLScriptElement | null)?.nonce ?? "";
const inserted = new Set<string>();

function api(core: Core) {
  const { consent, banner } = core;
  const { settings } = consent;
  /** A choice that was taken over may be silent about something: then the first layer is still there to be answered. */
  const isAnswered = () => !!consent.choice && !consent.asks();
  /** What was granted and holds: a default is no grant. */
  const kept = () => {
    core.look();
    const holds = consent.preferences();
    return consent.each((id) => !!consent.choice?.categories[id] && !!holds[id]);
  };
  const choose = (categories: Record<string, boolean>) =>
    core.choose({ categories, refusedVendors: consent.choice?.refusedVendors ?? [] }, "api", "page");
  return {
    GetDomainData: () => ({
      ShowAlertNotice: settings.regime.first === "ask",
      ConsentModel: { Name: isOptIn(core) ? "opt-in" : "opt-out" },
      Groups: settings.categories.flatMap((one) =>
        groupsOf(one).map((CustomGroupId) => ({ CustomGroupId, GroupName: one.name })),
      ),
    }),
    IsAlertBoxClosed: isAnswered,
    IsAlertBoxClosedAndValid: isAnswered,
    OnConsentChanged: (listener: EventListener) => addEventListener(CHANGED, listener),
    AllowAll: () => banner.all("accept_all", "page"),
    RejectAll: () => banner.all("reject_all", "page"),
    /** Who closes it has granted nothing more, and what was granted keeps its day. */
    Close() {
      const categories = kept();
      const { choice } = consent;
      const holds = choice && Object.values(categories).includes(true);
      if (!consent.asks()) return;
      if (holds) core.adopt(() => consent.keep({ ...choice, categories, told: false }));
      else choose(categories);
    },
    /** A choice of the page's own form, as `C0002:1,C0004:0`; of several groups that are one category, one refuses it and all grant it. */
    UpdateConsent(_kind: string, said: string) {
      const named = new Map(said.split(",").map((one) => one.split(":") as [string, string]));
      const changed: Record<string, boolean> = {};
      for (const one of settings.categories) {
        const values = groupsOf(one).map((group) => named.get(group));
        const isGranted = values.every((value) => value === "1");
        if (isGranted || values.includes("0")) changed[one.id] = isGranted;
      }
      // Of vendors and purposes it names no group: then it is no choice.
      if (Object.keys(changed).length) choose({ ...kept(), ...changed });
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
  const groups = [...granted(core, groupsOf)];
  const detail = groups.flatMap(([group, isGranted]) => (isGranted ? group : []));
  const list = `,${detail},`;
  page.OnetrustActiveGroups = list;
  page.OptanonActiveGroups = list;
  write(core, groups);
  const event = "OneTrustGroupsUpdated";
  dispatchEvent(new CustomEvent(event, { detail }));
  pushToLayer({ event, OnetrustActiveGroups: list, OptanonActiveGroups: list });
  guarded(() => page.OptanonWrapper?.());
  return detail;
}

function write(core: Core, groups: [group: string, isGranted: boolean][]) {
  const { consent } = core;
  const { choice } = consent;
  if (!choice) return;
  const at = new Date(choice.madeAt);
  const said = new URLSearchParams({
    isGpcEnabled: `${Number(consent.isSignalled())}`,
    datestamp: `${at}`,
    interactionCount: "1",
    groups: `${groups.map(([group, isGranted]) => `${group}:${Number(isGranted)}`)}`,
  });
  setRaw(core, "OptanonConsent", `${said}`);
  if (!consent.asks()) setRaw(core, "OptanonAlertBoxClosed", at.toISOString());
}

/** Markup held for its groups is held for our categories. */
function hold(core: Core) {
  const found = document.querySelectorAll<HTMLElement>('[class*="optanon-category-"]:not([data-category])');
  for (const element of found) {
    // Of a drawing, `className` is no text.
    const [, names] = /optanon-category-(\S*)/.exec(element.classList.value) as unknown as [string, string];
    mark(core, element, names.split("-"));
  }
  if (found.length) core.tags.release();
}

function mark({ consent }: Core, element: HTMLElement, groups: readonly string[]) {
  const ids = groups.flatMap((group) => {
    const named = consent.settings.categories.flatMap((one) => (groupsOf(one).includes(group) ? one.id : []));
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
  watch(() => {
    openOn("#ot-sdk-btn,.ot-sdk-show-settings");
    hold(core);
  });
  let applied = core.consent.choice?.madeAt;
  onChange(core, () => {
    dispatchEvent(new CustomEvent(CHANGED, { detail: tell(core) }));
    const { madeAt } = core.consent.choice ?? {};
    // Pages load anew at it: what is heard of another device after each load is no choice of this page's visitor. The report
    // of the choice, which follows this, is to be on its way by then.
    if (madeAt !== applied) setTimeout(() => dispatchEvent(new CustomEvent("OTConsentApplied")));
    applied = madeAt;
  });
  tell(core);
}

(window as unknown as Record<string, (core: Core) => void>)["assent:onetrust"] = start;
