//! What nobody should send: a clear answer, nothing stored that should not be, and the next event is fine.

use collector::{Edge, ServeLimits, UnknownKey};
use serde_json::{Value, json};

use crate::setup::{World, gzip};

const GOOD: &str = r#"{"writeKey":"wk_api","event":"E","userId":"u"}"#;

/// Sends bytes, checks the answer, then that a good event still gets through.
async fn check(world: &World, path: &str, headers: &[(&str, &str)], body: &[u8], expected: &str) {
    let before = world.stored().await.len();
    let reply = world.send("POST", path, headers, body).await;
    assert_eq!(reply.short(), expected, "{path} {:?}", String::from_utf8_lossy(&body[..body.len().min(80)]));
    if reply.status != 200 {
        let answer = reply.json();
        assert!(answer["message"].is_string() && answer["hint"].is_string(), "{answer}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    }
    assert_eq!(world.stored().await.len(), before, "stored something of {path} {expected}");
    assert_eq!(world.post("/v1/track", GOOD).await.status, 200);
    assert_eq!(world.stored().await.len(), before + 1);
}

#[tokio::test]
async fn what_is_not_json_is_said_to_be_so() {
    let world = World::start().await;
    for body in ["", "{", "[]", "7", "null", r#"{"writeKey":"wk_api","event":"E""#, "{'a':1}", "\u{feff}{}", "{}{}"] {
        check(&world, "/v1/track", &[], body.as_bytes(), "400 bad_json").await;
        check(&world, "/v1/batch", &[], body.as_bytes(), "400 bad_json").await;
    }
    let nested = format!(r#"{{"writeKey":"wk_api","a":{}"#, "[".repeat(20_000));
    check(&world, "/v1/track", &[], nested.as_bytes(), "400 bad_json").await;
    check(&world, "/v1/track", &[], b"{\"event\":\"\xff\xfe\"}", "400 invalid_utf8").await;
    check(&world, "/v1/batch", &[], b"{\"batch\":[\"\xc3\"]}", "400 invalid_utf8").await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_segments_words() {
    let world = World::start().await;
    let large =
        json!({ "writeKey": "wk_api", "event": "E", "userId": "u", "properties": { "x": "y".repeat(33 * 1024) } });
    let large = large.to_string();
    check(&world, "/v1/track", &[], large.as_bytes(), "400 payload_too_large").await;
    check(&world, "/v1/track", &[("Content-Encoding", "gzip")], &gzip(large.as_bytes()), "400 payload_too_large").await;
    let batch = format!(r#"{{"writeKey":"wk_api","batch":[],"pad":"{}"}}"#, "y".repeat(501 * 1024));
    check(&world, "/v1/batch", &[], batch.as_bytes(), "400 payload_too_large").await;
    check(&world, "/v1/batch", &[("Content-Encoding", "gzip")], &gzip(&vec![b' '; 32 << 20]), "400 payload_too_large")
        .await;
    let reply = world.post("/v1/track", &large).await;
    assert_eq!(reply.json()["message"], "Exceed payload limit");
}

#[tokio::test]
async fn an_event_too_large_costs_only_itself_in_a_batch() {
    let world = World::start().await;
    let item =
        |pad: usize| json!({ "type": "track", "event": "E", "userId": "u", "properties": { "x": "y".repeat(pad) } });
    let body = json!({ "writeKey": "wk_api", "batch": [item(10), item(33 * 1024), item(20)] });
    assert_eq!(world.post("/v1/batch", &body.to_string()).await.status, 200);
    assert_eq!(world.stored().await.len(), 2);
    assert_eq!(world.counter(r#"assent_collect_discarded_total{source="api",code="event_too_large""#), 1);
}

#[tokio::test]
async fn what_does_not_unpack_is_refused() {
    let world = World::start().await;
    let packed = gzip(GOOD.as_bytes());
    let gzip_header = [("Content-Encoding", "gzip")];
    check(&world, "/v1/track", &gzip_header, GOOD.as_bytes(), "400 bad_encoding").await;
    check(&world, "/v1/track", &gzip_header, &packed[..packed.len() - 6], "400 bad_encoding").await;
    check(&world, "/v1/track", &[("Content-Encoding", "deflate")], b"\xff\xff\xff", "400 bad_encoding").await;
    check(&world, "/v1/track", &[("Content-Encoding", "br")], GOOD.as_bytes(), "415 unsupported_encoding").await;
    check(&world, "/v1/track", &[("Content-Encoding", "gzip, gzip")], &packed, "415 unsupported_encoding").await;
}

#[tokio::test]
async fn unknown_keys_are_refused_or_counted() {
    let world = World::start().await;
    for body in [r#"{"event":"E","userId":"u"}"#, r#"{"writeKey":"no","event":"E","userId":"u"}"#, r#"{"writeKey":7}"#]
    {
        check(&world, "/v1/track", &[], body.as_bytes(), "401 unknown_key").await;
        check(&world, "/v1/track", &[("Authorization", "Basic bm86")], body.as_bytes(), "401 unknown_key").await;
    }
    check(&world, "/v1/batch", &[], br#"{"batch":[]}"#, "401 unknown_key").await;
    // A header that is not ours to read does not hide the key in the body.
    for header in ["Bearer x", "Basic bm86"] {
        let reply = world.send("POST", "/v1/track", &[("Authorization", header)], GOOD.as_bytes()).await;
        assert_eq!(reply.status, 200, "{header}");
    }
    let lenient = Edge { unknown_key: UnknownKey::Accept, ..Edge::default() };
    let world = World::with(lenient, ServeLimits::default()).await;
    check(&world, "/v1/track", &[], br#"{"event":"E","userId":"u"}"#, "200").await;
    assert_eq!(world.counter("assent_collect_unknown_keys_total"), 1);
}

#[tokio::test]
async fn a_field_of_the_wrong_kind_is_discarded_by_its_code() {
    let world = World::start().await;
    let base = json!({ "writeKey": "wk_api", "event": "E", "userId": "u", "groupId": "g", "previousId": "p" });
    let cases: [(&str, &str, Value, &str); 14] = [
        ("track", "event", json!(7), "event_not_string"),
        ("track", "event", json!(null), "event_not_defined"),
        ("track", "properties", json!([]), "properties_not_object"),
        ("identify", "traits", json!("x"), "traits_not_object"),
        ("page", "name", json!({}), "name_not_string"),
        ("page", "category", json!(1), "category_not_string"),
        ("group", "groupId", json!(1), "id_not_string"),
        ("alias", "previousId", json!(null), "id_required"),
        ("track", "userId", json!(1), "id_not_string"),
        ("track", "userId", json!(""), "no_user_anon_id"),
        ("track", "messageId", json!("x".repeat(101)), "message_id_invalid"),
        ("track", "context", json!("x"), "bad_request"),
        ("track", "integrations", json!([1]), "bad_request"),
        ("track", "context", json!({ "device": { "advertisingId": 1 } }), "device_advertisingid_should_be_string"),
    ];
    for (call, field, value, code) in cases {
        let mut event = base.clone();
        event[field] = value;
        let line = format!(r#"assent_collect_discarded_total{{source="api",code="{code}""#);
        let before = world.counter(&line);
        check(&world, &format!("/v1/{call}"), &[], event.to_string().as_bytes(), "200").await;
        assert_eq!(world.counter(&line), before + 1, "{call} {field}");
    }
}

#[tokio::test]
async fn every_field_survives_every_kind_of_value() {
    let world = World::start().await;
    let fields = [
        "type",
        "event",
        "userId",
        "anonymousId",
        "messageId",
        "timestamp",
        "sentAt",
        "originalTimestamp",
        "context",
        "integrations",
        "properties",
        "traits",
        "name",
        "category",
        "groupId",
        "previousId",
        "_metadata",
    ];
    for field in fields {
        for value in [json!(null), json!(true), json!(-1e308), json!(""), json!([[]]), json!({ "a": {} })] {
            let mut event = json!({ "writeKey": "wk_api", "type": "track", "event": "E", "userId": "u" });
            event[field] = value;
            assert_eq!(world.post("/v1/track", &event.to_string()).await.status, 200, "{event}");
            let batch = json!({ "writeKey": "wk_api", "batch": [event] });
            assert_eq!(world.post("/v1/batch", &batch.to_string()).await.status, 200, "{batch}");
        }
    }
}

#[tokio::test]
async fn absurd_times_do_not_move_an_event_out_of_time() {
    let world = World::start().await;
    let absurd = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "+275760-09-13T00:00:00Z", "yesterday", "1e99", "-1"];
    for (at, time) in absurd.iter().enumerate() {
        for sent in absurd {
            let event = json!({ "writeKey": "wk_api", "event": "E", "userId": "u", "timestamp": time, "sentAt": sent,
                "messageId": format!("{at}{sent}") });
            assert_eq!(world.post("/v1/track", &event.to_string()).await.status, 200, "{event}");
        }
    }
    for (_, event) in world.stored().await {
        let timestamp = event["timestamp"].as_str().expect("always written");
        assert!(event::Millis::parse(timestamp).is_some(), "{timestamp}");
        assert_eq!(event["receivedAt"], "2026-11-21T22:00:00.000Z");
    }
}

#[tokio::test]
async fn a_batch_that_is_none_is_answered_and_counted() {
    let world = World::start().await;
    let long = json!({ "writeKey": "wk_api", "batch": vec![json!({}); 2_501] }).to_string();
    for (body, code, count) in [
        (r#"{"writeKey":"wk_api","batch":[]}"#, "empty_batch", 1),
        (r#"{"writeKey":"wk_api"}"#, "empty_batch", 2),
        (r#"{"writeKey":"wk_api","batch":5}"#, "bad_request", 1),
        (r#"{"writeKey":"wk_api","batch":[],"context":[]}"#, "bad_request", 2),
        (&long, "batch_too_long", 2_501),
        (r#"{"writeKey":"wk_off","batch":[{"type":"page","userId":"u"}]}"#, "source_disabled", 1),
    ] {
        check(&world, "/v1/batch", &[], body.as_bytes(), "200").await;
        let source = if body.contains("wk_off") { "off" } else { "api" };
        let line = format!(r#"assent_collect_discarded_total{{source="{source}",code="{code}""#);
        assert_eq!(world.counter(&line), count, "{code}");
    }
}
