//! Compaction and vacuum change files and never rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lake::copy::{Deleting, Permit};
use lake::query::Format;
use lake::{Lake, Maintained, Maintenance, bucket, maintain};

use crate::fixture::{NOW, Sent, TRACK, World};
use crate::ground::Ground;

crate::suite::cases! {
    landing_files_become_one_and_go,
    a_day_that_is_over_is_settled_by_its_volume,
    days_that_are_over_for_long_enough_go,
    unreferenced_files_stay_for_their_time,
    what_somebody_copies_is_deleted_when_it_is_copied,
    compaction_beside_landing_and_queries_loses_nothing,
}

const ALL: &str =
    "SELECT message_id, subject_id, user_id, properties, received_at, day FROM events ORDER BY message_id";

fn options() -> Maintenance {
    Maintenance { landing_files_min: 3, retention_s: 0, ..Maintenance::default() }
}

/// Lands `rounds` times, so that there are as many landing files.
async fn land(world: &World, rounds: u32, received_at: i64) {
    for round in 0..rounds {
        for user in 0..40 {
            let id = format!("user-{user}");
            let rest = format!(r#","event":"E","properties":{{"round":{round}}}"#);
            world.send(&[Sent { user_id: Some(&id), anonymous_id: None, received_at, rest: &rest, ..TRACK }]).await;
        }
        world.land_all().await;
    }
}

async fn pass(world: &World, options: &Maintenance, delete: bool) -> Maintained {
    let deleting = Deleting::default();
    maintain(&world.place(), "acme", (options, delete.then_some(&deleting)), &world.clock()).await.expect("a pass")
}

async fn buckets(world: &World) -> String {
    world.ask("acme", Format::Csv, "SELECT DISTINCT bucket FROM events ORDER BY bucket").await
}

async fn landing_files_become_one_and_go(ground: &Ground) {
    let world = World::new(ground);
    land(&world, 4, NOW).await;
    let before = world.ask("acme", Format::Json, ALL).await;
    let done = pass(&world, &options(), true).await;
    assert_eq!((done.compacted, done.vacuumed), (4, 4));
    assert_eq!(world.site.data_files("acme").await.len(), 1);
    assert_eq!(world.ask("acme", Format::Json, ALL).await, before);
    assert_eq!(buckets(&world).await, "bucket\n1\n");
    // Landing goes on where it was: compaction does not touch how far the table is.
    land(&world, 1, NOW).await;
    assert_eq!(world.counts("acme").await, (200, 200));
}

async fn a_day_that_is_over_is_settled_by_its_volume(ground: &Ground) {
    let world = World::new(ground);
    land(&world, 4, NOW).await;
    // Files of 2 KB at most: the day's volume asks for several buckets, and sorting must spill.
    let small = Maintenance { file_bytes: 2_048, sort_bytes_max: 4 << 20, ..options() };
    let before = world.ask("acme", Format::Json, ALL).await;
    world.clock.0.store(NOW + 3 * 86_400_000, Ordering::SeqCst);
    assert_eq!(pass(&world, &small, false).await.compacted, 4);
    assert_eq!(world.ask("acme", Format::Json, ALL).await, before);
    let sql = "SELECT DISTINCT bucket, substr(subject_id, 1, 2) AS first FROM events";
    let rows: Vec<serde_json::Value> = serde_json::from_str(&world.ask("acme", Format::Json, sql).await).expect("JSON");
    let mut bits = None;
    for row in rows {
        let number = i32::try_from(row["bucket"].as_i64().expect("a number")).expect("small");
        let first = u8::from_str_radix(row["first"].as_str().expect("text"), 16).expect("hexadecimal");
        let mut subject = event::SubjectId([0; 16]);
        subject.0[0] = first;
        let level = number.ilog2();
        assert_eq!(*bits.get_or_insert(level), level, "one count in a settled day");
        assert_eq!(bucket::of(&subject, level), number);
    }
    assert!(bits.is_some_and(|bits| bits > 0), "more than one bucket");
    assert_eq!(pass(&world, &small, false).await.compacted, 0, "a settled day is left alone");
}

async fn days_that_are_over_for_long_enough_go(ground: &Ground) {
    let world = World::new(ground);
    let day_ms = 86_400_000;
    land(&world, 3, NOW).await;
    land(&world, 2, NOW + day_ms).await;
    let keeping = |days| Maintenance { days_max: Some(days), ..options() };
    world.clock.0.store(NOW + day_ms, Ordering::SeqCst);
    assert_eq!(pass(&world, &keeping(1), true).await.expired, 0, "yesterday is within one day");
    world.clock.0.store(NOW + 2 * day_ms, Ordering::SeqCst);
    let done = pass(&world, &keeping(1), true).await;
    assert_eq!((done.expired, world.counts("acme").await), (1, (80, 80)), "the first day, compacted, is gone");
    let files = world.site.data_files("acme").await;
    assert_eq!(files.len(), 1, "{files:?}");
    // Landing goes on where it was, and nothing of the day comes back.
    world.land_all().await;
    assert_eq!(world.counts("acme").await, (80, 80));
}

/// Of files only: what a bucket got in pieces is nowhere until it is whole, and its rules end what nobody finished.
#[tokio::test]
async fn what_a_crash_left_half_written_goes_at_the_next_start() {
    let world = World::new(&Ground::Files);
    land(&world, 1, NOW).await;
    let directory = world.site.directory().expect("files");
    let whole = directory.join(world.site.data_files("acme").await.pop().expect("a file landed"));
    // As the store names what it stages; no listing shows it, so vacuum never would either.
    let mut half = whole.clone().into_os_string();
    half.push("#7");
    std::fs::copy(&whole, &half).expect("a copy");
    lake::Place::directory(directory).expect("the writer's start");
    assert!(!std::fs::exists(&half).expect("a look"), "what was staged is gone");
    assert!(std::fs::exists(&whole).expect("a look"), "what was committed is not");
}

async fn unreferenced_files_stay_for_their_time(ground: &Ground) {
    let world = World::new(ground);
    land(&world, 4, NOW).await;
    let patient = Maintenance { retention_s: 3_600, ..options() };
    assert_eq!(pass(&world, &patient, true).await, Maintained { compacted: 4, ..Maintained::default() });
    assert_eq!(world.site.data_files("acme").await.len(), 5);
}

/// By the keeper itself: it asks each time, goes on merging, and deletes as soon as it may.
async fn what_somebody_copies_is_deleted_when_it_is_copied(ground: &Ground) {
    let world = World::new(ground);
    land(&world, 4, NOW).await;
    let (is_copied, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let deleting = {
        let (is_copied, asked) = (Arc::clone(&is_copied), Arc::clone(&asked));
        Deleting::when(move || {
            asked.fetch_add(1, Ordering::SeqCst);
            is_copied.load(Ordering::SeqCst).then(|| Box::new(()) as Permit)
        })
    };
    let maintenance = Maintenance { every_s: 1, delete_every_s: 1, ..options() };
    let lake = Lake::follow(lake::Options { maintenance, deleting, ..world.options(world.place()) }).expect("starts");
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.site.data_files("acme").await.len(), 5, "four that were merged, and what they became");
    is_copied.store(true, Ordering::SeqCst);
    let gone = async {
        while world.site.data_files("acme").await.len() > 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("they go when they may");
    lake.shutdown().await.expect("stops cleanly");
}

async fn compaction_beside_landing_and_queries_loses_nothing(ground: &Ground) {
    let world = Arc::new(World::new(ground));
    land(&world, 4, NOW).await;
    let lake = Lake::follow(world.options(world.place())).expect("starts");
    let options = options();
    for round in 0..5_u64 {
        for _ in 0..10 {
            world.send(&[TRACK]).await;
        }
        let (_, counts, ()) = tokio::join!(pass(&world, &options, false), world.counts("acme"), world.landed(&lake));
        assert_eq!(counts.0, counts.1, "no event twice");
        assert!(counts.0 >= 160 + round * 10, "nothing that was committed is missing");
    }
    lake.shutdown().await.expect("stops cleanly");
    assert_eq!(world.counts("acme").await, (210, 210));
}
