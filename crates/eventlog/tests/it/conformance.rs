//! What every engine promises: one suite, run over each.

use std::sync::Arc;

use eventlog::file::FileLog;
use eventlog::file::disk::RealDisk;
use eventlog::memory::MemoryLog;
use eventlog::{AppendError, EventLog, Partition, Position, RECORD_BYTES_MAX, ReadError};

use crate::setup::{PARTITIONS, append, noise, options, read_all, texts};

type Log = Arc<dyn EventLog>;

macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(std::sync::Arc::new(super::MemoryLog::new(super::PARTITIONS))).await;
            })*
        }
        mod file {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let directory = tempfile::tempdir().expect("a temporary directory");
                let options = super::options(std::sync::Arc::new(super::RealDisk), directory.path().join("raw"));
                super::$name(std::sync::Arc::new(super::FileLog::open(options).expect("opens"))).await;
            })*
        }
    };
}

conformance!(
    an_empty_log_is_empty,
    what_is_appended_is_read_at_its_position,
    order_holds_per_partition,
    a_read_passes_its_bound_by_one_block_at_most,
    reading_goes_on_behind_any_position,
    trimmed_records_are_reported_and_the_rest_stays,
    the_watermark_outlives_trimming,
    a_waiting_reader_is_woken,
    one_owner_at_a_time,
    many_appenders_lose_nothing,
    a_dropped_append_is_whole,
    a_bad_record_refuses_its_whole_batch,
    large_records_and_large_batches_fit,
);

async fn an_empty_log_is_empty(log: Log) {
    assert_eq!(log.partitions(), PARTITIONS);
    assert_eq!(log.watermark(Partition(0)), None);
    assert_eq!(log.append(Vec::new()).await.expect("nothing to do"), Vec::new());
    assert!(log.read(Partition(0), None, 1000).await.expect("reads").is_empty());
    assert!(log.read(Partition(PARTITIONS), None, 1000).await.expect("no such partition").is_empty());
}

async fn what_is_appended_is_read_at_its_position(log: Log) {
    let batch = vec![
        append(0, "acme", "a"),
        append(1, "acme", "b"),
        append(0, "globex", "c"),
        append(0, "acme", "d"),
        append(0, "globex", ""),
    ];
    let positions = log.append(batch.clone()).await.expect("appends");
    assert_eq!(positions.len(), batch.len());
    for partition in 0..PARTITIONS {
        let records = read_all(&*log, partition, None, 1).await;
        let read: Vec<_> = records.iter().map(|one| (one.position, one.workspace.to_string(), &one.payload)).collect();
        let expected = batch.iter().zip(&positions).filter(|(one, _)| one.partition == Partition(partition));
        let mut expected: Vec<_> = expected.map(|(one, at)| (*at, one.workspace.to_string(), &one.payload)).collect();
        expected.sort_by_key(|(position, ..)| *position);
        assert_eq!(read, expected);
        assert_eq!(log.watermark(Partition(partition)), expected.last().map(|(position, ..)| *position));
    }
}

async fn order_holds_per_partition(log: Log) {
    let mut appended = Vec::new();
    for round in 0..60 {
        let payloads: Vec<String> = (0..=round % 7).map(|item| format!("{round}/{item}")).collect();
        let batch = payloads.iter().map(|payload| append(1, "acme", payload.as_bytes())).collect();
        let positions = log.append(batch).await.expect("appends");
        appended.extend(positions.into_iter().zip(payloads));
    }
    assert!(appended.is_sorted_by(|(one, _), (next, _)| one < next), "positions ascend");
    let records = read_all(&*log, 1, None, 100).await;
    let read: Vec<_> = records.iter().map(|one| one.position).zip(texts(&records)).collect();
    assert_eq!(read, appended);
}

async fn a_read_passes_its_bound_by_one_block_at_most(log: Log) {
    for number in 0..40 {
        log.append(vec![append(0, "acme", noise(number, 100)); 3]).await.expect("appends");
    }
    let one = log.read(Partition(0), None, 0).await.expect("reads");
    assert_eq!(one.len(), 3, "a whole block, though the bound is zero");
    let some = log.read(Partition(0), None, 1000).await.expect("reads");
    assert_eq!(some.len(), 12, "whole blocks of 300 bytes until 1000 are passed");
}

async fn reading_goes_on_behind_any_position(log: Log) {
    let mut positions = Vec::new();
    for number in 0..30 {
        let batch = vec![append(2, "acme", noise(number, 700)), append(2, "acme", noise(number, 700))];
        positions.extend(log.append(batch).await.expect("appends"));
    }
    for (at, position) in positions.iter().enumerate() {
        let rest: Vec<Position> = read_all(&*log, 2, Some(*position), 2000).await.iter().map(|r| r.position).collect();
        assert_eq!(rest, positions[at + 1..]);
    }
}

/// Enough for several segments in partition 0, and one record in partition 1.
async fn fill(log: &dyn EventLog) -> Vec<Position> {
    let mut positions = log.append(vec![append(1, "acme", "other")]).await.expect("appends");
    positions.clear();
    for number in 0..100 {
        positions.extend(log.append(vec![append(0, "acme", noise(number, 1000))]).await.expect("appends"));
    }
    positions
}

