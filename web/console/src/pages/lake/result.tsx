// The rows of an answer: a table of which only what is in sight is in the page, a chart, a file.

import { useVirtualizer } from "@tanstack/react-virtual";
import { lazy, Suspense, useRef, useState } from "react";
import type { QueryResult, QueryUse } from "../../api/model.ts";
import { toCsv } from "../../format/csv.ts";
import { count, plural } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import { Button, Segments } from "../../ui/button.tsx";
import { Card } from "../../ui/page.tsx";
import { saveFile } from "../../ui/save-file.ts";
import { Empty } from "../../ui/states.tsx";
import { useText } from "./use.tsx";

const ROW_PX = 34;
const ResultChart = lazy(() => import("./result-chart.tsx").then(({ ResultChart }) => ({ default: ResultChart })));

type View = "table" | "chart";

interface Props {
  result: QueryResult;
  /** What it was read for; `null`: the whole table. */
  use: QueryUse | null;
}

export function Result({ result, use }: Props) {
  const [view, setView] = useState<View>("table");
  const aside = (
    <>
      <Segments
        label="View"
        value={view}
        options={[
          ["table", "Table"],
          ["chart", "Chart"],
        ]}
        onChange={setView}
      />
      <Button small icon="download" onClick={() => download(result)}>
        CSV
      </Button>
    </>
  );
  return (
    <Card flush title={<Summary result={result} use={use} />} aside={result.rows.length > 0 && aside}>
      {result.rows.length === 0 && <Empty icon="search" title="No rows" />}
      {result.rows.length > 0 && view === "table" && <Rows result={result} />}
      {result.rows.length > 0 && view === "chart" && (
        <div className="card-body">
          <Suspense fallback={<span className="skeleton" />}>
            <ResultChart result={result} />
          </Suspense>
        </div>
      )}
    </Card>
  );
}

const Summary = ({ result, use }: Props) => (
  <span role="status">
    {plural(result.rows.length, "row")}
    <span className="muted small">
      {" "}
      in {duration(result.took_ms)}
      {result.truncated && ", cut off at the limit"} · {useText(use)}
    </span>
  </span>
);

function Rows({ result }: { result: QueryResult }) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: result.rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
  });
  const items = list.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = list.getTotalSize() - (items.at(-1)?.end ?? 0);
  const numeric = result.columns.map(({ type }) => /^(u?int|float|decimal|double|big)/i.test(type));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="result-list" ref={frame} aria-label="Rows" tabIndex={0}>
      <table className="table" aria-rowcount={result.rows.length + 1}>
        <thead>
          <tr>
            {result.columns.map(({ name, type }, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two columns may have one name.
              <th key={`${at} ${name}`} className={numeric[at] ? "number" : undefined} title={type}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap px={above} columns={result.columns.length} />
          {items.map((item) => (
            <tr key={item.key} aria-rowindex={item.index + 2}>
              {result.rows[item.index]?.map((value, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns have no identity but their place.
                <td key={at} className={numeric[at] ? "number" : undefined} title={shown(value)}>
                  {value === null ? <span className="muted">null</span> : shown(value)}
                </td>
              ))}
            </tr>
          ))}
          <Gap px={below} columns={result.columns.length} />
        </tbody>
      </table>
    </section>
  );
}

/** Stands for the rows that are out of sight. */
const Gap = ({ px, columns }: { px: number; columns: number }) =>
  px > 0 && (
    <tr>
      <td colSpan={columns} style={{ height: px, padding: 0, border: 0 }} />
    </tr>
  );

function shown(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && Number.isInteger(value)) return count(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function download(result: QueryResult): void {
  const columns = result.columns.map(({ name }) => name);
  saveFile("assent.csv", toCsv(columns, result.rows), "text/csv;charset=utf-8");
}
