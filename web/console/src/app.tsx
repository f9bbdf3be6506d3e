// The table of pages, and what stands before them: the session.

import { Suspense, useEffect } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import type { Session } from "./api/model.ts";
import { Shell } from "./layout/shell.tsx";
import {
  ConsentPage,
  DestinationPage,
  DestinationsPage,
  EventPage,
  LakePage,
  LivePage,
  NewDestinationPage,
  NewSourcePage,
  SettingsPage,
  SourcePage,
  SourcesPage,
} from "./pages/lazy.ts";
import { LoginPage } from "./pages/login.tsx";
import { OverviewPage } from "./pages/overview/page.tsx";
import { paths } from "./paths.ts";
import { SessionOf, useSessionQuery } from "./session.tsx";
import { Empty, ErrorMessage, Skeleton } from "./ui/states.tsx";
import { WorkspaceOf } from "./workspace.tsx";

export function App() {
  const query = useSessionQuery();
  if (query.data) {
    return (
      <SessionOf session={query.data}>
        <Pages session={query.data} />
      </SessionOf>
    );
  }
  if (query.data === null) return <LoginPage />;
  return (
    <main className="login">
      <h1 className="visually-hidden">Assent</h1>
      {query.error ? (
        <ErrorMessage error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <p className="row muted" role="status">
          <span className="spinner" aria-hidden="true" /> Loading
        </p>
      )}
    </main>
  );
}

function Pages({ session }: { session: Session }) {
  const first = session.workspaces[0];
  return (
    <Switch>
      <Route path="/w/:workspace/*?">
        {({ workspace }) =>
          session.workspaces.includes(workspace) ? (
            <WorkspaceOf name={workspace}>
              <Shell>
                <Suspense fallback={<Skeleton lines={6} />}>
                  <WorkspacePages />
                </Suspense>
              </Shell>
            </WorkspaceOf>
          ) : (
            <Missing what={`There is no workspace ${workspace}, or you may not see it.`} />
          )
        }
      </Route>
      <Route path="/">{first ? <Redirect to={paths.overview(first)} replace /> : <NoWorkspace />}</Route>
      <Route>
        <Missing what="This page does not exist." />
      </Route>
    </Switch>
  );
}

function WorkspacePages() {
  const [location] = useLocation();
  useEffect(() => {
    if (location) window.scrollTo(0, 0);
  }, [location]);
  return (
    <Switch>
      <Route path="/w/:workspace/overview" component={OverviewPage} />
      <Route path="/w/:workspace/live" component={LivePage} />
      <Route path="/w/:workspace/events/:id">{({ id }) => <EventPage messageId={decodeURIComponent(id)} />}</Route>
      <Route path="/w/:workspace/sources" component={SourcesPage} />
      <Route path="/w/:workspace/new-source" component={NewSourcePage} />
      <Route path="/w/:workspace/sources/:name">{({ name }) => <SourcePage key={name} name={name} />}</Route>
      <Route path="/w/:workspace/destinations" component={DestinationsPage} />
      <Route path="/w/:workspace/new-destination" component={NewDestinationPage} />
      <Route path="/w/:workspace/destinations/:name/:tab?">
        {({ name, tab }) => <DestinationPage key={name} name={name} tab={tab ?? "health"} />}
      </Route>
      <Route path="/w/:workspace/consent/*?">{(params) => <ConsentPage path={params["*"] ?? ""} />}</Route>
      <Route path="/w/:workspace/lake" component={LakePage} />
      <Route path="/w/:workspace/settings/:tab?">{({ tab }) => <SettingsPage tab={tab ?? "account"} />}</Route>
      <Route>
        <Empty icon="search" title="This page does not exist." />
      </Route>
    </Switch>
  );
}

const NoWorkspace = () => (
  <Missing what="There is no workspace yet. Start the server with --workspace FILE, or run assent apply FILE." />
);

function Missing({ what }: { what: string }) {
  return (
    <main className="login">
      <div className="card">
        <h1 className="visually-hidden">Not found</h1>
        <Empty icon="search" title={what}>
          <p>
            <a href={paths.home}>To the start</a>
          </p>
        </Empty>
      </div>
    </main>
  );
}
