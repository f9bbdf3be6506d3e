// The demo page's only script: asks first, loads Segment's analytics.js only after a grant, stamps every event, and
// tells the server about a refusal without any identifier of its own making.
"use strict";

const WRITE_KEY = "wk_demo";
const STORED = "assent-demo-choice";
const state = document.getElementById("state");
const sent = document.getElementById("sent");
let preferences;

function note(text) {
  const line = document.createElement("li");
  line.textContent = text;
  sent.append(line);
}

function stamp({ payload, next }) {
  payload.obj.context = { ...payload.obj.context, consent: { categoryPreferences: preferences } };
  next(payload);
}

function load() {
  if (window.analytics) return;
  const queue = (window.analytics = []);
  for (const method of ["track", "page", "addSourceMiddleware"]) {
    queue[method] = (...args) => queue.push([method, ...args]);
  }
  queue._writeKey = WRITE_KEY;
  queue._cdn = location.origin;
  const script = document.createElement("script");
  script.src = `/analytics.js/v1/${WRITE_KEY}/analytics.min.js`;
  script.dataset.globalSegmentAnalyticsKey = "analytics";
  document.head.append(script);
  queue.addSourceMiddleware(stamp);
  queue.page();
}

async function tellRefusal() {
  const body = {
    event: "Segment Consent Preference Updated",
    anonymousId: crypto.randomUUID(),
    context: { consent: { categoryPreferences: preferences } },
  };
  await fetch("/v1/track", { method: "POST", headers: { Authorization: `Basic ${btoa(`${WRITE_KEY}:`)}` }, body: JSON.stringify(body) });
}

function apply(choice, isNew) {
  const granted = choice === "grant";
  preferences = { functionality: granted, performance: granted, targeting: false };
  state.textContent = granted ? "You accepted measuring. You can reject at any time." : "You rejected. Nothing is measured.";
  if (granted) {
    load();
    if (isNew) window.analytics.track("Segment Consent Preference Updated");
  } else if (window.analytics) {
    if (isNew) window.analytics.track("Segment Consent Preference Updated");
  } else if (isNew) {
    void tellRefusal();
  }
}

for (const button of document.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => {
    localStorage.setItem(STORED, button.dataset.choice);
    apply(button.dataset.choice, true);
  });
}

document.getElementById("track").addEventListener("click", async () => {
  if (!window.analytics) {
    note("Not sent: you have not accepted measuring.");
    return;
  }
  const context = await window.analytics.track("Button Clicked", { place: "demo" });
  note(context?.event ? `${context.event.event} · ${context.event.messageId}` : "Queued until the SDK has loaded.");
});

const earlier = localStorage.getItem(STORED);
if (earlier) apply(earlier, false);
