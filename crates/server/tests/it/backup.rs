//! `assent backup` beside a running server, and what a server on the restored directory has.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use testkit::random::Random;
use testkit::seaweed::Seaweed;

use crate::crash::{seed, under_load};
use crate::harness::{Server, binary, event, eventually, path, query, workspace};
use crate::lake_s3::{self, refused};
use crate::oracle::Oracle;
use crate::sink::Sink;

/// Segments so small that some are trimmed in a second of load.
const SMALL_SEGMENTS: &str = "log_segment_bytes_max: 262144\nlake_commit_seconds: 0\n";

fn backup(data_dir: &Path, to: &Path) -> Command {
    let mut command = binary();
    command.args(["backup", "--data-dir", path(data_dir), "--to", path(to)]);
    command
}

fn restore(from: &Path, data_dir: &Path) -> Command {
    let mut command = binary();
    command.args(["restore", "--from", path(from), "--data-dir", path(data_dir)]);
    command
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

fn done(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("the command runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8_lossy(&stdout).into_owned()
}

fn failed(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the command runs");
    assert!(!status.success(), "it did not fail");
    String::from_utf8_lossy(&stderr).into_owned()
}

/// Waits for a command without keeping the load from running.
async fn ended(child: Child) -> Output {
    let waiting = tokio::task::spawn_blocking(move || child.wait_with_output());
    waiting.await.expect("no panic").expect("it is waited for")
}

/// How often each message is in the lake.
fn in_lake(data_dir: &Path) -> HashMap<String, u64> {
    let rows = query(data_dir, "select message_id, count(*) as n from events group by message_id");
    let row = |row: &serde_json::Value| {
        (row["message_id"].as_str().expect("an id").to_owned(), row["n"].as_u64().expect("a count"))
    };
    rows.iter().map(row).collect()
}

async fn all_once(what: &str, data_dir: &Path, ids: &HashSet<String>) {
    eventually(what, Duration::from_mins(1), || {
        let lake = in_lake(data_dir);
        let missing = ids.iter().filter(|id| !lake.contains_key(*id)).count();
        if missing == 0 { Ok(()) } else { Err(format!("{missing} of {} missing", ids.len())) }
    })
    .await;
    let twice: Vec<_> = in_lake(data_dir).into_iter().filter(|(_, count)| *count != 1).collect();
    assert!(twice.is_empty(), "{what}: {} are there more than once, first {:?}", twice.len(), twice.first());
}

/// A server with some load behind it, and what the load knows.
struct Loaded {
    sink: Sink,
    file: String,
    oracle: Arc<Oracle>,
    unsure: Arc<Mutex<Vec<String>>>,
}

impl Loaded {
    async fn new() -> Self {
        let sink = Sink::start().await;
        let file = workspace(&sink.url(), "");
        Self { sink, file, oracle: Arc::default(), unsure: Arc::default() }
    }

    async fn load(&self, server: &Server, meanwhile: impl Future<Output = ()>) {
        under_load(&self.oracle, &self.unsure, &server.address, meanwhile).await;
    }

    /// Restores a backup, runs a server on it, gives it new events, and checks what must be in its lake.
    async fn check_restored(&self, backup: &Path, data_dir: &Path, before: &HashSet<String>) {
        done(restore(backup, data_dir));
        let server = Server::start_with(data_dir, &self.file, SMALL_SEGMENTS).await;
        let known = self.oracle.acknowledged_ids();
        self.load(&server, tokio::time::sleep(Duration::from_millis(500))).await;
        let now = self.oracle.acknowledged_ids();
        let mut expected: HashSet<String> = now.difference(&known).cloned().collect();
        assert!(expected.len() > 20, "the load did not load: {}", expected.len());
        expected.extend(before.iter().cloned());
        all_once("what was acknowledged before the backup and after the restore", data_dir, &expected).await;
        eventually("what came after the restore was at the webhook", Duration::from_mins(1), || {
            let seen = self.sink.seen();
            let missing = now.difference(&known).filter(|id| !seen.contains_key(*id)).count();
            if missing == 0 { Ok(()) } else { Err(missing) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_every_event_of_before_once_and_passes_over_none_after() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let loaded = Loaded::new().await;
    let server = Server::start_with(&data_dir, &loaded.file, SMALL_SEGMENTS).await;
    let mut before = HashSet::new();
    loaded
        .load(&server, async {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            before = loaded.oracle.acknowledged_ids();
            let output = ended(start(backup(&data_dir, &to))).await;
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            tokio::time::sleep(Duration::from_millis(300)).await;
        })
        .await;
    assert!(before.len() > 100, "the load did not load: {}", before.len());
    loaded.oracle.check(&data_dir, &loaded.sink).await;
    drop(server);
    loaded.check_restored(&to, &directory.path().join("restored"), &before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_of_backup_and_server_loses_nothing_and_leaves_no_hold() {
    let directory = tempfile::tempdir().expect("a directory");
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let loaded = Loaded::new().await;
    let mut random = Random::new(seed());
    let server = Server::start_with(&data_dir, &loaded.file, SMALL_SEGMENTS).await;
    loaded
        .load(&server, async {
            for _ in 0..6 {
                let mut child = start(backup(&data_dir, &to));
                tokio::time::sleep(Duration::from_millis(random.below(250))).await;
                child.kill().expect("it is killed");
                child.wait().expect("it is reaped");
                if to.try_exists().expect("a look") {
                    std::fs::remove_dir_all(&to).expect("it was faster");
                }
            }
        })
        .await;
    // The server is killed in the midst of one that goes on.
    let (mut before, mut output) = (HashSet::new(), None);
    let mut server = Some(server);
    let address = server.as_ref().map(|server| server.address.clone()).unwrap_or_default();
    under_load(&loaded.oracle, &loaded.unsure, &address, async {
        before = loaded.oracle.acknowledged_ids();
        let child = start(backup(&data_dir, &to));
        tokio::time::sleep(Duration::from_millis(20 + random.below(80))).await;
        if let Some(server) = server.take() {
            server.kill();
        }
        output = Some(ended(child).await);
    })
    .await;
    let output = output.expect("the backup ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let server = Server::start_with(&data_dir, &loaded.file, SMALL_SEGMENTS).await;
    loaded.oracle.check(&data_dir, &loaded.sink).await;
    assert!(is_free(&data_dir), "who held it is gone, and so is the hold");
    drop(server);
    loaded.check_restored(&to, &directory.path().join("restored"), &before).await;
}

fn is_free(data_dir: &Path) -> bool {
    let file = std::fs::File::open(data_dir.join("hold")).expect("the lock's file");
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn segments(data_dir: &Path) -> usize {
    let log = data_dir.join("log").join("raw");
    let paths = std::fs::read_dir(log).expect("the stream").filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "seg")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_held_the_log_lets_nothing_go() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let loaded = Loaded::new().await;
    let server = Server::start_with(&data_dir, &loaded.file, SMALL_SEGMENTS).await;
    let file = std::fs::File::create(data_dir.join("hold")).expect("the lock's file");
    flock(&file, FlockOperation::LockExclusive).expect("it is free");
    loaded
        .load(&server, async {
            eventually("the log grows", Duration::from_secs(30), || {
                let there = segments(&data_dir);
                if there > 8 { Ok(()) } else { Err(there) }
            })
            .await;
        })
        .await;
    drop(file);
    eventually("the log lets go", Duration::from_secs(30), || {
        let there = segments(&data_dir);
        if there <= 2 { Ok(()) } else { Err(there) }
    })
    .await;
    loaded.oracle.check(&data_dir, &loaded.sink).await;
}

const QUESTIONS: [&str; 3] = [
    "select count(*) as n, count(distinct subject_id) as subjects from events",
    "select message_id, anonymous_id, properties, received_at, raw_block from events order by message_id",
    "select source, type, count(*) as n from events group by source, type order by source",
];

fn answers(data_dir: &Path) -> Vec<Vec<serde_json::Value>> {
    QUESTIONS.map(|question| query(data_dir, question)).to_vec()
}

async fn some_events(server: &Server, data_dir: &Path) {
    for number in 0..30 {
        let answer =
            server.client().post("/v1/track", &event(&format!("m-{number}"), &format!("v-{}", number % 7))).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
    eventually("all are in the lake", Duration::from_mins(1), || {
        let there = in_lake(data_dir).len();
        if there == 30 { Ok(()) } else { Err(there) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_directory_answers_the_same_and_half_a_restore_starts_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let server = Server::start(&at("data"), &file).await;
    some_events(&server, &at("data")).await;
    let expected = answers(&at("data"));
    let told = done(backup(&at("data"), &at("backup")));
    assert!(told.contains("backed up") && told.contains("lake of acme at version"), "{told}");
    assert!(failed(backup(&at("data"), &at("backup"))).contains("is there already"));
    assert!(failed(restore(&at("backup"), &at("data"))).contains("is not empty"));

    // Killed as soon as it has begun, and refused by whatever would start on it.
    let mut child = start(restore(&at("backup"), &at("new")));
    while !at("new").join("restoring").try_exists().expect("a look") {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("it is killed");
    child.wait().expect("it is reaped");
    std::fs::write(at("new").with_extension("yaml"), &file).expect("the workspace file");
    let told = refused(&at("new"), "");
    assert!(told.contains("was cut short") && told.contains("assent restore"), "{told}");
    done(restore(&at("backup"), &at("new")));
    assert_eq!(answers(&at("new")), expected);
    let server = Server::start(&at("new"), &file).await;
    assert_eq!(answers(&at("new")), expected);
    assert_eq!(server.terminate().0, Some(0));

    // One byte of a file, and a file that is not there.
    let state = at("backup").join("data").join("state.db");
    let whole = std::fs::read(&state).expect("the state");
    let mut other = whole.clone();
    other[100] ^= 1;
    std::fs::write(&state, other).expect("it is written");
    let told = failed(restore(&at("backup"), &at("other")));
    assert!(told.contains("is not what was backed up") && told.contains("state.db"), "{told}");
    assert!(!at("other").try_exists().expect("a look"), "nothing is made of a damaged backup");
    std::fs::remove_file(at("backup").join("manifest.json")).expect("it is there");
    assert!(failed(restore(&at("backup"), &at("other"))).contains("is not a whole backup"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_on_s3_is_backed_up_and_restored_to_files_and_to_another_prefix() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let seaweed = Seaweed::start(&at("seaweed"));
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let ours = lake_s3::settings(&seaweed, "ours");
    let server = Server::start_with(&at("data"), &file, &ours).await;
    some_events(&server, &at("data")).await;
    let expected = answers(&at("data"));
    let told = done(backup(&at("data"), &at("backup")));
    assert!(told.contains("the lake was at s3://lake/ours/"), "{told}");

    done(restore(&at("backup"), &at("files")));
    assert_eq!(answers(&at("files")), expected);

    let config = |name: &str, settings: &str| {
        let config = at(name);
        std::fs::write(&config, settings).expect("the settings");
        config
    };
    let with = |config: &Path, data_dir: &Path| {
        let mut command = restore(&at("backup"), data_dir);
        command.args(["--config", path(config)]);
        command
    };
    let told = failed(with(&config("same.yaml", &ours), &at("same")));
    assert!(told.contains("is not empty"), "two lives of one lake: {told}");
    // A restore that was cut short, and a place of that name which is not the one that it had claimed: here a table of the
    // lake that runs, as if `lake_s3_endpoint` had been changed in between.
    std::fs::create_dir_all(at("late")).expect("a directory");
    std::fs::write(at("late").join("restoring"), "").expect("written");
    let record = serde_json::json!({
        "version": 1, "owner": "0123456789abcdef0123456789abcdef", "is_claimed": true, "url": "s3://lake/ours/acme/",
        "endpoint": "http://127.0.0.1:1", "region": "us-east-1", "allow_http": true,
    });
    std::fs::write(at("late").join("lake.json"), record.to_string()).expect("written");
    let told = failed(with(&config("late.yaml", &lake_s3::settings(&seaweed, "ours/acme")), &at("late")));
    assert!(told.contains("is not empty"), "{told}");
    assert_eq!(answers(&at("data")), expected, "nothing of it is gone");
    let theirs = lake_s3::settings(&seaweed, "moved");
    done(with(&config("moved.yaml", &theirs), &at("moved")));
    assert_eq!(answers(&at("moved")), expected);
    assert_eq!(server.terminate().0, Some(0));
    let server = Server::start_with(&at("moved"), &file, &theirs).await;
    let answer = server.client().post("/v1/track", &event("m-30", "v")).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let ids: HashSet<String> = (0..31).map(|number| format!("m-{number}")).collect();
    all_once("what was there and what came", &at("moved"), &ids).await;
}

/// The same directory with an older copy of its log: what came next would get positions that the lake has passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_behind_the_lake_is_refused_until_somebody_mends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let server = Server::start(&at("data"), &file).await;
    some_events(&server, &at("data")).await;
    assert_eq!(server.terminate().0, Some(0));
    let log = at("data").join("log").join("processed");
    std::fs::rename(&log, at("processed")).expect("it is moved");
    let told = refused(&at("data"), "");
    assert!(told.contains("the log is not that far"), "{told}");
    // Also when the log looks well again, as one does that caught up.
    std::fs::remove_dir_all(&log).expect("the one that the start made");
    std::fs::rename(at("processed"), &log).expect("it is moved back");
    let told = refused(&at("data"), "");
    assert!(told.contains("an earlier start found") && told.contains("lake.refused"), "{told}");
    std::fs::remove_file(at("data").join("lake.refused")).expect("somebody who knows");
    let server = Server::start(&at("data"), &file).await;
    assert_eq!(in_lake(&at("data")).len(), 30);
    drop(server);
}

/// The second would remove what the first has brought.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_restores_into_one_directory_one_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    let sink = Sink::start().await;
    let server = Server::start(&at("data"), &workspace(&sink.url(), "")).await;
    done(backup(&at("data"), &at("backup")));
    drop(server);
    std::fs::create_dir_all(at("new")).expect("a directory");
    std::fs::write(at("new").join("brought"), "by the first").expect("written");
    let mark = std::fs::File::create(at("new").join("restoring")).expect("as the first made it");
    flock(&mark, FlockOperation::NonBlockingLockExclusive).expect("nobody has it");
    let told = failed(restore(&at("backup"), &at("new")));
    assert!(told.contains("is under way"), "{told}");
    assert!(at("new").join("brought").is_file(), "nothing of the first is removed");
    drop(mark);
    done(restore(&at("backup"), &at("new")));
    assert!(!at("new").join("brought").try_exists().expect("a look"));
}
