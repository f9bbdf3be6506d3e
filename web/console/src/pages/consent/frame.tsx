// The frame in which the SDK runs. `sandbox` without `allow-same-origin`: to the browser it is another site, which can
// read nothing of the console and keep nothing.

import script from "virtual:preview-script";
import { useEffect, useRef, useState } from "react";
import type { Experience } from "../../api/model.ts";
import type { FromFrame } from "../../preview/messages.ts";
import type { Size } from "./preview.tsx";

export type FrameState = Extract<FromFrame, { kind: "state" }>;

interface Props {
  experience: Experience;
  gpc: boolean;
  size: Size;
  onState: (state: FrameState) => void;
}

/** Layout width and height of the page in the frame. */
const SIZES: Record<Size, readonly [width: number, height: number]> = { phone: [360, 560], desktop: [1180, 720] };

const page = `<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>A page with the banner</title></head>
<body><script src="${script}"></script></body></html>`;

/** A new document for each document of settings: the SDK reads them once, as on a page. */
export function Frame(props: Props) {
  const { experience, gpc, size } = props;
  return <One key={`${JSON.stringify(experience)} ${gpc} ${size}`} {...props} />;
}

function One({ experience, gpc, size, onState }: Props) {
  const frame = useRef<HTMLIFrameElement>(null);
  const room = useRef<HTMLDivElement>(null);
  const tell = useRef(onState);
  tell.current = onState;
  const [scale, setScale] = useState(1);
  const [width, height] = SIZES[size];
  useEffect(() => {
    const inside = frame.current?.contentWindow;
    const listen = ({ source, data }: MessageEvent<FromFrame>) => {
      if (source === null || source !== inside) return;
      if (data.kind === "ready") inside.postMessage({ settings: experience, gpc }, "*");
      else tell.current(data);
    };
    window.addEventListener("message", listen);
    return () => window.removeEventListener("message", listen);
  }, [experience, gpc]);
  useEffect(() => {
    const fit = () => setScale(Math.min(1, (room.current?.clientWidth ?? width) / width));
    const watch = new ResizeObserver(fit);
    if (room.current) watch.observe(room.current);
    return () => watch.disconnect();
  }, [width]);
  return (
    <div ref={room} className="preview-room" style={{ height: height * scale }}>
      <iframe
        ref={frame}
        title="The banner as a visitor sees it"
        sandbox="allow-scripts"
        srcDoc={page}
        className="preview-frame"
        style={{ width, height, scale: String(scale) }}
      />
    </div>
  );
}
