//! Waiting for what is durable to get to where it belongs: while the server ends, and before a replay reads.

use eventlog::{EventLog, Partition, Position};
use pipeline::Progress;
use tokio::sync::watch;

fn ends(log: &dyn EventLog) -> impl Iterator<Item = (Partition, Position)> {
    (0..log.partitions()).map(Partition).filter_map(|partition| Some((partition, log.watermark(partition)?)))
}

/// Returns when the pipeline has handled all that is in `raw` now.
pub(crate) async fn handled(raw: &dyn EventLog, progress: &Progress) {
    for (partition, end) in ends(raw) {
        progress.handled(partition, end).await;
    }
}

/// Returns when the lake has committed all that is in `processed` now, or has ended.
pub(crate) async fn landed(processed: &dyn EventLog, mut reached: watch::Receiver<Vec<Option<Position>>>) {
    let ends: Vec<_> = ends(processed).collect();
    let is_there = |reached: &Vec<Option<Position>>| {
        ends.iter().all(|(partition, end)| reached.get(usize::from(partition.0)).copied().flatten() >= Some(*end))
    };
    drop(reached.wait_for(is_there).await);
}
