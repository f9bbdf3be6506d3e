// The client's edge cases, and a list of every address of the console.

import { afterEach, expect, test, vi } from "vitest";
import { ApiError, address, call, toError } from "../src/api/client.ts";
import { pixelData, snippets } from "../src/pages/sources/snippets.ts";
import { paths } from "../src/paths.ts";

afterEach(() => vi.unstubAllGlobals());

const answering = (status: number, body: string, type = "application/json") => {
  const fetched = vi.fn(
    async (_address: string, _init: RequestInit) =>
      new Response(body || null, { status, headers: { "content-type": type } }),
  );
  vi.stubGlobal("fetch", fetched);
  return fetched;
};

test("a change carries the header that forms cannot send, a read does not", async () => {
  const fetched = answering(200, "{}");
  await call("POST", "/tokens", { body: { name: "a" } });
  await call("GET", "/tokens");
  const headers = fetched.mock.calls.map(([, init]) => (init.headers as Record<string, string>)["x-assent"]);
  expect(headers).toEqual(["1", undefined]);
});

test("errors keep code, message, hint and the current object", () => {
  const error = toError(409, {
    error: { code: "version_conflict", message: "changed", hint: "look", current: { version: 4 } },
  });
  expect([error.code, error.message, error.hint, error.current]).toEqual([
    "version_conflict",
    "changed",
    "look",
    { version: 4 },
  ]);
});

test("answers that are not ours still become a sentence", async () => {
  answering(502, "<html>bad gateway</html>", "text/html");
  await expect(call("GET", "/x")).rejects.toMatchObject({ status: 502, code: "http_502" });
  answering(200, "{oops");
  await expect(call("GET", "/x")).rejects.toMatchObject({ code: "bad_answer" });
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed to fetch")));
  await expect(call("GET", "/x")).rejects.toBeInstanceOf(ApiError);
});

test("empty answers are no value", async () => {
  answering(204, "");
  expect(await call("DELETE", "/x")).toBeUndefined();
});

test("addresses leave out what is not asked for", () => {
  expect(address("/audit", { actor: "", before: null, workspace: "a b" })).toBe("/api/v1/audit?workspace=a+b");
});

test("every address of the console", () => {
  expect(
    Object.values(paths).map((path) =>
      typeof path === "string" ? path : (path as (...names: string[]) => string)("acme", "a/b"),
    ),
  ).toMatchInlineSnapshot(`
    [
      "/",
      "/w/acme/a/b",
      "/w/acme/overview",
      "/w/acme/live",
      "/w/acme/events/a%2Fb",
      "/w/acme/sources",
      "/w/acme/new-source",
      "/w/acme/sources/a%2Fb",
      "/w/acme/destinations",
      "/w/acme/new-destination",
      "/w/acme/destinations/a%2Fb/health",
      "/w/acme/lake",
      "/w/acme/consent/a/b",
      "/w/acme/settings/a/b",
    ]
  `);
});

test("snippets name the real host and key, and the pixel's data is the event", () => {
  for (const sdk of ["assent", "segment"] as const) {
    for (const { id, code } of snippets("browser", { host: "https://cdp.example", key: "wk_1", sdk })) {
      expect(code, id).toContain("https://cdp.example");
      expect(id === "pixel" || code.includes("wk_1"), id).toBe(true);
    }
  }
  const text = atob(pixelData("wk_1").replaceAll("-", "+").replaceAll("_", "/"));
  expect(JSON.parse(text)).toMatchObject({ writeKey: "wk_1", event: "First Event" });
});
