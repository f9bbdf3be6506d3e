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

/// Returns when the lake has committed all that is in `processed` now; `false`: it has ended before.
pub(crate) async fn landed(processed: &dyn EventLog, mut reached: watch::Receiver<Vec<Option<Position>>>) -> bool {
    let ends: Vec<_> = ends(processed).collect();
    let is_there = |reached: &Vec<Option<Position>>| {
        ends.iter().all(|(partition, end)| reached.get(usize::from(partition.0)).copied().flatten() >= Some(*end))
    };
    reached.wait_for(is_there).await.is_ok()
}

#[cfg(test)]
mod tests {
    use eventlog::Append;
    use eventlog::memory::MemoryLog;

    use super::*;

    #[tokio::test]
    async fn a_lake_that_has_ended_has_not_landed_what_it_lacks() {
        let log = MemoryLog::new(1);
        let append =
            Append { partition: Partition(0), workspace: "acme".into(), payload: bytes::Bytes::from_static(b"x") };
        let last = log.append(vec![append]).await.expect("it is taken")[0];
        let (reached, watched) = watch::channel(vec![Some(last)]);
        drop(reached);
        assert!(landed(&log, watched).await, "it got there before it ended");
        let (reached, watched) = watch::channel(vec![None]);
        drop(reached);
        assert!(!landed(&log, watched).await);
    }
}
