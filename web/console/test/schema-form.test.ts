// Forms from schemas: every field of the webhook's settings, there and back, secrets kept.

import { expect, test } from "vitest";
import type { Schema } from "../src/api/model.ts";
import { draftOf, fieldsOf, KEPT, readDraft } from "../src/pages/destinations/schema-form.ts";

const WEBHOOK: Schema = {
  type: "object",
  required: ["url"],
  properties: {
    url: { type: "string", description: "Where to." },
    allow_private: { type: "boolean" },
    secret: { type: "string", "x-secret": true },
    headers: { type: "object", additionalProperties: { type: "string" }, "x-secret": true },
    batch: { type: "object", properties: { events_max: { type: "integer" }, wait_ms: { type: "integer" } } },
  },
};
const fields = fieldsOf(WEBHOOK);

test("each setting becomes a field, nested ones by dotted name", () => {
  expect(fields.map(({ key, control, isRequired, isSecret }) => [key, control, isRequired, isSecret])).toEqual([
    ["url", "text", true, false],
    ["allow_private", "switch", false, false],
    ["secret", "text", false, true],
    ["headers", "map", false, true],
    ["batch.events_max", "number", false, false],
    ["batch.wait_ms", "number", false, false],
  ]);
  expect(fields[0]?.label).toBe("URL");
});

test("settings survive the form", () => {
  const settings = {
    url: "https://a.example",
    allow_private: true,
    headers: { "x-a": "1: 2" },
    batch: { events_max: 100 },
  };
  expect(readDraft(fields, draftOf(fields, settings))).toEqual({ settings, errors: {} });
});

test("a stored secret is kept unless another one is typed", () => {
  const stored = { url: "https://a.example", secret: { secret: true }, headers: { auth: { secret: true } } };
  const draft = draftOf(fields, stored);
  expect([draft.secret, draft.headers]).toEqual([KEPT, KEPT]);
  expect(readDraft(fields, draft, stored).settings).toEqual(stored);
  expect(readDraft(fields, { ...draft, secret: "whsec_new" }, stored).settings.secret).toBe("whsec_new");
  expect(readDraft(fields, { ...draft, secret: "" }, stored).settings).not.toHaveProperty("secret");
});

test("what cannot be sent is said at its field", () => {
  const { errors } = readDraft(fields, { url: " ", headers: "no colon", "batch.events_max": "many" });
  expect(errors).toEqual({
    url: "This is needed.",
    headers: "Write `name: value` in line 1.",
    "batch.events_max": "This is not a number.",
  });
});

test("optional values may be described as a type or null", () => {
  const schema = { properties: { wait_ms: { type: ["integer", "null"] } } } as unknown as Schema;
  expect(fieldsOf(schema)[0]?.control).toBe("number");
});
