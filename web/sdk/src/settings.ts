// The contract between the server and this SDK: what `GET /v1/projects/{key}/settings` carries under the key `assent`,
// beside Segment's own document. The server chooses regime, region and language for the request; the SDK knows no law
// and no language. One language stays under 5 KB compressed, so whatever has an obvious default may be absent.
//
// An SDK that does not know `v`, or finds no `assent`, keeps every optional category off and sends nothing.

import type { Preferences, Use } from "./decide.ts";

/** The version of this contract. A change that an older SDK would misread raises it. */
export const CONTRACT = 1;

export interface AssentSettings {
  readonly v: typeof CONTRACT;
  /** ISO 3166-1 or -2 of the visitor (`DE`, `US-CA`), from the edge; `null` when it is not known. For the record only. */
  readonly region: string | null;
  readonly regime: Regime;
  /** Under which category this source collects. */
  readonly source: { readonly category: string };
  readonly before: Before;
  /** In the order in which they are shown; `required` first. Never empty. */
  readonly categories: readonly Category[];
  /** Vendors that the visitor may refuse one by one. Without it choices are per category. */
  readonly vendors?: readonly Vendor[];
  /** What `DNT: 1` means; nothing unless it says so. */
  readonly doNotTrack?: "ignore" | "as-gpc";
  readonly texts: Texts;
  /** Tags that the SDK loads once their category is granted. */
  readonly tags?: readonly Tag[];
  /** Destinations that run in the page, so that a page can ask `analytics.consent.permits(name)`. */
  readonly destinations?: readonly Destination[];
  /** Google's consent types → the category that grants them. Absent: Google Consent Mode is left alone. */
  readonly consentMode?: Readonly<Record<string, string>>;
  /**
   * Other consent managers that the page's scripts and tags may take Assent for, each a chunk of its own that is loaded
   * as soon as the settings are there. Their cookies are written after a choice, never before.
   */
  readonly surfaces?: readonly Surface[];
  /** What `__tcfapi` says; there when `surfaces` has `tcf`. */
  readonly tcf?: Tcf;
  /** Origins of sites that show each other's pages in frames; there when `surfaces` has `frames`. */
  readonly frames?: readonly string[];
  /** Origins of sites that take a choice along when a link leads to another; there when `surfaces` has `handoff`. */
  readonly handOff?: readonly string[];
  /** What another platform left in the browser is taken over; there when `surfaces` has `takeover`. */
  readonly takeOver?: TakeOver;
  readonly storage?: Storage;
  readonly control?: Control;
  /** Categories that are off and cannot be chosen, as `targeting` for known children. */
  readonly denied?: readonly string[];
}

/**
 * What is done with calls made before a choice that is needed.
 * - `block`: nothing is stored, nothing sent, the call is dropped;
 * - `buffer`: kept in memory, sent only under a choice that then permits it;
 * - `cookieless`: sent with an identifier that lives as long as the page. Only where the regime permits collecting
 *   without a choice; elsewhere it is `block`;
 * - `always-load`: sent unstamped, with an identifier that lives as long as the page, until a choice says otherwise.
 *   What the wrappers of Segment call `alwaysLoadSegment`, and a risk: nobody was asked.
 */
export type Before = "block" | "buffer" | "cookieless" | "always-load";

/**
 * What holds for a category until somebody chooses.
 * - `opt-in`: off until granted;
 * - `opt-out`: on until refused;
 * - `exempt`: on, with information and an objection that works at once (the UK's exemption for own statistics).
 */
export type CategoryModel = "opt-in" | "opt-out" | "exempt";

/**
 * What Assent looks like to scripts made for another consent manager.
 * - `trustarc`: `window.truste`, `PrivacyManagerAPI`, its cookies, messages, DOM events, `#teconsent` links. A category is
 *   the bucket of its alias `ta-<n>`, else of its place in `categories`, counted from 1;
 * - `onetrust`: `window.OneTrust`, `OnetrustActiveGroups`, `OptanonWrapper`, its cookies, events, `optanon-category-*`
 *   markup, `#ot-sdk-btn`. A category is the group of its alias `C<four digits>`, else OneTrust's own for the four default
 *   categories, else its id;
 * - `tcf`: `__tcfapi` of the IAB's TCF 2.3, by the block `tcf`;
 * - `gpp`: `__gpp` of the IAB's GPP 1.1 with the sections of the United States;
 * - `frames`: nobody's; asks the page around a frame, and answers frames, by `frames`;
 * - `handoff`: nobody's; takes the choice along to another site, by `handOff`;
 * - `elsewhere`: nobody's; says what somebody who is signed in refused on other devices;
 * - `takeover`: nobody's; reads the cookies of the platform that asked here before, by `takeOver`.
 */
export type Surface = "trustarc" | "onetrust" | "tcf" | "gpp" | "frames" | "handoff" | "elsewhere" | "takeover";

/** A platform that asked before Assent did. */
export type Platform = "onetrust" | "trustarc";

export interface TakeOver {
  /** In the order in which they are looked for. */
  readonly from: readonly Platform[];
  /** The categories whose grants count as given to the words and vendors of today. */
  readonly grants?: readonly string[];
}

