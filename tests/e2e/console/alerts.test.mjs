// An alert made in the console, against real receivers: a destination that answers 500 makes it fire, its repair ends it,
// and both are told once, by a signed request and by an e-mail over a mail server with STARTTLS and a password, although
// the server is restarted in between.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SMTPServer } from "smtp-server";
import { PASSWORD, startAssent, startReceiver, until } from "./assent.mjs";
import { accessible, fits, launch, NARROW, open, shown, signIn, WIDE } from "./browser.mjs";

const TLS = fileURLToPath(new URL("../../../crates/egress/tests/it/tls/", import.meta.url));
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MAIL = { user: "assent", pass: "hu sh@1" };
const LATE_MS = 90_000;
const STAMP = { consent: { categoryPreferences: { performance: true } } };

let browser;
let assent;
let destination;
let hooks;
let mails;
let page;
let complaints;

/** Takes signed notices, and refuses what is signed otherwise. */
async function startHooks() {
  const taken = [];
  const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = request.headers;
    const expected = `v1,${createHmac("sha256", key).update(`${id}.${at}.${body}`).digest("base64")}`;
    const isOurs = signature === expected && Math.abs(Date.now() / 1_000 - Number(at)) < 60;
    if (isOurs) taken.push({ id, ...JSON.parse(body) });
    response.writeHead(isOurs ? 204 : 401).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/in`, taken, stop: () => server.close() };
}

/** A mail server that takes nothing without TLS and the password. */
async function startMails() {
  const taken = [];
  const [key, cert] = await Promise.all(["receiver.key", "receiver.pem"].map((name) => readFile(TLS + name)));
  const server = new SMTPServer({
    key,
    cert,
    authOptional: false,
    onAuth: ({ username, password }, { secure }, done) =>
      secure && username === MAIL.user && password === MAIL.pass
        ? done(null, { user: username })
        : done(new Error("wrong password")),
    onData: (stream, { secure, envelope }, done) => {
      let text = "";
      stream.setEncoding("utf8").on("data", (piece) => (text += piece));
      stream.on("end", () => {
        taken.push({ secure, to: envelope.rcptTo.map(({ address }) => address), text });
        done();
      });
    },
  });
  server.on("error", () => {}); // a client that hangs up
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return { port: server.server.address().port, taken, stop: () => new Promise((done) => server.close(done)) };
}

before(async () => {
  [browser, destination, hooks, mails] = await Promise.all([launch(), startReceiver(), startHooks(), startMails()]);
  destination.status = 500;
  const workspace = {
    workspace: "acme",
    sources: [{ name: "web", kind: "browser", write_key: "wk_web" }],
    destinations: [
      {
        name: "hook",
        kind: "webhook",
        sources: ["web"],
        settings: { url: destination.url, allow_private: true },
        categories: ["performance"],
        purpose: "analytics",
      },
    ],
  };
  const settings = {
    public_url: "https://assent.acme.example",
    smtp_url: "${env:SMTP_URL}",
    smtp_from: "Assent <assent@acme.example>",
  };
  const env = {
    SMTP_URL: `smtp://${MAIL.user}:${encodeURIComponent(MAIL.pass)}@127.0.0.1:${mails.port}`,
    SSL_CERT_FILE: `${TLS}ca.pem`,
  };
  assent = await startAssent(workspace, { settings, env });
  ({ page, complaints } = await open(browser, { url: assent.url }));
});
after(async () => {
  await browser.close();
  destination.stop();
  hooks.stop();
  await mails.stop();
  await assent.stop();
});

const at = (path) => page.goto(`${assent.url}/w/acme/${path}`);

