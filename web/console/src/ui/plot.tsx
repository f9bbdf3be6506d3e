// uPlot in React. It draws on a canvas, so it is given the tokens' colours as they are now and drawn again when they
// change. It measures its frame; nothing of it is styled inline by markup, which the page's policy forbids.

import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import UPlot from "uplot";
import { compact } from "../format/number.ts";
import { useIsDark } from "../theme.ts";

export interface Series {
  name: string;
  /** The token of its colour, as `--accent`. */
  token: string;
  values: readonly (number | null)[];
  style?: "line" | "bars";
}

export interface PlotProps {
  /** Seconds since 1970 when `isTime`, else any number or a place in `labels`. */
  x: readonly number[];
  series: readonly Series[];
  isTime: boolean;
  labels?: readonly string[];
  height?: number;
}

const HEIGHT_PX = 190;
const FONT = '12px "Inter Variable", system-ui, sans-serif';
const FILL_ALPHA = "22";

export function Plot({ x, series, isTime, labels, height = HEIGHT_PX }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const isDark = useIsDark();
  const shape = JSON.stringify([series.map(({ name, token, style }) => [name, token, style]), isTime, labels, height]);
  const data = useRef<UPlot.AlignedData>([[]]);
  data.current = [x, ...series.map(({ values }) => values)] as UPlot.AlignedData;

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` stands for all that the options are made of, `isDark` for the tokens.
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const made = new UPlot(
      options({ series, isTime, height, ...(labels && { labels }) }, element),
      data.current,
      element,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, isDark]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new data is what the chart is given anew for.
  useEffect(() => {
    plot.current?.setData(data.current);
  }, [x, series]);

  return <div ref={frame} />;
}

function options(props: Omit<PlotProps, "x">, element: HTMLElement): UPlot.Options {
  const probe = document.createElement("i");
  element.append(probe);
  const colour = (token: string): string => {
    probe.style.color = `var(${token})`;
    return toHex(getComputedStyle(probe).color);
  };
  const axis = {
    stroke: colour("--muted"),
    font: FONT,
    ticks: { show: false },
    grid: { stroke: colour("--line"), width: 1 },
  };
  const made: UPlot.Options = {
    width: element.clientWidth,
    height: props.height ?? HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { x: { time: props.isTime }, y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        ...(props.isTime && { values: moments }),
        ...(props.labels && { values: labelled(props.labels) }),
      },
      {
        ...axis,
        size: 48,
        values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? compact(value) : String(value))),
      },
    ],
    series: [{}, ...props.series.map((one) => seriesOptions(one, colour))],
  };
  probe.remove();
  return made;
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const DAY_S = 86_400;

/** Marks of a time axis: clock times, or days where the marks are days apart. */
function moments(_: UPlot, splits: number[]): string[] {
  const [first = 0, second = first] = splits;
  const format = second - first >= DAY_S ? DAY : CLOCK;
  return splits.map((at) => format.format(at * 1_000));
}

const labelled =
  (labels: readonly string[]) =>
  (_: UPlot, splits: number[]): string[] =>
    splits.map((at) => labels[at]?.slice(0, 14) ?? "");

function seriesOptions(one: Series, colour: (token: string) => string): UPlot.Series {
  const stroke = colour(one.token);
  const base: UPlot.Series = {
    label: one.name,
    stroke,
    width: 1.5,
    fill: stroke + FILL_ALPHA,
    points: { show: false },
  };
  const bars = UPlot.paths.bars;
  if (one.style !== "bars" || !bars) return base;
  return { ...base, fill: `${stroke}bb`, paths: bars({ size: [0.7, 48] }) };
}

/** `rgb(13, 110, 95)` → `#0d6e5f`, so that an alpha can be put behind it. */
function toHex(colour: string): string {
  const parts = colour.match(/[\d.]+/g)?.slice(0, 3) ?? ["128", "128", "128"];
  return `#${parts.map((part) => Math.round(Number(part)).toString(16).padStart(2, "0")).join("")}`;
}
