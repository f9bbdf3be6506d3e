//! A data directory that version 1 wrote is opened by every later version, and nothing that was promised in it is
//! forgotten: its rows, its duplicates, its refusals, its traces.
//!
//! The servers here run under the clock of the golden's own time. Message ids are remembered for a day and backlogs for
//! three; under the real clock this test would say less the older the golden gets.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use event::{Clock, Millis};
use serde_json::{Value, json};

use crate::harness::{Server, event, eventually, path, query};

/// Set for the process that is to be the server; holds the Unix time in milliseconds at which its clock starts.
const CHILD: &str = "ASSENT_GOLDEN_CHILD";
/// 2026-11-21T22:00:00Z
const WRITTEN_AT_MS: i64 = 1_795_298_400_000;
/// A little later: no duplicate is forgotten and no key is old.
const READ_AT_MS: i64 = WRITTEN_AT_MS + 2 * 3_600_000;
const SETTLED: Duration = Duration::from_secs(20);

const WORKSPACE: &str = r"
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_web }
  - { name: api, kind: server, write_key: wk_api, basis: contract }
destinations:
  - name: echo
    kind: echo
    sources: [web, api]
    categories: [performance]
    purpose: analytics
    recipient: service_provider
";

/// The smallest log there is: its files are written in full when they are made.
const SETTINGS: &str = "partitions: 2\nlog_segment_bytes_max: 262144\n";

/// Every column that version 1 promises.
const ROWS: &str = "select message_id, type, event, source, subject_id, anonymous_id, user_id, received_at, sent_at, \
                    timestamp, properties, traits, context, consent, day from events order by message_id";

/// A clock that was set when the process began.
#[derive(Debug)]
struct Set {
    at: Millis,
    since: Instant,
}

impl Clock for Set {
    fn now(&self) -> Millis {
        let passed =
            i64::try_from(self.since.elapsed().as_millis()).expect("a test ends within the age of the universe");
        Millis(self.at.0 + passed)
    }
}

/// Not a test of its own: the server that the test below starts, and nothing in a usual run.
#[test]
fn child() {
    let Ok(at) = std::env::var(CHILD) else { return };
    let at = Millis(at.parse().expect("the test gives a number"));
    // libtest's own arguments end at `--`.
    let arguments = std::env::args().skip_while(|argument| argument != "--").skip(1);
    let arguments = ["assent".to_owned(), "serve".to_owned()].into_iter().chain(arguments);
    let clock = Arc::new(Set { at, since: Instant::now() });
    let machine = server::Machine { disk: Arc::new(eventlog::file::disk::RealDisk), clock };
    server::run_on(arguments, machine).expect("the server runs until it is told to end");
}

async fn start(data_dir: &Path, at_ms: i64) -> Server {
    let mut command = Command::new(std::env::current_exe().expect("the test knows itself"));
    command.args(["--exact", "golden::child", "--nocapture", "--"]).env(CHILD, at_ms.to_string());
    let settings = data_dir.with_extension("settings.yaml");
    std::fs::write(&settings, SETTINGS).expect("the settings file");
    Server::start_as(command, data_dir, WORKSPACE, &["--config", path(&settings)]).await
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// Files and directories only: the socket of a server that is gone is neither. SQLite's shared memory (`-shm`) holds
/// nothing that is not in its log.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (kind, target) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() && !path(&target).ends_with("-shm") {
            std::fs::copy(entry.path(), target).expect("copies");
        }
    }
}

