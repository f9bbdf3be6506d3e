// What `/metrics` prints, docs/reference/metrics.md, the dashboard and the runbooks name the same metrics: a server that
// has seen traffic of every kind is scraped and held against them.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startAssent, startReceiver, until } from "./console/assent.mjs";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = "docs/reference/metrics.md";
const DASHBOARD = "docs/grafana/assent.json";
/** Nobody listens there: the port of TCP's multiplexer, which needs root and is not served anywhere any more. */
const NOWHERE = "http://127.0.0.1:1/hook";
const LATE_MS = 60_000;

const read = (path) => readFile(`${REPOSITORY}${path}`, "utf8");
const GRANTED = { consent: { categoryPreferences: { performance: true } } };
const TRAFFIC = [
  ["wk_web", { anonymousId: "visitor-1", event: "Seen", messageId: "msg-1", context: GRANTED }],
  ["wk_web", { anonymousId: "visitor-2", event: "Unstamped", messageId: "msg-2" }],
  ["wk_web", { event: "Nobody's", messageId: "msg-3", context: GRANTED }],
  ["wk_nobody", { anonymousId: "visitor-1", event: "Lost", messageId: "msg-4" }],
  [
    "wk_web",
    {
      anonymousId: "visitor-1",
      event: "Segment Consent Preference Updated",
      messageId: "msg-5",
      context: { consent: { categoryPreferences: { performance: true, targeting: false } } },
    },
  ],
];

let assent;
let receiver;
/** Family → its type and the label names of its samples; those without a sample have none. */
let printed;
/** Family → what the page says of it. */
let described;

before(async () => {
  receiver = await startReceiver();
  const destination = (name, url) => ({
    name,
    kind: "webhook",
    sources: ["web"],
    settings: { url, allow_private: true },
    categories: ["performance"],
    purpose: "analytics",
  });
  assent = await startAssent({
    workspace: "acme",
    sources: [{ name: "web", kind: "browser", write_key: "wk_web" }],
    destinations: [destination("up", receiver.url), destination("down", NOWHERE)],
  });
  for (const [key, body] of TRAFFIC) {
    const headers = { authorization: `Basic ${btoa(`${key}:`)}`, "content-type": "application/json" };
    await fetch(`${assent.url}/v1/track`, { method: "POST", headers, body: JSON.stringify(body) });
  }
  const scrape = async () => (await fetch(`${assent.url}/metrics`)).text();
  const text = await until(
    "events were delivered, wait, and are in the lake",
    async () => {
      const now = await scrape();
      const all = /result="delivered"/.test(now) && /result="waiting"/.test(now) && /lake_rows_total [1-9]/.test(now);
      return all && now;
    },
    LATE_MS,
  );
  printed = families(text);
  described = rows(await read(PAGE));
});
after(async () => {
  receiver.stop();
  await assent.stop();
});

