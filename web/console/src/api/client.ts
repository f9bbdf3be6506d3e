// The one way to the API: JSON in, JSON or an error out. A change carries the header that a foreign page's form
// cannot send, which is what protects the session's cookie.

export const API = "/api/v1";

export class ApiError extends Error {
  override name = "ApiError";

  constructor(
    /** HTTP's status, 0 when nobody answered. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
    /** The object as it is now, where a change started from an older one. */
    readonly current: unknown = undefined,
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

interface Call {
  query?: Query;
  body?: unknown;
  /** Sent as it is, for workspace files. */
  text?: string;
  /** Answers the text as it came, byte for byte, whatever it is. */
  raw?: boolean;
  signal?: AbortSignal;
}

export function address(path: string, query: Query = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = new URLSearchParams(kept.map(([key, value]) => [key, String(value)])).toString();
  return `${API}${path}${search && `?${search}`}`;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

/** Reads an error's body; answers that are not ours (a proxy's page) still become a sentence. */
export function toError(status: number, body: unknown): ApiError {
  const error = isRecord(body) && isRecord(body.error) ? body.error : {};
  const current = isRecord(body) && body.current !== undefined ? body.current : error.current;
  return new ApiError(
    status,
    textOf(error.code) ?? `http_${status}`,
    textOf(error.message) ?? `the server answered ${status}`,
    textOf(error.hint) ?? (status >= 500 ? "try again; the server's log says more" : null),
    current,
  );
}

async function send(method: string, path: string, { query, body, text, signal }: Call): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json, text/yaml;q=0.9" };
  if (method !== "GET") headers["x-assent"] = "1";
  if (body !== undefined) headers["content-type"] = "application/json";
  if (text !== undefined) headers["content-type"] = "text/yaml";
  const payload = text ?? (body === undefined ? null : JSON.stringify(body));
  try {
    return await fetch(address(path, query), { method, headers, body: payload, signal: signal ?? null });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, "unreachable", "the server does not answer", "is it running, and is this machine online?");
  }
}

/** Calls the API. `T` is what the contract says of this path. */
export async function call<T>(method: string, path: string, options: Call = {}): Promise<T> {
  const response = await send(method, path, options);
  const raw = await response.text();
  if (options.raw && response.ok) return raw as T;
  const isJson = response.headers.get("content-type")?.includes("json");
  let value: unknown = raw === "" ? undefined : raw;
  if (isJson && raw !== "") {
    try {
      value = JSON.parse(raw);
    } catch {
      throw new ApiError(response.status, "bad_answer", "the answer of the server cannot be read", null);
    }
  }
  if (!response.ok) throw toError(response.status, value);
  return value as T;
}

export const get = <T>(path: string, query?: Query, signal?: AbortSignal) =>
  call<T>("GET", path, { ...(query && { query }), ...(signal && { signal }) });
/** What must be kept as it is: parsed and written again it would be another text. */
export const getText = (path: string) => call<string>("GET", path, { raw: true });
export const post = <T>(path: string, body?: unknown, query?: Query) =>
  call<T>("POST", path, { body, ...(query && { query }) });
export const put = <T>(path: string, body: unknown, query?: Query) =>
  call<T>("PUT", path, { body, ...(query && { query }) });
export const remove = (path: string, query?: Query) => call<void>("DELETE", path, { ...(query && { query }) });

/** A name inside a path. */
export const part = encodeURIComponent;
