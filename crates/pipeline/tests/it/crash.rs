//! Crashes at every kind of moment, with the index kept, stale or lost: `processed` holds each message once, in the
//! order of its partition.

use std::collections::BTreeSet;
use std::sync::Arc;

use eventlog::EventLog;
use testkit::random::Random;
use tokio_util::sync::CancellationToken;

use crate::setup::{Bed, Fault, Faulty, copy, raw};

const PARTITIONS: u16 = 3;
const SEEDS: u64 = 12;

/// Runs until an append hangs, and then pulls the plug. Without one it is stopped in order.
async fn run_into(bed: &Bed, fault: (u64, Fault)) {
    let processed = Faulty::new(bed.processed.clone(), [fault]);
    let log: Arc<dyn EventLog> = processed.clone();
    let running = tokio::spawn(bed.pipeline(log).run(CancellationToken::new()));
    let wait = tokio::time::timeout(std::time::Duration::from_secs(1), processed.hangs.notified());
    // The hang may lie beyond the last append: then the plug is pulled at rest.
    drop(wait.await);
    running.abort();
    assert!(running.await.is_err_and(|error| error.is_cancelled()));
}

async fn append_some(bed: &Bed, random: &mut Random, sent: &mut BTreeSet<(String, String)>) {
    for _ in 0..random.below(6) {
        let mut batch = Vec::new();
        for _ in 0..=random.below(8) {
            let workspace = if random.chance(50) { "acme" } else { "zeta" };
            let id = format!("m{}", random.below(40));
            let partition = u16::try_from(random.below(PARTITIONS.into())).expect("a partition");
            batch.push(raw(workspace, partition, &id, &format!("u{}", random.below(5))));
            sent.insert((workspace.to_owned(), id));
        }
        bed.raw.append(batch).await.expect("appends");
    }
}

async fn rounds(seed: u64) {
    let mut random = Random::new(seed);
    let bed = Bed::new(PARTITIONS);
    let stale = bed.dedup.path().join("stale");
    let mut sent = BTreeSet::new();
    for _ in 0..=random.below(5) {
        append_some(&bed, &mut random, &mut sent).await;
        let fault = if random.chance(50) { Fault::HangBefore } else { Fault::HangAfter };
        run_into(&bed, (random.below(8), fault)).await;
        match random.below(4) {
            0 => std::fs::remove_dir_all(bed.index_path()).expect("the directory is ours"),
            1 if stale.is_dir() => {
                std::fs::remove_dir_all(bed.index_path()).expect("the directory is ours");
                copy(&stale, &bed.index_path());
            }
            // A stop in order writes the index, so that later rounds find one.
            2 => {
                bed.run_dry(bed.processed.clone()).await;
                std::fs::remove_dir_all(&stale).ok();
                copy(&bed.index_path(), &stale);
            }
            _ => {}
        }
    }
    bed.run_dry(bed.processed.clone()).await;
    let rows = bed.processed().await;
    for rows in &rows {
        assert!(rows.is_sorted_by(|left, right| left.2 < right.2), "seed {seed}: order {rows:?}");
    }
    let all: Vec<(String, String)> = rows.concat().into_iter().map(|(workspace, id, _)| (workspace, id)).collect();
    let once: BTreeSet<(String, String)> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "seed {seed}: a message came out twice");
    assert_eq!(once, sent, "seed {seed}: a message was lost");
}

#[tokio::test(start_paused = true)]
async fn every_message_comes_out_once_whatever_crashes() {
    for seed in 0..SEEDS {
        rounds(seed).await;
    }
}
