//! Ranges of `raw` that do not read back, on the file engine: what was destroyed by design is passed, what was damaged
//! stops its partition and nothing else.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventlog::file::{FileLog, Options};
use eventlog::{EventLog, Partition, Position};
use pipeline::{Ended, Metrics, Pipeline};
use prometheus_client::registry::Registry;
use testkit::clock::HandClock;
use testkit::disk::FaultyDisk;
use tokio_util::sync::CancellationToken;
use vault::keys::{Epoch, Keys};

use crate::setup::{Bed, raw};

/// Long enough for any machine; a partition that hangs fails the test by it.
const WITHIN: Duration = Duration::from_secs(30);

fn keys() -> Keys {
    let keys = Keys::default();
    keys.insert("acme", Epoch(1), &[7; 32]);
    keys
}

/// Nothing is cached: every read is one of the disk.
fn file_log(disk: &FaultyDisk, keys: &Keys) -> Arc<dyn EventLog> {
    let log = FileLog::open(Options {
        directory: "/raw".into(),
        stream: "raw".into(),
        partitions: 2,
        segment_bytes: 64 * 1024,
        cache_bytes: 0,
        pending_bytes_max: 1 << 20,
        disk_reserve_bytes: 0,
        disk: Arc::new(disk.clone()),
        keys: keys.clone(),
        clock: Arc::new(HandClock::default()),
        metrics: eventlog::Metrics::default(),
    });
    Arc::new(log.expect("opens"))
}

async fn put(log: &dyn EventLog, partition: u16, ids: &[&str]) -> Position {
    let batch = ids.iter().map(|id| raw("acme", partition, id, "u1")).collect();
    *log.append(batch).await.expect("appends").last().expect("not empty")
}

async fn ids(bed: &Bed) -> Vec<Vec<String>> {
    bed.processed().await.into_iter().map(|rows| rows.into_iter().map(|(_, id, _)| id).collect()).collect()
}

/// Runs until `reached` says so, then stops; returns how the partitions ended.
async fn run_until(pipeline: Pipeline, reached: impl Future<Output = ()>) -> Vec<(Partition, Ended)> {
    let stop = CancellationToken::new();
    let running = tokio::spawn(pipeline.run(stop.clone()));
    tokio::time::timeout(WITHIN, reached).await.expect("is reached");
    stop.cancel();
    running.await.expect("does not panic").expect("starts")
}

fn metrics() -> (Metrics, impl Fn() -> String) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let page = move || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes everything");
        text
    };
    (metrics, page)
}

#[tokio::test]
async fn a_shredded_range_is_passed_and_counted() {
    let (disk, keys) = (FaultyDisk::new(1), keys());
    let (metrics, page) = metrics();
    let log = file_log(&disk, &keys);
    let bed = Bed { metrics, instead: Some(log.clone()), ..Bed::new(2) };
    put(&*log, 0, &["m1", "m2"]).await;
    keys.insert("acme", Epoch(2), &[8; 32]);
    let last = put(&*log, 0, &["m3"]).await;
    keys.destroy("acme", Epoch(1));
    let pipeline = bed.pipeline(bed.processed.clone());
    let progress = pipeline.progress();
    let ended = run_until(pipeline, progress.handled(Partition(0), last)).await;
    assert_eq!(ended, [(Partition(0), Ended::Stopped), (Partition(1), Ended::Stopped)]);
    assert_eq!(ids(&bed).await, [vec!["m3"], vec![]]);
    assert!(page().contains("assent_pipeline_skipped_ranges_total{reason=\"shredded\"} 1"), "{}", page());
}

