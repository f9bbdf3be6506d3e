//! Every event of the log is in its table once, whatever fails between.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use eventlog::memory::MemoryLog;
use lake::{Lake, LakeError, Maintenance, OwnerError, Refusal};

use crate::fixture::{Fault, Faulty, PARTITIONS, Sent, TRACK, World};
use crate::ground::Ground;

crate::suite::cases! {
    each_workspace_has_its_own_rows,
    a_commit_that_fails_is_made_once,
    a_crash_at_a_commit_loses_and_repeats_nothing,
    a_lost_cursor_costs_reading_and_nothing_else,
    what_is_committed_is_known_after_a_start,
    of_two_writers_of_one_stream_each_event_has_one,
    of_two_that_claim_a_place_one_has_it,
    a_lake_that_is_ahead_of_its_log_takes_nothing_for_landed,
    a_place_that_is_somebody_elses_is_left_alone,
}

async fn check(world: &World, workspace: &str, events: u64) {
    assert_eq!(world.counts(workspace).await, (events, events), "rows and distinct events of {workspace}");
}

async fn send_users(world: &World, workspace: &str, users: std::ops::Range<u32>) {
    for user in users {
        let id = format!("user-{user}");
        world.send(&[Sent { workspace, user_id: Some(&id), anonymous_id: None, ..TRACK }]).await;
    }
}

async fn each_workspace_has_its_own_rows(ground: &Ground) {
    let world = World::new(ground);
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

async fn a_commit_that_fails_is_made_once(ground: &Ground) {
    for fault in [Fault::Before, Fault::After] {
        for good in 1..3 {
            let world = World::new(ground);
            let place = Faulty::place(&world.site, failing(good, fault, false));
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

async fn a_crash_at_a_commit_loses_and_repeats_nothing(ground: &Ground) {
    for fault in [Fault::Before, Fault::After] {
        for good in 0..4 {
            let world = World::new(ground);
            send_users(&world, "acme", 0..9).await;
            world.land_all().await;
            // From here on the store takes nothing more at some commit: as if the process had died there.
            let place = Faulty::place(&world.site, failing(good, fault, true));
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

async fn a_lost_cursor_costs_reading_and_nothing_else(ground: &Ground) {
    let world = World::new(ground);
    send_users(&world, "acme", 0..10).await;
    send_users(&world, "other", 0..3).await;
    world.land_all().await;
    world.site.delete("cursor.json").await;
    world.land_all().await;
    send_users(&world, "other", 3..5).await;
    world.land_all().await;
    check(&world, "acme", 10).await;
    check(&world, "other", 5).await;
}

async fn what_is_committed_is_known_after_a_start(ground: &Ground) {
    let world = World::new(ground);
    send_users(&world, "acme", 0..10).await;
    world.land_all().await;
    let lake = Lake::follow(world.options(world.place())).expect("starts");
    // Nothing new is in the log: only the cursor can say this.
    world.landed(&lake).await;
    lake.shutdown().await.expect("stops cleanly");
    let files = world.site.data_files("acme").await;
    world.land_all().await;
    assert_eq!(world.site.data_files("acme").await, files, "a start without news writes nothing");
}

/// What the locks of a data directory prevent; a bucket has none. Only the store's promise that of two writers of one
/// commit one wins keeps the rows right then.
async fn of_two_writers_of_one_stream_each_event_has_one(ground: &Ground) {
    let world = World::new(ground);
    let start = || Lake::follow(world.options(world.site.place())).expect("starts");
    let (one, other) = (start(), start());
    for round in 0..4 {
        send_users(&world, "acme", round * 5..round * 5 + 5).await;
        tokio::join!(world.landed(&one), world.landed(&other));
    }
    tokio::join!(async { one.shutdown().await.expect("stops") }, async { other.shutdown().await.expect("stops") });
    check(&world, "acme", 20).await;
}

async fn of_two_that_claim_a_place_one_has_it(ground: &Ground) {
    let world = World::new(ground);
    let (place, again) = (world.site.place(), world.site.place());
    assert!(matches!(place.check_owner("one").await, Err(OwnerError::Gone)), "nobody's is not ours");
    assert!(place.is_empty().await.expect("answers"));
    let (one, other) = tokio::join!(place.claim("one"), again.claim("other"));
    let (winner, loser) = if one.is_ok() { ("one", "other") } else { ("other", "one") };
    assert!(one.is_ok() != other.is_ok(), "exactly one: {one:?}, {other:?}");
    place.claim(winner).await.expect("who has it may say so again");
    place.check_owner(winner).await.expect("it is the winner's");
    assert!(matches!(place.check_owner(loser).await, Err(OwnerError::Other)));
    assert!(!place.is_empty().await.expect("answers"));
}

/// An old copy of the log beside a lake that went on: its next events have positions that the lake has passed. It is told
/// before anything is taken, because a log that catches up looks like any other.
async fn a_lake_that_is_ahead_of_its_log_takes_nothing_for_landed(ground: &Ground) {
    let mut world = World::new(ground);
    for _ in 0..3 {
        world.send(&[TRACK]).await;
    }
    world.land_all().await;
    world.log = Arc::new(MemoryLog::new(PARTITIONS));
    for with_cursor in [true, false] {
        if !with_cursor {
            // Then the tables say it, also when nothing comes.
            world.site.delete("cursor.json").await;
        }
        let told = Arc::new(AtomicUsize::new(0));
        let refusal = {
            let told = Arc::clone(&told);
            Refusal::told(move |_| {
                told.fetch_add(1, Ordering::SeqCst);
            })
        };
        let lake = Lake::follow(lake::Options { refusal, ..world.options(world.place()) }).expect("starts");
        let begun = tokio::time::timeout(Duration::from_mins(1), lake.has_begun()).await;
        assert!(!begun.expect("in time"), "it must not go on");
        assert!(matches!(lake.shutdown().await, Err(LakeError::Ahead { .. })));
        assert_eq!(told.load(Ordering::SeqCst), 1, "somebody keeps it in mind");
    }
}

/// A store that was away at the start may come back as another one, or with another's lake.
async fn a_place_that_is_somebody_elses_is_left_alone(ground: &Ground) {
    let world = World::new(ground);
    for _ in 0..3 {
        world.send(&[TRACK]).await;
        world.land_all().await;
    }
    world.place().claim("theirs").await.expect("claimed");
    let before = world.site.names().await;
    world.send(&[TRACK]).await;
    let maintenance = Maintenance { every_s: 0, landing_files_min: 2, ..Maintenance::default() };
    let options = lake::Options { owner: Some("ours".into()), maintenance, ..world.options(world.place()) };
    let lake = Lake::follow(options).expect("starts");
    let begun = tokio::time::timeout(Duration::from_mins(1), lake.has_begun()).await;
    assert!(!begun.expect("in time"), "it must not go on");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(matches!(lake.shutdown().await, Err(LakeError::NotOurs(OwnerError::Other))));
    assert_eq!(world.site.names().await, before, "neither landed nor merged");
    let options = lake::Options { owner: Some("theirs".into()), ..world.options(world.place()) };
    let lake = Lake::follow(options).expect("starts");
    world.landed(&lake).await;
    lake.shutdown().await.expect("stops cleanly");
}
