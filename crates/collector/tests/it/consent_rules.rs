//! Collecting is itself a use, and a choice counts before it is answered.

use std::sync::atomic::Ordering;
use std::time::Duration;

use collector::Seen;
use event::Millis;
use serde_json::json;

use crate::setup::{NOW, World};

fn event(key: &str, consent: &serde_json::Value) -> String {
    json!({ "writeKey": key, "type": "track", "event": "Secret", "anonymousId": "a", "context": { "consent": consent } })
        .to_string()
}

fn choice(granted: bool) -> String {
    json!({
        "writeKey": "wk_web", "type": "track", "event": "Segment Consent Preference Updated", "anonymousId": "a",
        "context": { "consent": { "categoryPreferences": { "performance": granted } } },
    })
    .to_string()
}

fn refused(world: &World, source: &str, reason: &str) -> u64 {
    world.counter(&format!(r#"assent_collect_refused_total{{source="{source}",reason="{reason}""#))
}

#[tokio::test]
async fn an_unstamped_browser_event_is_not_stored() {
    let world = World::start().await;
    assert_eq!(world.post("/v1/t", &event("wk_web", &json!({}))).await.text(), r#"{"success":true}"#);
    assert_eq!(world.stored().await.len(), 0);
    assert_eq!(refused(&world, "web", "no_consent"), 1);
    let seen = world.seen.lock().expect("nobody panics here");
    assert!(matches!(seen[0].what, Seen::Refused { .. }));
    assert!(!format!("{seen:?}").contains("Secret"), "shown without content");
}

#[tokio::test]
async fn the_stamp_decides_and_segments_reading_must_be_asked_for() {
    let world = World::start().await;
    let stamp = |granted: bool| json!({ "categoryPreferences": { "performance": granted } });
    for (key, consent, stored) in [
        ("wk_web", stamp(true), true),
        ("wk_web", stamp(false), false),
        ("wk_web", json!({ "categoryPreferences": {} }), false),
        ("wk_compat", json!({}), true),
        ("wk_compat", stamp(false), true), // each use asks the stamp
        ("wk_api", json!({}), true),
    ] {
        let before = world.stored().await.len();
        world.post("/v1/t", &event(key, &consent)).await;
        assert_eq!(world.stored().await.len() > before, stored, "{key} {consent}");
    }
    assert_eq!(refused(&world, "web", "category_refused"), 2);
}

#[tokio::test]
async fn a_choice_counts_for_what_follows_also_in_its_batch() {
    let world = World::start().await;
    assert_eq!(world.post("/v1/t", &choice(true)).await.status, 200);
    world.post("/v1/t", &event("wk_web", &json!({}))).await;
    assert_eq!(world.stored().await.len(), 2, "the choice and the unstamped event after it");
    let item = |text: String| serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    let stamped = json!({ "categoryPreferences": { "performance": true } });
    let batch = json!({ "writeKey": "wk_web", "batch": [item(choice(false)), item(event("wk_web", &stamped))] });
    assert_eq!(world.post("/v1/b", &batch.to_string()).await.status, 200);
    assert_eq!(world.stored().await.len(), 2, "neither the refusal nor what follows it");
    assert_eq!(refused(&world, "web", "withdrawn"), 2);
    assert_eq!(world.notary.made.lock().expect("nobody panics here").len(), 2);
    assert_eq!(world.counter(r#"assent_collect_choices_total{source="web",recorded="known""#), 2);
}

#[tokio::test]
async fn traits_choose_when_the_workspace_maps_them() {
    let world = World::start().await;
    let identify = json!({ "writeKey": "wk_web", "userId": "u", "traits": { "stats": true } });
    assert_eq!(world.post("/v1/identify", &identify.to_string()).await.status, 200);
    assert_eq!(world.stored().await.len(), 1);
    let made = world.notary.made.lock().expect("nobody panics here");
    assert_eq!((made.len(), made[0].method.name()), (1, "traits"));
    // Without `sentAt` nothing vouches for the client's clock.
    assert_eq!(made[0].made_at, None);
}

#[tokio::test]
async fn no_answer_before_the_choice_is_recorded() {
    let world = World::start().await;
    let all = world.notary.permits.acquire_many(1000).await.expect("never closed");
    let body = choice(false);
    let post = world.post("/v1/t", &body);
    tokio::pin!(post);
    // The recorder holds; the answer must not come. (A time limit can only make this pass too easily, never fail.)
    assert!(tokio::time::timeout(Duration::from_millis(100), post.as_mut()).await.is_err());
    drop(all);
    assert_eq!(post.await.status, 200);
    assert_eq!(world.notary.made.lock().expect("nobody panics here").len(), 1);
}

#[tokio::test]
async fn a_choice_that_cannot_be_recorded_is_not_acknowledged() {
    let world = World::start().await;
    world.notary.fails.store(true, Ordering::SeqCst);
    let reply = world.post("/v1/t", &choice(true)).await;
    assert_eq!((reply.short().as_str(), reply.header("retry-after")), ("503 choice_not_recorded", Some("1")));
    assert_eq!(world.stored().await.len(), 0);
    let good = json!({ "type": "page", "userId": "u" });
    let choice: serde_json::Value = serde_json::from_str(&choice(true)).expect("JSON");
    let batch = json!({ "writeKey": "wk_api", "batch": [good, choice] });
    assert_eq!(world.post("/v1/b", &batch.to_string()).await.short(), "503 choice_not_recorded");
    assert_eq!(world.stored().await.len(), 0, "nothing of the batch");
}

#[tokio::test]
async fn an_id_that_outlived_its_days_is_refused_wherever_it_comes_back_from() {
    let world = World::start().await;
    let id = |days: i64| format!("d{}-0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11", crate::setup::NOW.0 / 86_400_000 - days);
    let send = async |id: String, name: &str, granted: bool| {
        let consent = json!({ "categoryPreferences": { "performance": granted } });
        let event = json!({ "writeKey": "wk_web", "type": "track", "event": name, "anonymousId": id, "userId": "u", "context": { "consent": consent } });
        assert_eq!(world.post("/v1/t", &event.to_string()).await.status, 200);
    };
    send(id(90), "E", true).await;
    assert_eq!(world.stored().await.len(), 1, "90 days and what is left of the day");
    send(id(92), "E", true).await;
    assert_eq!(world.stored().await.len(), 1, "neither stored nor linked to the user");
    assert_eq!(world.counter(r#"assent_collect_discarded_total{source="web",code="anonymous_id_expired""#), 1);
    send(id(92), "Segment Consent Preference Updated", false).await;
    assert_eq!(
        world.notary.made.lock().expect("nobody panics here").len(),
        1,
        "a refusal counts under it all the same"
    );
}

#[tokio::test]
async fn signals_travel_with_the_event() {
    let world = World::start().await;
    let stamped = event("wk_web", &json!({ "categoryPreferences": { "performance": true } }));
    let reply = world.send("POST", "/v1/t", &[("Sec-GPC", "1"), ("DNT", "0")], stamped.as_bytes()).await;
    assert_eq!(reply.status, 200);
    let signals = of_stamps(&world, |stamp| (stamp.signals.gpc, stamp.signals.dnt)).await;
    assert_eq!(signals, [(true, false)]);
}

/// Something of the stamps of all stored events.
async fn of_stamps<T>(world: &World, of: impl Fn(consent::Stamp<'_>) -> T) -> Vec<T> {
    use eventlog::EventLog;
    let mut found = Vec::new();
    for partition in 0..world.log.partitions() {
        let records = world.log.read(eventlog::Partition(partition), None, usize::MAX).await.expect("memory reads");
        for record in records {
            found.push(of(eventlog::record::Raw::decode(&record.payload).expect("a record").stamp));
        }
    }
    found
}

#[tokio::test]
async fn a_refusal_under_the_id_that_an_alias_leaves_counts() {
    let world = World::start().await;
    let stamped = json!({ "consent": { "categoryPreferences": { "performance": true } } });
    let alias = |previous: &str| {
        json!({ "writeKey": "wk_web", "userId": "u", "previousId": previous, "context": stamped }).to_string()
    };
    assert_eq!(world.post("/v1/t", &choice(false)).await.status, 200);
    // The choice's `a` is a browser; nobody refused as the user `a`, and an alias does not say which of them it means.
    assert_eq!(world.post("/v1/alias", &alias("a")).await.status, 200);
    assert_eq!((world.stored().await.len(), refused(&world, "web", "withdrawn")), (0, 2));
    assert_eq!(world.post("/v1/alias", &alias("b")).await.status, 200);
    assert_eq!(world.stored().await.len(), 1);
}

/// Days before now, as a client writes them.
fn days_ago(days: i64) -> String {
    Millis(NOW.0 - days * 86_400_000).to_string()
}

#[tokio::test]
async fn a_grant_on_record_collects_until_its_lifetime_has_run_out() {
    for (days, stored) in [(179, true), (181, false)] {
        let world = World::start().await;
        let mut made: serde_json::Value = serde_json::from_str(&choice(true)).expect("JSON");
        (made["timestamp"], made["sentAt"]) = (days_ago(days).into(), days_ago(0).into());
        assert_eq!(world.post("/v1/t", &made.to_string()).await.status, 200);
        let before = world.stored().await.len();
        world.post("/v1/t", &event("wk_web", &json!({}))).await;
        assert_eq!(world.stored().await.len() > before, stored, "{days} days after the grant");
        assert_eq!(refused(&world, "web", "consent_expired"), u64::from(!stored));
    }
}

/// How what was recorded came, in its order, with the names that it refuses.
fn recorded(world: &World) -> Vec<String> {
    let made = world.notary.made.lock().expect("nobody panics here");
    let told = made.iter().map(|made| {
        let rules = made.tenant.gate.rules();
        let whose = made.user_id.as_ref().or(made.anonymous_id.as_ref()).map_or("nobody", |id| id.expose().as_str());
        format!("{} of {whose}: -{}", made.method.name(), rules.categories.names(made.choice.refused).join(" "))
    });
    told.collect()
}

// Obligation 16.
#[tokio::test]
async fn a_signal_is_recorded_once_for_whoever_it_comes_with_and_reaches_their_other_devices() {
    let world = World::start().await;
    let stamp = json!({ "categoryPreferences": { "performance": true, "targeting": true } });
    let of = |anonymous: &str, user: Option<&str>| {
        let mut event = json!({ "writeKey": "wk_web", "event": "E", "anonymousId": anonymous });
        event["context"] = json!({ "consent": stamp });
        if let Some(user) = user {
            event["userId"] = user.into();
        }
        event.to_string()
    };
    let gpc = [("Sec-GPC", "1")];
    for _ in 0..2 {
        assert_eq!(world.send("POST", "/v1/t", &gpc, of("laptop", Some("u")).as_bytes()).await.status, 200);
    }
    assert_eq!(recorded(&world), ["gpc of u: -use:sale_and_sharing"], "once, as long as it stands");
    // The phone sends no signal; its event is opted out because its user is.
    world.post("/v1/t", &of("phone", Some("u"))).await;
    assert_eq!(opted_out(&world).await, [true, true, true]);
    world.post("/v1/t", &of("stranger", None)).await;
    assert_eq!(opted_out(&world).await.iter().filter(|is| !**is).count(), 1);
    assert_eq!(recorded(&world).len(), 1);
}

/// Whether each stored event was opted out of sale and sharing at its capture.
async fn opted_out(world: &World) -> Vec<bool> {
    let is_opt_out = |(key, granted): &(std::borrow::Cow<'_, str>, bool)| key == "use:sale_and_sharing" && !granted;
    of_stamps(world, |stamp| stamp.signals.gpc || stamp.preferences.0.iter().any(is_opt_out)).await
}

// Obligation 20.
#[tokio::test]
async fn a_plain_accept_does_not_beat_the_signal_and_a_confirmed_one_does_until_it_is_taken_back() {
    let world = World::start().await;
    let gpc = [("Sec-GPC", "1")];
    let tenant = crate::setup::tenant(crate::setup::WORKSPACE);
    let hash =
        consent::hash_shown(tenant.workspace.template(), workspace::Regime::OPT_IN, "en").expect("it is published");
    let said = |method: &str, targeting: bool| {
        let consent = json!({
            "categoryPreferences": { "performance": true, "targeting": targeting },
            "method": method, "version": 3, "textHash": hash, "language": "en", "regime": "opt-in",
        });
        let name = "Segment Consent Preference Updated";
        json!({ "writeKey": "wk_web", "event": name, "userId": "u", "context": { "consent": consent } }).to_string()
    };
    for (method, targeting, expected) in [
        ("accept_all", true, true),
        ("confirmed_over_gpc", true, false),
        ("accept_all", true, false),
        ("reject_all", false, true),
        ("accept_all", true, true),
    ] {
        let before = opted_out(&world).await.len();
        world.send("POST", "/v1/t", &gpc, said(method, targeting).as_bytes()).await;
        let now = opted_out(&world).await;
        assert_eq!((now.len(), now.last()), (before + 1, Some(&expected)), "{method}, targeting {targeting}");
    }
}

#[tokio::test]
async fn a_child_is_put_on_record_and_judged_by_its_own_event_too() {
    let world = World::start().await;
    let stamp = json!({ "consent": { "categoryPreferences": { "performance": true, "targeting": true } } });
    let identify = |band: &str| {
        json!({ "writeKey": "wk_web", "userId": "u", "traits": { "band": band }, "context": stamp }).to_string()
    };
    for _ in 0..2 {
        world.post("/v1/identify", &identify("under_13")).await;
    }
    assert_eq!(recorded(&world), ["age of u: -age:adult age:own_consent"]);
    assert_eq!((world.stored().await.len(), refused(&world, "web", "known_child")), (0, 2));
    world.post("/v1/identify", &identify("teen")).await;
    world.post("/v1/identify", &identify("grown")).await;
    assert_eq!(recorded(&world)[1..], ["age of u: -age:adult", "age of u: -"]);
    assert_eq!(world.stored().await.len(), 2);
}

#[tokio::test]
async fn vendors_that_a_stamp_refuses_are_kept_with_its_event() {
    let world = World::start().await;
    let consent = json!({ "categoryPreferences": { "performance": true }, "refusedVendors": ["ga", "nobody"] });
    world.post("/v1/t", &event("wk_web", &consent)).await;
    let kept = of_stamps(&world, |stamp| {
        stamp.preferences.0.iter().map(|(key, granted)| format!("{key} {granted}")).collect::<Vec<_>>()
    });
    assert_eq!(kept.await.concat(), ["performance true", "vendor:ga false"]);
}
