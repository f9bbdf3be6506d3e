// What runs inside the preview's frame: the browser SDK's own banner, preference centre and decisions, from the same
// sources as the script that pages get. The frame is a document of an origin of its own, so what is chosen in it is kept
// nowhere; and everything by which the SDK would reach out or remember is replaced here, so that looking at a banner
// records no choice. It is built as one classic script (`vite.config.ts`), in which this frame counts as the top window.

import "../../../sdk/src/choices.ts";
import { Core } from "../../../sdk/src/core.ts";
import { Identity } from "../../../sdk/src/identity.ts";
import type { AssentSettings } from "../../../sdk/src/settings.ts";
import type { FromFrame, ToFrame } from "./messages.ts";

const STYLE = `
:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{margin:0;padding:1.25rem;background:Canvas;color:CanvasText}
div.line{height:.7rem;margin-block:.6rem;border-radius:.35rem;background:CanvasText;opacity:.12}
h1{font-size:1.1rem;margin:0 0 1rem;opacity:.55}
`;

const tell = (message: FromFrame) => parent.postMessage(message, "*");

/** A sandboxed document has neither cookies nor storage; the SDK finds a jar that ends with the frame. */
function keepNothing(): void {
  let jar: string[] = [];
  Object.defineProperty(document, "cookie", {
    get: () => jar.join("; "),
    set: (text: string) => {
      const [pair = ""] = text.split(";");
      const name = pair.slice(0, pair.indexOf("="));
      jar = jar.filter((one) => !one.startsWith(`${name}=`));
      if (!/max-age=-/.test(text)) jar.push(pair);
    },
  });
  window.fetch = async () => new Response("{}", { status: 200 });
  navigator.sendBeacon = () => true;
}

function imitatePage(language: string, direction: string): void {
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
  document.title = "A page with the banner";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  document.adoptedStyleSheets = [sheet];
  const main = document.createElement("main");
  main.setAttribute("aria-label", "A page of yours");
  const heading = document.createElement("h1");
  heading.lang = "en";
  heading.textContent = "A page of yours";
  main.append(heading);
  for (const width of ["92%", "78%", "85%", "40%", "88%", "64%"]) {
    const line = document.createElement("div");
    line.className = "line";
    line.style.width = width;
    main.append(line);
  }
  document.body.append(main);
}

function show({ settings, gpc }: ToFrame): void {
  // Nothing foreign is loaded and no other platform's surface put up: the banner is what is looked at.
  const { tags: _tags, surfaces: _surfaces, consentMode: _mode, ...rest } = settings as AssentSettings;
  const shown: AssentSettings = rest;
  Object.defineProperty(navigator, "globalPrivacyControl", { value: gpc });
  imitatePage(shown.texts.language, shown.texts.dir ?? "ltr");
  const core: Core = new Core({
    settings: shown,
    writeKey: "preview",
    api: "https://preview.invalid/v1",
    library: "preview",
    nonce: "",
    integrations: {},
    identity: new Identity(),
    load: (chunk) => (window as unknown as Record<string, (core: Core) => void>)[`assent:${chunk}`]?.(core),
    passOn: () => undefined,
    emit: (name) => {
      if (name !== "consent") return;
      const { consent } = core;
      tell({
        kind: "state",
        preferences: consent.preferences(),
        asks: consent.asks(),
        isChosen: consent.choice !== null,
      });
    },
    consentOnly: false,
    keepsNothing: true,
  });
  core.begin();
}

keepNothing();
addEventListener(
  "message",
  (event: MessageEvent<ToFrame>) => {
    if (event.source === parent) show(event.data);
  },
  { once: true },
);
tell({ kind: "ready" });