async function send(from, to) {
  for (let number = from; number < to; number += 1) {
    const body = { anonymousId: `visitor-${number}`, event: "Seen", messageId: `msg-${number}`, context: STAMP };
    const headers = { authorization: `Basic ${btoa("wk_web:")}`, "content-type": "application/json" };
    const answer = await fetch(`${assent.url}/v1/track`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(answer.status, 200);
  }
}

test("an alert is made in the form, and what cannot be is said in words", async () => {
  await signIn(page, { password: PASSWORD });
  await at("settings/alerts");
  await page.getByText("No alerts").waitFor();
  await accessible(page, "settings/alerts, empty");
  await page.getByRole("button", { name: "New alert" }).click();
  await page.getByLabel("Name", { exact: true }).fill("hook-fails");
  await page.getByLabel("Destination", { exact: true }).selectOption("hook");
  await page.getByLabel("Failed, above how many percent").fill("50");
  await page.getByLabel("Over how many minutes").fill("1");
  await page.getByLabel("For how many minutes").fill("0");
  await page.getByRole("button", { name: "Webhook" }).click();
  await page.getByLabel("URL of way 1").fill(hooks.url);
  await page.getByLabel("Sign its requests").check();
  await page.getByLabel("Secret of way 1").fill(SECRET);
  await page.getByRole("button", { name: "E-mail" }).click();
  await page.getByLabel("Addresses of way 2").fill("ops@acme.example, night@acme.example");
  await accessible(page, "the form of an alert");
  await page.getByRole("button", { name: "Create alert" }).click();
  // Inside one's own network only by one's own word.
  await page.getByRole("alert").getByText(/notify\[0\]\.webhook/).waitFor();
  await page.getByLabel("May be inside your network").check();
  await page.getByRole("button", { name: "Create alert" }).click();
  await page.getByText("At rest").waitFor();
});

test("a test shows what came of it on each way", async () => {
  await page.getByRole("button", { name: "Test hook-fails" }).click();
  await page.getByRole("button", { name: "Send test" }).click();
  await page.getByText("It was taken.").nth(1).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  const [hook, mail] = [hooks.taken.splice(0), mails.taken.splice(0)];
  assert.equal(hook[0].type, "alert.test");
  assert.match(mail[0].text, /^Subject: \[acme\] hook-fails is tested \(hook\)$/m);
});

test("it fires, and people and programs are told", async () => {
  await send(0, 5);
  // An e-mail goes to each address by itself.
  const fired = await until("both receivers are told", () => hooks.taken.length > 0 && mails.taken.length > 1, LATE_MS);
  assert.ok(fired);
  const [{ type, data }] = hooks.taken;
  assert.equal(type, "alert.firing");
  assert.deepEqual([data.workspace, data.alert, data.when, data.about, data.above], ["acme", "hook-fails", "failure_rate", "hook", 50]);
  assert.equal(data.link, "https://assent.acme.example/w/acme/destinations/hook");
  const [{ secure, to, text }] = mails.taken;
  assert.ok(secure, "nothing is handed in without TLS");
  assert.deepEqual([...to, ...mails.taken[1].to], ["ops@acme.example", "night@acme.example"]);
  assert.match(text, /^To: ops@acme.example, night@acme.example$/m);
  assert.match(text, /^Subject: \[acme\] hook-fails is firing \(hook\)$/m);
  assert.match(text, /https:\/\/assent\.acme\.example\/docs\/runbooks\/destination-down/);
  assert.doesNotMatch(text + JSON.stringify(data), /visitor-|msg-\d/, "nothing of any event");
  const runbook = await fetch(`${assent.url}/docs/runbooks/destination-down`);
  assert.match(await runbook.text(), /^# A destination is down/);
});

test("the console shows it: what needs attention, the alert, what was told", async () => {
  await at("overview");
  await page.getByText(/the alert hook-fails is firing about hook/).waitFor();
  await at("settings/alerts");
  await page.getByText("Firing: hook").waitFor();
  await page.getByText("e-mail to 2 addresses: told").waitFor();
  await shown(page);
  await accessible(page, "settings/alerts, firing");
  await page.setViewportSize(NARROW);
  await fits(page, "settings/alerts at 320 px");
  await page.getByRole("button", { name: "Edit hook-fails" }).click();
  await page.getByLabel("URL of way 1").waitFor();
  await fits(page, "the form of an alert at 320 px");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.emulateMedia({ colorScheme: "dark" });
  await accessible(page, "settings/alerts, dark", ["color-contrast"]);
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(WIDE);
});

test("a secret does not come back out, and is kept when it is not typed", async () => {
  await page.getByRole("button", { name: "Edit hook-fails" }).click();
  assert.equal(await page.getByLabel("Secret of way 1").inputValue(), "");
  await page.getByLabel("Again after how many hours").fill("8");
  await page.getByRole("button", { name: "Save alert" }).click();
  await page.getByText("Saved").waitFor();
  const shownAlerts = await page.evaluate(async () => (await fetch("/api/v1/workspaces/acme/alerts")).text());
  assert.doesNotMatch(shownAlerts, /whsec_/);
  assert.match(shownAlerts, /"repeat_after_hours":8/);
});

test("a restart tells nothing again; the repair is told once", async () => {
  assent = await assent.restart();
  await pause(6_000); // three looks at the rule, after a start that knows nothing yet
  assert.equal(hooks.taken.length, 1);
  assert.equal(mails.taken.length, 2);
  destination.status = 200;
  await send(5, 60);
  // Below for a minute, whatever the rule asks.
  const isTold = () => hooks.taken.length > 1 && mails.taken.length > 3;
  await until("both receivers are told that it is over", isTold, LATE_MS + 60_000);
  await pause(5_000); // and no more
  assert.deepEqual(hooks.taken.map(({ type }) => type), ["alert.firing", "alert.resolved"]);
  assert.equal(mails.taken.length, 4);
  assert.match(mails.taken[2].text, /^Subject: \[acme\] hook-fails is resolved \(hook\)$/m);
  assert.equal(new Set(hooks.taken.map(({ id }) => id)).size, 2);
  assert.deepEqual(complaints, []);
});