/** Reads the text of `/metrics`. */
function families(text) {
  const found = new Map();
  for (const [, name, type] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) found.set(name, { type, labels: null });
  for (const [, sample, labels] of text.matchAll(/^(assent_\w+?)(?:\{(.*)\})? [\d.e+-]+$/gm)) {
    const family = found.get(sample) ?? found.get(sample.replace(/_(total|bucket|sum|count)$/, ""));
    assert.ok(family, `${sample} has no TYPE`);
    const names = [...(labels ?? "").matchAll(/(\w+)="/g)].map(([, name]) => name);
    // The bound of a bucket is what makes it a histogram.
    family.labels = names.filter((name) => name !== "le").sort();
  }
  return found;
}

/** Reads the tables of the page. */
function rows(page) {
  const found = new Map();
  for (const [, name, type, labels, about] of page.matchAll(/^\| `(assent_\w+)` \| (\w+) \| ([^|]*) \|[^|]*\|(.*)\|$/gm)) {
    assert.ok(!found.has(name), `${name} stands twice in ${PAGE}`);
    const names = [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort();
    found.set(name, { type, labels: names, isLater: about.includes("From the first.") });
  }
  return found;
}

/** The metric that a query means by this name, or nothing. */
const meant = (name) => {
  const bucket = described.get(name.replace(/_(bucket|sum|count)$/, ""));
  if (bucket?.type === "histogram") return { ...bucket, labels: [...bucket.labels, "le"] };
  const family = described.get(name.replace(/_total$/, ""));
  return family && (family.type === "counter") === name.endsWith("_total") ? family : undefined;
};

/** A name in a query without what its kind puts behind it. */
const plain = (name) => name.replace(/_total$/, "").replace(/_seconds_(bucket|sum|count)$/, "_seconds");

test("the page names every metric that is printed, with its type and labels", () => {
  assert.ok(printed.size > 30, `only ${printed.size} metrics are printed`);
  for (const [name, { type, labels }] of printed) {
    const row = described.get(name);
    assert.ok(row, `\`${name}\` is printed; give it a row in ${PAGE}`);
    assert.equal(row.type, type, name);
    if (labels) assert.deepEqual(row.labels, labels, `the labels of ${name}`);
  }
});

test("the page names no metric that does not exist", async () => {
  const registered = [];
  for (const name of await readdir(`${REPOSITORY}crates`)) {
    registered.push(await read(`crates/${name}/src/metrics.rs`).catch(() => ""));
  }
  for (const [name, { isLater }] of described) {
    if (printed.has(name)) continue;
    assert.ok(isLater, `\`${name}\` is not printed after traffic; ${PAGE} says nothing of "From the first."`);
    // What only a broken disk brings forth is looked up where it is registered.
    const short = name.replace(/^assent_[a-z]+_/, "");
    assert.ok(registered.some((text) => text.includes(`"${short}"`)), `\`${name}\` is registered nowhere`);
  }
});

test("the dashboard asks for metrics and labels that exist, at the data source of its variable", async () => {
  const dashboard = JSON.parse(await read(DASHBOARD));
  assert.ok(dashboard.templating.list.some(({ name, type }) => name === "datasource" && type === "datasource"));
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length, "two panels have one id");
  const shown = new Set();
  for (const { title, type, datasource, targets = [] } of dashboard.panels) {
    assert.ok(targets.length > 0 || ["row", "text"].includes(type), `${title} shows nothing`);
    for (const { expr, legendFormat, datasource: own } of targets) {
      for (const source of [datasource, own]) assert.equal(source.uid, "${datasource}", title);
      const names = expr.match(/assent_\w+/g) ?? [];
      assert.ok(names.length > 0, `${title}: ${expr}`);
      const labels = names.flatMap((name) => {
        assert.ok(meant(name), `${title}: no metric has samples named \`${name}\``);
        shown.add(plain(name));
        return meant(name).labels;
      });
      const grouped = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list]) => list.split(", "));
      const matched = [...expr.matchAll(/(\w+)(?:=~|!=|="|!~)/g)].map(([, label]) => label);
      for (const label of [...grouped, ...matched]) assert.ok(labels.includes(label), `${title}: no label \`${label}\``);
      const legend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      for (const label of legend) assert.ok(grouped.includes(label), `${title}: the legend's \`${label}\` is summed away`);
    }
  }
  assert.deepEqual([...described.keys()].filter((name) => !shown.has(name)), [], "metrics that no panel shows");
});

test("runbooks and other pages name metrics that exist", async () => {
  const pages = (await readdir(`${REPOSITORY}docs`, { recursive: true })).filter((path) => path.endsWith(".md"));
  assert.ok(pages.some((path) => path.startsWith("runbooks/")));
  for (const path of pages) {
    const named = (await read(`docs/${path}`)).matchAll(/\bassent_(?:collect|log|pipeline|delivery|lake|disk|process|replay)_\w+/g);
    for (const [name] of named) {
      assert.ok(meant(name) ?? described.has(name), `docs/${path} names \`${name}\`, which does not exist`);
    }
  }
});
