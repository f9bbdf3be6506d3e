// What Assent looks like to scripts made for TrustArc: `window.truste` as TrustArc's wrapper of Segment, site snippets and
// tag managers read it, its cookies, its messages. It tells; nothing that comes in here sets a choice.

import type { Core } from "./core.ts";
import { bucketsOf, granted, isOptIn, onChange, openOn, pushToLayer, setRaw, watch } from "./surface.ts";

const REOPEN = "#teconsent";
const EVENTS = ["cookie", "consent", "consent-gtm"];
/** The bucket that is always on. Readers take the first of a list away without looking. */
const REQUIRED_BUCKET = 1;

/** What `cmapi_cookie_privacy` and `notice_behavior` say; the first is empty while everything waits for a choice. */
type Listener = (preferences: string, behavior: string) => void;
type Request = { action?: string; capabilities?: unknown };

class TrustArc {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  start() {
    const page = window as unknown as Record<string, unknown>;
    const core = this.#core;
    const open = () => core.open();
    const cma = { callApi: this.#callApi };
    const bindMap = this.#bindMap();
    page.truste = {
      eu: { bindMap, clickListener: open, reopenBanner: open, prefclose() {}, runOnReady: (act: () => void) => act() },
      cma,
      util: { readCookie },
    };
    page.PrivacyManagerAPI = cma;
    page.addConsentListenerTA = (listener: Listener) => {
      // Who hears nothing keeps everything off, also where nobody has to be asked.
      const isSaid = () => this.#isAsserted() || !isOptIn(core);
      const tell = () => listener(isSaid() ? this.#permits() : "", this.#behavior());
      // One of its own events, so what a listener throws stops nothing.
      document.addEventListener("truste-consent", tell);
      tell();
    };
    addEventListener("message", this.#answer);
    watch(() => {
      openOn(REOPEN);
      this.#link();
    });
    if (core.consent.choice) this.#write();
    onChange(core, this.#changed);
  }

  /** Bucket → granted; counted from 1, in ascending order, the first always there. */
  #buckets(): Map<number, boolean> {
    const found = granted(this.#core, bucketsOf).set(REQUIRED_BUCKET, true);
    return new Map([...found].sort(([one], [other]) => one - other));
  }

  #decision = () => [...this.#buckets()].flatMap(([bucket, isGranted]) => (isGranted ? bucket : []));

  /** The last bucket up to which all are granted: one number cannot say that one in between is refused. */
  #level = () => this.#decision().filter((bucket, at) => bucket === at + 1).length;

  /** A signal of the browser is as explicit as a choice: else its visitor would count as not having refused. */
  #isAsserted = () => !!this.#core.consent.choice || this.#core.consent.isSignalled();

  /** As its cookies have it: counted from 0. */
  #prefs = () => this.#decision().map((bucket) => bucket - 1);

  #bindMap() {
    const prefs = () => (this.#core.consent.choice ? `${this.#prefs()}` : "");
    const [behavior, behaviorManager] = this.#behavior().split(",");
    return {
      behaviorManager,
      behavior,
      categoryCount: Math.max(...this.#buckets().keys()),
      domain: location.hostname,
      get prefCookie() {
        return prefs();
      },
    };
  }

  #callApi = (name: string) => {
    const source = this.#isAsserted() ? "asserted" : "implied";
    const all = [...this.#buckets().values()].every(Boolean);
    switch (name) {
      case "getConsent":
        // It knows no categories: whoever asks so may act only when nothing is refused.
        return { consent: all ? "approved" : "denied", source };
      case "getConsentDecision":
        return { consentDecision: this.#level(), source };
      case "getGDPRConsentDecision":
        return { consentDecision: this.#decision(), source };
      case "getConsentCategories":
        return { categories: Object.fromEntries(granted(this.#core, ({ name: label }) => [label])) };
      default:
        return { error: "Call is not available" };
    }
  };

  #reply(request: Request) {
    const capabilities = ["getConsent", "getConsentDecision"];
    const { action = "" } = request;
    return JSON.stringify({ PrivacyManagerAPI: { ...request, ...this.#callApi(action), capabilities } });
  }

  /** Answers who asks. What has capabilities is an answer itself. */
  #answer = ({ data, source, origin }: MessageEvent) => {
    let request: Request | undefined;
    try {
      request = (typeof data === "string" ? JSON.parse(data) : data)?.PrivacyManagerAPI;
    } catch {
      return;
    }
    if (!request?.action || request.capabilities) return;
    const to = origin === "null" ? "*" : origin;
    source?.postMessage(this.#reply(request), { targetOrigin: to });
  };

  #changed = () => {
    const value = `${this.#prefs()}`;
    if (this.#core.consent.choice) this.#write();
    // A text, because readers parse it; "/" is this page itself, also one whose origin has no name.
    postMessage(JSON.stringify({ source: "preference_manager", message: "submit_preferences", data: { value } }), "/");
    const self = location.hostname;
    postMessage(this.#reply({ action: "getConsentDecision", timestamp: Date.now(), self } as Request), "/");
    for (const name of EVENTS) document.body?.dispatchEvent(new Event(`truste-${name}`, { bubbles: true }));
    pushToLayer({ event: "cookie_prefs_set" }, { event: "useractioncomplete" });
  };

  #behavior = () => (isOptIn(this.#core) ? "expressed,eu" : "implied,us");

  #permits() {
    const decision = this.#decision();
    const level = this.#level();
    // Two of its levels have names; a list with a gap is none.
    const name = (level === decision.length && ["", " required", " functional"][level]) || "";
    return `permit ${decision}${name}`;
  }

  #write() {
    setRaw(this.#core, "notice_behavior", this.#behavior());
    setRaw(this.#core, "notice_preferences", `${this.#level() - 1}:`);
    setRaw(this.#core, "notice_gdpr_prefs", `${this.#prefs()}:`);
    setRaw(this.#core, "cmapi_cookie_privacy", this.#permits());
  }

  /** The page leaves an empty element where the link shall be. */
  #link() {
    const place = document.querySelector(REOPEN);
    if (!place || place.childNodes.length) return;
    const link = document.createElement("button");
    link.type = "button";
    link.textContent = this.#core.consent.settings.texts.control;
    place.append(link);
  }
}

function readCookie(name: string): string | null {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1) ?? null;
}

(window as unknown as Record<string, (core: Core) => void>)["assent:trustarc"] = (core) => new TrustArc(core).start();
