// Settings for tests of logic, as the EU's are.

import type { AssentSettings } from "../src/settings.ts";

export const settings = (): AssentSettings => ({
  v: 1,
  region: "DE",
  source: { category: "performance" },
  before: "block",
  regime: {
    id: "eu",
    version: 1,
    models: { functionality: "opt-in", performance: "opt-in", targeting: "opt-in" },
    first: "ask",
    lifetimeDays: 180,
    reaskDays: 180,
    gpc: { denies: [], show: true },
  },
  categories: [
    { id: "required", name: "Required", description: "Keeps the site safe." },
    { id: "functionality", name: "Functionality", description: "Remembers." },
    { id: "performance", name: "Performance", description: "Counts." },
    { id: "targeting", name: "Targeting", description: "Advertises." },
  ],
  texts: {
    language: "en",
    version: 3,
    hash: "0".repeat(64),
    title: "Privacy",
    body: "We ask.",
    accept: "Accept all",
    reject: "Reject all",
    choose: "Choose",
    save: "Save",
    close: "Close",
    control: "Privacy choices",
    withdraw: "Withdraw",
    always: "Always on",
    gpc: "Opt-out request honored",
    reload: "Still running:",
    reloadButton: "Reload",
    receipt: "Receipt",
  },
});
