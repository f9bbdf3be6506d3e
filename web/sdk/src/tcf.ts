// `__tcfapi` by TCF 2.3, where the settings have a `tcf` block. It says what Assent's own choice means in the terms of
// TCF: a purpose is consented to when its category is granted, a vendor when its category is and nobody refused it. It
// keeps nothing of its own. Assent is not certified by the IAB: the id in the settings is the operator's.

import { complain, guarded } from "./complain.ts";
import type { Core } from "./core.ts";
import type { Tcf } from "./settings.ts";
import { locate, stand, standInForTcf, standing, type Waiting } from "./stub.ts";
import { isOptIn, onShown } from "./surface.ts";
import { tcString } from "./tcf-string.ts";

const API_VERSION = "2.3";
const VERSION = 2;
/** Layers as a TC string counts them. */
const FIRST_SCREEN = 1;
const SECOND_SCREEN = 2;

type Callback = (answer: unknown, success?: boolean) => void;

/** Of the IAB's list only what is needed; the operator serves it from the site. */
interface VendorList {
  readonly vendorListVersion: number;
  readonly tcfPolicyVersion: number;
  readonly vendors: Readonly<Record<string, { readonly deletedDate?: string }>>;
}

const flags = (ids: readonly (number | string)[], on: readonly number[]) =>
  Object.fromEntries(ids.map((id) => [id, on.includes(Number(id))]));

class Interface {
  readonly #core: Core;
  readonly #tcf: Tcf;
  readonly #list: VendorList;
  readonly #listeners = new Map<number, Callback>();
  #lastId = 0;
  #isShown = false;
  /** When the choice was made that was found here; a later one is an answer given in this page. */
  readonly #found: number | undefined;
  /** What listeners were told last. */
  #told = "";

  constructor(core: Core, tcf: Tcf, list: VendorList) {
    this.#core = core;
    this.#tcf = tcf;
    this.#list = list;
    this.#found = core.consent.choice?.madeAt;
  }

