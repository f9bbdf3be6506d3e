// The mock's answers, one row for each operation of the contract that the console uses.

import { alertRoutes } from "./alerts.mjs";
import { consentRoutes } from "./consent.mjs";
import { overviewOf } from "./world.mjs";

const page = (items) => ({ body: { items, next: null } });
const of = (world, list, name) => world[list].find((one) => one.name === name);
const missing = ({ refuse }, name) => refuse(404, "not_found", `there is no \`${name}\``, "check the name");

const session = (world) => ({
  user: { name: world.signedIn.name, role: world.signedIn.role, personal_data: world.signedIn.personal_data },
  version: "0.3.0",
  workspaces: ["acme"],
});

function signIn({ world, body, refuse }) {
  const user = world.users.find(({ name, password }) => name === body.name && password === body.password);
  if (!user)
    return refuse(
      401,
      "bad_credentials",
      "name and password do not belong together",
      "check both; after ten attempts there is a pause",
    );
  world.signedIn = user;
  return { body: { user: session(world).user } };
}

const conflict = (found, refuse) =>
  refuse(409, "version_conflict", `\`${found.name}\` was changed since`, "look at both versions", { current: found });

/** The linter's sentence for the one fault of a site's words that tests make. */
const refusalOfSite = ({ name, banner }) =>
  banner?.languages?.en?.reject?.length > 30 &&
  `source \`${name}\`, \`banner\`: banner language \`en\`: \`accept\` and \`reject\` are of unlike length`;

function changeSource(call) {
  const refused = refusalOfSite(call.body);
  return refused ? call.refuse(400, "invalid_workspace", refused, "change the words") : change("sources")(call);
}

/** Moves what belongs to no host, as far as tests look. */
function publishBanner({ world, names, query, refuse }) {
  const found = of(world, "sources", names[0]);
  const [from, over] = ["if_version", "to_version"].map((name) => Number(query.get(name)));
  world.published.push([from, over]);
  if (from !== found.version) return conflict(found, refuse);
  if (over !== world.categories.version) return conflict({ ...world.categories, name: "consent" }, refuse);
  const { cookie_domain, frames, ...moves } = found.banner;
  Object.assign(world.categories.banner, moves);
  const stays = { ...(cookie_domain && { cookie_domain }), ...(frames && { frames }) };
  Object.assign(found, { banner: Object.keys(stays).length > 0 ? stays : null, version: found.version + 1 });
  return { body: found };
}

/** Changes an object, or shows that it was changed in between. */
function change(list) {
  return (call) => {
    const { world, names, body, query, refuse } = call;
    const found = of(world, list, names[0]);
    if (!found) return missing(call, names[0]);
    if (Number(query.get("if_version")) !== found.version) return conflict(found, refuse);
    Object.assign(found, body, { version: found.version + 1 });
    return { body: found };
  };
}

function create(list, make) {
  return ({ world, body, refuse }) => {
    if (of(world, list, body.name))
      return refuse(409, "already_exists", `there is a \`${body.name}\` already`, "choose another name");
    const made = make(body);
    world[list].push(made);
    return { status: 201, body: made };
  };
}

const drop =
  (list) =>
  ({ world, names }) => {
    world[list] = world[list].filter(({ name, id }) => (id ?? name) !== names[0]);
    return { status: 204 };
  };

const newSource = (body) => ({
  write_key: `wk_${body.name}_51c2`,
  declared_by: null,
  version: 1,
  first_event_at: null,
  last_event_at: null,
  ...body,
});
const newDestination = (body) => ({ declared_by: null, version: 1, health: null, ...body });

const EVENTS = ["Order Completed", "Product Viewed", "Cart Viewed", "Signed Up", "Checkout Started"];

function liveLines(at) {
  const message_id = `msg-${String(at).padStart(5, "0")}-live`;
  const base = { at: new Date().toISOString(), workspace: "acme", source: at % 3 ? "web" : "api" };
  if (at % 9 === 4) return [{ ...base, tail: "refused", type: "page", reason: "no_consent" }];
  if (at % 23 === 7) return [{ ...base, tail: "discarded", code: "no_user_anon_id", events: 1 }];
  if (at % 17 === 3) return [{ ...base, tail: "choice" }];
  return [
    { ...base, tail: "accepted", type: at % 4 ? "track" : "page", message_id, name: EVENTS[at % EVENTS.length] },
    {
      workspace: "acme",
      source: base.source,
      message_id,
      tail: "processed",
      outputs: ["warehouse-hook", "crm", "ads"],
    },
    {
      ...base,
      message_id,

      destination: "warehouse-hook",
      tail: "delivered",
      reason: "",
      attempt: 1,
      status: 200,
    },
    {
      ...base,
      message_id,

      destination: "crm",
      tail: "waiting",
      reason: "receiver_failed",
      attempt: 1,
      status: 503,
    },
    { ...base, message_id, destination: "ads", tail: "withheld", reason: "category_refused" },
  ];
}

