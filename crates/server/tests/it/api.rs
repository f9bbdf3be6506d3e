//! The admin API of the real binary: from the first login to an event's trace, over the port that takes events.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::{Server, binary, event, workspace};
use crate::sink::Sink;

const PASSWORD: &str = "a password of the test";
const SETTLED: Duration = Duration::from_secs(20);

/// An owner's client.
pub(crate) struct Admin {
    client: Client,
    bearer: String,
}

impl Admin {
    /// Signs in with the first owner's password, and goes on with a token as programs do.
    pub(crate) async fn of(server: &Server) -> Self {
        let mut client = server.client();
        let body = json!({"name": "admin", "password": PASSWORD}).to_string();
        let request = client.send("POST", "/api/v1/session", &[("content-type", "application/json")], &body).await;
        let opened = request.expect("an answer");
        assert_eq!(opened.status, 200, "{}", opened.body);
        let cookie = opened.headers.get("set-cookie").expect("a cookie").to_str().expect("text").to_owned();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let body = json!({"name": "test", "role": "owner", "personal_data": true}).to_string();
        let headers = [("content-type", "application/json"), ("cookie", &*cookie), ("x-assent", "1")];
        let made = client.send("POST", "/api/v1/tokens", &headers, &body).await.expect("an answer");
        let made: Value = serde_json::from_str(&made.body).expect("JSON");
        Self { client, bearer: format!("Bearer {}", made["token"].as_str().expect("a token")) }
    }

    /// An analyst who may not see whose events they are.
    async fn without_personal_data(&mut self) -> Self {
        let body = json!({"name": "analyst", "role": "analyst"}).to_string();
        let headers = [("content-type", "application/json"), ("authorization", &*self.bearer)];
        let made = self.client.send("POST", "/api/v1/tokens", &headers, &body).await.expect("an answer");
        let made: Value = serde_json::from_str(&made.body).expect("JSON");
        let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
        Self { client: self.client.again(), bearer }
    }

    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [("content-type", "application/json"), ("authorization", &*self.bearer)];
        let path = format!("/api/v1/workspaces/acme{path}");
        let answer = self.client.send(method, &path, &headers, &body.to_string()).await.expect("an answer");
        (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
    }

