//! What the log tells Prometheus: how long its commits take, which is what every accepted event waits for. How much it
//! holds is asked of [`crate::EventLog::usage`].

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    stream: String,
}

/// Seconds of a sync on a fast disk to those of one that is about to fail.
const COMMIT_SECONDS: [f64; 11] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// The log's metrics, of all streams. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    commit_seconds: Family<StreamLabel, Histogram, fn() -> Histogram>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { commit_seconds: Family::new_with_constructor(|| Histogram::new(COMMIT_SECONDS)) }
    }
}

impl Metrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let of = registry.sub_registry_with_prefix("assent_log");
        of.register("commit_seconds", "Time of a commit: write and sync", all.commit_seconds.clone());
        all
    }

    /// Those of one stream, for its writer.
    pub(crate) fn commits_of(&self, stream: &str) -> Histogram {
        self.commit_seconds.get_or_create_owned(&StreamLabel { stream: stream.to_owned() })
    }
}
