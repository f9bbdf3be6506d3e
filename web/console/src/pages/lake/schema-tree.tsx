// Tables and columns; one click puts a name into the query.

import type { UseQueryResult } from "@tanstack/react-query";
import type { LakeTable } from "../../api/model.ts";
import { Empty, Loaded } from "../../ui/states.tsx";

const PLAIN_NAME = /^[a-z_][a-z0-9_]*$/;
const quoted = (name: string): string => (PLAIN_NAME.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

export function SchemaTree({ query, onPick }: { query: UseQueryResult<LakeTable[]>; onPick: (text: string) => void }) {
  return (
    <Loaded query={query}>
      {(tables) =>
        tables.length === 0 ? (
          <Empty icon="lake" title="No table yet" />
        ) : (
          <ul className="tree">
            {tables.map((table) => (
              <li key={table.name}>
                <details open>
                  <summary>{table.name}</summary>
                  <ul>
                    {table.columns.map((column) => (
                      <li key={column.name}>
                        <button type="button" className="tree-item" onClick={() => onPick(quoted(column.name))}>
                          <span className="break">{column.name}</span>
                          <span className="muted">{shortType(column.type)}</span>
                        </button>
                      </li>
                    ))}
                  </ul>
                </details>
              </li>
            ))}
          </ul>
        )
      }
    </Loaded>
  );
}

/** `Timestamp(Microsecond, Some("UTC"))` → `timestamp`. */
export const shortType = (type: string): string => (/^\w+/.exec(type)?.[0] ?? type).toLowerCase();
