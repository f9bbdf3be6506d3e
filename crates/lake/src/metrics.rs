//! What the lake counts.

use eventlog::Partition;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabel {
    partition: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Seconds of a commit on a fast disk to those of an object store that hardly answers.
const COMMIT_SECONDS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Seconds of a look at one file to those of a query's limit.
const QUERY_SECONDS: [f64; 8] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0];

/// The lake's metrics; clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) rows: Counter,
    pub(crate) commits: Counter,
    pub(crate) retries: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) read_errors: Counter,
    pub(crate) pending_bytes: Gauge,
    /// 1 while the store refuses or does not answer.
    pub(crate) store_failing: Gauge,
    pub(crate) compacted_files: Counter,
    pub(crate) vacuumed_files: Counter,
    pub(crate) maintenance_errors: Counter,
    pub(crate) commit_seconds: Histogram,
    waits: Family<PartitionLabel, Gauge>,
    queries: Family<OutcomeLabel, Counter>,
    query_seconds: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            rows: Counter::default(),
            commits: Counter::default(),
            retries: Counter::default(),
            unreadable: Counter::default(),
            read_errors: Counter::default(),
            pending_bytes: Gauge::default(),
            store_failing: Gauge::default(),
            compacted_files: Counter::default(),
            vacuumed_files: Counter::default(),
            maintenance_errors: Counter::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            waits: Family::default(),
            queries: Family::default(),
            query_seconds: Histogram::new(QUERY_SECONDS),
        }
    }
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let mut counter = |name: &str, help: &str, metric: &Counter| registry.register(name, help, metric.clone());
        counter("assent_lake_rows", "Rows committed to tables", &all.rows);
        counter("assent_lake_commits", "Landing commits", &all.commits);
        counter("assent_lake_commit_retries", "Landing commits tried again", &all.retries);
        counter("assent_lake_unreadable", "Records that could not become rows and were passed over", &all.unreadable);
        counter("assent_lake_read_errors", "Reads of the log that failed; the partition waits", &all.read_errors);
        counter("assent_lake_compacted_files", "Files replaced by compaction", &all.compacted_files);
        counter("assent_lake_vacuumed_files", "Files physically deleted", &all.vacuumed_files);
        counter("assent_lake_maintenance_errors", "Compactions and vacuums that failed", &all.maintenance_errors);
        let of = registry.sub_registry_with_prefix("assent_lake");
        of.register("pending_bytes", "Bytes waiting for a commit", all.pending_bytes.clone());
        let help = "1 while the lake's store refuses or does not answer, and the log holds what it should get";
        of.register("store_failing", help, all.store_failing.clone());
        of.register("commit_seconds", "Time of a landing commit, its retries included", all.commit_seconds.clone());
        of.register("partition_waiting", "1 while a partition cannot be read on", all.waits.clone());
        of.register("queries", "Questions of people, by how they ended", all.queries.clone());
        of.register("query_seconds", "Time of a question of a person", all.query_seconds.clone());
        for outcome in ["answered", "failed"] {
            drop(all.queries.get_or_create(&OutcomeLabel { outcome }));
        }
        all
    }

    /// Whether nothing more of a partition reaches the tables until somebody looks.
    pub fn is_waiting(&self, partition: Partition) -> bool {
        self.waits.get_or_create(&PartitionLabel { partition: partition.0 }).get() != 0
    }

    pub(crate) fn waits(&self, partition: Partition, is_waiting: bool) {
        self.waits.get_or_create(&PartitionLabel { partition: partition.0 }).set(i64::from(is_waiting));
    }

    /// Whether the store refuses or does not answer, so that nothing lands.
    pub fn is_store_failing(&self) -> bool {
        self.store_failing.get() != 0
    }

    /// A person's question ended after so many seconds.
    pub fn query(&self, is_answered: bool, seconds: f64) {
        let outcome = if is_answered { "answered" } else { "failed" };
        self.queries.get_or_create(&OutcomeLabel { outcome }).inc();
        self.query_seconds.observe(seconds);
    }
}
