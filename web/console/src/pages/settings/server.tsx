// The server: the limits and settings in force, and what it keeps on disk.

import { useQuery } from "@tanstack/react-query";
import type { Setting, Storage } from "../../api/model.ts";
import { overview, settings } from "../../api/resources.ts";
import { bytes } from "../../format/number.ts";
import { useBlocked } from "../../session.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Meter } from "../../ui/meter.tsx";
import { Card } from "../../ui/page.tsx";
import { Prose } from "../../ui/prose.tsx";
import { ScrollFrame } from "../../ui/scroll-frame.tsx";
import { Loaded, Message } from "../../ui/states.tsx";
import { useWorkspace } from "../../workspace.tsx";

export function LimitsTab() {
  const blocked = useBlocked("admin");
  return blocked ? <Message tone="note" title={blocked} /> : <Settings />;
}

function Settings() {
  const query = useQuery(settings);
  return (
    <Card flush title="Limits and settings in force">
      <Loaded query={query}>{({ items }) => <Table items={items} />}</Loaded>
    </Card>
  );
}

const Table = ({ items }: { items: Setting[] }) => (
  <ScrollFrame label="Settings">
    <table className="table">
      <thead>
        <tr>
          <th>Setting</th>
          <th>Value</th>
          <th>From</th>
        </tr>
      </thead>
      <tbody>
        {items.map((setting) => (
          <tr key={setting.key}>
            <td>
              <code>{setting.key}</code>
              {setting.docs && (
                <div className="small muted">
                  <Prose text={setting.docs} />
                </div>
              )}
            </td>
            <td className="break">{setting.value || "–"}</td>
            <td>{setting.is_default ? <span className="muted">Default</span> : <Badge tone="note">Set</Badge>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </ScrollFrame>
);

const MINUTES = 15;
/** Below so much free space the server refuses events before the disk is full. */
const SHORT_SHARE = 0.1;

export function StorageTab() {
  const query = useQuery(overview(useWorkspace(), MINUTES));
  return (
    <Card title="Storage">
      <Loaded query={query}>
        {({ storage }) =>
          storage ? (
            <Disk storage={storage} />
          ) : (
            <Message tone="note" title="The disk cannot be asked on this machine." />
          )
        }
      </Loaded>
    </Card>
  );
}

function Disk({ storage: { disk_bytes: disk, free_bytes: free, data_bytes: data } }: { storage: Storage }) {
  const other = Math.max(0, disk - free - data);
  return (
    <div className="stack">
      {free < disk * SHORT_SHARE && (
        <Message tone="wait" title="The disk is nearly full.">
          Events are refused before nothing fits any more; none that was acknowledged is lost.
        </Message>
      )}
      <Meter
        parts={[
          [data, "accent"],
          [other, "plain"],
        ]}
        of={disk}
      />
      <dl className="facts">
        <dt>Kept by Assent</dt>
        <dd>{bytes(data)}</dd>
        <dt>Other files</dt>
        <dd>{bytes(other)}</dd>
        <dt>Free</dt>
        <dd>{bytes(free)}</dd>
        <dt>Disk</dt>
        <dd>{bytes(disk)}</dd>
      </dl>
    </div>
  );
}
