// Pages that are loaded when they are first opened. The login and the overview come with the first load: they are what
// everybody sees first.

import { lazy } from "react";

export const LivePage = lazy(() => import("./live/page.tsx").then(({ LivePage }) => ({ default: LivePage })));
export const EventPage = lazy(() => import("./event.tsx").then(({ EventPage }) => ({ default: EventPage })));
export const SourcesPage = lazy(() =>
  import("./sources/list.tsx").then(({ SourcesPage }) => ({ default: SourcesPage })),
);
export const SourcePage = lazy(() =>
  import("./sources/detail.tsx").then(({ SourcePage }) => ({ default: SourcePage })),
);
export const NewSourcePage = lazy(() =>
  import("./sources/new.tsx").then(({ NewSourcePage }) => ({ default: NewSourcePage })),
);
export const DestinationsPage = lazy(() =>
  import("./destinations/list.tsx").then(({ DestinationsPage }) => ({ default: DestinationsPage })),
);
export const DestinationPage = lazy(() =>
  import("./destinations/detail.tsx").then(({ DestinationPage }) => ({ default: DestinationPage })),
);
export const NewDestinationPage = lazy(() =>
  import("./destinations/new.tsx").then(({ NewDestinationPage }) => ({ default: NewDestinationPage })),
);
export const ConsentPage = lazy(() =>
  import("./consent/page.tsx").then(({ ConsentPage }) => ({ default: ConsentPage })),
);
export const LakePage = lazy(() => import("./lake/page.tsx").then(({ Lake }) => ({ default: Lake })));
export const SettingsPage = lazy(() =>
  import("./settings/page.tsx").then(({ SettingsPage }) => ({ default: SettingsPage })),
);
