//! The wire as Segment's SDKs use it: `segment.md` §1.

use event::Call;
use serde_json::json;

use crate::setup::{Reply, World, deflate, gzip, zlib};
use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An event that satisfies every call, so that the path alone decides.
fn event(message_id: &str) -> serde_json::Value {
    json!({ "type": "track", "event": "E", "userId": "u", "groupId": "g", "previousId": "p", "messageId": message_id })
}

fn basic(credentials: &str) -> String {
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials))
}

type Pack = fn(&[u8]) -> Vec<u8>;

#[tokio::test]
async fn every_route_takes_every_key_kind_and_encoding() {
    let world = World::start().await;
    let mut paths: Vec<(String, bool)> = Vec::new();
    for prefix in ["/v1/", "/"] {
        for call in Call::ALL {
            paths.push((format!("{prefix}{}", call.name()), false));
            paths.push((format!("{prefix}{}", &call.name()[..1]), false));
        }
        paths.extend(["batch", "b", "import"].map(|name| (format!("{prefix}{name}"), true)));
    }
    let encodings: [(&str, Pack); 5] =
        [("identity", <[u8]>::to_vec), ("gzip", gzip), ("x-gzip", gzip), ("deflate", zlib), ("deflate", deflate)];
    let mut sent = 0;
    for (path, is_batch) in &paths {
        for auth in [Some("wk_api:"), Some("wk_api"), None] {
            for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
                let (encoding, pack) = encodings[sent % encodings.len()];
                sent += 1;
                let one = event(&format!("m{sent}"));
                let mut body = if *is_batch { json!({ "batch": [one] }) } else { one };
                let mut headers = vec![("Content-Type", content_type), ("Content-Encoding", encoding)];
                let credentials = auth.map(basic);
                match &credentials {
                    Some(credentials) => headers.push(("Authorization", credentials)),
                    None => body["writeKey"] = json!("wk_api"),
                }
                let reply = world.send("POST", path, &headers, &pack(body.to_string().as_bytes())).await;
                assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"success":true}"#), "{path} {headers:?}");
                assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
            }
        }
    }
    let stored = world.stored().await;
    assert_eq!(stored.len(), sent);
    assert_eq!(world.counter(r#"assent_collect_accepted_total{source="api""#), sent as u64);
    assert!(stored.iter().all(|(source, event)| source == "api" && event.get("writeKey").is_none()));
}

#[tokio::test]
async fn the_path_names_the_call() {
    let world = World::start().await;
    for call in Call::ALL {
        let mut event = event(call.name());
        event["writeKey"] = json!("wk_api");
        assert_eq!(world.post(&format!("/v1/{}", call.name()), &event.to_string()).await.status, 200);
    }
    for (_, event) in world.stored().await {
        assert_eq!(event["type"], event["messageId"]);
    }
}

#[tokio::test]
async fn a_batch_is_accepted_item_by_item() {
    let world = World::start().await;
    let body = json!({
        "writeKey": "wk_api",
        "sentAt": "2026-11-21T23:00:00Z",
        "context": { "library": { "name": "x" }, "ip": "203.0.113.77" },
        "batch": [
            { "type": "track", "event": "A", "userId": "u", "timestamp": "2026-11-21T22:59:50Z", "messageId": "a" },
            { "type": "track", "userId": "u" },
            { "type": "dance", "userId": "u" },
            7,
            { "type": "page", "name": 3, "userId": "u" },
            { "type": "page", "anonymousId": "n" },
        ],
    });
    assert_eq!(world.post("/v1/b", &body.to_string()).await.short(), "200");
    let stored = world.stored().await;
    assert_eq!(stored.len(), 2);
    let (_, first) = stored.iter().find(|(_, event)| event["messageId"] == "a").expect("it was accepted");
    // The client's clock is an hour ahead; ten seconds passed between the event and the batch.
    assert_eq!(first["timestamp"], "2026-11-21T21:59:50.000Z");
    assert_eq!(first["context"], json!({ "library": { "name": "x" }, "ip": "203.0.113.0" }));
    for (code, count) in [("event_not_defined", 1), ("bad_request", 2), ("name_not_string", 1)] {
        let line = format!(r#"assent_collect_discarded_total{{source="api",code="{code}""#);
        assert_eq!(world.counter(&line), count, "{code}");
    }
    let seen = world.seen.lock().expect("nobody panics here");
    assert_eq!(seen.iter().filter(|seen| matches!(seen.what, collector::Seen::Discarded { .. })).count(), 4);
}

#[tokio::test]
async fn browsers_get_their_cut_address_and_servers_do_not() {
    let world = World::start().await;
    for (key, context) in [("wk_compat", json!({})), ("wk_api", json!({})), ("wk_api", json!({ "direct": true }))] {
        let event = json!({ "writeKey": key, "event": "E", "userId": "u", "context": context });
        assert_eq!(world.post("/v1/track", &event.to_string()).await.status, 200);
    }
    let said = json!({ "writeKey": "wk_compat", "event": "E", "userId": "u", "context": { "ip": "0.0.0.0" } });
    world.post("/v1/track", &said.to_string()).await;
    let addresses: Vec<String> =
        world.stored().await.iter().map(|(_, event)| event["context"]["ip"].to_string()).collect();
    assert_eq!(addresses, [r#""127.0.0.0""#, "null", r#""127.0.0.0""#, r#""0.0.0.0""#]);
}

#[tokio::test]
async fn a_pixel_is_an_event_and_always_an_image() {
    let world = World::start().await;
    let data = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .encode(r#"{"writeKey":"wk_compat","userId":"u","event":"Opened"}"#);
    let user_agent = [("User-Agent", "Mail/1")];
    for (path, kept) in [
        (format!("/v1/pixel/track?data={data}"), true),
        ("/v1/pixel/page?writeKey=wk_compat&anonymousId=a&properties.subject=Hi+there".to_owned(), true),
        ("/pixel/track?writeKey=wk_compat&userId=u&event=E".to_owned(), true),
        ("/v1/pixel/track?writeKey=wk_nobody&userId=u&event=E".to_owned(), false),
        ("/v1/pixel/dance?writeKey=wk_compat&userId=u".to_owned(), false),
        ("/v1/pixel/track?data=%%%".to_owned(), false),
        ("/v1/pixel/track".to_owned(), false),
    ] {
        let before = world.stored().await.len();
        let reply = world.send("GET", &path, &user_agent, b"").await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/gif")), "{path}");
        assert!(reply.body.starts_with(b"GIF89a") && reply.header("cache-control") == Some("no-store"));
        assert_eq!(world.stored().await.len() > before, kept, "{path}");
    }
    assert!(world.stored().await.iter().all(|(_, event)| event["context"]["userAgent"] == "Mail/1"));
    assert_eq!(world.counter("assent_collect_pixels_lost_total"), 4);
}

#[tokio::test]
async fn a_connection_is_kept_also_after_a_refusal() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.expect("it listens");
    let good = r#"{"writeKey":"wk_api","event":"E","userId":"u"}"#;
    for (body, status) in [(good, 200), ("{", 400), (&"x".repeat(40_000), 400), (good, 200)] {
        let request = format!("POST /v1/t HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).await.expect("still open");
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.expect("still open");
        assert_eq!(Reply::parse(&answer[..read]).status, status);
    }
    assert_eq!(world.stored().await.len(), 2);
}

#[tokio::test]
async fn probes_answer() {
    let world = World::start().await;
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/readyz").await.status, 200);
    let metrics = world.get("/metrics").await;
    assert!(metrics.text().contains("assent_collect_requests_total 3"), "{}", metrics.text());
    assert_eq!(world.post("/v1/m", r#"{"series":[]}"#).await.text(), r#"{"success":true}"#);
    assert_eq!(world.counter("assent_collect_sdk_reports_total"), 1);
}
