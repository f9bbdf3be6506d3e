//! Consent stands before every egress: what may not be stored is not, what may not leave does not, and a withdrawal
//! bites between log and delivery.

use std::time::Duration;

use crate::harness::{Server, binary, event, eventually, path, workspace};
use crate::sink::Sink;

const SETTLED: Duration = Duration::from_secs(20);

fn stamped(id: &str, visitor: &str, preferences: &serde_json::Value) -> String {
    serde_json::json!({
        "type": "track", "event": "Tested", "messageId": id, "anonymousId": visitor,
        "context": {"consent": {"categoryPreferences": preferences}},
    })
    .to_string()
}

fn choice(visitor: &str, preferences: &serde_json::Value) -> String {
    serde_json::json!({
        "type": "track", "event": "Segment Consent Preference Updated", "anonymousId": visitor,
        "context": {"consent": {"categoryPreferences": preferences}},
    })
    .to_string()
}

async fn post(server: &Server, key: &str, body: &str) {
    let answer = server.client().post_as(key, "/v1/track", body).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn stored(server: &Server) -> Vec<String> {
    let rows = server.query("select message_id from events order by message_id");
    rows.iter().map(|row| row["message_id"].as_str().expect("an id").to_owned()).collect()
}

async fn until_stored(server: &Server, expected: &[&str]) {
    eventually("the lake holds what it may", SETTLED, || {
        let there = stored(server);
        if there == expected { Ok(()) } else { Err(there) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_category_no_byte_leaves() {
    let directory = tempfile::tempdir().expect("a directory");
    let (sink, ads) = (Sink::start().await, Sink::start().await);
    let more = format!(
        r#"  - name: ads
    kind: webhook
    sources: [web, api]
    settings: {{ url: "{}", allow_private: true }}
    categories: [targeting]
    purpose: advertising
"#,
        ads.url()
    );
    // Longer than the path of a Unix socket may be, by which `assent trace` asks.
    let data_dir = directory.path().join("data".repeat(30));
    let server = Server::start(&data_dir, &workspace(&sink.url(), &more)).await;
    post(&server, "wk_web", r#"{"type":"track","event":"E","messageId":"a-unstamped","anonymousId":"v"}"#).await;
    post(&server, "wk_web", &stamped("b-refused", "v", &serde_json::json!({"performance": false}))).await;
    post(&server, "wk_web", &stamped("c-granted", "v", &serde_json::json!({"performance": true, "targeting": false})))
        .await;
    post(&server, "wk_api", r#"{"type":"track","event":"E","messageId":"d-server","userId":"u"}"#).await;
    until_stored(&server, &["c-granted", "d-server"]).await;
    eventually("the granted event arrives", SETTLED, || {
        if sink.seen().contains_key("c-granted") { Ok(()) } else { Err(sink.seen()) }
    })
    .await;
    eventually("the trace says why", SETTLED, || {
        let trace = server.trace("d-server");
        if trace.contains("basis_permits_required_only") { Ok(()) } else { Err(trace) }
    })
    .await;
    let trace = server.trace("c-granted");
    assert!(trace.contains("delivered") && trace.contains("category_refused"), "{trace}");
    assert_eq!((sink.seen().len(), ads.requests()), (1, 0));
    let metrics = server.metrics().await;
    for expected in ["reason=\"no_consent\"", "reason=\"category_refused\""] {
        assert!(metrics.contains(expected), "{expected} is not counted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_stops_what_is_waiting_to_be_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let sink = Sink::start().await;
    sink.answer_with(500);
    let server = Server::start(&directory.path().join("data"), &workspace(&sink.url(), "")).await;
    post(&server, "wk_web", &event("first", "visitor-1")).await;
    post(&server, "wk_web", &event("other", "visitor-2")).await;
    eventually("a first attempt fails", SETTLED, || if sink.requests() >= 2 { Ok(()) } else { Err(sink.requests()) })
        .await;
    post(&server, "wk_web", &choice("visitor-1", &serde_json::json!({"performance": false}))).await;
    sink.answer_with(200);
    eventually("the other visitor's event arrives", Duration::from_mins(1), || {
        if sink.seen().contains_key("other") { Ok(()) } else { Err(sink.seen()) }
    })
    .await;
    eventually("the trace says withdrawn", Duration::from_mins(1), || {
        let trace = server.trace("first");
        if trace.contains("withdrawn") { Ok(()) } else { Err(trace) }
    })
    .await;
    assert!(!sink.seen().contains_key("first"), "{:?}", sink.bodies());
    // What was stored by permission stays, and is not there for whoever declares a use that is refused since.
    until_stored(&server, &["first", "other"]).await;
    let mut question = binary();
    question.args(["query", "--data-dir", path(&directory.path().join("data")), "--format", "csv"]);
    question.args(["--purpose", "analytics", "--category", "performance", "select message_id from events"]);
    let output = question.output().expect("the command runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "message_id\nother\n", "{output:?}");
}

/// The receiver is down when somebody withdraws, and the server dies before it is up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_told_to_who_received_over_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "    withdrawals: tell\n");
    let server = Server::start(&data_dir, &file).await;
    post(&server, "wk_web", &event("first", "visitor-1")).await;
    eventually("it arrives", SETTLED, || if sink.seen().contains_key("first") { Ok(()) } else { Err(sink.seen()) })
        .await;
    sink.answer_with(500);
    post(&server, "wk_web", &choice("visitor-1", &serde_json::json!({"performance": false}))).await;
    // Of somebody whom nobody knows nothing is told.
    post(&server, "wk_web", &choice("nobody", &serde_json::json!({"performance": false}))).await;
    eventually("an attempt fails", SETTLED, || if sink.requests() >= 2 { Ok(()) } else { Err(sink.requests()) }).await;
    server.kill();
    sink.answer_with(200);
    let server = Server::start(&data_dir, &file).await;
    let told = || sink.seen().keys().filter(|id| id.starts_with("withdrawal-")).count();
    eventually("it is told", Duration::from_mins(1), || if told() == 1 { Ok(()) } else { Err(sink.seen()) }).await;
    let bodies = sink.bodies();
    let told = bodies.iter().rfind(|body| body.contains("Segment Consent Preference Updated")).expect("it was told");
    let told: serde_json::Value = serde_json::from_str(told).expect("JSON");
    assert_eq!(told["anonymousId"], "visitor-1", "{told}");
    let refused = told["properties"]["refused"].as_array().expect("says what");
    assert!(refused.contains(&serde_json::json!("performance")), "{told}");
    assert_eq!(told["context"]["consent"]["categoryPreferences"]["performance"], false, "{told}");
    assert!(told.get("userId").is_none() && !bodies.iter().any(|body| body.contains("nobody")), "{bodies:?}");
    let expected = [
        "assent_withdrawals_results_total{workspace=\"acme\",destination=\"hook\",result=\"told\"} 1",
        "assent_withdrawals_waiting{workspace=\"acme\",destination=\"hook\"} 0",
    ];
    // Noted after the answer that the sink gave, and looked at once a second.
    for _ in 0..200 {
        let metrics = server.metrics().await;
        if expected.iter().all(|line| metrics.contains(line)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!("{}", server.metrics().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_survives_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let server = Server::start(&data_dir, &file).await;
    post(&server, "wk_web", &event("known", "visitor-1")).await;
    until_stored(&server, &["known"]).await;
    post(&server, "wk_web", &choice("visitor-1", &serde_json::json!({"performance": false}))).await;
    server.kill();
    let server = Server::start(&data_dir, &file).await;
    post(&server, "wk_web", &event("after", "visitor-1")).await;
    post(&server, "wk_web", &event("someone-else", "visitor-2")).await;
    until_stored(&server, &["known", "someone-else"]).await;
}

/// Nothing is processed before the third start, so when the refusal comes the vault knows nobody; that somebody's event
/// lies in the log is all that makes them known.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_right_after_a_crash_reaches_what_waits_in_the_log() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let collecting = || async {
        let mut command = binary();
        command.arg("serve");
        Server::start_as(command, &data_dir, &file, &["--role", "collect"]).await
    };
    let server = collecting().await;
    post(&server, "wk_web", &event("waits", "visitor-1")).await;
    post(&server, "wk_web", &event("other", "visitor-2")).await;
    server.kill();
    let server = collecting().await;
    post(&server, "wk_web", &choice("visitor-1", &serde_json::json!({"performance": false}))).await;
    server.kill();
    let server = Server::start(&data_dir, &file).await;
    eventually("the other visitor's event arrives", SETTLED, || {
        if sink.seen().contains_key("other") { Ok(()) } else { Err(sink.seen()) }
    })
    .await;
    eventually("the trace says withdrawn", SETTLED, || {
        let trace = server.trace("waits");
        if trace.contains("withdrawn") { Ok(()) } else { Err(trace) }
    })
    .await;
    assert!(!sink.seen().contains_key("waits"), "{:?}", sink.bodies());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_collects_sends_nothing_of_what_waits() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let sink = Sink::start().await;
    sink.answer_with(500);
    let file = workspace(&sink.url(), "");
    let server = Server::start(&data_dir, &file).await;
    post(&server, "wk_web", &event("waits", "visitor-1")).await;
    eventually("a first attempt fails", SETTLED, || if sink.requests() >= 1 { Ok(()) } else { Err(sink.requests()) })
        .await;
    server.kill();
    sink.answer_with(200);
    let before = sink.requests();
    let mut command = binary();
    command.arg("serve");
    let collecting = Server::start_as(command, &data_dir, &file, &["--role", "collect"]).await;
    post(&collecting, "wk_web", &event("collected", "visitor-2")).await;
    // A server that delivers begins within milliseconds with what waited at its start.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sink.requests(), before, "{:?}", sink.bodies());
    assert_eq!(collecting.terminate().0, Some(0));
    let server = Server::start(&data_dir, &file).await;
    eventually("both arrive", SETTLED, || {
        let seen = sink.seen();
        if seen.contains_key("waits") && seen.contains_key("collected") { Ok(()) } else { Err(seen) }
    })
    .await;
    drop(server);
}

/// What one device says holds for all of its user: Global Privacy Control, and a vendor refused one by one.
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_and_a_refused_vendor_of_one_device_hold_for_what_another_sends() {
    let directory = tempfile::tempdir().expect("a directory");
    let (sink, ads) = (Sink::start().await, Sink::start().await);
    let more = format!(
        r#"    vendor: ga
  - name: ads
    kind: webhook
    sources: [web]
    settings: {{ url: "{}", allow_private: true }}
    categories: [targeting]
    purpose: advertising
consent:
  banner: {{ vendors: [{{ id: ga, name: Google Analytics, category: performance }}] }}
"#,
        ads.url()
    );
    let server = Server::start(&directory.path().join("data"), &workspace(&sink.url(), &more)).await;
    let of = |id: &str, name: &str, device: &str, consent: serde_json::Value| {
        serde_json::json!({
            "type": "track", "event": name, "messageId": id, "anonymousId": device, "userId": "u",
            "writeKey": "wk_web", "context": { "consent": consent },
        })
        .to_string()
    };
    let granted = serde_json::json!({ "performance": true, "targeting": true });
    let said = serde_json::json!({
        "categoryPreferences": granted, "refusedVendors": ["ga"], "method": "choose", "version": 1,
    });
    let choice = of("laptop", "Segment Consent Preference Updated", "laptop", said);
    let headers = [("sec-gpc", "1"), ("content-type", "application/json")];
    let answer = server.client().send("POST", "/v1/track", &headers, &choice).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let stamp = serde_json::json!({ "categoryPreferences": granted });
    post(&server, "wk_web", &of("phone", "Tested", "phone", stamp)).await;
    eventually("the trace says why", SETTLED, || {
        let trace = server.trace("phone");
        if trace.contains("vendor_refused") && trace.contains("gpc_opt_out") { Ok(()) } else { Err(trace) }
    })
    .await;
    assert_eq!((sink.requests(), ads.requests()), (0, 0));
}
