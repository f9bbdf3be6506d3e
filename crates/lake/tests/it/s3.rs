//! The suite on S3, and what only a store that can be away can show.

use std::time::{Duration, Instant};

use lake::{Lake, Metrics, Options};
use testkit::seaweed::Seaweed;

use crate::fixture::{TRACK, World};
use crate::ground::Ground;
use crate::{compaction, exactly_once, query, replay};

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_holds_on_s3() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let seaweed = Seaweed::start(directory.path());
    let ground = Ground::s3(&seaweed);
    for (name, case) in [exactly_once::CASES, compaction::CASES, query::CASES, replay::CASES].concat() {
        let started = Instant::now();
        eprint!("{name} … ");
        case(&ground).await;
        eprintln!("{:?}", started.elapsed());
    }
}

async fn until_failing(metrics: &Metrics) {
    let failing = async {
        while !metrics.is_store_failing() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), failing).await.expect("it is told that the store is away");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_waited_for() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut seaweed = Seaweed::start(directory.path());
    let world = World::new(&Ground::s3(&seaweed));
    let metrics = Metrics::default();
    let options = || Options { metrics: metrics.clone(), ..world.options(world.site.place()) };
    let lake = Lake::follow(options()).expect("starts");
    world.send(&[TRACK]).await;
    world.landed(&lake).await;
    assert!(!metrics.is_store_failing());
    // Away while it runs.
    seaweed.stop();
    world.send(&[TRACK, TRACK]).await;
    until_failing(&metrics).await;
    seaweed.resume();
    world.landed(&lake).await;
    assert!(!metrics.is_store_failing());
    lake.shutdown().await.expect("stops cleanly");
    // Away when it starts.
    seaweed.stop();
    world.send(&[TRACK]).await;
    let lake = Lake::follow(options()).expect("starts");
    until_failing(&metrics).await;
    seaweed.resume();
    world.landed(&lake).await;
    lake.shutdown().await.expect("stops cleanly");
    assert_eq!(world.counts("acme").await, (4, 4));
}
