//! The numbers of the pipeline under `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use event::Millis;
use eventlog::Partition;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Reason;
use crate::dedup::Held;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PartitionLabel {
    partition: u16,
}

/// The pipeline's metrics. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) processed: Counter,
    pub(crate) batches: Counter,
    dropped: Family<ReasonLabel, Counter>,
    held: Family<ReasonLabel, Counter>,
    skipped: Family<ReasonLabel, Counter>,
    lag_seconds: Family<PartitionLabel, Gauge<f64, AtomicU64>>,
    /// Per partition, since when its oldest record not handled waits. Ages are made of it when they are asked for: a
    /// batch that is held would otherwise show the age that it had when it was begun.
    waits_since: Arc<Mutex<BTreeMap<u16, Option<Millis>>>>,
    stopped: Family<PartitionLabel, Gauge>,
    pub(crate) rebuilt: Counter,
    ids: Gauge,
    window_seconds: Gauge,
    shrunk_ids: Gauge,
    damaged_reads: Gauge,
    pub(crate) index_failures: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let all = metrics.clone();
        let registry = registry.sub_registry_with_prefix("assent_pipeline");
        registry.register("processed", "Records appended to `processed`", all.processed);
        registry.register("batches", "Batches appended to `processed`", all.batches);
        registry.register("dropped", "Records that went no further, by reason", all.dropped);
        registry.register("held", "Attempts that failed and are tried again, by what did not answer", all.held);
        registry.register("skipped_ranges", "Ranges of the log that could not be read, by reason", all.skipped);
        registry.register("lag_seconds", "Age of the oldest record not handled, by partition", all.lag_seconds);
        registry.register("partition_stopped", "1 for a partition that needs an operator", all.stopped);
        registry.register("dedup_rebuilt_ids", "Message ids put in again from `processed`", all.rebuilt);
        registry.register("dedup_ids", "Message ids remembered", all.ids);
        registry.register("dedup_window_seconds", "How far back message ids are remembered", all.window_seconds);
        registry.register("dedup_shrunk_ids", "Message ids forgotten before their time", all.shrunk_ids);
        registry.register("dedup_damaged_reads", "Look-ups that damaged files could not answer", all.damaged_reads);
        registry.register("dedup_failures", "Times the index could not be written", all.index_failures);
        for reason in Reason::ALL {
            drop(metrics.dropped.get_or_create(&ReasonLabel { reason: reason.name() }));
        }
        metrics
    }

    /// Records dropped for a reason so far.
    pub fn dropped(&self, reason: Reason) -> Counter {
        self.dropped.get_or_create_owned(&ReasonLabel { reason: reason.name() })
    }

    /// Whether a partition needs an operator.
    pub fn is_stopped(&self, partition: Partition) -> bool {
        self.stopped.get_or_create(&PartitionLabel { partition: partition.0 }).get() != 0
    }

    pub(crate) fn held(&self, reason: &'static str) {
        self.held.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn skipped(&self, reason: &'static str) {
        self.skipped.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The oldest record that this partition has not handled came then; `None`: there is none.
    pub(crate) fn waits_since(&self, partition: Partition, oldest: Option<Millis>) {
        self.waiting().insert(partition.0, oldest);
    }

    /// The partition stands still. Where it is not known what waits, it waits since now.
    pub(crate) fn stands(&self, partition: Partition, now: Millis) {
        self.waiting().entry(partition.0).or_default().get_or_insert(now);
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<u16, Option<Millis>>> {
        self.waits_since.lock().expect("no holder of the ages panics")
    }

    /// Brings the ages up to date. Call it before they are read.
    #[expect(clippy::cast_precision_loss, reason = "a lag of 285,000 years is shown rounded")]
    pub fn refresh(&self, now: Millis) {
        for (partition, since) in &*self.waiting() {
            let lag_ms = since.map_or(0, |since| (now.0 - since.0).max(0));
            self.lag_seconds.get_or_create(&PartitionLabel { partition: *partition }).set(lag_ms as f64 / 1000.0);
        }
    }

    pub(crate) fn stopped(&self, partition: Partition, now: Millis) {
        self.stands(partition, now);
        self.stopped.get_or_create(&PartitionLabel { partition: partition.0 }).set(1);
    }

    pub(crate) fn index(&self, held: &Held, now: Millis) {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.ids.set(signed(held.ids));
        self.window_seconds.set(held.oldest.map_or(0, |oldest| (now.0 - oldest.0) / 1000));
        self.shrunk_ids.set(signed(held.shrunk_ids));
        self.damaged_reads.set(signed(held.damaged_reads));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_of_what_is_held_grows() {
        let metrics = Metrics::default();
        let shown = |now: i64| {
            metrics.refresh(Millis(now));
            let of = |partition| metrics.lag_seconds.get_or_create(&PartitionLabel { partition }).get();
            (of(0), of(1))
        };
        metrics.waits_since(Partition(0), Some(Millis(1_000)));
        metrics.waits_since(Partition(1), None);
        assert_eq!(shown(61_000), (60.0, 0.0));
        // Nothing more is told: the batch is held, and the other partition stops.
        metrics.stands(Partition(0), Millis(100_000));
        metrics.stopped(Partition(1), Millis(100_000));
        assert_eq!(shown(121_000), (120.0, 21.0));
        metrics.waits_since(Partition(0), None);
        assert_eq!(shown(130_000), (0.0, 30.0));
    }
}
