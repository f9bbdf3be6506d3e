// The demo page's only script: loads Assent's SDK as a customer's page does, for a source of the region that the address
// names, and shows what the SDK says about itself.
"use strict";

const KEYS = { eu: "wk_demo", uk: "wk_demo_uk", us: "wk_demo_us" };
const as = new URLSearchParams(location.search).get("as");
const region = as in KEYS ? as : "eu";
const sent = document.getElementById("sent");
const state = document.getElementById("state");

/** The array that stands in until the script is there: it keeps the calls, and the script makes them. */
function stub() {
  const queue = [];
  for (const method of ["track", "page", "identify", "reset", "on", "ready"]) {
    queue[method] = (...args) => {
      queue.push([method, ...args]);
      return queue;
    };
  }
  queue._writeKey = KEYS[region];
  const script = document.createElement("script");
  script.async = true;
  script.src = `/analytics.js/v1/${queue._writeKey}/analytics.min.js`;
  document.head.append(script);
  return queue;
}

function note(text) {
  const line = document.createElement("li");
  line.textContent = text;
  sent.append(line);
}

function show(preferences) {
  const allowed = Object.keys(preferences).filter((name) => preferences[name]);
  state.textContent = `Allowed now: ${allowed.join(", ") || "nothing"}.`;
}

window.analytics = stub();
window.analytics.on("consent", show);
window.analytics.ready(() => show(window.analytics.consent.preferences()));
window.analytics.page("Demo");

for (const link of document.querySelectorAll("[data-region]")) {
  if (link.dataset.region === region) link.setAttribute("aria-current", "page");
}

document.getElementById("track").addEventListener("click", async () => {
  const captured = await window.analytics.track("Button Clicked", { place: "demo" });
  note(captured?.event ? `${captured.event.event} · ${captured.event.messageId}` : "Not captured: nobody has allowed it.");
});