    /// Asks until the answer is as wanted.
    pub(crate) async fn until(&mut self, path: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (_, answer) = self.ask("GET", path, &Value::Null).await;
            if is_there(&answer) {
                return answer;
            }
            assert!(began.elapsed() < SETTLED, "{path} is {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub(crate) async fn start(directory: &tempfile::TempDir, workspace: &str) -> Server {
    let mut command = binary();
    command.arg("serve").env("ASSENT_ADMIN_PASSWORD", PASSWORD);
    Server::start_as(command, &directory.path().join("data"), workspace, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_and_a_destination_made_over_the_api_carry_an_event() {
    let (directory, sink) = (tempfile::tempdir().expect("a directory"), Sink::start().await);
    let server = start(&directory, &workspace(&sink.url(), "")).await;
    let mut admin = Admin::of(&server).await;
    let (status, source) = admin.ask("POST", "/sources", &json!({"name": "shop", "kind": "browser"})).await;
    assert_eq!(status, 201, "{source}");
    let new = json!({
        "name": "second", "kind": "webhook", "sources": ["shop"], "categories": ["performance"], "purpose": "analytics",
        "settings": {"url": sink.url(), "allow_private": true, "secret": "whsec_c2VjcmV0LWtleQ=="},
    });
    let (status, made) = admin.ask("POST", "/destinations", &new).await;
    assert_eq!((status, &made["settings"]["secret"]), (201, &json!({"secret": true})), "{made}");
    let key = source["write_key"].as_str().expect("a key");
    let sent = server.client().post_as(key, "/v1/track", &event("over-api", "visitor")).await.expect("an answer");
    assert_eq!(sent.status, 200, "{}", sent.body);
    let trace =
        admin.until("/events/over-api", |trace| trace["outputs"][0]["attempts"][0]["outcome"] == "delivered").await;
    assert_eq!(trace["outputs"][0]["destination"], "second");
    assert_eq!(trace["received"]["anonymousId"], "visitor");
    let rows = json!({"sql": "select message_id, anonymous_id from events"});
    let began = Instant::now();
    loop {
        let (_, answer) = admin.ask("POST", "/lake/query", &rows).await;
        if answer["rows"] == json!([["over-api", "visitor"]]) {
            break;
        }
        assert!(began.elapsed() < SETTLED, "{answer}");
    }
    let declared = |purpose: &str, category: &str| json!({"sql": "select message_id from events", "use": {"purpose": purpose, "categories": [category]}});
    let (_, may) = admin.ask("POST", "/lake/query", &declared("analytics", "performance")).await;
    assert_eq!(may["rows"], json!([["over-api"]]), "{may}");
    let (_, not) = admin.ask("POST", "/lake/query", &declared("advertising", "targeting")).await;
    assert_eq!(not["rows"], json!([]), "nobody granted it: {not}");
    let (status, unknown) = admin.ask("POST", "/lake/query", &declared("analytics", "perfromance")).await;
    assert_eq!((status, &unknown["error"]["code"]), (400, &json!("invalid_value")), "{unknown}");
    let mut analyst = admin.without_personal_data().await;
    let mut question = declared("analytics", "performance");
    question["sql"] = json!("select message_id, anonymous_id, properties from events");
    let (_, masked) = analyst.ask("POST", "/lake/query", &question).await;
    assert_eq!(masked["rows"], json!([["over-api", null, null]]), "{masked}");
    let (_, masked) = analyst.ask("GET", "/events/over-api", &Value::Null).await;
    assert_eq!(masked["received"]["anonymousId"], "…", "{masked}");
    admin.until("/overview", |overview| overview["destinations"][1]["delivered"] == 1).await;
    assert!(sink.seen().contains_key("over-api"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_declares_and_what_changed_meanwhile_is_not_overwritten() {
    let (directory, sink) = (tempfile::tempdir().expect("a directory"), Sink::start().await);
    let server = start(&directory, &workspace(&sink.url(), "")).await;
    let mut admin = Admin::of(&server).await;
    let web = json!({"kind": "browser"});
    let (status, refused) = admin.ask("PUT", "/sources/web?if_version=1", &web).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("declared_by_file")));
    let (_, made) = admin.ask("POST", "/sources", &json!({"name": "own", "kind": "browser"})).await;
    let path = format!("/sources/own?if_version={}", made["version"]);
    let (status, _) = admin.ask("PUT", &path, &json!({"kind": "browser", "enabled": false})).await;
    assert_eq!(status, 200);
    let (status, stale) = admin.ask("PUT", &path, &json!({"kind": "mobile"})).await;
    assert_eq!((status, &stale["error"]["code"]), (409, &json!("version_conflict")));
    assert_eq!(stale["error"]["current"]["enabled"], false);
    let (status, missing) = admin.ask("DELETE", "/sources/own", &Value::Null).await;
    assert_eq!((status, &missing["error"]["code"]), (400, &json!("version_missing")));
}

/// The groups are made by the lake's own SQL, which only this binary has.
#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tried_on_what_the_lake_has() {
    let (directory, sink) = (tempfile::tempdir().expect("a directory"), Sink::start().await);
    let server = start(&directory, &workspace(&sink.url(), "")).await;
    let mut admin = Admin::of(&server).await;
    let with = |message_id: &str, more: Value| {
        let mut event: Value = serde_json::from_str(&event(message_id, "one")).expect("JSON");
        event.as_object_mut().expect("a map").extend(more.as_object().cloned().unwrap_or_default());
        event.to_string()
    };
    let events = [
        event("taken", "one"),
        event("withdrawn", "two"),
        with("switched-off", json!({"integrations": {"All": true, "hook": false}})),
        with("sent-by-the-page", json!({"_metadata": {"unbundled": [], "bundled": ["hook"]}, "other": {"n": 7}})),
    ];
    for event in events {
        let sent = server.client().post_as("wk_web", "/v1/track", &event).await.expect("an answer");
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    let refusal = json!({"source": "web", "items": [{"anonymous_id": "two", "categories": {"performance": false}}]});
    assert_eq!(admin.ask("POST", "/choices", &refusal).await.0, 200);
    let began = Instant::now();
    let tried = loop {
        let (status, tried) = admin.ask("POST", "/consent/simulation", &json!({"consent": {}})).await;
        assert_eq!(status, 200, "{tried}");
        if tried["total"] == 4 {
            break tried;
        }
        assert!(began.elapsed() < SETTLED, "{tried}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!((&tried["events"], &tried["truncated"]), (&json!(4), &json!(false)));
    let hook = &tried["destinations"][0];
    assert_eq!((&hook["now"], &hook["changes"]), (&json!({"sent": 1, "withheld": 3}), &json!([])), "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_view_ends_with_the_server_and_does_not_hold_it() {
    let (directory, sink) = (tempfile::tempdir().expect("a directory"), Sink::start().await);
    let server = start(&directory, &workspace(&sink.url(), "")).await;
    let admin = Admin::of(&server).await;
    let mut watcher = server.client();
    let watching = tokio::spawn(async move {
        let headers = [("authorization", &*admin.bearer)];
        watcher.send("GET", "/api/v1/workspaces/acme/live", &headers, "").await
    });
    let began = Instant::now();
    while !watching.is_finished() && began.elapsed() < Duration::from_secs(1) {
        drop(server.client().post("/v1/track", &event(&format!("live-{}", began.elapsed().as_millis()), "v")).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (code, took) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let seen = watching.await.expect("it ran").expect("an answer");
    assert!(seen.status == 200 && seen.body.contains("event: line"), "{}", seen.body);
}
