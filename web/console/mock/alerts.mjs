// Alerts of the mock: one that fires, one at rest, one that is declared by a file; and what was told.

import { ago } from "./ago.mjs";

const MINUTE = 60_000;

const alert = (name, more) => ({
  name,
  when: "failure_rate",
  destination: null,
  source: null,
  reason: null,
  above_percent: 10,
  above_minutes: null,
  above_pages: null,
  above_business_days: null,
  window_minutes: 5,
  for_minutes: 5,
  repeat_after_hours: 4,
  notify: [],
  enabled: true,
  declared_by: null,
  version: 1,
  standing: [],
  ...more,
});

export const alertsOf = (isFull) =>
  isFull
    ? [
        alert("crm-fails", {
          destination: "crm",
          notify: [
            {
              webhook: { url: "https://hooks.example.com/T01/secret", secret: { secret: true }, allow_private: false },
            },
            { email: ["ops@acme.example", "night@acme.example"] },
          ],
          standing: [{ about: "crm", state: "firing", since: ago(22 * MINUTE), figure: 100 }],
        }),
        alert("late", { when: "oldest_waiting", above_percent: null, above_minutes: 15 }),
        alert("disk", {
          when: "disk",
          above_percent: 85,
          declared_by: "workspace.yaml",
          notify: [{ email: ["ops@acme.example"] }],
        }),
      ]
    : [];

const send = (to, state, more) => ({ to, state, attempts: 1, at: ago(21 * MINUTE), error: null, ...more });
const notice = (id, kind, more) => ({
  id,
  at: ago(22 * MINUTE),
  alert: "crm-fails",
  about: "crm",
  kind,
  figure: 100,
  above: 10,
  unit: "percent",
  sends: [send("webhook hooks.example.com", "sent"), send("e-mail to 2 addresses", "sent")],
  ...more,
});

export const noticesOf = (isFull) =>
  isFull
    ? [
        notice(3, "firing", {
          sends: [
            send("webhook hooks.example.com", "sent"),
            send("e-mail to 2 addresses", "failed", { attempts: 8, error: "the mail server answered 550" }),
          ],
        }),
        notice(2, "resolved", { figure: 0, at: ago(300 * MINUTE) }),
        notice(1, "firing", { at: ago(340 * MINUTE) }),
      ]
    : [];

const newAlert = (body) => alert(body.name, { ...body, version: 1 });

export const alertRoutes = ({ page, change, create, drop }) => [
  ["GET", /^\/w\/alerts$/, ({ world }) => ({ body: { items: world.alerts, next: null, sends_email: true } })],
  ["POST", /^\/w\/alerts$/, create("alerts", newAlert)],
  ["PUT", /^\/w\/alerts\/([^/]+)$/, change("alerts")],
  ["DELETE", /^\/w\/alerts\/([^/]+)$/, drop("alerts")],
  [
    "POST",
    /^\/w\/alerts\/([^/]+)\/test$/,
    () => ({
      body: {
        sends: [
          { to: "webhook hooks.example.com", ok: true, error: null },
          { to: "e-mail to 2 addresses", ok: false, error: "the mail server answered 550" },
        ],
      },
    }),
  ],
  ["GET", /^\/w\/alert-notices$/, ({ world }) => page(world.notices)],
];
