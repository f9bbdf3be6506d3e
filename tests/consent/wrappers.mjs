// What a page of Segment's has beside a consent manager, for `wrappers.test.mjs` to bundle: analytics-next and
// consent-tools unmodified, joined to Assent directly, and through what the wrappers of TrustArc and OneTrust read. Those
// two are not on npm: these are our own words for the contract in the repository's reference, not their code.

import { createWrapper, resolveWhen } from "@segment/analytics-consent-tools";
import { AnalyticsBrowser } from "@segment/analytics-next";

/** How often both look whether their consent manager is there, in milliseconds. */
const POLL_MS = 500;

/** As the README of the SDK has it. */
const withAssent = createWrapper({
  shouldLoadWrapper: () => resolveWhen(() => !!window.assent?.initialized, 100),
  shouldLoadSegment: async (context) => {
    const { consent } = window.assent;
    const grants = () => Object.entries(consent.preferences()).some(([id, granted]) => granted && id !== "required");
    const consentModel = grants() && !consent.isChosen() ? "opt-out" : "opt-in";
    await resolveWhen(grants, 100);
    context.load({ consentModel });
  },
  getCategories: () => window.assent.consent.preferences(),
  registerOnConsentChanged: (changed) => window.assent.on("consent", changed),
});

const OPT_OUT = ["us", "na", "implied"];

const trustArc = () => {
  const { truste } = window;
  return truste?.cma?.callApi && truste.eu?.bindMap ? truste : undefined;
};

function buckets() {
  const { cma, eu } = trustArc();
  const { source, consentDecision } = cma.callApi("getGDPRConsentDecision", eu.bindMap.domain);
  const isOptOut = OPT_OUT.includes(eu.bindMap.behaviorManager);
  const all = Array.from({ length: eu.bindMap.categoryCount }, (_, index) => index + 1);
  const on = (bucket) => (source === "asserted" ? consentDecision.includes(bucket) : isOptOut || bucket === 1);
  return Object.fromEntries(all.map((bucket) => [`ta-${bucket}`, on(bucket)]));
}

const withTrustArc = createWrapper({
  shouldLoadWrapper: () => resolveWhen(() => !!trustArc(), POLL_MS),
  shouldLoadSegment: async (context) => {
    if (OPT_OUT.includes(trustArc().eu.bindMap.behaviorManager)) return context.load({ consentModel: "opt-out" });
    // The first group is taken away, whatever it is.
    const grants = () => Object.entries(buckets()).filter(([, granted]) => granted).slice(1).length > 0;
    await resolveWhen(grants, POLL_MS);
    return context.load({ consentModel: "opt-in" });
  },
  getCategories: buckets,
  registerOnConsentChanged: (changed) => {
    addEventListener("message", ({ data }) => {
      // Texts alone are read, and nobody asks where one comes from.
      let said;
      try {
        said = JSON.parse(data);
      } catch {
        return;
      }
      if (said.message === "submit_preferences") changed(buckets());
    });
  },
});

const oneTrust = () => {
  const { OneTrust } = window;
  return OneTrust && ["OnConsentChanged", "IsAlertBoxClosed", "GetDomainData"].every((name) => name in OneTrust) ? OneTrust : undefined;
};

function groups(active = window.OnetrustActiveGroups) {
  const on = Array.isArray(active) ? active : active.split(",").filter(Boolean);
  return Object.fromEntries(oneTrust().GetDomainData().Groups.map(({ CustomGroupId: id }) => [id, on.includes(id)]));
}

const withOneTrust = createWrapper({
  shouldLoadWrapper: () => resolveWhen(() => !!oneTrust(), POLL_MS),
  shouldLoadSegment: async (context) => {
    const { ShowAlertNotice, ConsentModel } = oneTrust().GetDomainData();
    if (!["opt-in", "implied consent"].includes(ConsentModel.Name)) return context.load({ consentModel: "opt-out" });
    await resolveWhen(() => ShowAlertNotice === false || oneTrust().IsAlertBoxClosed(), POLL_MS);
    return context.load({ consentModel: "opt-in" });
  },
  getCategories: () => groups(),
  registerOnConsentChanged: (changed) => oneTrust().OnConsentChanged(({ detail }) => changed(groups(detail))),
});

/** Puts the global `analytics` there, joined in one of the three ways, with a call made before anything is known. */
window.startSegment = (way) => {
  const analytics = new AnalyticsBrowser();
  window.analytics = { withAssent, withTrustArc, withOneTrust }[way](analytics);
  analytics.track("Early");
  analytics.load({ writeKey: "wk_test", cdnURL: location.origin });
};
