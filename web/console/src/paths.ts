// Every address of the console, so that a link to a page that does not exist does not compile.

const w = (workspace: string) => `/w/${encodeURIComponent(workspace)}`;

export const SETTINGS_TABS = ["account", "users", "tokens", "alerts", "audit", "file", "limits", "storage"] as const;
export type SettingsTab = (typeof SETTINGS_TABS)[number];

export const CONSENT_TABS = ["banner", "versions", "simulation", "rates", "people", "ledger"] as const;
export type ConsentTab = (typeof CONSENT_TABS)[number];

export const DESTINATION_TABS = ["health", "errors", "dead-letters", "replay", "tester", "settings"] as const;
export type DestinationTab = (typeof DESTINATION_TABS)[number];

export const paths = {
  home: "/",
  /** What the server names below a workspace. */
  inside: (workspace: string, path: string) => `${w(workspace)}/${path}`,
  overview: (workspace: string) => `${w(workspace)}/overview`,
  live: (workspace: string) => `${w(workspace)}/live`,
  event: (workspace: string, messageId: string) => `${w(workspace)}/events/${encodeURIComponent(messageId)}`,
  sources: (workspace: string) => `${w(workspace)}/sources`,
  newSource: (workspace: string) => `${w(workspace)}/new-source`,
  source: (workspace: string, name: string) => `${w(workspace)}/sources/${encodeURIComponent(name)}`,
  destinations: (workspace: string) => `${w(workspace)}/destinations`,
  newDestination: (workspace: string) => `${w(workspace)}/new-destination`,
  destination: (workspace: string, name: string, tab: DestinationTab = "health") =>
    `${w(workspace)}/destinations/${encodeURIComponent(name)}/${tab}`,
  lake: (workspace: string) => `${w(workspace)}/lake`,
  consent: (workspace: string, tab: ConsentTab = "banner", section?: string) =>
    `${w(workspace)}/consent/${tab}${section ? `/${section}` : ""}`,
  settings: (workspace: string, tab: SettingsTab = "account") => `${w(workspace)}/settings/${tab}`,
};
