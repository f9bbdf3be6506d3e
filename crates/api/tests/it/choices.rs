//! Choices on record: taken over with care, and shown as they were at any time.

use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{PASSWORD, Rig};

const CHOICES: &str = "/api/v1/workspaces/acme/choices";

struct World {
    rig: Rig,
    cookie: String,
}

impl World {
    async fn new() -> Self {
        let rig = Rig::new().await;
        let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
        Self { rig, cookie }
    }

    async fn import(&self, items: Value) -> (StatusCode, Value) {
        let body = json!({ "source": "web", "items": items });
        let answer = self.rig.ask(&self.cookie, "POST", CHOICES, Some(body)).await;
        (answer.status, answer.json())
    }

    async fn show(&self, query: &str) -> Value {
        let answer = self.rig.ask(&self.cookie, "GET", &format!("{CHOICES}?{query}"), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }
}

/// Some days before the moment at which the rig's clock stands, as RFC 3339.
fn days_ago(days: i64) -> String {
    event::Millis(1_795_298_400_000 - days * 86_400_000).to_string()
}

#[tokio::test]
async fn refusals_are_taken_over_always_and_grants_only_when_they_can_be_shown() {
    let world = World::new().await;
    let item = |id: &str, granted: bool, more: Value| {
        let mut item = json!({ "user_id": id, "categories": { "performance": granted } });
        item.as_object_mut().expect("a map").extend(more.as_object().cloned().unwrap_or_default());
        item
    };
    let items = json!([
        item("refuses", false, json!({})),
        item("no time", true, json!({ "version": 1 })),
        item("old", true, json!({ "version": 1, "made_at": days_ago(181) })),
        item("other words", true, json!({ "version": 7, "made_at": days_ago(1) })),
        item("tomorrow", true, json!({ "version": 1, "made_at": days_ago(-1) })),
        item("grants", true, json!({ "version": 1, "made_at": days_ago(1) })),
    ]);
    let (status, imported) = world.import(items).await;
    assert_eq!(status, StatusCode::OK, "{imported}");
    let expected = json!({ "recorded": 2, "known": 0,
        "grants_left_out": { "no_time": 1, "expired": 1, "other_words": 1, "future": 1 } });
    assert_eq!(imported, expected);
    let granted =
        async |id: &str| world.show(&format!("user_id={id}")).await["standing"]["performance"]["granted"].clone();
    assert_eq!((granted("refuses").await, granted("grants").await), (json!(false), json!(true)));
    assert_eq!(granted("other%20words").await, Value::Null);
}

#[tokio::test]
async fn a_refusal_that_is_imported_is_in_force_for_its_identifier() {
    let world = World::new().await;
    let refusal = json!([{ "anonymous_id": "never seen", "categories": { "targeting": false } }]);
    let (_, imported) = world.import(refusal).await;
    assert_eq!(imported["recorded"], 1);
    let shown = world.show("anonymous_id=never%20seen").await;
    assert_eq!(
        (&shown["subjects"].as_array().map(Vec::len), &shown["standing"]["targeting"]["granted"]),
        (&Some(1), &json!(false))
    );
}

#[tokio::test]
async fn what_is_sent_again_is_recorded_once() {
    let world = World::new().await;
    let untimed = json!({ "user_id": "ada", "categories": { "performance": false } });
    let timed = json!({ "user_id": "ada", "made_at": days_ago(3), "categories": { "performance": false } });
    let first = world.import(json!([untimed, timed, untimed])).await.1;
    assert_eq!((&first["recorded"], &first["known"]), (&json!(2), &json!(1)));
    // Since then they have changed their mind: what comes again must not undo it.
    let granted =
        json!({ "user_id": "ada", "version": 1, "made_at": days_ago(0), "categories": { "performance": true } });
    world.import(json!([granted])).await;
    let again = world.import(json!([untimed, timed, granted])).await.1;
    assert_eq!((&again["recorded"], &again["known"]), (&json!(0), &json!(3)));
    assert_eq!(world.show("user_id=ada").await["items"].as_array().map(Vec::len), Some(3));
    // Another person, another time, another content: each is one of its own.
    let others = json!([
        { "user_id": "eve", "categories": { "performance": false } },
        { "user_id": "ada", "made_at": days_ago(4), "categories": { "performance": false } },
        { "user_id": "ada", "categories": { "targeting": false } },
    ]);
    assert_eq!(world.import(others).await.1["recorded"], 3);
}

#[tokio::test]
async fn of_two_who_are_not_linked_the_refusal_is_shown_as_the_gate_has_it() {
    let world = World::new().await;
    let refuses =
        json!([{ "anonymous_id": "browser", "made_at": days_ago(2), "categories": { "performance": false } }]);
    let grants =
        json!([{ "user_id": "ada", "version": 1, "made_at": days_ago(1), "categories": { "performance": true } }]);
    world.import(refuses).await;
    world.import(grants).await;
    let shown = world.show("anonymous_id=browser&user_id=ada").await;
    assert_eq!(
        (&shown["subjects"].as_array().map(Vec::len), &shown["standing"]["performance"]["granted"]),
        (&Some(2), &json!(false))
    );
    let audit = world.rig.ask(&world.cookie, "GET", "/api/v1/audit?kind=choices", None).await.json();
    assert_eq!(audit["items"][0]["action"], "reveal");
    assert!(!audit.to_string().contains("ada"), "who was asked for is not in the audit log");
}

#[tokio::test]
async fn what_was_on_record_at_a_moment_is_shown() {
    let world = World::new().await;
    let said = |granted: bool, days| json!([{ "user_id": "ada", "version": 1, "made_at": days_ago(days), "categories": { "performance": granted } }]);
    for (granted, days) in [(true, 2), (false, 1)] {
        assert_eq!(world.import(said(granted, days)).await.0, StatusCode::OK);
    }
    let now = world.show("user_id=ada").await;
    assert_eq!(now["standing"]["performance"], json!({ "granted": false, "at": days_ago(1) }));
    assert_eq!(
        (&now["items"][1]["method"], &now["items"][1]["presented"]),
        (&json!("import"), &json!({ "version": 1 }))
    );
    assert_eq!(world.show("user_id=ada&as_of=2026-11-21T22:00:00.000Z").await["items"], now["items"]);
    // Both arrived at ten in the evening: a moment before, nothing was on record.
    let before = world.show("user_id=ada&as_of=2026-11-21T21:59:59.999Z").await;
    assert_eq!((&before["standing"], &before["items"]), (&json!({}), &json!([])));
}

#[tokio::test]
async fn what_cannot_be_read_records_nothing() {
    let world = World::new().await;
    let items = json!([
        { "user_id": "u", "categories": { "performance": false } },
        { "user_id": "u", "categories": { "unheard": false } },
    ]);
    let (status, error) = world.import(items).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_value")));
    assert!(
        error["error"]["message"]
            .as_str()
            .is_some_and(|said| said.contains("`items[1]`") && said.contains("`unheard`"))
    );
    assert_eq!(world.show("user_id=u").await["items"], json!([]));
    let (status, error) = world.import(json!([{ "anonymous_id": "", "categories": { "performance": false } }])).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(error["error"]["message"].as_str().is_some_and(|said| said.contains("names nobody")), "{error}");
    let answer = world.rig.ask(&world.cookie, "GET", CHOICES, None).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "invalid_value".to_owned()));
}

