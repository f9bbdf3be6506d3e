// Settings: of oneself, of people and programs, of the workspace, of the server.

import { paths, SETTINGS_TABS, type SettingsTab } from "../../paths.ts";
import { PageHead, TabLinks } from "../../ui/page.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { AccountTab } from "./account.tsx";
import { AlertsTab } from "./alerts.tsx";
import { AuditTab } from "./audit.tsx";
import { FileTab } from "./file.tsx";
import { LimitsTab, StorageTab } from "./server.tsx";
import { TokensTab } from "./tokens.tsx";
import { UsersTab } from "./users.tsx";

const TABS: readonly (readonly [SettingsTab, string])[] = [
  ["account", "Account"],
  ["users", "Users"],
  ["tokens", "Tokens"],
  ["alerts", "Alerts"],
  ["audit", "Audit log"],
  ["file", "Workspace file"],
  ["limits", "Limits"],
  ["storage", "Storage"],
];

const PAGES: Record<SettingsTab, () => React.ReactNode> = {
  account: AccountTab,
  users: UsersTab,
  tokens: TokensTab,
  alerts: AlertsTab,
  audit: AuditTab,
  file: FileTab,
  limits: LimitsTab,
  storage: StorageTab,
};

export function SettingsPage({ tab }: { tab: string }) {
  const workspace = useWorkspace();
  const current = SETTINGS_TABS.find((known) => known === tab) ?? "account";
  const Tab = PAGES[current];
  return (
    <>
      <PageHead title="Settings" />
      <TabLinks label="Settings" tabs={TABS} current={current} to={(to) => paths.settings(workspace, to)} />
      <Tab />
    </>
  );
}