async fn post(server: &Server, key: &str, body: &str) {
    let answer = server.client().post_as(key, "/v1/batch", &format!(r#"{{"batch":[{body}]}}"#)).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn until_stored(data_dir: &Path, expected: u64) {
    eventually("the lake holds what was sent", SETTLED, || {
        let there = query(data_dir, "select count(*) as n from events")[0]["n"].as_u64().expect("a count");
        if there == expected { Ok(()) } else { Err(there) }
    })
    .await;
}

fn refusal(visitor: &str) -> String {
    let consent = json!({"categoryPreferences": {"performance": false}});
    json!({"type": "track", "event": "Segment Consent Preference Updated", "messageId": "choice",
           "anonymousId": visitor, "context": {"consent": consent}})
    .to_string()
}

/// What a browser sends beside plain track events, stamped.
fn calls() -> Vec<String> {
    let stamped = |rest: Value| {
        let mut event = json!({"context": {"consent": {"categoryPreferences": {"performance": true}},
                                           "page": {"path": "/prices"}}});
        let fields = rest.as_object().expect("an object").clone();
        event.as_object_mut().expect("an object").extend(fields);
        event.to_string()
    };
    vec![
        stamped(json!({"type": "page", "messageId": "m-page", "anonymousId": "visitor-1", "name": "Prices",
                       "properties": {"total": 1.50}})),
        stamped(json!({"type": "identify", "messageId": "m-identify", "anonymousId": "visitor-1", "userId": "user-1",
                       "traits": {"plan": "pro"}})),
        stamped(json!({"type": "group", "messageId": "m-group", "userId": "user-1", "groupId": "group-1"})),
        stamped(json!({"type": "screen", "messageId": "m-screen", "anonymousId": "visitor-2", "name": "Start"})),
        stamped(json!({"type": "alias", "messageId": "m-alias", "userId": "user-1", "previousId": "old-user-1"})),
    ]
}

/// What the golden was made from. Invented people, invented keys.
async fn write_golden(golden: &Path) {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let server = start(&data_dir, WRITTEN_AT_MS).await;
    post(&server, "wk_web", &event("m-track", "visitor-1")).await;
    post(&server, "wk_web", &event("m-known", "refuses")).await;
    post(&server, "wk_web", &calls().join(",")).await;
    post(&server, "wk_api", r#"{"type":"track","event":"Paid","messageId":"m-server","userId":"user-2"}"#).await;
    until_stored(&data_dir, 8).await;
    post(&server, "wk_web", &refusal("refuses")).await;
    post(&server, "wk_web", &event("m-refused", "refuses")).await;
    assert_eq!(server.terminate().0, Some(0));
    copy(&data_dir, &golden.join("data"));
    let rows = serde_json::to_string_pretty(&query(&data_dir, ROWS)).expect("JSON");
    std::fs::write(golden.join("rows.json"), rows + "\n").expect("the rows are written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_of_version_one_goes_on() {
    if !golden().join("data").try_exists().expect("the folder can be looked at") {
        write_golden(&golden()).await;
        panic!("the golden was missing and is written now: look at it and commit it");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    copy(&golden().join("data"), &data_dir);
    let server = start(&data_dir, READ_AT_MS).await;

    let rows = std::fs::read_to_string(golden().join("rows.json")).expect("the golden has its rows");
    let rows: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
    assert_eq!(server.query(ROWS), rows, "every event that version 1 stored, and no other");

    post(&server, "wk_web", &event("m-track", "visitor-1")).await;
    post(&server, "wk_web", &event("m-after-refusal", "refuses")).await;
    post(&server, "wk_web", &event("m-new", "visitor-1")).await;
    until_stored(&data_dir, rows.len() as u64 + 1).await;
    let now: Vec<Value> = server.query(ROWS);
    let added: Vec<&Value> = now.iter().filter(|row| !rows.contains(row)).collect();
    assert_eq!(added.len(), 1, "the duplicate and what was refused are not stored: {added:?}");
    assert_eq!(added[0]["message_id"], "m-new");
    let of_visitor_1 = rows.iter().find(|row| row["message_id"] == "m-track").expect("the golden has it");
    assert_eq!(added[0]["subject_id"], of_visitor_1["subject_id"], "a visitor stays the subject they were");
    for id in ["m-track", "m-new"] {
        eventually("the trace tells of old and new events", SETTLED, || {
            let trace = server.trace(id);
            if trace.contains("delivered") { Ok(()) } else { Err(trace) }
        })
        .await;
    }
    assert_eq!(server.terminate().0, Some(0));
}