#[tokio::test]
async fn the_words_of_a_hash_are_shown_again() {
    let world = World::new().await;
    let ask = async |path: &str| world.rig.ask(&world.cookie, "GET", path, None).await;
    let experience = ask("/api/v1/workspaces/acme/experience?region=DE").await.json();
    assert_eq!(experience["regime"]["id"], "opt-in");
    let hash = experience["texts"]["hash"].as_str().expect("a hash").to_owned();
    let words = ask(&format!("/api/v1/workspaces/acme/words/{hash}")).await.json();
    let kept: Value = serde_json::from_str(words["words"].as_str().expect("words")).expect("JSON");
    assert_eq!(kept["words"]["reject"], experience["texts"]["reject"]);
    assert_eq!(ask("/api/v1/workspaces/acme/words/00").await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask("/api/v1/workspaces/acme/experience?source=nothing").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_receipt_proves_its_choice_to_whoever_has_the_public_key() {
    let world = World::new().await;
    world.import(json!([{ "user_id": "ada", "categories": { "performance": false } }])).await;
    let number = world.show("user_id=ada").await["items"][0]["receipt"].as_str().expect("a number").to_owned();
    let ask = async |path: &str| world.rig.ask(&world.cookie, "GET", path, None).await;
    let receipt = ask(&format!("{CHOICES}/{number}/receipt")).await;
    assert_eq!(receipt.status, StatusCode::OK, "{receipt:?}");
    // Files of the log and its key need no login.
    let key = world.rig.ask("", "GET", "/ledger/acme/key", None).await.text;
    let key: ledger::VerifierKey = key.trim_end().parse().expect("a key");
    let verified = ledger::verify(&receipt.text, &key).expect("it verifies");
    assert_eq!(verified.record.value()["choices"], json!([{ "purpose": "performance", "state": "refused" }]));
    assert!(ledger::verify(&receipt.text.replace("refused", "granted"), &key).is_err());
    let shown = ask("/api/v1/workspaces/acme/ledger").await.json();
    // The first leaf is that of the configuration.
    assert_eq!((&shown["size"], shown["key"].as_str()), (&json!(2), Some(&*key.to_string())));
    assert_eq!(shown["anchored"], false);
    let checkpoint = File::options().write(true).open(world.rig.directory.path().join("ledger/checkpoint"));
    let at = UNIX_EPOCH + Duration::from_millis(1_795_298_400_001);
    checkpoint.and_then(|file| file.set_modified(at)).expect("it has a time");
    assert_eq!(ask("/api/v1/workspaces/acme/ledger").await.json()["published_at"], "2026-11-21T22:00:00.001Z");
    let tile = world.rig.ask("", "GET", "/ledger/acme/tile/0/000.p/2", None).await;
    assert_eq!((tile.status, tile.headers.get("cache-control").is_some()), (StatusCode::OK, true));
    for path in
        [format!("{CHOICES}/{}/receipt", "0".repeat(32)), format!("{CHOICES}/x/receipt"), "/ledger/acme/tile/9".into()]
    {
        assert_eq!(ask(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_rules_of_any_day_are_provable() {
    let world = World::new().await;
    let ask = async |path: &str| {
        let answer = world.rig.ask(&world.cookie, "GET", &format!("/api/v1/workspaces/acme/{path}"), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer
    };
    let path = "/api/v1/workspaces/acme/categories?if_version=0";
    let written = json!({ "do_not_track": "as-gpc" });
    assert_eq!(world.rig.ask(&world.cookie, "PUT", path, Some(written)).await.status, StatusCode::OK);
    let versions = ask("ledger/configurations").await.json();
    let [latest, first] = versions["items"].as_array().map(Vec::as_slice).expect("a list") else {
        panic!("two versions: {versions}")
    };
    assert_eq!((&latest["actor"], &versions["next"]), (&json!("admin"), &Value::Null));
    let text = ask(&format!("ledger/configurations/{}", latest["version"])).await.text;
    assert!(text.contains("do_not_track: as-gpc") && !text.contains("whsec_"), "{text}");
    assert!(!ask(&format!("ledger/configurations/{}", first["version"])).await.text.contains("as-gpc"));
    let receipt = ask(&format!("choices/{}/receipt", latest["receipt"].as_str().expect("a number"))).await.text;
    let key = world.rig.ask("", "GET", "/ledger/acme/key", None).await.text;
    let verified = ledger::verify(&receipt, &key.trim_end().parse().expect("a key")).expect("it verifies");
    let record = verified.record.value();
    assert_eq!((&record["kind"], &record["version"]), (&json!("configuration"), &latest["version"]));
    assert_eq!(record["configuration"], format!("sha256:{}", latest["sha256"].as_str().expect("a hash")));
    let earlier = ask(&format!("ledger/configurations?before={}", latest["version"])).await.json();
    assert_eq!(earlier["items"], json!([first]));
}
