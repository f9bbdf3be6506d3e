// Consent: how visitors are asked, what they answered, and the proof of it. Each tab has an address.

import { CONSENT_TABS, type ConsentTab, paths } from "../../paths.ts";
import { PageHead, TabLinks } from "../../ui/page.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { BannerTab } from "./banner.tsx";
import { LedgerTab } from "./ledger.tsx";
import { PeopleTab } from "./people.tsx";
import { RatesTab } from "./rates.tsx";
import { SimulationTab } from "./simulation.tsx";
import { VersionsTab } from "./versions.tsx";

const TABS: readonly (readonly [ConsentTab, string])[] = [
  ["banner", "Banner"],
  ["versions", "Versions"],
  ["simulation", "Simulation"],
  ["rates", "Opt-in rates"],
  ["people", "People"],
  ["ledger", "Ledger"],
];

const PAGES: Record<ConsentTab, (props: { section: string | undefined }) => React.ReactNode> = {
  banner: BannerTab,
  versions: VersionsTab,
  simulation: SimulationTab,
  rates: RatesTab,
  people: PeopleTab,
  ledger: LedgerTab,
};

/** `path`: the tab, and in the banner's the section. */
export function ConsentPage({ path }: { path: string }) {
  const [tab, section] = path.split("/");
  const workspace = useWorkspace();
  const current = CONSENT_TABS.find((known) => known === tab) ?? "banner";
  const Tab = PAGES[current];
  return (
    <>
      <PageHead title="Consent" about="How visitors are asked, what they answered, and what proves it." />
      <TabLinks label="Consent" tabs={TABS} current={current} to={(to) => paths.consent(workspace, to)} />
      <Tab section={section} />
    </>
  );
}
