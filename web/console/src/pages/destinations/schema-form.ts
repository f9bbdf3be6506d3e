// From the JSON Schema of a kind's settings to fields, and from what is typed to values. Pure.
//
// Nested objects become fields with dotted names. Objects without known keys (headers) are written as lines of
// `name: value`. A secret comes back from the API as `{"secret": true}`, and that value means "keep".

import type { Schema } from "../../api/model.ts";

export interface FieldSpec {
  /** The path in the settings: `["batch", "events_max"]`. */
  path: readonly string[];
  key: string;
  label: string;
  hint: string;
  control: "text" | "number" | "switch" | "select" | "lines" | "map";
  options: readonly string[];
  isRequired: boolean;
  isSecret: boolean;
}

/** What is typed: text of every control, switches as booleans. */
export type Draft = Readonly<Record<string, string | boolean>>;

/** A secret that is stored and not shown. */
export const KEPT = "\u0000kept";

export function fieldsOf(schema: Schema, path: readonly string[] = [], isRequired = true): FieldSpec[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const at = [...path, name];
    const needed = isRequired && (schema.required ?? []).includes(name);
    const isGroup = typeOf(inner) === "object" && inner.properties !== undefined;
    return isGroup ? fieldsOf(inner, at, needed) : [fieldOf(inner, at, needed)];
  });
}

/** Optional values may be described as `["integer", "null"]` or as one of two. */
function typeOf(schema: Schema): string {
  const { type } = schema as { type?: string | string[] };
  if (Array.isArray(type)) return type.find((one) => one !== "null") ?? "string";
  return type ?? (schema.properties || schema.additionalProperties ? "object" : "string");
}

function fieldOf(schema: Schema, path: readonly string[], isRequired: boolean): FieldSpec {
  const text = path
    .join(" ")
    .replaceAll("_", " ")
    .replace(/\b(url|id|ip)\b/g, (word) => word.toUpperCase());
  return {
    path,
    key: path.join("."),
    label: text.charAt(0).toUpperCase() + text.slice(1),
    hint: schema.description ?? "",
    control: controlOf(schema),
    options: schema.enum ?? [],
    isRequired,
    isSecret: schema["x-secret"] === true,
  };
}

function controlOf(schema: Schema): FieldSpec["control"] {
  if (schema.enum) return "select";
  const controls: Record<string, FieldSpec["control"]> = {
    boolean: "switch",
    integer: "number",
    number: "number",
    array: "lines",
    object: "map",
  };
  return controls[typeOf(schema)] ?? "text";
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isKept = (value: unknown): boolean => isRecord(value) && value.secret === true;

/** The settings as they are, as text of the fields. */
export function draftOf(fields: readonly FieldSpec[], settings: Record<string, unknown>): Draft {
  return Object.fromEntries(fields.map((field) => [field.key, typed(field, valueAt(settings, field.path))]));
}

const valueAt = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), value);

function typed(field: FieldSpec, value: unknown): string | boolean {
  if (field.control === "switch") return value === true;
  if (isKept(value)) return KEPT;
  if (value === undefined || value === null) return "";
  if (field.control === "lines" && Array.isArray(value)) return value.join("\n");
  if (field.control === "map" && isRecord(value)) {
    if (Object.values(value).some(isKept)) return KEPT;
    return Object.entries(value)
      .map(([name, inner]) => `${name}: ${String(inner)}`)
      .join("\n");
  }
  return String(value);
}

export interface Read {
  settings: Record<string, unknown>;
  /** By field key. */
  errors: Record<string, string>;
}

/** What is typed, as settings. `before` gives the values that stay because they are secret. */
export function readDraft(fields: readonly FieldSpec[], draft: Draft, before: Record<string, unknown> = {}): Read {
  const settings: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const field of fields) {
    const text = draft[field.key] ?? "";
    const value = text === KEPT ? valueAt(before, field.path) : parse(field, text);
    if (value instanceof Error) errors[field.key] = value.message;
    else if (value !== undefined) setAt(settings, field.path, value);
    else if (field.isRequired) errors[field.key] = "This is needed.";
  }
  return { settings, errors };
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path;
  if (rest.length === 0) {
    target[name] = value;
    return;
  }
  const inner = isRecord(target[name]) ? target[name] : {};
  target[name] = inner;
  setAt(inner, rest, value);
}

/** The value, `undefined` when nothing was typed. */
function parse(field: FieldSpec, typedText: string | boolean): unknown {
  if (typeof typedText === "boolean") return typedText || (field.isRequired ? false : undefined);
  const text = typedText.trim();
  if (text === "") return undefined;
  if (field.control === "number") {
    const value = Number(text);
    return Number.isFinite(value) ? value : new Error("This is not a number.");
  }
  if (field.control === "lines") return text.split(/\s*\n\s*/);
  return field.control === "map" ? parseMap(text) : text;
}

function parseMap(text: string): Record<string, string> | Error {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const pairs = lines.map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line));
  const wrong = pairs.indexOf(null);
  if (wrong >= 0) return new Error(`Write \`name: value\` in line ${wrong + 1}.`);
  return Object.fromEntries(pairs.map((pair) => [pair?.[1] ?? "", pair?.[2] ?? ""]));
}
