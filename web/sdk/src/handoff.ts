// Takes the choice along when a visitor follows a link to another site of the workspace, where this site's cookies are not
// seen, so that nobody is asked twice. What travels is sealed by the server and names nobody: the categories, the vendors
// and when; it is good for a minute, once, for that site. It is fetched when a link is about to be followed; a click that
// comes before it goes without, and the other site asks.

import { type MadeChoice, read, write } from "./choice.ts";
import type { Core } from "./core.ts";

const MARK = /[#&]assent=([\w-]+)/;
/** Of the minute that a token lasts, what is left for the way. */
const FRESH_MS = 45_000;

interface Ready {
  readonly to: string;
  readonly madeAt: number;
  readonly since: number;
  token?: string | undefined;
}

type Said = Readonly<Record<string, string | undefined>>;

async function ask({ report }: Core, path: string, said: Said): Promise<Said> {
  const { url, writeKey } = report.around;
  try {
    const answer = await fetch(`${url}/handoff${path}`, {
      method: "POST",
      body: JSON.stringify({ writeKey, ...said }),
      // No preflight, as in `send.ts`.
      headers: { "Content-Type": "text/plain" },
      credentials: "omit",
    });
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

async function arrive(core: Core) {
  const [mark = "", token] = MARK.exec(location.hash) ?? [];
  if (!token) return;
  // Addresses are copied and kept; the token is worth nothing to whoever gets it then.
  const rest = location.hash.slice(1).replace(mark.slice(1), "").replace(/&$/, "");
  history.replaceState(history.state, "", location.pathname + location.search + (rest && `#${rest}`));
  const { choice } = await ask(core, "/taken", { token });
  const made = read(choice);
  core.look();
  if (made && counts(core, made)) core.adopt(() => core.consent.keep(made));
}

/** Whether what arrives takes the place of what was chosen here: the later one, unless it grants what was refused here. */
function counts({ consent: { choice, optional } }: Core, made: MadeChoice): boolean {
  if (!choice) return true;
  const isRefused = (vendor: string) => !made.refusedVendors.includes(vendor);
  const widens = optional.some((id) => made.categories[id] && choice.categories[id] === false);
  return made.madeAt > choice.madeAt && !widens && !choice.refusedVendors.some(isRefused);
}

function leave(core: Core, sites: readonly string[]) {
  let ready: Ready | undefined;
  const linkOf = ({ target }: Event) => {
    const link = (target as Element | null)?.closest?.<HTMLAnchorElement>("a[href]");
    return link && link.origin !== location.origin && sites.includes(link.origin) ? link : undefined;
  };
  const isFor = (one: Ready, link: HTMLAnchorElement) =>
    one.to === link.origin && one.madeAt === core.consent.choice?.madeAt && Date.now() < one.since + FRESH_MS;
  const prepare = async (event: Event) => {
    const link = linkOf(event);
    core.look();
    const { choice } = core.consent;
    if (!link || !choice || (ready && isFor(ready, link))) return;
    const pending: Ready = { to: link.origin, madeAt: choice.madeAt, since: Date.now() };
    ready = pending;
    pending.token = (await ask(core, "", { to: pending.to, choice: write(choice) })).token;
  };
  for (const kind of ["pointerover", "pointerdown", "focusin"])
    addEventListener(kind, (event) => void prepare(event), { capture: true, passive: true });
  const follow = (event: Event) => {
    const link = linkOf(event);
    core.look();
    if (!link || !ready?.token || !isFor(ready, link)) return;
    const { hash } = link;
    link.hash = `${hash ? `${hash}&` : "#"}assent=${ready.token}`;
    // It is taken once, and the page's own link stays as it was.
    ready = undefined;
    setTimeout(() => {
      link.hash = hash;
    });
  };
  addEventListener("click", follow, true);
  addEventListener("auxclick", follow, true);
}

(window as unknown as Record<string, (core: Core) => void>)["assent:handoff"] = (core) => {
  void arrive(core);
  leave(core, core.consent.settings.handOff ?? []);
};
