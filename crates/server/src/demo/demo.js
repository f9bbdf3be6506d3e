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

/** What pages made for other platforms find. Asked for again and again, because each surface comes as a file of its own. */
const READERS = [
  ["OneTrust: OnetrustActiveGroups", () => window.OnetrustActiveGroups],
  ["TrustArc: truste.cma, getGDPRConsentDecision", () => decision()],
  ["Google Consent Mode: the latest command", () => JSON.stringify(Array.from(commands().at(-1) ?? []))],
  ["GPP: __gpp, the string", () => gppString()],
];

const decision = () => window.truste?.cma && JSON.stringify(window.truste.cma.callApi("getGDPRConsentDecision", location.host));
const commands = () => (window.dataLayer ?? []).filter((entry) => entry[0] === "consent");

function gppString() {
  let string;
  window.__gpp?.("ping", (data) => {
    string = data?.gppString;
  });
  return string;
}

const found = READERS.map(([name, value]) => {
  const [term, detail, code] = ["dt", "dd", "code"].map((tag) => document.createElement(tag));
  term.textContent = name;
  detail.append(code);
  document.getElementById("read").append(term, detail);
  return { code, value };
});

function read() {
  for (const { code, value } of found) {
    const text = value() ?? "not there yet";
    if (code.textContent !== text) code.textContent = text;
  }
}

const of = { form: "/v1/consent/form?writeKey=KEY", notice: "/v1/projects/KEY/notice", declaration: "/v1/projects/KEY/cookies.json" };
for (const [id, path] of Object.entries(of)) document.getElementById(id).href = path.replace("KEY", KEYS[region]);

window.analytics = stub();
window.analytics.on("consent", show);
window.analytics.ready(() => show(window.analytics.consent.preferences()));
setInterval(read, 500);
window.analytics.page("Demo");

for (const link of document.querySelectorAll("[data-region]")) {
  if (link.dataset.region === region) link.setAttribute("aria-current", "page");
}

document.getElementById("track").addEventListener("click", async () => {
  const captured = await window.analytics.track("Button Clicked", { place: "demo" });
  const why = window.analytics.consent.isChosen() ? "Not captured: you refused it." : "Waits in this page for your answer.";
  note(captured?.event ? `${captured.event.event} · ${captured.event.messageId}` : why);
});
