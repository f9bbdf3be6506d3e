// The rows of Live. Only what is in sight is in the page.

import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { clockTime, exact } from "../../format/time.ts";
import { reasonText, resultLabel, sentence } from "../../format/words.ts";
import { Badge, ResultBadge } from "../../ui/badge.tsx";
import type { Row } from "./fold.ts";

const ROW_PX = 36;
const OVERSCAN = 12;
/** `14:03:09`, without the milliseconds. */
const SECONDS_CHARS = 8;

export function LiveList({ rows, onOpen }: { rows: readonly Row[]; onOpen: (messageId: string) => void }) {
  const frame = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => rows[index]?.key ?? index,
  });
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="live-list" ref={frame} aria-label="Events, newest first" tabIndex={0}>
      <div className="live-space" style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return row && <LiveRow key={item.key} row={row} top={item.start} onOpen={onOpen} />;
        })}
      </div>
    </section>
  );
}

function LiveRow({ row, top, onOpen }: { row: Row; top: number; onOpen: (messageId: string) => void }) {
  const { messageId } = row;
  const cells = (
    <>
      <time dateTime={row.at} title={exact(new Date(row.at))} className="mono small muted">
        {clockTime(new Date(row.at)).slice(0, SECONDS_CHARS)}
        <span className="wide-only">{clockTime(new Date(row.at)).slice(SECONDS_CHARS)}</span>
      </time>
      <span className="wide-only">{row.type && <Badge>{row.type}</Badge>}</span>
      <span title={textOf(row)}>{textOf(row)}</span>
      <span className="muted wide-only">{row.source}</span>
      <span className="row">
        <Fates row={row} />
      </span>
    </>
  );
  const style = { transform: `translateY(${top}px)` };
  if (messageId === null || row.state !== "accepted") {
    return (
      <div className="live-row" style={style}>
        {cells}
      </div>
    );
  }
  return (
    <button type="button" className="live-row" style={style} onClick={() => onOpen(messageId)}>
      {cells}
    </button>
  );
}

function textOf(row: Row): string {
  if (row.state === "refused") return `Not stored: ${reasonText(row.text)}`;
  if (row.state === "choice") return "A choice was recorded";
  if (row.state === "discarded" || row.state === "dropped") return sentence(row.text || row.state);
  return row.text || sentence(row.type || "event");
}

function Fates({ row }: { row: Row }) {
  if (row.state !== "accepted") return <ResultBadge result={row.state} />;
  return [...row.outputs].map(([name, fate]) => (
    <ResultBadge
      key={name}
      result={fate.result}
      of={name}
      title={fate.reason ? `${resultLabel(fate.result)}: ${reasonText(fate.reason)}` : resultLabel(fate.result)}
    />
  ));
}