function live({ world, response }) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": hello\n\n");
  let at = 0;
  const send = () => {
    const batch = Array.from({ length: world.linesPerTick ?? 1 }, () => liveLines(at++)).flat();
    response.write(batch.map((line) => `event: line\ndata: ${JSON.stringify(line)}\n\n`).join(""));
  };
  if (!world.isFull) return;
  for (let first = 0; first < 24; first++) send();
  const timer = setInterval(send, world.tickMs ?? 700);
  response.on("close", () => clearInterval(timer));
}

function runQuery({ world, body, refuse }) {
  world.questions.push(body);
  if (world.signedIn.role === "analyst" && !body.use)
    return refuse(403, "forbidden", "an analyst reads rows for a declared use only", "say `use` in the question");
  if (body.sql.includes("fail"))
    return refuse(
      400,
      "query_failed",
      "no column named `fail` in `events`",
      "columns are `type`, `event`, `received_at`, …",
    );
  const start = Date.now() - 60 * 60_000;
  const rows = Array.from({ length: 60 }, (_, at) => [
    new Date(start + at * 60_000).toISOString().slice(0, 19),
    400 + Math.round(200 * Math.sin(at / 5)),
    30 + (at % 11),
  ]);
  return {
    body: {
      columns: [
        { name: "minute", type: "Timestamp(Microsecond, None)" },
        { name: "events", type: "Int64" },
        { name: "people", type: "Int64" },
      ],
      rows,
      truncated: false,
      took_ms: 41,
    },
  };
}

const SCHEMA = [
  {
    name: "events",
    columns: [
      ["received_at", 'Timestamp(Microsecond, Some("UTC"))'],
      ["type", "Utf8"],
      ["event", "Utf8"],
      ["source", "Utf8"],
      ["anonymous_id", "Utf8"],
      ["user_id", "Utf8"],
      ["properties", "Utf8"],
      ["context", "Utf8"],
    ].map(([name, type]) => ({ name, type })),
  },
];

const overview = ({ world, query, refuse }) =>
  world.kind === "broken"
    ? refuse(500, "internal", "the server could not read its state", "the server's log says more")
    : { body: overviewOf(world, Number(query.get("minutes"))) };

const users = (world) => world.users.map(({ password: _, ...user }) => user);

function matching(world, { reason, text, from, to }) {
  return world.deadLetters.filter(
    (one) =>
      (!reason || one.reason === reason) &&
      (!text || one.text.toLowerCase().includes(text.toLowerCase())) &&
      (!from || one.at >= from) &&
      (!to || one.at < to),
  );
}

function deadLetters({ world, query, names }) {
  return page(names[0] === "crm" ? matching(world, Object.fromEntries(query)) : []);
}

function retry({ world, body }) {
  const found = body.ids ? world.deadLetters.filter(({ id }) => body.ids.includes(id)) : matching(world, body);
  const taken = found.filter(({ id }) => id !== null);
  world.deadLetters = world.deadLetters.filter((one) => !taken.includes(one));
  const gone = found.length - taken.length;
  const id = `r${world.retries.length + 1}`;
  const figures = { taken: taken.length, delivered: taken.length, withheld: 0, failed: 0, gone };
  world.retries.unshift({ id, at: new Date().toISOString(), by: "admin", state: "done", ...figures });
  return { status: 202, body: { job: id } };
}

function pause(isPaused) {
  return ({ world, names }) => {
    const { health } = of(world, "destinations", names[0]);
    const since = new Date().toISOString();
    const paused = isPaused ? { reason: "by_operator", until: null, by: "admin", since } : null;
    Object.assign(health, { paused, state: paused ? "paused" : "running" });
    return { status: 204 };
  };
}

const one = (list) => (call) => {
  const found = of(call.world, list, call.names[0]);
  return found ? { body: found } : missing(call, call.names[0]);
};

