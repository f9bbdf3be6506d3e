// What goes wrong at a destination, grouped by what was answered, with events to look at.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { errorGroups } from "../../api/resources.ts";
import { count } from "../../format/number.ts";
import { reasonText, sentence } from "../../format/words.ts";
import { paths } from "../../paths.ts";
import { Badge, ResultBadge } from "../../ui/badge.tsx";
import { Card } from "../../ui/page.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Empty, Loaded } from "../../ui/states.tsx";
import { When } from "../../ui/when.tsx";
import { useWorkspace } from "../../workspace.tsx";

const SAMPLES_MAX = 3;

export function ErrorGroups({ name }: { name: string }) {
  const workspace = useWorkspace();
  const query = useQuery(errorGroups(workspace, name));
  return (
    <Loaded query={query}>
      {({ items }) =>
        items.length === 0 ? (
          <Card>
            <Empty icon="good" title="No errors">
              <p>Failed attempts of the last seven days would be listed here, grouped by what was answered.</p>
            </Empty>
          </Card>
        ) : (
          <Card flush>
            <ScrollFrame label="Errors">
              <table className="table">
                <thead>
                  <tr>
                    <th>Reason</th>
                    <th>Result</th>
                    <th>Answer</th>
                    <th className="number">Times</th>
                    <th>First</th>
                    <th>Last</th>
                    <th>Events</th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((group) => (
                    <tr key={`${group.result} ${group.reason} ${group.status} ${group.text}`}>
                      <td>
                        <strong>{sentence(reasonText(group.reason))}</strong>
                      </td>
                      <td>
                        <ResultBadge result={group.result} />
                      </td>
                      <td>
                        {group.status > 0 && <Badge>{`HTTP ${group.status}`}</Badge>}{" "}
                        <span className="break">{group.text}</span>
                      </td>
                      <td className="number">{count(group.count)}</td>
                      <td>
                        <When at={group.first_at} none="–" />
                      </td>
                      <td>
                        <When at={group.last_at} none="–" />
                      </td>
                      <td>
                        {group.sample_message_ids.slice(0, SAMPLES_MAX).map((id) => (
                          <Link
                            key={id}
                            href={paths.event(workspace, id)}
                            className="mono small nowrap"
                            style={{ display: "block" }}
                          >
                            {id.length > 18 ? `${id.slice(0, 17)}…` : id}
                          </Link>
                        ))}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </ScrollFrame>
          </Card>
        )
      }
    </Loaded>
  );
}
