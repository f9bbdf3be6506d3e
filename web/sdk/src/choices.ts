// The preference centre: a modal dialog with a switch for each category and vendor. Loaded when somebody opens it, so
// that a page that nobody asks pays nothing for it. The browser's own dialog traps the focus, makes the page inert, and
// gives the focus back.

import CSS from "./choices.css?inline";
import type { Core } from "./core.ts";
import { h, style } from "./dom.ts";
import { type Category, type Method, OVER_GPC, type Vendor } from "./settings.ts";

const styled = new WeakSet<ShadowRoot>();

/** Pressed twice on a slow network it still opens once. */
function open(core: Core) {
  const { root } = core.banner;
  if (root.querySelector("dialog[open]")) return;
  if (!styled.has(root)) style(root, CSS, "");
  styled.add(root);
  new Centre(core).show();
}

class Centre {
  readonly #core: Core;
  readonly #dialog: HTMLDialogElement;
  readonly #switches = new Map<string, HTMLInputElement>();
  readonly #vendors = new Map<string, HTMLInputElement>();
  readonly #note: HTMLElement;
  #confirmed: string | undefined;

  constructor(core: Core) {
    const { texts } = core.consent.settings;
    const { language, dir = "ltr", title, body } = texts;
    this.#core = core;
    this.#note = h("p", { role: "alert" });
    const { settings } = core.consent;
    const { receipt } = core.report;
    this.#dialog = h(
      "dialog",
      { "aria-labelledby": "d", lang: language, dir, close: () => this.#end() },
      h(
        "form",
        { method: "dialog", submit: (event: Event) => event.preventDefault() },
        h("header", {}, h("h2", { id: "d" }, title), this.#close()),
        h(
          "div",
          { class: "y", tabindex: "0", role: "group", "aria-labelledby": "d" },
          h("p", {}, body),
          core.banner.gpcNotice(),
          ...settings.categories.map((category) => this.#category(category)),
          receipt &&
            h("p", {}, h("a", { class: "v", href: receipt, target: "_blank", rel: "noopener" }, texts.receipt)),
        ),
        h("footer", {}, this.#note, this.#buttons()),
      ),
    );
  }

  show() {
    const { banner, followers } = this.#core;
    banner.root.append(this.#dialog);
    this.#dialog.showModal();
    followers.add(this.#renew);
  }

  /** Chosen elsewhere meanwhile: what is shown must not be what was. */
  #renew = () => {
    this.#end();
    new Centre(this.#core).show();
  };

  #end() {
    this.#core.followers.delete(this.#renew);
    this.#dialog.close();
    this.#dialog.remove();
  }

  /** Closing chooses nothing. */
  #close() {
    const { close } = this.#core.consent.settings.texts;
    return h("button", { type: "button", class: "x", "aria-label": close, click: () => this.#dialog.close() }, "×");
  }

  #category({ id, name, description }: Category) {
    const { consent } = this.#core;
    const { texts, vendors = [] } = consent.settings;
    const isOptional = consent.optional.includes(id);
    const text = `c-${id}`;
    const input = this.#switch(this.#switches, id, consent.preferences()[id] === true, this.#isFixed(id));
    input.setAttribute("aria-describedby", text);
    const listed = vendors.filter(({ category }) => category === id).map((vendor) => this.#vendor(vendor, isOptional));
    return h(
      "div",
      { class: "o" },
      isOptional ? h("label", {}, name, input) : h("div", { class: "w" }, name, h("small", {}, texts.always)),
      h("p", { id: text }, description),
      listed.length > 0 && h("ul", {}, ...listed),
    );
  }

  #vendor({ id, name, policy, category }: Vendor, isOptional: boolean) {
    const { consent } = this.#core;
    const label = policy ? h("a", { href: policy, target: "_blank", rel: "noopener noreferrer" }, name) : name;
    if (!isOptional) return h("li", {}, label);
    const isOn = consent.permits({ categories: [category], vendor: id });
    const input = this.#switch(this.#vendors, id, isOn, this.#isFixed(category));
    input.setAttribute("aria-label", name);
    // A vendor needs its category: switching it on switches that on, and one that is off takes its vendors along.
    const of = this.#switches.get(category);
    input.addEventListener("change", () => of && input.checked && !of.disabled && this.#set(of, true));
    of?.addEventListener("change", () => this.#set(input, of.checked));
    return h("li", {}, h("div", { class: "w" }, label, input));
  }

  /** Off and not to be chosen: by a rule, or by a signal where nothing tells the visitor what granting would undo. */
  #isFixed(id: string) {
    const { consent } = this.#core;
    const { denied = [], texts } = consent.settings;
    return (texts.overGpc ? denied : consent.denied()).includes(id);
  }

  #set(input: HTMLInputElement, checked: boolean) {
    input.checked = checked;
  }

  #switch(all: Map<string, HTMLInputElement>, id: string, checked: boolean, disabled: boolean) {
    const input = h("input", { type: "checkbox", role: "switch", disabled });
    input.checked = checked;
    all.set(id, input);
    return input;
  }

  #buttons() {
    const { texts } = this.#core.consent.settings;
    const all = (method: "accept_all" | "reject_all") => () => {
      const isGrant = method === "accept_all";
      this.#choose(
        method,
        this.#core.consent.optional.filter(() => isGrant),
        [],
      );
    };
    const button = (text: string, click: () => void) => h("button", { type: "button", click }, text);
    return h(
      "div",
      { class: "a" },
      button(texts.accept, all("accept_all")),
      button(texts.reject, all("reject_all")),
      button(texts.save, () => this.#save()),
    );
  }

  #save() {
    const on = (all: Map<string, HTMLInputElement>, wanted: boolean) =>
      [...all].filter(([, { checked }]) => checked === wanted).map(([id]) => id);
    this.#choose("choose", on(this.#switches, true), on(this.#vendors, false));
  }

  #choose(method: "accept_all" | "reject_all" | "choose", granted: readonly string[], refusedVendors: string[]) {
    const { consent } = this.#core;
    const { settings, choice } = consent;
    const wasRefused = (id: string) => choice?.categories[id] === false || this.#core.isRefusedElsewhere?.(id);
    const may = granted.filter((id) => !this.#isFixed(id));
    // Granting what was refused takes a second, separate step.
    const again = settings.regime.confirmOptIn ? may.filter(wasRefused) : [];
    const over = may.filter((id) => consent.denied().includes(id));
    if (over.length) {
      const named = settings.categories.filter(({ id }) => over.includes(id) || again.includes(id));
      this.#askOver(named, {
        allow: () => this.#record(OVER_GPC, granted, refusedVendors),
        // What else was chosen needs no other click, unless it was refused before: that takes its own second step.
        keep: () =>
          this.#choose(
            method,
            granted.filter((id) => !over.includes(id)),
            refusedVendors,
          ),
      });
      return;
    }
    const asks = [method, ...granted].join(" ");
    if (again.length && this.#confirmed !== asks) {
      this.#confirmed = asks;
      this.#note.textContent = settings.texts.confirm ?? settings.texts.save;
      return;
    }
    // An opt-in over the signal that holds is not undone by changing something else.
    const holds = choice?.method === OVER_GPC && !consent.isSignalled() && granted.includes("targeting");
    this.#record(holds ? OVER_GPC : method, granted, refusedVendors);
  }

  /** The second step of an opt-in over the browser's signal: in a dialog of its own, so that no habit clicks it away. */
  #askOver(named: readonly Category[], then: { readonly allow: () => void; readonly keep: () => void }) {
    const { overGpc, language, dir = "ltr" } = this.#core.consent.settings.texts;
    if (!overGpc) return;
    const act = (next: () => void) => () => {
      dialog.close();
      next();
    };
    const button = (text: string, next: () => void) => h("button", { type: "button", click: act(next) }, text);
    const dialog: HTMLDialogElement = h(
      "dialog",
      {
        role: "alertdialog",
        class: "z",
        "aria-labelledby": "e",
        "aria-describedby": "f",
        lang: language,
        dir,
        close: () => dialog.remove(),
      },
      h(
        "div",
        { class: "y", id: "f", tabindex: "0", role: "group", "aria-labelledby": "e" },
        h("h2", { id: "e" }, overGpc.title),
        h("p", {}, overGpc.body),
        h("ul", {}, ...named.map(({ name }) => h("li", {}, name))),
      ),
      // Leaving it as it is comes first, so that a second press of the same key does not grant.
      h(
        "div",
        { class: "u" },
        h("div", { class: "a" }, button(overGpc.keep, then.keep), button(overGpc.allow, then.allow)),
      ),
    );
    this.#dialog.append(dialog);
    dialog.showModal();
  }

  #record(method: Method, granted: readonly string[], refusedVendors: readonly string[]) {
    const { consent } = this.#core;
    const categories = consent.each((id) => granted.includes(id));
    // A vendor whose category is off is refused with it; naming it would outlive that refusal.
    const named = (consent.settings.vendors ?? []).filter(
      ({ id, category }) => refusedVendors.includes(id) && categories[category],
    );
    this.#end();
    this.#core.choose({ categories, refusedVendors: named.map(({ id }) => id) }, method, "centre");
  }
}

(window as unknown as Record<string, (core: Core) => void>)["assent:choices"] = open;
