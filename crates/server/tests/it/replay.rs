//! Replay by the real binary: out of the lake, through today's consent, over a `kill -9`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Admin, start};
use crate::harness::{Server, event, workspace};
use crate::sink::Sink;

const EVENTS: usize = 1_500;
const VISITORS: usize = 30;

fn visitor(at: usize) -> String {
    format!("visitor-{}", at % VISITORS)
}

fn results(replay: &Value) -> Vec<(String, String, u64)> {
    let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
    let rows = replay["results"].as_array().expect("a list").iter();
    rows.map(|row| (text(&row["result"]), text(&row["reason"]), row["count"].as_u64().unwrap_or_default())).collect()
}

/// All events, in batches.
async fn send_all(server: &Server) {
    for part in (0..EVENTS).collect::<Vec<_>>().chunks(100) {
        let events: Vec<Value> = part
            .iter()
            .map(|at| serde_json::from_str(&event(&format!("e{at}"), &visitor(*at))).expect("JSON"))
            .collect();
        let body = json!({ "batch": events }).to_string();
        let sent = server.client().post_as("wk_web", "/v1/batch", &body).await.expect("an answer");
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_goes_to_a_new_destination_through_the_consent_of_today_and_over_a_crash() {
    let (directory, first, second) =
        (tempfile::tempdir().expect("a directory"), Sink::start().await, Sink::start().await);
    let config = workspace(&first.url(), "");
    let server = start(&directory, &config).await;
    send_all(&server).await;
    let mut admin = Admin::of(&server).await;
    let new = json!({
        "name": "second", "kind": "webhook", "sources": ["web"], "categories": ["performance"], "purpose": "analytics",
        "settings": {"url": second.url(), "allow_private": true},
    });
    assert_eq!(admin.ask("POST", "/destinations", &new).await.0, 201);
    // Two of them change their mind.
    for at in [3, 4] {
        let refusal = json!({
            "type": "track", "event": "Segment Consent Preference Updated", "anonymousId": visitor(at),
            "context": {"consent": {"categoryPreferences": {"performance": false}}},
        });
        let told = server.client().post_as("wk_web", "/v1/track", &refusal.to_string()).await.expect("an answer");
        assert_eq!(told.status, 200, "{}", told.body);
    }
    let replays = "/destinations/second/replays";
    let wanted = json!({"events": ["Tested"], "dry_run": true});
    let (status, found) = admin.ask("POST", replays, &wanted).await;
    assert_eq!((status, &found["total"], &found["sent"]), (200, &json!(1_500), &json!(1_400)), "{found}");
    assert_eq!(found["kept_back"], json!([{"result": "withheld", "reason": "withdrawn", "count": 100}]));
    assert_eq!(second.requests(), 0, "a dry run sends nothing");
    second.wait(Duration::from_millis(5));
    let (status, begun) = admin.ask("POST", replays, &json!({"events": ["Tested"], "rate_per_s": 2_000})).await;
    assert_eq!((status, &begun["state"]), (202, &json!("running")), "{begun}");
    let (status, busy) = admin.ask("POST", replays, &json!({})).await;
    assert_eq!((status, &busy["error"]["code"]), (409, &json!("replay_state")));
    while second.seen().len() < 300 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.kill();
    assert!(second.seen().len() < 1_400, "it is killed in the middle");
    let server = start(&directory, &config).await;
    let mut admin = Admin::of(&server).await;
    let done = admin.until(&format!("{replays}/1"), |replay| replay["state"] == "finished").await;
    assert_eq!((&done["total"], &done["taken"], &done["gone"]), (&json!(1_500), &json!(1_500), &json!(0)), "{done}");
    let expected = [("delivered", "", 1_400), ("withheld", "withdrawn", 100)];
    assert_eq!(results(&done), expected.map(|(of, why, count)| (of.to_owned(), why.to_owned(), count)));
    let seen = second.seen();
    for at in 0..EVENTS {
        let is_refused = [3, 4].contains(&(at % VISITORS));
        assert_eq!(seen.contains_key(&format!("e{at}")), !is_refused, "e{at}");
    }
    // What came is what went in, ids and all.
    let bodies = second.bodies();
    let one = bodies.iter().find(|body| body.contains("\"e1\"")).expect("it came");
    assert!(one.contains("\"anonymousId\":\"visitor-1\"") && one.contains("\"properties\":{\"n\":1}"), "{one}");
    let trace = server.trace("e3");
    assert!(trace.contains("second: withheld (withdrawn), attempt 1, replay 1"), "{trace}");
    let (_, shown) = admin.ask("GET", "/events/e5", &Value::Null).await;
    let outputs = shown["outputs"].as_array().expect("a list");
    let replayed = outputs.iter().find(|output| output["destination"] == "second").expect("it went there");
    assert_eq!(
        (&replayed["attempts"][0]["replay"], &replayed["attempts"][0]["outcome"]),
        (&json!(1), &json!("delivered"))
    );
}
