//! A table written by version 1 is read for ever.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::Call;
use lake::Place;
use lake::query::{Format, Limits, Request};

use crate::fixture::{NOW, Sent, TRACK, World};
use crate::ground::Ground;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copies");
        }
    }
}

/// What the golden was made from: one landing commit with a track and an identify call.
async fn write_golden(directory: &Path) {
    let world = World::new(&Ground::Files);
    let traits = r#","traits":{"plan":"pro"}"#;
    world
        .send(&[TRACK, Sent { user_id: Some("user-1"), call: Call::Identify, received_at: NOW, rest: traits, ..TRACK }])
        .await;
    world.land_all().await;
    copy(world.site.directory().expect("files"), directory);
}

#[tokio::test]
async fn version_one_is_readable() {
    if !golden().try_exists().expect("the folder can be looked at") {
        write_golden(&golden()).await;
        panic!("the golden was missing and is written now: look at it and commit it");
    }
    // A copy: readers of a directory under version control must not leave anything in it.
    let directory = tempfile::tempdir().expect("a temporary directory");
    copy(&golden(), directory.path());
    let request = Request {
        place: Place::existing(directory.path()).expect("it exists"),
        workspace: Arc::from("acme"),
        sql: "SELECT message_id, type, event, source, user_id, received_at, properties, traits, stamp, day FROM events ORDER BY message_id".to_owned(),
        format: Format::Ndjson,
        limits: Limits::default(),
        identifiers: None,
        content: true,
        purpose: None,
    };
    let answer = lake::query::start(request).expect("starts").text().await.expect("answers");
    insta::assert_snapshot!(answer, @r#"
    {"message_id":"m0","type":"track","event":"Order Completed","source":"web","user_id":null,"received_at":"2026-11-21T22:00:00Z","properties":"{\"total\":1.50}","traits":null,"stamp":"{\"origin\":\"sent\",\"preferences\":[[\"performance\",true]],\"signals\":{\"gpc\":false,\"dnt\":false},\"regime\":\"opt-in\",\"basis\":\"consent\"}","day":"2026-11-21"}
    {"message_id":"m1","type":"identify","event":null,"source":"web","user_id":null,"received_at":"2026-11-21T22:00:00Z","properties":null,"traits":"{\"plan\":\"pro\"}","stamp":"{\"origin\":\"sent\",\"preferences\":[[\"performance\",true]],\"signals\":{\"gpc\":false,\"dnt\":false},\"regime\":\"opt-in\",\"basis\":\"consent\"}","day":"2026-11-21"}
    "#);
}