/** TCF 2.3. The ids are the operator's, who is registered with the IAB; Assent is not certified. */
export interface Tcf {
  readonly cmpId: number;
  readonly cmpVersion: number;
  /** ISO 3166-1, two letters. */
  readonly publisherCountry: string;
  /** Where the IAB's vendor list is: a path of the site, because the operator serves it. */
  readonly vendorList: string;
  /** TCF's purposes, and special features, by number → the category that grants each. Others are refused. */
  readonly purposes: Readonly<Record<string, string>>;
  readonly specialFeatures?: Readonly<Record<string, string>>;
}

export interface Regime {
  /** Its name in the table of regimes, as it is recorded with a choice. */
  readonly id: string;
  /** The version of that table. */
  readonly version: number;
  /** By category; one that is not named is `opt-in`. */
  readonly models: Readonly<Record<string, CategoryModel>>;
  /** `ask`: the first layer is shown until a choice. `none`: the control alone. */
  readonly first: "ask" | "none";
  /** Days that a choice holds, yes and no alike. */
  readonly lifetimeDays: number;
  /** Days after a choice from which the first layer is shown again, while the choice still holds. */
  readonly reaskDays: number;
  /** What Global Privacy Control means. `targeting` is denied whatever stands here. */
  readonly gpc: { readonly denies: readonly string[] /** Say that it was honoured. */; readonly show: boolean };
  /** Granting what was refused before takes a confirmation (California: opt-in in two steps). */
  readonly confirmOptIn?: boolean;
}

export interface Category {
  readonly id: string;
  /** Other names under which the workspace knows it, as `C0002`. */
  readonly aliases?: readonly string[];
  readonly name: string;
  readonly description: string;
  /** Cookies, storage keys and databases of this site that go when it is withdrawn; `*` stands for any characters. */
  readonly erase?: readonly string[];
}

export interface Vendor {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  /** Its privacy policy. */
  readonly policy?: string;
  /** Its number on the IAB's vendor list. */
  readonly tcf?: number;
}

/** Texts in one language. Plain text, never HTML. */
export interface Texts {
  /** BCP 47. */
  readonly language: string;
  readonly dir?: "ltr" | "rtl";
  /** Counts up with every published change; recorded with each choice and stamped as `context.consent.version`. */
  readonly version: number;
  /** Choices made under an older version are asked again: refusals hold meanwhile, grants do not. */
  readonly askAgainBelow?: number;
  /** SHA-256 of these texts as published, in hex: which words were shown. */
  readonly hash: string;
  readonly title: string;
  readonly body: string;
  readonly accept: string;
  readonly reject: string;
  readonly choose: string;
  readonly save: string;
  readonly close: string;
  /** The button that opens the choices again: "Privacy choices", in the US "Your Privacy Choices". */
  readonly control: string;
  /** The button that withdraws with one click. */
  readonly withdraw: string;
  /** Beside `required`, which has no switch. */
  readonly always: string;
  /** Shown when GPC is honoured: "Opt-out request honored". */
  readonly gpc: string;
  /** Asked before an opt-in that needs two steps. */
  readonly confirm?: string;
  /**
   * Asked before an opt-in over the browser's own signal: what the signal asks for, what granting undoes, above the names
   * of what would be granted. Without it the signal wins.
   */
  readonly overGpc?: { readonly title: string; readonly body: string; readonly allow: string; readonly keep: string };
  /** After a withdrawal, when something that cannot be unloaded had run: the sentence, and the button that reloads. */
  readonly reload: string;
  readonly reloadButton: string;
  /** The link to the receipt, after a choice. */
  readonly receipt: string;
  /** In front of what was refused on another device; there when `surfaces` has `elsewhere`. */
  readonly elsewhere?: string;
  /** Links of the first layer and the preference centre. Without `href` a link opens the preference centre. */
  readonly links?: readonly { readonly text: string; readonly href?: string }[];
}

/** A use that a tag or destination makes; all its categories must be granted. */
interface Declared extends Use {
  /** The vendor that it belongs to; refusing the vendor refuses it. */
  readonly vendor?: string;
}

export interface Tag extends Declared {
  readonly id: string;
  readonly kind: "script" | "img" | "iframe";
  readonly src: string;
  readonly attributes?: Readonly<Record<string, string>>;
  /** Selector of the element that an `iframe` goes into; `body` when absent. */
  readonly into?: string;
}

export interface Destination extends Declared {
  readonly name: string;
}

export interface Storage {
  /** Name of the cookie, and of the key in localStorage, that hold the choice. */
  readonly choice?: string;
  /** Days that an identifier lives. Nothing renews it. */
  readonly identifierDays?: number;
  /** The domain of cookies; the widest that the browser takes when absent. */
  readonly domain?: string;
}

export interface Control {
  /** `floating`: a button at the bottom of every page. `none`: the page has elements with `data-assent-open`. */
  readonly kind: "floating" | "none";
}

/** The part of Segment's settings that the SDK reads. */
export interface Settings {
  readonly integrations?: {
    readonly "Segment.io"?: { readonly apiHost?: string; readonly protocol?: "http" | "https" };
  };
  readonly assent?: AssentSettings;
}

/** What a choice says: categories, and vendors that are refused although their category is granted. */
export interface Choice {
  readonly categories: Preferences;
  readonly refusedVendors: readonly string[];
}

/** How a choice was made. */
export type Method = "accept_all" | "reject_all" | "choose" | "withdraw" | "api" | "imported" | typeof OVER_GPC;

/** An opt-in in two steps, in which the second said that the browser asks not to be sold, shared or tracked. */
export const OVER_GPC = "confirmed_over_gpc";

/** Where it was made. */
export type Layer = "first" | "centre" | "control" | "page";
