"""What Schemathesis cannot guess: names that exist, versions that are current, addresses that answer.

Without it nearly every request would end at `404 not_found` and reach no handler. Each value is put in with a
probability, so that the made-up ones are sent too. All chances come from one seed: the same seed, the same requests.
"""

import atexit
import json
import os
import random
import re
import urllib.request

import schemathesis

FACTS = json.loads(os.environ["ASSENT_FACTS"])
CHANCE = random.Random(FACTS["seed"])
QUERIES = [
    "select event, count(*) from events group by 1",
    "select * from events order by received_at desc limit 3",
    "select 1/0",
    "select cast('x' as int)",
    "select sum(9223372036854775807 + length(event)) from events",
    "select array_agg(event), now(), interval '1 month' from events",
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 50) select max(i) from n",
    "drop table events",
    "select '\u0000', '\U0001f600'",
    "",
]
DRAFTS = [
    {},
    {"default_regime": "by-region", "do_not_track": "as-gpc"},
    {"banner": {"languages": {"en": {"title": "Hello"}}, "version": 7, "ask_again_below": 7}},
]
FILE = {
    "workspace": FACTS["workspace"],
    "sources": [{"name": "filed", "kind": "server", "write_key": "wk_filed", "basis": "contract"}],
}
# How often each operation was answered by what: the test asks that every one succeeded at least once.
SEEN = {}
# Every handler may answer these; the document names only what is peculiar to an operation. All carry the error's body.
ANYWHERE = {400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429}


def often(chance=0.7):
    return CHANCE.random() < chance


@schemathesis.hook
def before_call(context, case, kwargs):
    path = case.operation.path
    own_names(case, path)
    if isinstance(case.body, dict):
        own_body(case, path)
    elif path.endswith("/apply") and often():
        case.body = FILE
    if "if_version" in (case.query or {}) and often():
        case.query["if_version"] = version_at(case.formatted_path.removesuffix("/banner/publish"))
    if "to_version" in (case.query or {}) and often():
        # A body that is empty, as it often is there, publishes over the consent block.
        case.query["to_version"] = version_at(f"/api/v1/workspaces/{FACTS['workspace']}/categories")


def own_names(case, path):
    names = case.path_parameters
    if not isinstance(names, dict):
        return
    if "workspace" in names and often(0.9):
        names["workspace"] = FACTS["workspace"]
    removes = case.method.upper() == "DELETE"
    if "/destinations/{name}" in path and often():
        names["name"] = CHANCE.choice(destinations_for(case, removes))
    if "/sources/{name}" in path and often():
        names["name"] = CHANCE.choice(FACTS["spare_sources"] if removes else FACTS["sources"])
    if path.endswith("/banner/publish") and often():
        names["name"] = FACTS["tried_source"]
    if "/events/{message_id}" in path and often():
        names["message_id"] = CHANCE.choice(FACTS["message_ids"])
    if "/replays/{number}" in path and often():
        names["number"] = 1  # the test began one at each destination
    if "/configurations/{version}" in path and often():
        names["version"] = FACTS["version"]
    if "/choices/{receipt}" in path and often():
        names["receipt"] = FACTS["receipt"]
    if "/words/{hash}" in path and often():
        names["hash"] = FACTS["words"]
    if "/users/{name}" in path and (often() or str(names["name"]) == FACTS["owner"]):
        names["name"] = FACTS["spare_user"]  # never the owner, whose token this run uses
    if "/lake/saved/{id}" in path and often():
        names["id"] = CHANCE.choice(FACTS["spare_queries"])
    if "/tokens/{id}" in path and (often() or str(names["id"]) == FACTS["token_id"]):
        names["id"] = CHANCE.choice(FACTS["spare_tokens"])  # never the token in use


def destinations_for(case, removes):
    """What is asked about stays as it is: one that was disabled or paused has neither errors nor retries to show."""
    if removes:
        return FACTS["spare_destinations"]
    changes = case.method.upper() == "PUT" or case.operation.path.endswith(("/pause", "/resume"))
    return ["changing"] if changes else FACTS["destinations"]


def own_body(case, path):
    body = case.body
    if path.endswith("/destinations/test") or "/destinations" in path and "settings" in body:
        if often():
            body["kind"] = "webhook"
            body["settings"] = {"url": CHANCE.choice(FACTS["receivers"]), "allow_private": True}
        elif isinstance(body.get("settings"), dict) and "url" in body["settings"]:
            body["settings"]["url"] = FACTS["receivers"][0]  # nothing is sent off this machine
    if re.search(r"/(destinations|sources)(/\{name\})?$", path) and often():
        body["name"] = (case.path_parameters or {}).get("name", f"made-{CHANCE.randrange(1000)}")
        body["sources"] = FACTS["sources"] if "destinations" in path else body.get("sources")
        body["purpose"] = "analytics" if "destinations" in path else body.get("purpose")
        for key in [key for key, value in body.items() if value is None]:
            del body[key]
    if path.endswith(("/dead-letters/retry", "/banner/publish")) and often():
        case.body = {}
    if path.endswith(("/consent/preview", "/consent/preview/notice", "/consent/simulation")) and often():
        body["consent"] = CHANCE.choice(DRAFTS)
        body.pop("source", None)
        if path.endswith("/notice"):
            # Without somebody responsible there is no notice.
            controller = {"name": "Acme", "address": "1 High Street", "email": "privacy@acme.example"}
            body["consent"] = {"notice": {"site": "Shop", "controller": controller}}
            body.pop("language", None)
    if path.endswith("/destinations/test") and often(0.3):
        # Made-up names of a destination whose secrets to take, and keys that it does not know, end nearly all others.
        settings = {"url": CHANCE.choice(FACTS["receivers"]), "allow_private": True}
        case.body = {"kind": "webhook", "settings": settings}
    if path.endswith("/beacons") and often():
        case.body = {"source": FACTS["server_source"], "recipients": ["u-1"], "links": ["https://shop.example/"]}
    if "/lake/" in path and "sql" in body and often():
        body["sql"] = CHANCE.choice(QUERIES)
    if path.endswith("/users") and often(0.3):
        # What is made up is too weak a password nearly always.
        case.body = {"name": f"made-{CHANCE.randrange(1000)}", "password": FACTS["password"], "role": "viewer"}
    if path.endswith("/session") and often(0.3):
        case.body = {"name": FACTS["owner"], "password": FACTS["password"]}


def version_at(path):
    """The version of the object that a request changes, 0 when there is none."""
    request = urllib.request.Request(FACTS["url"] + path, headers={"authorization": FACTS["authorization"]})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer).get("version", 0)
    except (OSError, ValueError):
        return 0


@schemathesis.check
def errors_say_what(context, response, case):
    """A status that the operation does not name is an error of the common kind, with its body."""
    counts = SEEN.setdefault(case.operation.label, {})
    counts[response.status_code] = counts.get(response.status_code, 0) + 1
    named = {int(status) for status in case.operation.definition.raw["responses"] if status.isdigit()}
    if response.status_code in named:
        return
    assert response.status_code in ANYWHERE, f"undocumented status {response.status_code}"
    if case.method.upper() != "HEAD":
        error = response.json()["error"]
        assert {"code", "message", "hint", "docs"} <= error.keys(), error


@atexit.register
def tell():
    with open("seen.json", "w") as file:
        json.dump(SEEN, file)
