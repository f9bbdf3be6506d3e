//! The whole server with its lake in a bucket of a real S3.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Clock as _;
use testkit::random::Random;
use testkit::seaweed::{BUCKET, Seaweed};

use crate::crash::{rounds, seed, under_load};
use crate::harness::{Server, binary, event, eventually, path, query, workspace};
use crate::oracle::Oracle;
use crate::sink::Sink;

/// Settings of a server whose lake is under a prefix, with commits and compactions as often as they go.
pub(crate) fn settings(seaweed: &Seaweed, prefix: &str) -> String {
    format!(
        "lake_url: s3://{BUCKET}/{prefix}\nlake_s3_endpoint: {}\nlake_s3_allow_http: true\n\
         lake_commit_seconds: 0\nlake_compact_seconds: 1\nlake_compact_files: 2\n",
        seaweed.endpoint()
    )
}

/// Lets a server run until it ends, and gives what it said. For starts that must be refused.
pub(crate) fn refused(data_dir: &Path, settings: &str) -> String {
    let config = data_dir.with_extension("config.yaml");
    std::fs::write(&config, settings).expect("the settings");
    let output = binary()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", path(data_dir), "--config", path(&config)])
        .args(["--workspace", path(&data_dir.with_extension("yaml"))])
        .output()
        .expect("the command runs");
    assert!(!output.status.success(), "it was not refused");
    String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.starts_with("error:")).collect()
}

/// Rounds in `make test`; `make torture` sets `ASSENT_CRASH_ROUNDS`.
const ROUNDS: u64 = 6;

/// Waits until a file of a compaction is uploaded that was not there: its commit comes a moment later.
async fn compacting(seaweed: &Seaweed) {
    let uploaded = || {
        let day = server::SystemClock.now().day();
        seaweed.count(&format!("acme/acme/events/day={day}/bucket=1"), ".parquet")
    };
    let before = uploaded();
    while uploaded() <= before {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_it_compacts_loses_and_doubles_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data");
    let seaweed = Seaweed::start(directory.path());
    let sink = Sink::start().await;
    let (file, settings) = (workspace(&sink.url(), ""), settings(&seaweed, "acme"));
    let (oracle, unsure) = (Arc::new(Oracle::default()), Arc::new(Mutex::new(Vec::new())));
    let mut random = Random::new(seed());
    for _ in 0..rounds(ROUNDS) {
        let server = Server::start_with(&data_dir, &file, &settings).await;
        let address = server.address.clone();
        under_load(&oracle, &unsure, &address, async {
            compacting(&seaweed).await;
            tokio::time::sleep(Duration::from_millis(random.below(40))).await;
            server.kill();
        })
        .await;
    }
    let _server = Server::start_with(&data_dir, &file, &settings).await;
    oracle.check(&data_dir, &sink).await;
    assert!(oracle.acknowledged() > 100, "the load did not load");
    eventually("a compaction is done in the end", Duration::from_mins(1), || {
        let rows = query(&data_dir, "select count(*) as n from events where bucket > 0");
        if rows[0]["n"].as_u64() > Some(0) { Ok(()) } else { Err(rows) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_stays_where_it_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut seaweed = Seaweed::start(directory.path());
    let sink = Sink::start().await;
    let file = workspace(&sink.url(), "");
    let remote = directory.path().join("remote");
    let ours = settings(&seaweed, "ours");
    let server = Server::start_with(&remote, &file, &ours).await;
    let answer = server.client().post("/v1/track", &event("m-1", "v")).await.expect("an answer");
    assert_eq!(answer.status, 200);
    // The settings are in the data directory: a query needs the keys and nothing else, beside the server and after it.
    eventually("the event is in the bucket", Duration::from_secs(30), || {
        let rows = query(&remote, "select message_id from events");
        if rows.len() == 1 { Ok(()) } else { Err(rows.len()) }
    })
    .await;
    assert_eq!(server.terminate().0, Some(0));
    assert!(!remote.join("lake").try_exists().expect("a look"), "nothing of it is on this disk");
    assert_eq!(query(&remote, "select message_id from events").len(), 1);

    let told = refused(&remote, "");
    assert!(told.contains("there is no `lake_url`") && told.contains(&format!("`s3://{BUCKET}/ours/`")), "{told}");
    let told = refused(&remote, &settings(&seaweed, "theirs"));
    assert!(told.contains("s3://lake/theirs/") && told.contains("assent restore"), "{told}");
    // Another directory may not write into it.
    let other = directory.path().join("other");
    std::fs::create_dir_all(&other).expect("a directory");
    std::fs::write(other.with_extension("yaml"), &file).expect("the workspace file");
    let told = refused(&other, &ours);
    assert!(told.contains("is not empty"), "{told}");
    // Nor may one that has files leave them behind.
    let local = directory.path().join("local");
    Server::start(&local, &file).await.kill();
    std::fs::write(local.join("lake").join("cursor.json"), "{}").expect("as after the first commit");
    let told = refused(&local, &settings(&seaweed, "new"));
    assert!(told.contains("files in its folder `lake`") && told.contains("assent backup"), "{told}");

    // A store that is away stops neither a start nor a sender.
    seaweed.stop();
    let server = Server::start_with(&remote, &file, &ours).await;
    let answer = server.client().post("/v1/track", &event("m-2", "v")).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let mut said = String::new();
    while !said.contains("the lake's store refuses or does not answer") {
        said = server.client().send("GET", "/readyz", &[], "").await.expect("an answer").body;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(server.metrics().await.contains("assent_lake_store_failing 1"));
    seaweed.resume();
    eventually("what waited is in the bucket", Duration::from_mins(1), || {
        let rows = query(&remote, "select message_id from events");
        if rows.len() == 2 { Ok(()) } else { Err(rows.len()) }
    })
    .await;
    assert!(server.metrics().await.contains("assent_lake_store_failing 0"));
}
