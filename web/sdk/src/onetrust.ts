// What Assent looks like to scripts made for OneTrust: `window.OneTrust` as the wrapper of Segment and site snippets read
// it, the lists of active groups, its cookies, events and held markup. What it cannot do it does not have.

import type { Core } from "./core.ts";
import { granted, groupOf, guarded, isOptIn, onChange, openOn, pushToLayer, setRaw, watch } from "./surface.ts";

const MARKUP = "optanon-category-";

type Changed = { detail: string[] };

class OneTrust {
  readonly #core: Core;
  readonly #listeners: ((event: Changed) => void)[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  start() {
    const page = window as unknown as Record<string, unknown>;
    page.OneTrust = { ...(page.OneTrust as object | undefined), ...this.#api() };
    openOn(this.#core, "#ot-sdk-btn,.ot-sdk-show-settings");
    watch(() => this.#hold());
    onChange(this.#core, () => {
      const detail = this.#tell();
      for (const listener of this.#listeners) guarded(() => listener({ detail }));
      // Pages load anew at it. The report of the choice, which follows this, is to be on its way by then.
      setTimeout(() => dispatchEvent(new CustomEvent("OTConsentApplied")));
    });
    this.#tell();
  }

  #api() {
    const core = this.#core;
    const { consent, banner } = core;
    const { settings } = consent;
    const isAsked = isOptIn(core);
    return {
      GetDomainData: () => ({
        ShowAlertNotice: isAsked || settings.regime.first === "ask",
        ConsentModel: { Name: isAsked ? "opt-in" : "opt-out" },
        Groups: settings.categories.map((one) => ({ CustomGroupId: groupOf(one), GroupName: one.name })),
      }),
      IsAlertBoxClosed: () => !!consent.choice,
      IsAlertBoxClosedAndValid: () => !!consent.choice && !consent.asks(),
      OnConsentChanged: (listener: (event: Changed) => void) => void this.#listeners.push(listener),
      AllowAll: () => banner.all("accept_all", "page"),
      RejectAll: () => banner.all("reject_all", "page"),
      ToggleInfoDisplay: () => core.open(),
      getGeolocationData: () => {
        const [country = "", state = ""] = (settings.region ?? "").split("-");
        return { country, state };
      },
    };
  }

  #active = () => [...granted(this.#core, groupOf)].flatMap(([group, isGranted]) => (isGranted ? group : []));

  /** Everything but the listeners: lists, cookies, events, the page's function. */
  #tell(): string[] {
    const page = window as unknown as Record<string, unknown> & { OptanonWrapper?: () => void };
    const detail = this.#active();
    const list = `,${detail},`;
    page.OnetrustActiveGroups = list;
    page.OptanonActiveGroups = list;
    this.#write();
    dispatchEvent(new CustomEvent("OneTrustGroupsUpdated", { detail }));
    const event = "OneTrustGroupsUpdated";
    pushToLayer({ event, OnetrustActiveGroups: list, OptanonActiveGroups: list });
    guarded(() => page.OptanonWrapper?.());
    return detail;
  }

  #write() {
    const { choice } = this.#core.consent;
    if (!choice) return;
    const at = new Date(choice.madeAt);
    const groups = [...granted(this.#core, groupOf)].map(([group, isGranted]) => `${group}:${Number(isGranted)}`);
    const said = new URLSearchParams({
      isGpcEnabled: String(Number(this.#core.consent.isSignalled())),
      datestamp: at.toString(),
      interactionCount: "1",
      groups: groups.join(),
    });
    setRaw(this.#core, "OptanonConsent", said.toString());
    setRaw(this.#core, "OptanonAlertBoxClosed", at.toISOString());
  }

  /** Markup held for its groups is held for our categories. */
  #hold() {
    const { categories } = this.#core.consent.settings;
    const found = document.querySelectorAll<HTMLElement>(`[class*="${MARKUP}"]:not([data-category])`);
    for (const element of found) {
      const groups = (element.className.split(MARKUP)[1]?.split(" ")[0] ?? "").split("-");
      // A group that nobody knows stays in the list, and nobody grants it.
      const ids = groups.map((group) => categories.find((one) => groupOf(one) === group)?.id ?? group);
      if (ids.every((id) => id === "required")) element.dataset.purpose = "service";
      element.dataset.category = ids.join(" ");
    }
    if (found.length) this.#core.tags.release();
  }
}

(window as unknown as Record<string, (core: Core) => void>)["assent:onetrust"] = (core) => new OneTrust(core).start();
