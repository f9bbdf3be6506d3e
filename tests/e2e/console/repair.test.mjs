// An operator's day in front of the real binary: a destination refuses everything; the overview says so, the errors say
// why, its address is corrected, what was refused is sent again and arrives. And: a pause, and a question that is kept.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn, WIDE } from "./browser.mjs";

const WORKSPACE = {
  workspace: "acme",
  sources: [{ name: "shop", kind: "server", write_key: "wk_shop", basis: "contract" }],
};
/** The server writes to a disk that others use too. */
const SLOW = { timeout: 60_000 };
const IDS = ["msg-1", "msg-2", "msg-3"];

let browser;
let assent;
let wrong;
let right;
let page;
let complaints;

before(async () => {
  [browser, assent, wrong, right] = await Promise.all([
    launch(),
    startAssent(WORKSPACE),
    startReceiver(),
    startReceiver(),
  ]);
  ({ page, complaints } = await open(browser, { url: assent.url }));
  await signIn(page, { password: PASSWORD });
  const made = await page.request.post(`${assent.url}/api/v1/workspaces/acme/destinations`, {
    headers: { "x-assent": "1" },
    data: {
      name: "crm",
      kind: "webhook",
      sources: ["shop"],
      settings: { url: wrong.url, allow_private: true },
      categories: ["performance"],
      purpose: "analytics",
    },
  });
  assert.equal(made.status(), 201, await made.text());
});
after(async () => {
  await browser.close();
  wrong.stop();
  right.stop();
  await assent.stop();
});

const at = (path) => page.goto(`/w/acme/${path}`);

async function send(messageId) {
  const answer = await fetch(`${assent.url}/v1/track`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("wk_shop:")}`, "content-type": "application/json" },
    body: JSON.stringify({
      userId: "ada",
      event: "Order Completed",
      messageId,
      context: { consent: { categoryPreferences: { performance: true } } },
    }),
  });
  assert.equal(answer.status, 200);
}

const taken = (receiver) => receiver.bodies.map((body) => JSON.parse(body).messageId);

test("what a destination refuses is in the overview, and its errors say why without naming anybody", async () => {
  Object.assign(wrong, { status: 404, text: "no such list: ada may not (request 4711)" });
  for (const id of IDS) await send(id);
  await at("overview");
  await page.getByText("rejected 3 events for good").waitFor(SLOW);
  await page.getByRole("region", { name: "Needs attention" }).locator('a[href$="destinations/crm/errors"]').click();
  const row = page.getByRole("row", { name: /The receiver refuses it for good/ });
  await row.getByText("no such list: … may not (request …)").waitFor();
  await row.getByText("HTTP 404").waitFor();
  await row.getByRole("cell", { name: "3", exact: true }).waitFor();
  await accessible(page, "errors");
  await row.getByRole("link", { name: "msg-1" }).click();
  await page.getByText("HTTP 404").first().waitFor();
});

test("the address is corrected; what was refused is sent again, each event once", async () => {
  await at("destinations/crm/settings");
  await page.getByLabel("URL", { exact: true }).fill(right.url);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
  await at("destinations/crm/dead-letters");
  await page.getByRole("heading", { name: "3 dead letters" }).waitFor();
  await page.getByLabel("Part of the answer").fill("another answer");
  await page.getByText("No dead letter matches the filter.").waitFor();
  await page.getByLabel("Part of the answer").fill("No Such List");
  await page.getByRole("row", { name: /msg-2/ }).getByRole("button", { name: "Retry" }).click();
  await page.getByText("1 delivered").waitFor(SLOW);
  await page.getByRole("heading", { name: "2 dead letters" }).waitFor();
  assert.deepEqual(taken(right), ["msg-2"]);
  await page.getByRole("button", { name: "Retry all that match" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Retry", exact: true }).click();
  await page.getByText("2 delivered").waitFor(SLOW);
  await page.getByText("No dead letter matches the filter.").waitFor();
  assert.deepEqual(taken(right).sort(), IDS);
  await accessible(page, "dead letters after a retry");
  await at("events/msg-1");
  await page.getByText("HTTP 404").first().waitFor();
  await page.getByText("HTTP 200").first().waitFor();
  await at("overview");
  await page.getByRole("row", { name: /crm/ }).getByText("Healthy").waitFor();
  await page.getByText("rejected 3 events for good").waitFor({ state: "detached", ...SLOW });
});

test("a pause is asked for twice, shown with its author, and ends where it began", async () => {
  await at("destinations/crm");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Pause destination" }).click();
  await page.getByText("Paused by admin").waitFor(SLOW);
  await send("msg-4");
  await at("overview");
  await page.getByText("was paused by admin").waitFor(SLOW);
  await until("the event waits", async () => (await page.getByRole("row", { name: /crm/ }).innerText()).match(/\t1\t/));
  assert.deepEqual(taken(right).sort(), IDS);
  await at("destinations/crm");
  await page.getByText("Paused by admin").waitFor(SLOW);
  await page.setViewportSize(NARROW);
  await shown(page);
  await accessible(page, "a paused destination");
  await fits(page, "a paused destination");
  await page.getByRole("button", { name: "Resume" }).click();
  await until("the event arrives", () => taken(right).includes("msg-4"));
  await at("settings/audit");
  for (const action of [/Pause/, /Resume/, /Retry/]) await page.getByText(action).first().waitFor();
});

test("a destination is told of a withdrawal when its settings say so, and its page shows what waits", async () => {
  await page.setViewportSize(WIDE);
  await at("destinations/crm/settings");
  await page.getByLabel("Tell it who refused what").check();
  await accessible(page, "the settings of a destination");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
  right.status = 500;
  const answer = await fetch(`${assent.url}/v1/track`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("wk_shop:")}`, "content-type": "application/json" },
    body: JSON.stringify({
      userId: "ada",
      event: "Segment Consent Preference Updated",
      context: { consent: { categoryPreferences: { performance: false } } },
    }),
  });
  assert.equal(answer.status, 200);
  await at("destinations/crm");
  const untold = page.locator(".stat", { hasText: "Untold withdrawals" });
  await untold.getByText("1", { exact: true }).waitFor(SLOW);
  await page.setViewportSize(NARROW);
  await shown(page);
  await accessible(page, "a withdrawal that waits");
  await fits(page, "a withdrawal that waits");
  right.status = 200;
  const told = () => right.bodies.map((body) => JSON.parse(body)).find(({ messageId }) => /^withdrawal-/.test(messageId));
  await until("it is told", told, 60_000);
  assert.deepEqual([told().userId, told().context.consent.categoryPreferences.performance], ["ada", false]);
  await untold.getByText("0", { exact: true }).waitFor(SLOW);
});

test("a question is kept for everybody, and deleted", async () => {
  await at("lake");
  await page.getByLabel("SQL").fill("select count(*) as orders from events");
  await page.getByRole("button", { name: "Save query" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Orders");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").getByText("Saved").waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Orders", exact: true }).click();
  await until("the saved query stands in the editor", async () => /as orders/.test(await page.getByLabel("SQL").inputValue()));
  await page.getByRole("button", { name: "Delete Orders" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete query" }).click();
  await page.getByText("None yet.").waitFor();
  assert.deepEqual(complaints, []);
});
