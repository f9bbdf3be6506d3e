// Shadow mode, for a site that still asks with TrustArc or OneTrust: tells the server what that platform holds on this
// page, and the server counts where Assent would have decided otherwise. A file of its own instead of a switch in the SDK:
// what has no banner, no storage and no tags cannot ask, keep or release anything by mistake.
//
//   <script async src="https://HOST/sdk/shadow.js" data-write-key="KEY"></script>
//
// What it tells names nobody: which categories are granted, whether somebody chose, on which day, and whether the browser
// sends Global Privacy Control. It goes out without cookies and without the page's address.

const EVERY_MS = 500;
/** Consent managers come late, but not for ever. */
const LOOKS_MAX = 60;
const DAY_MS = 86_400_000;

/** What another platform holds. */
interface Held {
  readonly platform: "onetrust" | "trustarc";
  /** Granted groups (`C0002`) or buckets (`ta-2`). */
  readonly granted: readonly string[];
  /** Whether somebody chose; else it is what the platform takes for granted. */
  readonly chosen: boolean;
  /** How many days ago; absent where the platform does not keep it. */
  readonly days?: number;
}

interface OneTrust {
  IsAlertBoxClosed?(): boolean;
}

interface TrustArc {
  readonly eu?: { readonly bindMap?: { readonly domain?: string } };
  readonly cma?: {
    callApi?(name: string, domain?: string): { source?: string; consentDecision?: unknown } | undefined;
  };
}

const page = window as unknown as {
  OneTrust?: OneTrust;
  OnetrustActiveGroups?: unknown;
  truste?: TrustArc;
};

/** As the platform wrote it: decoding is up to whoever knows the cookie. */
function cookie(name: string): string | undefined {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** Its list of active groups, else its cookie; the time is in the cookie that says that somebody answered. */
function onetrust(): Held | undefined {
  const { OneTrust, OnetrustActiveGroups: active } = page;
  const kept = new URLSearchParams(cookie("OptanonConsent")).get("groups");
  const closed = cookie("OptanonAlertBoxClosed");
  if (!kept && typeof active !== "string") return undefined;
  const granted =
    typeof active === "string"
      ? active.split(",").filter(Boolean)
      : (kept ?? "").split(",").flatMap((one) => (one.endsWith(":1") ? one.slice(0, -2) : []));
  const days = Math.floor((Date.now() - Date.parse(decodeURIComponent(closed ?? ""))) / DAY_MS);
  const chosen = closed !== undefined || OneTrust?.IsAlertBoxClosed?.() === true;
  return { platform: "onetrust", granted, chosen, ...(chosen && days >= 0 && { days }) };
}

/** Its decision as its readers ask for it, else its cookie, which counts from 0. It keeps no time. */
function trustarc(): Held | undefined {
  const { cma, eu } = page.truste ?? {};
  const answer = cma?.callApi?.("getGDPRConsentDecision", eu?.bindMap?.domain);
  const bucket = (number: number) => `ta-${number}`;
  if (Array.isArray(answer?.consentDecision)) {
    const granted = answer.consentDecision.filter((one) => one > 0).map(bucket);
    return { platform: "trustarc", granted, chosen: answer.source === "asserted" };
  }
  const [prefs] = decodeURIComponent(cookie("notice_gdpr_prefs") ?? "").split(":");
  if (!prefs) return undefined;
  return { platform: "trustarc", granted: prefs.split(",").map((one) => bucket(Number(one) + 1)), chosen: true };
}

/** A platform that throws half way through its start is asked again later. */
function held(): Held | undefined {
  for (const read of [onetrust, trustarc]) {
    try {
      const found = read();
      if (found) return found;
    } catch {
      // Not there yet.
    }
  }
  return undefined;
}

function begin(script: HTMLScriptElement | null) {
  const { writeKey } = script?.dataset ?? {};
  if (!script || !writeKey || window !== window.top) return;
  const url = new URL("/v1/consent/shadow", script.src);
  const { globalPrivacyControl } = navigator as Navigator & { globalPrivacyControl?: boolean };
  let told = "";
  const tell = (found: Held | undefined) => {
    const body = JSON.stringify({ writeKey, gpc: globalPrivacyControl === true, ...found });
    if (body === told) return;
    told = body;
    const silent: RequestInit = { credentials: "omit", referrerPolicy: "no-referrer", keepalive: true };
    // A figure that is lost is not worth an error in the page.
    fetch(url, { method: "POST", body, ...silent }).catch(() => {});
  };
  let looks = 0;
  const look = () => {
    const found = held();
    looks += 1;
    if (found || looks >= LOOKS_MAX) tell(found);
    else setTimeout(look, EVERY_MS);
  };
  look();
  // What was chosen on this page counts as well.
  addEventListener("pagehide", () => {
    const found = held();
    if (found) tell(found);
  });
}

begin(document.currentScript as HTMLScriptElement | null);