  start() {
    const waiting = (standing("__tcfapi") as (() => unknown) | undefined)?.();
    onShown(this.#core, (isShown) => {
      this.#isShown = isShown;
      this.#tell();
    });
    this.#core.followers.add(() => this.#tell());
    this.#tell();
    stand("__tcfapi", this.#answer as never);
    locate("__tcfapi");
    for (const args of Array.isArray(waiting) ? (waiting as Waiting) : [])
      guarded(() => this.#answer(...(args as never as Args)));
  }

  #answer = (...[command, version, callback, parameter]: Args) => {
    if (typeof callback !== "function") return;
    if (version && version !== VERSION) return callback(null, false);
    switch (command) {
      case "ping":
        return callback(this.#ping(), true);
      case "addEventListener": {
        this.#lastId += 1;
        this.#listeners.set(this.#lastId, callback);
        return callback(this.#data(this.#lastId), true);
      }
      case "getTCData":
        return callback(this.#data(), true);
      case "removeEventListener":
        return callback(this.#listeners.delete(parameter as number));
      default:
        return callback(null, false);
    }
  };

  #ping() {
    const { vendorListVersion: gvlVersion, tcfPolicyVersion } = this.#list;
    const displayStatus = this.#isShown ? "visible" : this.#applies() ? "hidden" : "disabled";
    return { ...this.#who(), cmpLoaded: true, displayStatus, apiVersion: API_VERSION, gvlVersion, tcfPolicyVersion };
  }

  #who() {
    const { cmpId, cmpVersion } = this.#tcf;
    return { gdprApplies: this.#applies(), cmpStatus: "loaded", cmpId, cmpVersion };
  }

  #applies = () => isOptIn(this.#core);

  /** Purposes or special features whose category is granted. */
  #granted(map: Readonly<Record<string, string>> = {}): number[] {
    const { consent } = this.#core;
    return Object.keys(map).flatMap((id) => (consent.permits({ categories: [map[id] ?? ""] }) ? Number(id) : []));
  }

  /** Vendors of the site that are on the list as it stands. */
  #vendors() {
    const { consent } = this.#core;
    const listed = (consent.settings.vendors ?? []).flatMap(({ id, category, tcf }) => {
      const entry = tcf === undefined ? undefined : this.#list.vendors[tcf];
      return entry && !entry.deletedDate ? { id, category, tcf: tcf as number } : [];
    });
    const permitted = listed.filter(({ id, category }) => consent.permits({ categories: [category], vendor: id }));
    return { disclosed: listed.map(({ tcf }) => tcf), permitted: permitted.map(({ tcf }) => tcf) };
  }

  #string(): string {
    const { choice, settings } = this.#core.consent;
    const { disclosed, permitted } = this.#vendors();
    return tcString({
      ...this.#tcf,
      at: choice?.madeAt ?? Date.now(),
      screen: choice?.layer === "centre" ? SECOND_SCREEN : FIRST_SCREEN,
      language: settings.texts.language.slice(0, 2),
      vendorListVersion: this.#list.vendorListVersion,
      policyVersion: this.#list.tcfPolicyVersion,
      specialFeatures: this.#granted(this.#tcf.specialFeatures),
      purposes: this.#granted(this.#tcf.purposes),
      vendors: permitted,
      disclosed,
    });
  }

  /**
   * `tcloaded` is of what was found, or holds without being asked about. While somebody is about to be asked there is no
   * name for what holds: in a frame, which leaves asking to the top, or in front of a body.
   */
  #status() {
    const { choice } = this.#core.consent;
    if (this.#isShown) return "cmpuishown";
    if (choice && choice.madeAt !== this.#found) return "useractioncomplete";
    return this.#core.consent.asks() ? undefined : "tcloaded";
  }

  #data(listenerId?: number) {
    const applies = this.#applies();
    const { purposes = {}, specialFeatures = {}, publisherCountry: publisherCC } = this.#tcf;
    const { disclosed, permitted } = this.#vendors();
    const about = {
      ...this.#who(),
      eventStatus: this.#status(),
      listenerId,
      tcfPolicyVersion: this.#list.tcfPolicyVersion,
    };
    if (!applies) return about;
    const nothing = () => ({ consents: {}, legitimateInterests: {} });
    return {
      ...about,
      tcString: this.#string(),
      isServiceSpecific: true,
      useNonStandardTexts: true,
      publisherCC,
      purposeOneTreatment: false,
      purpose: { consents: flags(Object.keys(purposes), this.#granted(purposes)), legitimateInterests: {} },
      vendor: {
        consents: flags(disclosed, permitted),
        legitimateInterests: {},
        disclosedVendors: flags(disclosed, disclosed),
      },
      specialFeatureOptins: flags(Object.keys(specialFeatures), this.#granted(specialFeatures)),
      publisher: { ...nothing(), customPurpose: nothing(), restrictions: {} },
    };
  }

  #tell() {
    const now = JSON.stringify([this.#string(), this.#core.consent.choice?.madeAt, this.#status()]);
    if (now === this.#told) return;
    this.#told = now;
    for (const [id, callback] of this.#listeners) guarded(() => callback(this.#data(id), true));
  }
}

type Args = [command: string, version: number | undefined, callback: Callback, parameter?: unknown];

async function start(core: Core) {
  const { tcf } = core.consent.settings;
  if (!tcf) return;
  standInForTcf();
  try {
    const answer = await fetch(tcf.vendorList, { credentials: "omit" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    new Interface(core, tcf, await answer.json()).start();
  } catch (error) {
    // Without the list nobody can be named: whoever asks goes on waiting, and so does nothing.
    complain(`TCF stays off, because there is no vendor list at ${tcf.vendorList}: ${error}`);
  }
}

(window as unknown as Record<string, (core: Core) => void>)["assent:tcf"] = start;
