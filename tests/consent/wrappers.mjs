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
const modelOf = (behavior) => (OPT_OUT.includes(behavior) ? "opt-out" : "opt-in");

const trustArc = () => {
  const { truste } = window;
  return truste?.cma?.callApi && truste.eu?.bindMap ? truste : undefined;
};

/** The experience goes before a model that the page gives, and both before the region. */
function trustArcModel({ consentModelBasedOnConsentExperience, consentModel } = {}) {
  const { behavior, behaviorManager } = trustArc().eu.bindMap;
  if (consentModelBasedOnConsentExperience) return modelOf(behavior);
  return consentModel?.() ?? modelOf(behaviorManager);
}

function buckets(model) {
  const { cma, eu } = trustArc();
  const { source, consentDecision } = cma.callApi("getGDPRConsentDecision", eu.bindMap.domain);
  const isOptOut = model === "opt-out";
  const all = Array.from({ length: eu.bindMap.categoryCount }, (_, index) => index + 1);
  const on = (bucket) => (source === "asserted" ? consentDecision.includes(bucket) : isOptOut || bucket === 1);
  return Object.fromEntries(all.map((bucket) => [`ta-${bucket}`, on(bucket)]));
}

const trustArcWrapper = (settings) => ({
  shouldLoadWrapper: () => resolveWhen(() => !!trustArc(), POLL_MS),
  shouldLoadSegment: async (context) => {
    if (trustArcModel(settings) === "opt-out") return context.load({ consentModel: "opt-out" });
    // The first group is taken away, whatever it is.
    const grants = () => Object.entries(buckets("opt-in")).filter(([, granted]) => granted).slice(1).length > 0;
    await resolveWhen(() => grants() || !!settings.alwaysLoadSegment, POLL_MS);
    return context.load({ consentModel: "opt-in" });
  },
  getCategories: () => buckets(trustArcModel(settings)),
  registerOnConsentChanged: (changed) => {
    addEventListener("message", ({ data }) => {
      // Texts alone are read, and nobody asks where one comes from.
      let said;
      try {
        said = JSON.parse(data);
      } catch {
        return;
      }
      // Here the region alone says the model, whatever the settings are.
      if (said.message === "submit_preferences") changed(buckets(trustArcModel()));
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

const oneTrustWrapper = (settings) => ({
  shouldLoadWrapper: () => resolveWhen(() => !!oneTrust(), POLL_MS),
  shouldLoadSegment: async (context) => {
    const { ShowAlertNotice, ConsentModel } = oneTrust().GetDomainData();
    const isOptIn = ["opt-in", "implied consent"].includes(ConsentModel.Name);
    const model = settings.consentModel?.() || (isOptIn ? "opt-in" : "opt-out");
    if (model === "opt-out") return context.load({ consentModel: "opt-out" });
    const isAnswered = () => ShowAlertNotice === false || oneTrust().IsAlertBoxClosed();
    await resolveWhen(() => Object.values(groups()).includes(true) && isAnswered(), POLL_MS);
    return context.load({ consentModel: "opt-in" });
  },
  getCategories: () => groups(),
  registerOnConsentChanged: (changed) => oneTrust().OnConsentChanged(({ detail }) => changed(groups(detail))),
});

/** Both wrappers can leave Segment's own report of a change out. */
const joined = (wrapper, settings) => {
  const { registerOnConsentChanged, ...rest } = wrapper(settings);
  return createWrapper({ ...rest, ...(!settings.disableConsentChangedEvent && { registerOnConsentChanged }) });
};

/**
 * Puts the global `analytics` there, joined in one of the three ways, with a call made before anything is known. Of the
 * wrapper's settings `consentModel` is what the page's function says.
 */
window.startSegment = (way, { consentModel, ...others } = {}) => {
  const settings = { ...others, ...(consentModel && { consentModel: () => consentModel }) };
  const ways = { withAssent, withTrustArc: joined(trustArcWrapper, settings), withOneTrust: joined(oneTrustWrapper, settings) };
  const analytics = new AnalyticsBrowser();
  window.analytics = ways[way](analytics);
  analytics.track("Early");
  analytics.load({ writeKey: "wk_test", cdnURL: location.origin });
};