export const routes = [
  [
    "GET",
    /^\/session$/,
    ({ world, refuse }) =>
      world.signedIn ? { body: session(world) } : refuse(401, "not_signed_in", "nobody is signed in", "sign in"),
  ],
  ["POST", /^\/session$/, signIn],
  [
    "DELETE",
    /^\/session$/,
    ({ world }) => {
      world.signedIn = null;
      return { status: 204 };
    },
  ],
  [
    "PUT",
    /^\/session\/password$/,
    ({ world, body, refuse }) =>
      body.current === world.signedIn.password
        ? { status: 204 }
        : refuse(401, "bad_credentials", "the current password is another one", "check it"),
  ],
  ["GET", /^\/users$/, ({ world }) => page(users(world))],
  [
    "POST",
    /^\/users$/,
    create("users", (body) => ({ created_at: new Date().toISOString(), last_seen_at: null, ...body })),
  ],
  [
    "PUT",
    /^\/users\/([^/]+)$/,
    ({ world, names, body }) => ({ body: Object.assign(of(world, "users", names[0]), body) }),
  ],
  ["DELETE", /^\/users\/([^/]+)$/, drop("users")],
  ["GET", /^\/tokens$/, ({ world }) => page(world.tokens)],
  [
    "POST",
    /^\/tokens$/,
    ({ world, body }) => {
      const made = { id: `t${Date.now()}`, created_at: new Date().toISOString(), last_used_at: null, ...body };
      world.tokens.push(made);
      return { status: 201, body: { ...made, token: "asn_mock_2f9c81d04c" } };
    },
  ],
  ["DELETE", /^\/tokens\/([^/]+)$/, drop("tokens")],
  [
    "GET",
    /^\/audit$/,
    ({ world, query }) =>
      page(
        world.audit.filter(
          ({ actor, kind }) =>
            (!query.get("actor") || actor === query.get("actor")) && (!query.get("kind") || kind === query.get("kind")),
        ),
      ),
  ],
  ["GET", /^\/settings$/, ({ world }) => page(world.settings)],
  ["GET", /^\/destination-kinds$/, ({ world }) => page(world.kinds)],
  ["GET", /^\/w\/overview$/, overview],
  ["GET", /^\/w\/live$/, live],
  [
    "GET",
    /^\/w\/events\/([^/]+)$/,
    ({ world, names, refuse }) =>
      names[0] === "unknown"
        ? refuse(404, "not_found", "there is no event of this id", "wait a second")
        : { body: { ...world.detail, masked: !world.signedIn.personal_data } },
  ],
  ["GET", /^\/w\/sources$/, ({ world }) => page(world.sources)],
  ["POST", /^\/w\/sources$/, create("sources", newSource)],
  ["GET", /^\/w\/sources\/([^/]+)$/, one("sources")],
  ["PUT", /^\/w\/sources\/([^/]+)$/, changeSource],
  ["POST", /^\/w\/sources\/([^/]+)\/banner\/publish$/, publishBanner],
  ["DELETE", /^\/w\/sources\/([^/]+)$/, drop("sources")],
  ["GET", /^\/w\/destinations$/, ({ world }) => page(world.destinations)],
  ["POST", /^\/w\/destinations$/, create("destinations", newDestination)],
  [
    "POST",
    /^\/w\/destinations\/test$/,
    ({ body }) => ({
      body: {
        ok: !JSON.stringify(body).includes("crm"),
        status: JSON.stringify(body).includes("crm") ? 503 : 200,
        answer: '{"received":true}',
        took_ms: 84,
      },
    }),
  ],
  ["GET", /^\/w\/destinations\/([^/]+)$/, one("destinations")],
  ["PUT", /^\/w\/destinations\/([^/]+)$/, change("destinations")],
  ["DELETE", /^\/w\/destinations\/([^/]+)$/, drop("destinations")],
  ["POST", /^\/w\/destinations\/([^/]+)\/pause$/, pause(true)],
  ["POST", /^\/w\/destinations\/([^/]+)\/resume$/, pause(false)],
  ["GET", /^\/w\/destinations\/([^/]+)\/errors$/, ({ world, names }) => page(names[0] === "crm" ? world.errors : [])],
  ["GET", /^\/w\/destinations\/([^/]+)\/dead-letters$/, deadLetters],
  ["POST", /^\/w\/destinations\/([^/]+)\/dead-letters\/retry$/, retry],
  [
    "GET",
    /^\/w\/destinations\/([^/]+)\/dead-letters\/retries$/,
    ({ world, names }) => page(names[0] === "crm" ? world.retries : []),
  ],
  ...consentRoutes,
  ...alertRoutes({ page, change, create, drop }),
  ["POST", /^\/w\/lake\/query$/, runQuery],
  ["GET", /^\/w\/lake\/schema$/, () => ({ body: { tables: SCHEMA } })],
  ["GET", /^\/w\/lake\/saved$/, ({ world }) => page(world.saved)],
  [
    "POST",
    /^\/w\/lake\/saved$/,
    ({ world, body }) => {
      const made = { id: `q${Date.now()}`, by: "admin", at: new Date().toISOString(), ...body };
      world.saved.push(made);
      return { status: 201, body: made };
    },
  ],
  ["DELETE", /^\/w\/lake\/saved\/([^/]+)$/, drop("saved")],
  [
    "GET",
    /^\/w\/export$/,
    () => ({ body: "workspace: acme\nsources:\n  - { name: web, kind: browser, write_key: wk_web_7f3a9c }\n" }),
  ],
  [
    "POST",
    /^\/w\/apply$/,
    () => ({
      body: {
        changes: [
          { kind: "source", name: "app", action: "create", before: null, after: { name: "app", kind: "mobile" } },
        ],
      },
    }),
  ],
];
