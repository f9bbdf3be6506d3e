// Segment's SDK and its consent tools from npm, unmodified, as a site bundles them: they wait until somebody who asks says
// what is granted. Here that is vanilla-cookieconsent where it is in the page; else they wait for ever.

import { createWrapper, resolveWhen } from "@segment/analytics-consent-tools";
import { AnalyticsBrowser } from "@segment/analytics-next";

const IDS = ["functionality", "performance", "targeting"];
const accepts = (id) => window.CookieConsent?.acceptedCategory(id) ?? false;
const analytics = new AnalyticsBrowser();
const wrapped = createWrapper({
  shouldLoadWrapper: () => resolveWhen(() => !!window.CookieConsent, 100),
  shouldLoadSegment: async (context) => {
    await resolveWhen(() => IDS.some(accepts), 100);
    context.load({ consentModel: "opt-in" });
  },
  getCategories: () => Object.fromEntries(IDS.map((id) => [id, accepts(id)])),
  registerOnConsentChanged: (changed) => addEventListener("cc:onChange", () => changed(Object.fromEntries(IDS.map((id) => [id, accepts(id)])))),
})(analytics);
wrapped.load({ writeKey: "wk_bench", cdnURL: location.origin });
wrapped.page();
window.analytics = wrapped;
