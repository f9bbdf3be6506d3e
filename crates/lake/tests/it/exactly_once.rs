//! Every event of the log is in its table once, whatever fails between.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lake::Lake;

use crate::fixture::{Fault, Faulty, Sent, TRACK, World, data_files};

async fn check(world: &World, workspace: &str, events: u64) {
    assert_eq!(world.counts(workspace).await, (events, events), "rows and distinct events of {workspace}");
}

async fn send_users(world: &World, workspace: &str, users: std::ops::Range<u32>) {
    for user in users {
        let id = format!("user-{user}");
        world.send(&[Sent { workspace, user_id: Some(&id), anonymous_id: None, ..TRACK }]).await;
    }
}

#[tokio::test]
async fn each_workspace_has_its_own_rows() {
    let world = World::new();
    send_users(&world, "acme", 0..20).await;
    send_users(&world, "other", 0..7).await;
    world.land_all().await;
    check(&world, "acme", 20).await;
    check(&world, "other", 7).await;
    send_users(&world, "acme", 0..5).await;
    world.land_all().await;
    check(&world, "acme", 25).await;
    check(&world, "other", 7).await;
}

/// A judge that lets `good` writes to a table's log pass, and then fails once, or from then on.
fn failing(good: usize, fault: Fault, for_ever: bool) -> impl Fn(&str) -> Fault + Send + Sync {
    let writes = Arc::new(AtomicUsize::new(0));
    move |path| {
        let is_commit =
            path.contains("_delta_log") && FilePath::new(path).extension().is_some_and(|ending| ending == "json");
        let before = if is_commit { writes.fetch_add(1, Ordering::SeqCst) } else { writes.load(Ordering::SeqCst) };
        match before {
            before if before == good && is_commit => fault,
            before if before > good && for_ever => Fault::Before,
            _ => Fault::None,
        }
    }
}

#[tokio::test]
async fn a_commit_that_fails_is_made_once() {
    for fault in [Fault::Before, Fault::After] {
        for good in 1..3 {
            let world = World::new();
            let place = Faulty::place(world.directory.path(), failing(good, fault, false));
            let lake = Lake::follow(world.options(place)).expect("starts");
            for round in 0..3 {
                send_users(&world, "acme", round * 5..round * 5 + 5).await;
                world.landed(&lake).await;
            }
            lake.shutdown().await.expect("stops cleanly");
            check(&world, "acme", 15).await;
        }
    }
}

#[tokio::test]
async fn a_crash_at_a_commit_loses_and_repeats_nothing() {
    for fault in [Fault::Before, Fault::After] {
        for good in 0..4 {
            let world = World::new();
            send_users(&world, "acme", 0..9).await;
            world.land_all().await;
            // From here on the store takes nothing more at some commit: as if the process had died there.
            let place = Faulty::place(world.directory.path(), failing(good, fault, true));
            let lake = Lake::follow(world.options(place)).expect("starts");
            for round in 0..4 {
                send_users(&world, if round % 2 == 0 { "acme" } else { "other" }, 0..4).await;
                tokio::time::timeout(Duration::from_millis(300), world.landed(&lake)).await.unwrap_or_default();
            }
            drop(lake.shutdown().await);
            world.land_all().await;
            check(&world, "acme", 17).await;
            check(&world, "other", 8).await;
        }
    }
}

#[tokio::test]
async fn a_lost_cursor_costs_reading_and_nothing_else() {
    let world = World::new();
    send_users(&world, "acme", 0..10).await;
    send_users(&world, "other", 0..3).await;
    world.land_all().await;
    std::fs::remove_file(world.directory.path().join("cursor.json")).expect("the cursor is there");
    world.land_all().await;
    send_users(&world, "other", 3..5).await;
    world.land_all().await;
    check(&world, "acme", 10).await;
    check(&world, "other", 5).await;
}

#[tokio::test]
async fn what_is_committed_is_known_after_a_start() {
    let world = World::new();
    send_users(&world, "acme", 0..10).await;
    world.land_all().await;
    let lake = Lake::follow(world.options(world.place())).expect("starts");
    // Nothing new is in the log: only the cursor can say this.
    world.landed(&lake).await;
    lake.shutdown().await.expect("stops cleanly");
    let files = data_files(world.directory.path(), "acme");
    world.land_all().await;
    assert_eq!(data_files(world.directory.path(), "acme"), files, "a start without news writes nothing");
}