/// All of it is gone: it counts as handled, is released, and whoever drains does not wait for it.
#[tokio::test]
async fn a_shredded_end_is_passed_again_after_a_restart() {
    let (disk, keys) = (FaultyDisk::new(2), keys());
    let log = file_log(&disk, &keys);
    let bed = Bed { instead: Some(log.clone()), ..Bed::new(2) };
    let last = put(&*log, 0, &["m1"]).await;
    keys.insert("acme", Epoch(2), &[8; 32]);
    keys.destroy("acme", Epoch(1));
    for (restart, id) in ["m2", "m3"].into_iter().enumerate() {
        let pipeline = bed.pipeline(bed.processed.clone());
        let progress = pipeline.progress();
        run_until(pipeline, progress.handled(Partition(0), last)).await;
        assert_eq!(ids(&bed).await[0].len(), restart, "before {id}");
        let next = put(&*log, 0, &[id]).await;
        let pipeline = bed.pipeline(bed.processed.clone());
        let progress = pipeline.progress();
        run_until(pipeline, progress.handled(Partition(0), next)).await;
    }
    assert_eq!(ids(&bed).await[0], ["m2", "m3"]);
}

#[tokio::test]
async fn a_damaged_range_stops_its_partition_loudly_and_keeps_what_is_behind_it() {
    let (disk, keys) = (FaultyDisk::new(3), keys());
    let log = file_log(&disk, &keys);
    put(&*log, 0, &["m1"]).await;
    let damaged = put(&*log, 0, &["m2"]).await;
    let behind = put(&*log, 0, &["m3"]).await;
    let other = put(&*log, 1, &["m4"]).await;
    drop(log);
    let middle = usize::try_from(u64::midpoint(damaged.block, behind.block)).expect("small");
    disk.rot(&PathBuf::from("/raw/00000000000000000000.seg"), middle);
    let (metrics, page) = metrics();
    let log = file_log(&disk, &keys);
    let bed = Bed { metrics, instead: Some(log.clone()), ..Bed::new(2) };
    let pipeline = bed.pipeline(bed.processed.clone());
    let progress = pipeline.progress();
    let stopped = async {
        progress.handled(Partition(1), other).await;
        while !bed.metrics.is_stopped(Partition(0)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = run_until(pipeline, stopped).await;
    let told = format!("damaged at block {}", damaged.block);
    assert!(matches!(&ended[0].1, Ended::Broken(reason) if reason.contains(&told)), "{ended:?}");
    assert_eq!(ended[1], (Partition(1), Ended::Stopped));
    assert_eq!(ids(&bed).await, [vec!["m1"], vec!["m4"]]);
    assert!(page().contains("assent_pipeline_partition_stopped{partition=\"0\"} 1"), "{}", page());
    let rest = log.read(Partition(0), Some(Position { index: u32::MAX, ..damaged }), 1).await.expect("reads");
    assert_eq!(rest[0].position, behind, "what lies behind the damage waits for the operator");
}

/// Somebody moved `raw` away: what comes after must not count as handled because it stands at the same positions.
#[tokio::test]
async fn a_log_that_begins_anew_stops_its_partition_and_loses_nothing_in_silence() {
    let keys = keys();
    let (metrics, page) = metrics();
    let log = file_log(&FaultyDisk::new(4), &keys);
    let bed = Bed { metrics, instead: Some(log.clone()), ..Bed::new(2) };
    put(&*log, 0, &["m1"]).await;
    let handled = put(&*log, 0, &["m2"]).await;
    let pipeline = bed.pipeline(bed.processed.clone());
    let progress = pipeline.progress();
    run_until(pipeline, progress.handled(Partition(0), handled)).await;

    let anew = file_log(&FaultyDisk::new(5), &keys);
    let first = put(&*anew, 0, &["m3"]).await;
    assert!(first < handled, "its positions begin again");
    let elsewhere = put(&*anew, 1, &["m4"]).await;
    let bed = Bed { instead: Some(anew.clone()), ..bed };
    let pipeline = bed.pipeline(bed.processed.clone());
    let progress = pipeline.progress();
    let ended = run_until(pipeline, progress.handled(Partition(1), elsewhere)).await;
    assert!(matches!(&ended[0], (Partition(0), Ended::Broken(why)) if why.contains("moved away")), "{ended:?}");
    assert_eq!(ids(&bed).await, [vec!["m1", "m2"], vec!["m4"]]);
    assert!(page().contains("assent_pipeline_partition_stopped{partition=\"0\"} 1"), "{}", page());
}
