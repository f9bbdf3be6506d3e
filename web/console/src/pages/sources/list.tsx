// Sources: where events come from.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Source } from "../../api/model.ts";
import { sources } from "../../api/resources.ts";
import { sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { useMay } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { DeclaredBadge } from "../../ui/declared.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, Loaded } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function SourcesPage() {
  const workspace = useWorkspace();
  const query = useQuery(sources(workspace));
  const mayCreate = useMay("admin");
  const create = mayCreate && (
    <ButtonLink to={paths.newSource(workspace)} look="primary" icon="plus">
      New source
    </ButtonLink>
  );
  return (
    <>
      <PageHead
        title="Sources"
        about="Sites, apps and servers that send events. Each has a write key, and a basis on which it may collect."
        actions={create}
      />
      <Loaded query={query}>
        {({ items }) => (
          <Card flush>
            {items.length === 0 ? (
              <Empty icon="sources" title="No source yet">
                <p>A source gives you a write key and the lines to paste into a site, an app or a server.</p>
                {create}
              </Empty>
            ) : (
              <Table items={items} />
            )}
          </Card>
        )}
      </Loaded>
    </>
  );
}

function Table({ items }: { items: Source[] }) {
  const workspace = useWorkspace();
  return (
    <ScrollFrame label="Sources">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>Kind</th>
            <th>State</th>
            <th>Collects by</th>
            <th>Last event</th>
            <th>Declared by</th>
          </tr>
        </thead>
        <tbody>
          {items.map((source) => (
            <tr key={source.name}>
              <td>
                <Link href={paths.source(workspace, source.name)} className="primary">
                  {source.name}
                </Link>
              </td>
              <td>{sentence(source.kind)}</td>
              <td>
                <SourceState source={source} />
              </td>
              <td>
                {sentence(source.basis ?? "consent")}
                {(source.basis ?? "consent") === "consent" && <span className="muted"> · {source.category}</span>}
              </td>
              <td>
                <When at={source.last_event_at} />
              </td>
              <td>
                {source.declared_by ? <DeclaredBadge by={source.declared_by} /> : <span className="muted">–</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

export function SourceState({ source }: { source: Source }) {
  if (!source.enabled) return <Badge icon="plain">Off</Badge>;
  if (!source.first_event_at) {
    return (
      <Badge tone="wait" icon="wait">
        Waiting for the first event
      </Badge>
    );
  }
  return (
    <Badge tone="good" icon="good">
      Receiving
    </Badge>
  );
}
