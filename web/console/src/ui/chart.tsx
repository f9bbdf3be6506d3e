// A chart, loaded when the first one is shown. The picture is for eyes; beside it stands the same as a sentence.

import { lazy, Suspense } from "react";
import type { PlotProps } from "./plot.tsx";

const Plot = lazy(() => import("./plot.tsx").then(({ Plot }) => ({ default: Plot })));

export function Chart(props: PlotProps & { summary: string }) {
  const { summary, ...plot } = props;
  return (
    <figure>
      <figcaption className="visually-hidden">{summary}</figcaption>
      <div className="chart" aria-hidden="true">
        <Suspense fallback={<span className="skeleton" />}>
          <Plot {...plot} />
        </Suspense>
      </div>
    </figure>
  );
}
