// What somebody who is signed in on this page refused on another device counts here too, while they are signed in: it is
// kept off, and the banner says so. What this device chose for itself stays as it is, and holds again when they sign out.
//
// The page says who is signed in, with the proof that its own server computed, because nobody else is told:
//
//   <meta name="assent-user" content="USER_ID" data-proof="HMAC-SHA-256, hex">
//
// A choice made here under the same user id is their latest word everywhere: what was refused stays off until the server
// has that choice and says so. The SDK stores nothing of this; other platforms' cookies (`surfaces`) say what holds.

import { complain } from "./complain.ts";
import type { Core } from "./core.ts";
import { h } from "./dom.ts";

interface Refused {
  readonly refused: readonly string[];
  readonly refusedVendors: readonly string[];
}

const NOTHING: Refused = { refused: [], refusedVendors: [] };
/** After a choice made here, when the server may have it: mostly at once, later where the network is slow. */
const TOLD_MS = [500, 3_000, 15_000];
const AGAIN_MS = 5_000;

interface Person {
  readonly userId: string;
  readonly proof: string;
}

function signedIn(): Person | undefined {
  const meta = document.querySelector<HTMLMetaElement>("meta[name=assent-user]");
  const { content: userId, dataset: { proof } = {} } = meta ?? {};
  return userId && proof ? { userId, proof } : undefined;
}

/** `undefined`: no answer now, so what was known before goes on and it is asked again. */
async function ask({ report }: Core, person: Person): Promise<Refused | undefined> {
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
    if (answer.status >= 500 || answer.status === 429) return undefined;
    complain(`what was refused on other devices is not told: ${answer.status}`);
    return NOTHING;
  } catch {
    return undefined;
  }
}

(window as unknown as Record<string, (core: Core) => void>)["assent:elsewhere"] = (core) => {
  const { consent, banner, followers } = core;
  const { settings } = consent;
  const preferences = consent.preferences.bind(consent);
  const permits = consent.permits.bind(consent);
  const { gpcNotice } = banner;
  let elsewhere = NOTHING;
  /** Who was asked about. */
  let asked = "";
  let madeAt = consent.choice?.madeAt;
  let timer: ReturnType<typeof setTimeout> | undefined;

  consent.preferences = () => {
    const here = preferences();
    return { ...here, ...consent.each((id) => here[id] === true && !elsewhere.refused.includes(id)) };
  };
  consent.permits = (use) => !(use.vendor && elsewhere.refusedVendors.includes(use.vendor)) && permits(use);
  core.isRefusedElsewhere = (id) => elsewhere.refused.includes(id);
  banner.gpcNotice = () => {
    const here = preferences();
    const off = [
      ...settings.categories.filter(({ id }) => here[id] && elsewhere.refused.includes(id)),
      ...(settings.vendors ?? []).filter(
        ({ id, category }) => elsewhere.refusedVendors.includes(id) && permits({ categories: [category], vendor: id }),
      ),
    ];
    const said = `${settings.texts.elsewhere} ${off.map(({ name }) => name).join(", ")}`;
    return off.length > 0 ? h("div", {}, gpcNotice(), h("p", { class: "g", role: "status" }, said)) : gpcNotice();
  };

  const hear = (now: Refused) => {
    elsewhere = now;
    core.look();
    // A vendor alone changes no category.
    banner.update();
  };
  /** Only the latest question's answer counts. */
  let questions = 0;
  const question = async () => {
    const person = signedIn();
    const number = ++questions;
    clearTimeout(timer);
    if (!person) return;
    const answer = await ask(core, person);
    if (number !== questions) return;
    if (answer) hear(answer);
    else timer = setTimeout(question, AGAIN_MS);
  };
  const look = () => {
    const key = JSON.stringify(signedIn() ?? null);
    if (key === asked) return;
    asked = key;
    hear(NOTHING);
    void question();
  };
  followers.add(() => {
    if (consent.choice?.madeAt === madeAt) return;
    madeAt = consent.choice?.madeAt;
    // Whoever made it, and under whichever name: what is refused is the server's to say, once it has the choice.
    for (const ms of TOLD_MS) setTimeout(question, ms);
  });
  look();
  new MutationObserver(look).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributeFilter: ["content", "data-proof"],
  });
};
