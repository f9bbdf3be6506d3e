// Destinations: where events go, and how each does.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import type { Destination } from "../../api/model.ts";
import { destinations } from "../../api/resources.ts";
import { compact } from "../../format/number.ts";
import { paths } from "../../paths.ts";
import { useMay } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { ButtonLink } from "../../ui/button.tsx";
import { DeclaredBadge } from "../../ui/declared.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, Loaded } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";
import { HealthBadge, ResultMeter } from "../overview/destinations.tsx";

export function DestinationsPage() {
  const workspace = useWorkspace();
  const query = useQuery(destinations(workspace));
  const mayCreate = useMay("admin");
  const create = mayCreate && (
    <ButtonLink to={paths.newDestination(workspace)} look="primary" icon="plus">
      New destination
    </ButtonLink>
  );
  return (
    <>
      <PageHead
        title="Destinations"
        about="Tools and warehouses that get events, each under its own categories and purpose."
        actions={create}
      />
      <Loaded query={query}>
        {({ items }) => (
          <Card flush>
            {items.length === 0 ? (
              <Empty icon="destinations" title="No destination yet">
                <p>Events are kept in the lake. A destination sends them on, as far as consent permits.</p>
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

function Table({ items }: { items: Destination[] }) {
  const workspace = useWorkspace();
  return (
    <ScrollFrame label="Destinations">
      <table className="table">
        <thead>
          <tr>
            <th>Name</th>
            <th>Kind</th>
            <th>State</th>
            <th>Needs</th>
            <th>Purpose</th>
            <th>Results</th>
            <th className="number">Waiting</th>
            <th>Declared by</th>
          </tr>
        </thead>
        <tbody>
          {items.map((one) => (
            <tr key={one.name}>
              <td>
                <Link href={paths.destination(workspace, one.name)} className="primary">
                  {one.name}
                </Link>
              </td>
              <td>{one.kind}</td>
              <td>
                <HealthBadge health={one.health} enabled={one.enabled} />
              </td>
              <td>
                <Categories of={one} />
              </td>
              <td>{one.purpose}</td>
              <td style={{ minWidth: "8rem" }}>{one.health && <ResultMeter results={one.health} />}</td>
              <td className="number">{one.health ? compact(one.health.waiting) : "–"}</td>
              <td>{one.declared_by ? <DeclaredBadge by={one.declared_by} /> : <span className="muted">–</span>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollFrame>
  );
}

export function Categories({ of }: { of: Destination }) {
  if (!of.categories?.length) {
    return (
      <Badge tone={of.unmapped === "allow" ? "wait" : "hold"} icon={of.unmapped === "allow" ? "wait" : "hold"}>
        {of.unmapped === "allow" ? "unmapped, allowed" : "unmapped, gets nothing"}
      </Badge>
    );
  }
  return (
    <span className="row">
      {of.categories.map((name) => (
        <Badge key={name}>{name}</Badge>
      ))}
    </span>
  );
}
