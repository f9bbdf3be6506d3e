// What somebody who is signed in on this page refused on another device counts here too, while they are signed in: it is
// kept off, and the banner says so. What this device chose for itself stays as it is, and holds again when they sign out.
//
// The page says who is signed in, with the proof that its own server computed, because nobody else is told:
//
//   <meta name="assent-user" content="USER_ID" data-proof="HMAC-SHA-256, hex">
//
// A choice made here, signed in, is their latest word everywhere. Nothing of this is stored in the browser.

import { complain } from "./complain.ts";
import type { Core } from "./core.ts";
import { h } from "./dom.ts";
import { watch } from "./surface.ts";

interface Refused {
  readonly refused: readonly string[];
  readonly refusedVendors: readonly string[];
}

const NOTHING: Refused = { refused: [], refusedVendors: [] };
/** From a choice made here until the server surely knows it. */
const TOLD_MS = 3_000;

interface Person {
  readonly userId: string;
  readonly proof: string;
}

function signedIn(): Person | undefined {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=assent-user]");
  const { content: userId, dataset: { proof } = {} } = meta ?? {};
  return userId && proof ? { userId, proof } : undefined;
}

async function ask({ report }: Core, person: Person): Promise<Refused> {
  const { url, writeKey } = report.around;
  try {
    const answer = await fetch(`${url}/elsewhere`, {
      method: "POST",
      body: JSON.stringify({ writeKey, ...person }),
      // No preflight, as in `send.ts`.
      headers: { "Content-Type": "text/plain" },
      credentials: "omit",
    });
    if (answer.ok) return await answer.json();
    complain(`what was refused on other devices is not told: ${answer.status}`);
  } catch {
    // Not reachable: the next page asks again, and the server enforces it all the same.
  }
  return NOTHING;
}

(window as unknown as Record<string, (core: Core) => void>)["assent:elsewhere"] = (core) => {
  const { consent, banner, followers } = core;
  const { settings } = consent;
  const preferences = consent.preferences.bind(consent);
  const permits = consent.permits.bind(consent);
  const { honoured } = banner;
  let elsewhere = NOTHING;
  /** Who was asked about; `undefined` while a choice made here is on its way to the server. */
  let asked: string | undefined = "";
  let madeAt = consent.choice?.madeAt;
  let timer: ReturnType<typeof setTimeout> | undefined;

  consent.preferences = () => {
    const here = preferences();
    return { ...here, ...consent.each((id) => here[id] === true && !elsewhere.refused.includes(id)) };
  };
  consent.permits = (use) => !(use.vendor && elsewhere.refusedVendors.includes(use.vendor)) && permits(use);
  core.isRefusedElsewhere = (id) => elsewhere.refused.includes(id);
  banner.honoured = () => {
    const here = preferences();
    const off = [
      ...settings.categories.filter(({ id }) => here[id] && elsewhere.refused.includes(id)),
      ...(settings.vendors ?? []).filter(
        ({ id, category }) => elsewhere.refusedVendors.includes(id) && permits({ categories: [category], vendor: id }),
      ),
    ];
    const said = `${settings.texts.elsewhere} ${off.map(({ name }) => name).join(", ")}`;
    return off.length > 0 ? h("div", {}, honoured(), h("p", { class: "g", role: "status" }, said)) : honoured();
  };

  const hear = (now: Refused) => {
    elsewhere = now;
    core.look();
  };
  const look = async () => {
    const person = signedIn();
    const key = JSON.stringify(person ?? null);
    if (asked === undefined || key === asked) return;
    asked = key;
    hear(NOTHING);
    if (!person) return;
    const answer = await ask(core, person);
    // Somebody else may have signed in meanwhile.
    if (key === asked) hear(answer);
  };
  followers.add(() => {
    if (consent.choice?.madeAt === madeAt) return;
    madeAt = consent.choice?.madeAt;
    // Chosen here, which is their latest word; it is compared again when the server has it.
    asked = undefined;
    hear(NOTHING);
    clearTimeout(timer);
    timer = setTimeout(() => {
      asked = "";
      void look();
    }, TOLD_MS);
  });
  watch(() => void look());
};
