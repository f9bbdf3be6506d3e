// Tags that wait for consent: those that the settings declare, and markup that a page holds back itself
// (`<script type="text/plain" data-category="…">`, `<iframe data-src="…" data-category="…">`). What has run cannot be
// made to not have run: a withdrawal keeps the rest from loading, and names what only a reload ends.

import type { Consent } from "./consent.ts";
import type { Tag } from "./settings.ts";

const HELD = "[data-category]:not([data-released])";

interface Released {
  readonly name: string;
  readonly isPermitted: () => boolean;
}

export class Tags {
  readonly #consent: Consent;
  readonly #nonce: string;
  readonly #loaded = new Set<string>();
  readonly #ran: Released[] = [];

  constructor(consent: Consent, nonce: string) {
    this.#consent = consent;
    this.#nonce = nonce;
  }

  /** Loads what may be loaded by now; what the page holds back may come at any time. */
  release() {
    for (const tag of this.#consent.settings.tags ?? []) this.#declared(tag);
    for (const element of document.querySelectorAll<HTMLElement>(HELD)) this.#held(element);
  }

  /** Names of what has run and may not any more. */
  lingering = () => [...new Set(this.#ran.filter(({ isPermitted }) => !isPermitted()).map(({ name }) => name))];

  #declared(tag: Tag) {
    const isPermitted = () => this.#consent.permits(tag);
    const place = document.querySelector(tag.into ?? "body");
    // What it goes into may come later.
    if (this.#loaded.has(tag.id) || !isPermitted() || (tag.kind === "iframe" && !place)) return;
    this.#loaded.add(tag.id);
    this.#ran.push({ name: this.#nameOf(tag.vendor, tag.id), isPermitted });
    const element = document.createElement(tag.kind);
    for (const [name, value] of Object.entries(tag.attributes ?? {})) element.setAttribute(name, value);
    if (this.#nonce) element.nonce = this.#nonce;
    // `block.js` lets it pass.
    element.dataset.released = "";
    element.src = tag.src;
    // An image need not be in the page to be asked for.
    if (tag.kind === "script") document.head.append(element);
    if (tag.kind === "iframe") place?.append(element);
  }

  #held(element: HTMLElement) {
    const { category = "", vendor, purpose, src } = element.dataset;
    const categories = category.split(" ").filter(Boolean);
    const use = { categories, ...(vendor && { vendor }), ...(purpose && { purpose }) };
    const isPermitted = () => this.#consent.permits(use);
    // Only the page's own scripts have its nonce: markup that somebody smuggled in gets none from here.
    const isForeign = this.#nonce && element instanceof HTMLScriptElement && element.nonce !== this.#nonce;
    if (!categories.length || isForeign || !isPermitted()) return;
    element.dataset.released = "";
    const name = this.#nameOf(vendor, src || element.getAttribute("src") || category);
    this.#ran.push({ name, isPermitted });
    revive(element);
  }

  #nameOf(vendor: string | undefined, fallback: string): string {
    return this.#consent.settings.vendors?.find(({ id }) => id === vendor)?.name ?? fallback;
  }
}

/** A script runs only when it is made anew; anything else loads when it gets its address. */
function revive(element: HTMLElement) {
  const { src, srcset, type } = element.dataset;
  const isScript = element instanceof HTMLScriptElement;
  const next = isScript ? document.createElement("script") : element;
  if (isScript) {
    for (const { name, value } of element.attributes) if (name !== "type") next.setAttribute(name, value);
    next.textContent = element.textContent;
    next.nonce = element.nonce ?? "";
  }
  if (type) next.setAttribute("type", type);
  if (srcset) next.setAttribute("srcset", srcset);
  if (src) next.setAttribute("src", src);
  if (isScript) element.replaceWith(next);
}
