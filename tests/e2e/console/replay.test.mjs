// History for a destination that was made today, in front of the real binary: a dry run says what would go, somebody
// refuses, a replay sends what is permitted and says what it kept back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, signIn } from "./browser.mjs";

const WORKSPACE = {
  workspace: "acme",
  sources: [{ name: "web", kind: "browser", write_key: "wk_web" }],
};
/** The server writes to a disk that others use too. */
const SLOW = { timeout: 60_000 };
const VISITORS = ["ada", "bob", "eve"];

let browser;
let assent;
let receiver;
let page;
let complaints;

async function track(anonymousId, event, messageId, performance) {
  const answer = await fetch(`${assent.url}/v1/track`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("wk_web:")}`, "content-type": "application/json" },
    body: JSON.stringify({
      anonymousId,
      event,
      messageId,
      context: { consent: { categoryPreferences: { performance } } },
    }),
  });
  assert.equal(answer.status, 200);
}

before(async () => {
  [browser, assent, receiver] = await Promise.all([launch(), startAssent(WORKSPACE), startReceiver()]);
  ({ page, complaints } = await open(browser, { url: assent.url }));
  await signIn(page, { password: PASSWORD });
  for (const visitor of VISITORS) await track(visitor, "Order Completed", `order-${visitor}`, true);
  const made = await page.request.post(`${assent.url}/api/v1/workspaces/acme/destinations`, {
    headers: { "x-assent": "1" },
    data: {
      name: "crm",
      kind: "webhook",
      sources: ["web"],
      settings: { url: receiver.url, allow_private: true },
      categories: ["performance"],
      purpose: "analytics",
    },
  });
  assert.equal(made.status(), 201, await made.text());
});
after(async () => {
  await browser.close();
  receiver.stop();
  await assent.stop();
});

const taken = () => receiver.bodies.map((body) => JSON.parse(body).messageId).sort();

test("nothing was replayed yet, and the page is usable by everybody", async () => {
  await page.goto("/w/acme/destinations/crm/replay");
  await page.getByText("Nothing was replayed").waitFor(SLOW);
  await accessible(page, "replay");
});

test("a dry run says what would be sent, and sends nothing", async () => {
  await page.getByLabel("Event names").fill("Order Completed");
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByText("3 events would be sent").waitFor(SLOW);
  await track("eve", "Segment Consent Preference Updated", "no", false);
  await page.getByRole("button", { name: "Dry run" }).click();
  await page.getByText("2 events would be sent").waitFor(SLOW);
  await page.getByText("Withheld: 1").waitFor();
  assert.deepEqual(taken(), []);
});

test("a rate that cannot be is told at its field", async () => {
  const rate = page.getByLabel("Events per second, at most");
  await rate.fill("0");
  await page.getByText("A number from 1 to 50,000.").waitFor();
  await rate.fill("100");
});

test("a replay sends what is permitted today and says what it kept back", async () => {
  await page.getByRole("button", { name: "Start replay" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start replay" }).click();
  const replay = page.getByRole("region", { name: "Replay 1" });
  await replay.getByText("finished").waitFor(SLOW);
  await replay.getByText(/2 delivered, 1 withheld/).waitFor();
  await replay.getByText(/from web; of 1 event name, 100 per second at most/).waitFor();
  await until("the receiver has both", () => taken().length === 2);
  assert.deepEqual(taken(), ["order-ada", "order-bob"]);
  await accessible(page, "replay");
});

test("the trace of an event names its replay", async () => {
  await page.goto("/w/acme/events/order-ada");
  await page.getByText("Replay 1").waitFor(SLOW);
});

test("it fits a narrow screen, and nothing complained", async () => {
  await page.goto("/w/acme/destinations/crm/replay");
  await page.getByRole("region", { name: "Replay 1" }).waitFor(SLOW);
  await page.setViewportSize(NARROW);
  await fits(page, "replay");
  assert.deepEqual(complaints, []);
});