async fn trimmed_records_are_reported_and_the_rest_stays(log: Log) {
    let positions = fill(&*log).await;
    let before = log.usage();
    log.trim(Partition(1), log.watermark(Partition(1)).expect("not empty")).await;
    log.trim(Partition(0), positions[49]).await;
    assert!(log.usage().bytes < before.bytes, "something was freed");
    let reported = match log.read(Partition(0), Some(positions[0]), 10).await {
        Err(ReadError::Trimmed { through }) => Some(through),
        _ => None,
    };
    let through = reported.expect("a reader that is too far behind is told");
    assert!(through <= positions[49], "nothing that was not released is gone");
    for after in [None, Some(through)] {
        let rest = read_all(&*log, 0, after, 5000).await;
        let rest: Vec<Position> = rest.iter().map(|record| record.position).collect();
        let expected: Vec<Position> = positions.iter().copied().filter(|position| *position > through).collect();
        assert_eq!(rest, expected);
    }
}

async fn the_watermark_outlives_trimming(log: Log) {
    let positions = fill(&*log).await;
    let last = *positions.last().expect("filled");
    log.trim(Partition(1), log.watermark(Partition(1)).expect("not empty")).await;
    log.trim(Partition(0), last).await;
    assert_eq!(log.watermark(Partition(0)), Some(last));
    assert!(log.read(Partition(0), Some(last), 10).await.expect("a reader at the end is not behind").is_empty());
    log.append(vec![append(0, "acme", "next")]).await.expect("appends");
    assert_eq!(texts(&read_all(&*log, 0, Some(last), 10).await), ["next"]);
}

async fn a_waiting_reader_is_woken(log: Log) {
    let waiting = tokio::spawn({
        let log = Arc::clone(&log);
        async move {
            log.changed(Partition(0), None).await;
            let first = log.watermark(Partition(0));
            log.changed(Partition(0), first).await;
            (first, log.watermark(Partition(0)))
        }
    });
    let first = log.append(vec![append(0, "acme", "one")]).await.expect("appends")[0];
    log.append(vec![append(1, "acme", "elsewhere")]).await.expect("appends");
    let mut last = first;
    while !waiting.is_finished() {
        last = log.append(vec![append(0, "acme", "more")]).await.expect("appends")[0];
        tokio::task::yield_now().await;
    }
    let (seen_first, seen_next) = waiting.await.expect("the reader ends");
    assert!(seen_first >= Some(first) && seen_next > seen_first && seen_next <= Some(last));
    log.changed(Partition(0), Some(first)).await;
}

async fn one_owner_at_a_time(log: Log) {
    let lease = log.own(Partition(1)).expect("free");
    assert!(log.own(Partition(1)).is_err(), "taken");
    let other = log.own(Partition(2)).expect("another partition is free");
    assert_eq!(other.partition, Partition(2));
    let fence = lease.fence;
    drop(lease);
    assert!(log.own(Partition(1)).expect("free again").fence > fence);
    assert!(log.own(Partition(PARTITIONS)).is_err(), "does not exist");
}

async fn many_appenders_lose_nothing(log: Log) {
    let appenders: Vec<_> = (0..64_u16)
        .map(|appender| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for number in 0..40 {
                    let payload = format!("{appender}/{number}");
                    log.append(vec![append(appender % PARTITIONS, "acme", payload)]).await.expect("appends");
                }
            })
        })
        .collect();
    for appender in appenders {
        appender.await.expect("the appender ends");
    }
    let mut all = 0;
    for partition in 0..PARTITIONS {
        let read = texts(&read_all(&*log, partition, None, 3000).await);
        all += read.len();
        for appender in (0..64).filter(|appender| appender % PARTITIONS == partition) {
            let prefix = format!("{appender}/");
            let own: Vec<&str> = read.iter().filter_map(|text| text.strip_prefix(&prefix)).collect();
            let expected: Vec<String> = (0..40).map(|number| number.to_string()).collect();
            assert_eq!(own, expected, "appender {appender}, each once and in order");
        }
    }
    assert_eq!(all, 64 * 40);
    assert_eq!(log.usage().pending_bytes, 0);
}

async fn a_dropped_append_is_whole(log: Log) {
    let batch = |number: u64| vec![append(0, "acme", number.to_string()); 20];
    for number in 0..50 {
        let appending = log.append(batch(number));
        // Polled at most once, then dropped.
        tokio::select! {
            biased;
            _ = appending => {}
            () = std::future::ready(()) => {}
        }
    }
    let last = log.append(batch(50)).await.expect("appends");
    let read = texts(&read_all(&*log, 0, None, 100).await);
    assert_eq!(log.watermark(Partition(0)), last.last().copied());
    for number in 0..=50 {
        let text = number.to_string();
        let count = read.iter().filter(|other| **other == text).count();
        assert!(count == 20, "batch {number} was handed over, so it is there whole: {count}");
    }
}

async fn a_bad_record_refuses_its_whole_batch(log: Log) {
    let too_large = vec![0; RECORD_BYTES_MAX + 1];
    for bad in [append(PARTITIONS, "acme", "nowhere"), append(0, "acme", too_large)] {
        let refused = log.append(vec![append(0, "acme", "good"), bad]).await;
        assert!(matches!(refused, Err(AppendError::Invalid { .. })), "{refused:?}");
    }
    assert!(read_all(&*log, 0, None, 100).await.is_empty());
}

async fn large_records_and_large_batches_fit(log: Log) {
    let batch: Vec<_> = (0..12).map(|number| append(0, "acme", noise(number, RECORD_BYTES_MAX))).collect();
    log.append(batch.clone()).await.expect("larger than a block, a segment and the bound of what waits");
    let read = read_all(&*log, 0, None, 1).await;
    assert!(read.iter().map(|record| &record.payload).eq(batch.iter().map(|append| &append.payload)));
}
