//! What the lake counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The lake's metrics; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) rows: Counter,
    pub(crate) commits: Counter,
    pub(crate) retries: Counter,
    pub(crate) unreadable: Counter,
    pub(crate) read_errors: Counter,
    pub(crate) pending_bytes: Gauge,
    pub(crate) compacted_files: Counter,
    pub(crate) vacuumed_files: Counter,
    pub(crate) maintenance_errors: Counter,
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
        registry.register("assent_lake_pending_bytes", "Bytes waiting for a commit", all.pending_bytes.clone());
        all
    }
}
