//! Choices over HTTP: durable and in force before their answer, by the same path as the event; and the receipt, for whoever
//! has its number and nobody else.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use collector::{Edge, ReceiptDesk, ServeLimits};
use control::{Published, Receipt};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::setup::World;

/// Answers from a table.
#[derive(Debug, Default)]
struct Desk(HashMap<Receipt, Result<Published, String>>);

#[async_trait]
impl ReceiptDesk for Desk {
    async fn receipt(&self, workspace: &str, number: Receipt) -> Result<Published, String> {
        assert_eq!(workspace, "acme");
        self.0.get(&number).cloned().unwrap_or(Ok(Published::Unknown))
    }
}

fn choice(more: &Value) -> String {
    let mut body = json!({
        "writeKey": "wk_web", "categories": { "performance": true }, "version": 1, "layer": "first", "method": "choose",
        "regime": "opt-in", "timestamp": "2026-11-21T21:59:00Z", "sentAt": "2026-11-21T21:59:10Z",
    });
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body.to_string()
}

#[tokio::test]
async fn a_choice_is_recorded_before_its_answer_and_says_its_number() {
    let world = World::start().await;
    let body = choice(&json!({ "anonymousId": "a", "userId": "u" }));
    for path in ["/v1/consent", "/consent"] {
        let reply = world.post(path, &body).await;
        assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{}", reply.text());
        assert_eq!(reply.json(), json!({ "success": true, "receipt": "01".repeat(16) }));
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
    let made = world.notary.made.lock().expect("nobody panics here")[0].clone();
    let id = |id: Option<event::Pii<String>>| id.map(|id| id.expose().clone());
    assert_eq!(
        (id(made.anonymous_id), id(made.user_id), made.method.name()),
        (Some("a".into()), Some("u".into()), "event")
    );
    let presented = made.presented.expect("it was said");
    assert_eq!(
        (presented.version, presented.layer.as_deref(), presented.method.as_deref()),
        (Some(1), Some("first"), Some("choose"))
    );
    assert_eq!(made.made_at, Some(event::Millis(crate::setup::NOW.0 - 10_000)), "corrected by `sentAt`");
}

#[tokio::test]
async fn it_is_the_event_that_says_the_same() {
    let world = World::start().await;
    world.post("/v1/consent", &choice(&json!({ "anonymousId": "a" }))).await;
    let stored = world.stored().await;
    assert_eq!(stored.len(), 1, "granted: it goes to who wants to know");
    assert_eq!(stored[0].1["event"], "Segment Consent Preference Updated");
    assert_eq!(stored[0].1["context"]["consent"]["categoryPreferences"], json!({ "performance": true }));
    world.post("/v1/consent", &choice(&json!({ "anonymousId": "a", "categories": {} }))).await;
    let unstamped = json!({ "writeKey": "wk_web", "event": "E", "anonymousId": "a" }).to_string();
    world.post("/v1/t", &unstamped).await;
    assert_eq!(world.stored().await.len(), 1, "the refusal is in force, and is not stored itself");
    assert_eq!(world.counter(r#"assent_collect_choices_total{source="web",recorded="known""#), 2);
}

#[tokio::test]
async fn a_choice_of_nobody_names_nobody_and_is_stored_nowhere() {
    let world = World::start().await;
    for categories in [json!({ "performance": true }), json!({ "performance": false })] {
        let reply = world.post("/v1/consent", &choice(&json!({ "categories": categories }))).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert_eq!(world.stored().await.len(), 0);
    let made = world.notary.made.lock().expect("nobody panics here");
    assert!(made.iter().all(|made| made.anonymous_id.is_none() && made.user_id.is_none()) && made.len() == 2);
}

#[tokio::test]
async fn a_choice_counts_also_where_its_source_is_switched_off() {
    let world = World::start().await;
    let refusal = choice(&json!({ "writeKey": "wk_off", "categories": { "performance": false }, "userId": "u" }));
    assert_eq!(world.post("/v1/consent", &refusal).await.status, 200);
    let event = json!({ "writeKey": "wk_off", "event": "Segment Consent Preference Updated", "userId": "u",
        "context": { "consent": { "categoryPreferences": { "performance": false } } } });
    assert_eq!(world.post("/v1/t", &event.to_string()).await.status, 200);
    assert_eq!(world.notary.made.lock().expect("nobody panics here").len(), 2);
    assert_eq!(world.stored().await.len(), 0, "and nothing is stored");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_acknowledged() {
    let world = World::start().await;
    let check = async |more: Value, expected: &str| {
        let reply = world.post("/v1/consent", &choice(&more)).await;
        assert_eq!(reply.short(), expected, "{more}: {}", reply.text());
        assert!(!reply.text().contains("u-4711"), "an answer repeats nobody's id: {}", reply.text());
    };
    check(json!({ "categories": { "performance": "u-4711" }, "anonymousId": "a" }), "400 bad_choice").await;
    check(json!({ "categories": "u-4711" }), "400 bad_choice").await;
    check(json!({ "version": "u-4711", "anonymousId": "a" }), "400 bad_choice").await;
    check(json!({ "anonymousId": { "u-4711": 1 } }), "400 bad_choice").await;
    check(json!({ "writeKey": "wk_none" }), "401 unknown_key").await;
    world.notary.fails.store(true, Ordering::SeqCst);
    check(json!({}), "503 choice_not_recorded").await;
    assert_eq!(world.notary.made.lock().expect("nobody panics here").len(), 0);
}

#[tokio::test]
async fn a_receipt_is_a_file_for_who_has_its_number() {
    let number = |byte| Receipt([byte; 16]);
    let desk = Desk(HashMap::from([
        (number(1), Ok(Published::Receipt("{\"@type\":\"ConsentReceipt\"}".to_owned()))),
        (number(2), Ok(Published::Waiting)),
        (number(3), Err("the disk is gone".to_owned())),
    ]));
    let edge = Edge { receipts: Some(Arc::new(desk)), ..Edge::default() };
    let world = World::with(edge, ServeLimits::default()).await;
    let path = |byte| format!("/v1/consent/{}?writeKey=wk_web", number(byte));
    let reply = world.get(&path(1)).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "{\"@type\":\"ConsentReceipt\"}"));
    assert_eq!(reply.header("content-type"), Some("application/ld+json"));
    let disposition = format!("attachment; filename=\"consent-receipt-{}.json\"", number(1));
    assert_eq!(
        (reply.header("content-disposition"), reply.header("cache-control")),
        (Some(disposition.as_str()), Some("no-store"))
    );
    let reply = world.get(&path(2)).await;
    assert_eq!((reply.status, reply.header("retry-after"), reply.header("refresh")), (202, Some("2"), Some("2")));
    assert_eq!(reply.json()["pending"], true);
    assert_eq!(world.get(&path(3)).await.short(), "503 no_ledger");
    assert_eq!(world.get(&path(4)).await.short(), "404 no_receipt");
    assert_eq!(world.get("/v1/consent/nonsense?writeKey=wk_web").await.short(), "404 no_receipt");
    let by_header = [("Authorization", "Basic d2tfd2ViOg==")];
    assert_eq!(world.send("GET", &format!("/consent/{}", number(1)), &by_header, b"").await.status, 200);
    for key in ["", "?writeKey=wk_none", "?other=wk_web"] {
        assert_eq!(world.get(&format!("/v1/consent/{}{key}", number(1))).await.short(), "401 unknown_key", "{key}");
    }
}

#[tokio::test]
async fn receipts_are_not_asked_for_without_end_nor_where_there_is_no_ledger() {
    let world = World::start().await;
    let path = format!("/v1/consent/{}?writeKey=wk_web", Receipt([1; 16]));
    assert_eq!(world.get(&path).await.short(), "503 no_ledger");
    let mut refused = 0;
    for _ in 0..60 {
        let reply = world.get(&path).await;
        refused += u32::from(reply.short() == "429 too_many_receipts" && reply.header("retry-after") == Some("60"));
    }
    assert_eq!(refused, 1, "sixty a minute and address");
}

const SITES: &str = "
workspace: acme
sources: [{ name: web, kind: browser, write_key: wk_web }]
consent: { banner: { version: 3, hand_off: ['https://one.test', 'https://two.test'], vendors: [{ id: ga, name: GA, category: performance }] } }
";

#[tokio::test]
async fn a_choice_goes_along_to_another_site_once_and_names_nobody() {
    let world = World::of(SITES).await;
    let post = async |path: &str, origin: &str, body: Value| {
        world.send("POST", path, &[("Origin", origin)], body.to_string().as_bytes()).await
    };
    let (one, two) = ("https://one.test", "https://two.test");
    let made = "1~3~mwqybb00~performance~functionality.targeting.u-4711~ga.u-4711~choose.first~1";
    let leave = async |origin: &str, to: &str, choice: &str| {
        let body = json!({ "writeKey": "wk_web", "to": to, "choice": choice });
        post("/v1/consent/handoff", origin, body).await
    };
    let token = async || leave(one, two, made).await.json()["token"].as_str().expect("a token").to_owned();
    let arrive = async |origin: &str, token: &str| {
        post("/v1/consent/handoff/taken", origin, json!({ "writeKey": "wk_web", "token": token })).await
    };
    let first = token().await;
    assert!(!first.contains("performance") && first.len() < 400, "{first}");
    let taken = arrive(two, &first).await;
    let expected = "1~3~mwqybb00~performance~functionality.targeting~ga~choose.first~0";
    assert_eq!(
        (taken.status, taken.json()["choice"].as_str()),
        (200, Some(expected)),
        "what nobody configured stays behind"
    );
    assert_eq!(taken.header("access-control-allow-origin"), Some("*"));
    assert_eq!(arrive(two, &first).await.short(), "403 no_hand_off", "once");
    assert_eq!(arrive(one, &token().await).await.short(), "403 no_hand_off", "on the site that it names");
    let late = token().await;
    world.clock.forward_ms(60_000);
    assert_eq!(arrive(two, &late).await.short(), "403 no_hand_off", "for a minute");
    for (origin, to) in [(one, one), (one, "https://evil.test"), ("https://evil.test", two)] {
        assert_eq!(leave(origin, to, made).await.short(), "403 no_hand_off", "{origin} to {to}");
    }
    for odd in [
        "",
        "1~3~mwqybb00",
        "1~9~mwqybb00~~~~choose.first~1",
        "1~3~zzzzzzzzz~~~~choose.first~1",
        "1~3~mwqybb00~~~~u-4711.first~1",
        "1~3~mwqybb00~targeting~~~confirmed_over_gpc.centre~1",
    ] {
        assert_eq!(leave(one, two, odd).await.short(), "400 bad_choice", "{odd}");
    }
    for odd in ["", "AAAA", &first[1..]] {
        assert_eq!(arrive(two, odd).await.short(), "403 no_hand_off", "{odd}");
    }
}

// Obligation 12.
#[tokio::test]
async fn what_somebody_refused_elsewhere_is_told_to_a_page_that_proves_who_it_is() {
    let world = World::start().await;
    let keys = vault::Fingerprints::new(&[7; 32]);
    let ask = async |write_key: &str, user: &str, proof: &str| {
        let body = json!({ "writeKey": write_key, "userId": user, "proof": proof });
        world
            .send("POST", "/v1/consent/elsewhere", &[("Origin", "https://shop.test")], body.to_string().as_bytes())
            .await
    };
    let told = async |user: &str| ask("wk_web", user, &proof_of(&keys.proof_key("wk_web"), user)).await;
    assert_eq!(told("u-1").await.json(), json!({ "refused": [], "refusedVendors": [] }), "nothing is on record");
    let choose = async |user: &str, categories: Value| {
        let body = json!({ "writeKey": "wk_us", "userId": user, "categories": categories });
        assert_eq!(world.post("/v1/consent", &body.to_string()).await.status, 200);
    };
    choose("u-1", json!({ "performance": true, "functionality": true })).await;
    choose("u-2", json!({ "performance": true, "functionality": true, "targeting": true })).await;
    let answer = told("u-1").await;
    assert_eq!(answer.json(), json!({ "refused": ["targeting"], "refusedVendors": [] }));
    let headers = ["cache-control", "access-control-allow-origin", "set-cookie"].map(|name| answer.header(name));
    assert_eq!(headers, [Some("no-store"), Some("*"), None]);
    assert_eq!(told("u-2").await.json()["refused"], json!([]), "each their own");
    // Global Privacy Control, once seen with somebody who is known, takes advertising away from them.
    let event = json!({ "writeKey": "wk_us", "type": "track", "event": "E", "userId": "u-2" }).to_string();
    assert_eq!(world.send("POST", "/v1/track", &[("Sec-GPC", "1")], event.as_bytes()).await.status, 200);
    assert_eq!(told("u-2").await.json()["refused"], json!(["targeting"]));
    let of = |key: &str, user: &str| proof_of(&keys.proof_key(key), user);
    for (key, user, proof) in [
        ("wk_web", "u-1", String::new()),
        ("wk_web", "u-1", of("wk_web", "u-2")),
        ("wk_web", "u-1", of("wk_us", "u-1")),
        ("wk_web", "", of("wk_web", "")),
    ] {
        assert_eq!(ask(key, user, &proof).await.short(), "403 no_proof", "{user} {proof}");
    }
    assert_eq!(ask("wk_nobody", "u-1", &of("wk_web", "u-1")).await.short(), "401 unknown_key");
    assert_eq!(world.post("/v1/consent/elsewhere", "{}").await.short(), "400 bad_json");
}

/// As the operator's server computes it.
fn proof_of(key: &str, user: &str) -> String {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key.as_bytes()).expect("any key");
    mac.update(user.as_bytes());
    mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
