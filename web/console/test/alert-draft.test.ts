// What an alert's form makes of an alert, and an alert of the form.

import { expect, test } from "vitest";
import type { Alert } from "../src/api/model.ts";
import { bodyOf, draftOf, newAlert, newEmail, newWebhook } from "../src/pages/settings/alert-draft.ts";

const SAVED: Alert = {
  name: "hook-fails",
  when: "failure_rate",
  destination: "hook",
  source: null,
  reason: null,
  above_percent: 2.5,
  above_minutes: null,
  above_pages: null,
  above_business_days: null,
  window_minutes: 10,
  for_minutes: 0,
  repeat_after_hours: 4,
  notify: [
    { webhook: { url: "https://hooks.example/in", secret: { secret: true }, allow_private: true } },
    { webhook: { url: "https://plain.example/in" } },
    { email: ["ops@acme.example", "night@acme.example"] },
  ],
  enabled: true,
  version: 3,
  declared_by: null,
  standing: [],
};

test("an alert that nobody touches is written as it was", () => {
  const { version: _, declared_by: __, standing: ___, ...said } = SAVED;
  expect(bodyOf(draftOf(SAVED))).toEqual(said);
});

test("only what belongs to the condition is said", () => {
  const draft = { ...newAlert(), name: "late", when: "oldest_waiting" as const, about: "hook", above: "15" };
  const body = bodyOf(draft);
  expect(body).toMatchObject({
    destination: "hook",
    source: null,
    above_percent: null,
    above_minutes: 15,
    window_minutes: null,
  });
  expect(bodyOf({ ...draft, when: "disk", above: "85" })).toMatchObject({ destination: null, above_percent: 85 });
  expect(bodyOf({ ...draft, when: "no_choices", about: "web", above: "200", window_minutes: "60" })).toMatchObject({
    destination: null,
    source: "web",
    above_percent: null,
    above_pages: 200,
    window_minutes: 60,
  });
  expect(bodyOf({ ...draft, when: "untold_withdrawals", above: "5" })).toMatchObject({
    destination: "hook",
    above_percent: null,
    above_business_days: 5,
    window_minutes: null,
  });
});

test("ways are read as they are typed", () => {
  const webhook = { ...newWebhook(), url: "https://hooks.example/in", isSigned: true, secret: "whsec_AA==" };
  const email = { ...newEmail(), to: " ops@acme.example ; night@acme.example," };
  expect(bodyOf({ ...newAlert(), ways: [webhook, email] } as ReturnType<typeof newAlert>).notify).toEqual([
    { webhook: { url: "https://hooks.example/in", secret: "whsec_AA==" } },
    { email: ["ops@acme.example", "night@acme.example"] },
  ]);
});
