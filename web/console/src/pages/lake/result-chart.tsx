// An answer as a simple chart: one column across, one or all figures up.

import { useState } from "react";
import type { QueryResult } from "../../api/model.ts";
import { plural } from "../../format/number.ts";
import { Chart } from "../../ui/chart.tsx";
import { InlineSelect } from "../../ui/field.tsx";
import { Empty } from "../../ui/states.tsx";
import { axisOf, figureColumns, figures } from "./chartable.ts";

const TOKENS = ["--accent", "--hold", "--wait", "--note", "--bad"];

export function ResultChart({ result }: { result: QueryResult }) {
  const able = figureColumns(result);
  const firstOther = result.columns.findIndex((_, at) => !able.includes(at));
  const [across, setAcross] = useState(String(Math.max(0, firstOther)));
  const [style, setStyle] = useState<"line" | "bars">(
    firstOther >= 0 && axisOf(result, firstOther).isTime ? "line" : "bars",
  );
  const up = able.filter((at) => at !== Number(across)).slice(0, TOKENS.length);
  if (up.length === 0) {
    return (
      <Empty icon="overview" title="Nothing to draw">
        <p>A chart needs a column of figures beside the one across.</p>
      </Empty>
    );
  }
  const axis = axisOf(result, Number(across));
  const names = up.map((at) => result.columns[at]?.name ?? "");
  return (
    <div className="stack">
      <div className="row">
        <InlineSelect
          label="Across"
          value={across}
          options={result.columns.map(({ name }, at) => [String(at), `Across: ${name}`] as const)}
          onChange={setAcross}
        />
        <InlineSelect
          label="Style"
          value={style}
          options={[
            ["line", "Line"],
            ["bars", "Bars"],
          ]}
          onChange={setStyle}
        />
        {names.map((name, at) => (
          <span key={name} className="row small">
            <span aria-hidden="true" style={{ color: `var(${TOKENS[at]})` }}>
              ■
            </span>
            {name}
          </span>
        ))}
      </div>
      <Chart
        summary={`${names.join(", ")} by ${result.columns[Number(across)]?.name ?? ""}, ${plural(axis.x.length, "point")}; the table has the figures.`}
        x={axis.x}
        isTime={axis.isTime}
        {...(axis.labels && { labels: axis.labels })}
        height={280}
        series={up.map((at, place) => {
          const values = figures(result, at);
          const token = TOKENS[place] ?? "--accent";
          return {
            name: result.columns[at]?.name ?? "",
            token,
            style,
            values: axis.order.map((row) => values[row] ?? null),
          };
        })}
      />
    </div>
  );
}
