// The first layer and the control that opens the choices again. Accept, Reject and Choose are the same kind of button in
// one grid: equal in size, contrast and clicks. Nothing but a button chooses; the page stays usable, nothing is trapped.

import CSS from "./banner.css?inline";
import type { Consent } from "./consent.ts";
import { h, style } from "./dom.ts";
import type { Choice, Layer, Method } from "./settings.ts";

export interface BannerActions {
  choose(choice: Choice, method: Method, layer: Layer): void;
  /** Opens the preference centre. */
  open(): void;
  /** What has run and may not any more. */
  lingering(): string[];
}

export class Banner {
  readonly root: ShadowRoot;
  readonly #consent: Consent;
  readonly #actions: BannerActions;
  readonly #host = document.createElement("div");
  readonly #place: HTMLElement;
  readonly #room = h("div", { "aria-hidden": "true" });
  /** Follows the first layer's size. Asking for it would have the whole page laid out at once, in the middle of our task. */
  readonly #size = new ResizeObserver(() => requestAnimationFrame(this.#leaveRoom));
  /** What the page itself set there. */
  #padding = "";
  #shown = "";

  constructor(consent: Consent, actions: BannerActions, nonce: string) {
    const { language, dir = "ltr" } = consent.settings.texts;
    this.#consent = consent;
    this.#actions = actions;
    this.root = this.#host.attachShadow({ mode: "open" });
    this.#place = h("div", { lang: language, dir });
    style(this.root, CSS, nonce);
    this.root.append(this.#place);
  }

  /** Shows what holds now; also puts it back when the page has replaced its body. A frame leaves it to the top. */
  update = () => {
    if (!document.body || window !== window.top) return;
    if (!this.#host.isConnected) {
      document.body.prepend(this.#host);
      this.#shown = "";
    }
    this.#render();
  };

  /** Keeps what the keyboard is on from lying under the banner. */
  #leaveRoom = () => {
    const height = this.#place.querySelector<HTMLElement>(".n")?.offsetHeight ?? 0;
    const { style } = document.documentElement;
    if (!Number.parseInt(this.#room.style.height, 10)) this.#padding = style.scrollPaddingBottom;
    style.scrollPaddingBottom = height ? `${height}px` : this.#padding;
    // A margin of ours at the end of the page, so that its last line can be scrolled above the banner.
    this.#room.style.height = `${height}px`;
    if (height) document.body.append(this.#room);
    else this.#room.remove();
  };

  /** The same answer for every category; of Accept all, Reject all and Withdraw there is only one kind each. */
  all(method: "accept_all" | "reject_all" | "withdraw", layer: Layer) {
    const categories = this.#consent.each(() => method === "accept_all");
    this.#actions.choose({ categories, refusedVendors: [] }, method, layer);
  }

  /** That the browser's signal was honoured, where the regime has it said. */
  gpcNotice = (): HTMLElement | false => {
    const { regime, texts } = this.#consent.settings;
    return regime.gpc.show && this.#consent.isSignalled() && status(texts.gpc);
  };

  #render() {
    const consent = this.#consent;
    const asks = consent.asks();
    const lingers = this.#actions.lingering();
    const holds = [consent.choice?.categories, (this.gpcNotice() as HTMLElement).textContent, consent.preferences()];
    const state = JSON.stringify([asks, lingers, holds]);
    if (state === this.#shown) return;
    this.#shown = state;
    const hadFocus = this.root.activeElement !== null;
    this.#place.replaceChildren(asks ? this.#first() : this.#control(lingers));
    this.#size.disconnect();
    if (asks) this.#size.observe(this.#place.children[0] as Element);
    else this.#leaveRoom();
    // Whoever chose by keyboard goes on from where the choice can be changed, not from the top of the page.
    const control = () => document.querySelector<HTMLElement>("[data-assent-open]");
    if (hadFocus) (this.#place.querySelector("button") ?? control())?.focus();
  }

  #first() {
    const { texts } = this.#consent.settings;
    return h(
      "section",
      { class: "n", "aria-labelledby": "t" },
      // Text that does not fit scrolls, and what scrolls can be reached by keyboard; the buttons always show.
      h(
        "div",
        { class: "s", tabindex: "0", role: "group", "aria-labelledby": "t" },
        h("h2", { id: "t" }, texts.title),
        h("p", {}, texts.body),
        this.gpcNotice(),
        this.#links(),
      ),
      h(
        "div",
        { class: "a" },
        button(texts.accept, () => this.all("accept_all", "first")),
        button(texts.reject, () => this.all("reject_all", "first")),
        button(texts.choose, this.#actions.open),
      ),
    );
  }

  #control(lingers: string[]) {
    const { texts, control } = this.#consent.settings;
    const floats = control?.kind !== "none";
    const grants = this.#consent.optional.some((id) => this.#consent.choice?.categories[id]);
    return h(
      "section",
      { class: "c", "aria-label": texts.control },
      floats && button(texts.control, this.#actions.open),
      floats && grants && button(texts.withdraw, () => this.all("withdraw", "control")),
      this.gpcNotice(),
      lingers.length > 0 && status(`${texts.reload} ${lingers.join(", ")}`),
      lingers.length > 0 && button(texts.reloadButton, () => location.reload()),
    );
  }

  #links() {
    const { links = [] } = this.#consent.settings.texts;
    const all = links.map(({ text, href }) => {
      const opens = { type: "button", class: "i", click: this.#actions.open };
      return h("li", {}, href ? h("a", { href }, text) : h("button", opens, text));
    });
    return all.length > 0 && h("ul", { class: "k" }, ...all);
  }
}

export const button = (text: string, click: () => void) => h("button", { type: "button", click }, text);

/** Read out without taking the focus. */
const status = (text: string) => h("p", { class: "g", role: "status" }, text);
