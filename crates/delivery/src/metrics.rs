//! What deliveries tell Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Outcome;

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DestinationLabels {
    pub(crate) workspace: String,
    pub(crate) destination: String,
}

/// A final result, or a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    workspace: String,
    destination: String,
    result: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    workspace: String,
    destination: String,
    status: u16,
}

/// The families.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    results: Family<ResultLabels, Counter>,
    requests: Family<StatusLabels, Counter>,
    in_flight: Family<DestinationLabels, Gauge>,
    waiting: Family<DestinationLabels, Gauge>,
    backlog_bytes: Family<DestinationLabels, Gauge>,
    paused: Family<DestinationLabels, Gauge>,
}

impl Metrics {
    /// Registers the families.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut family = |name: &str, help: &str, family: &Family<DestinationLabels, Gauge>| {
            registry.register(name, help, family.clone());
        };
        family("assent_delivery_in_flight", "Requests in flight", &metrics.in_flight);
        family("assent_delivery_waiting", "Events taken up and not yet settled", &metrics.waiting);
        family("assent_delivery_backlog_bytes", "Bytes of records behind the tail of the log", &metrics.backlog_bytes);
        family("assent_delivery_paused", "1 while the destination is paused", &metrics.paused);
        registry.register("assent_delivery_results", "Results of events by reason", metrics.results.clone());
        registry.register("assent_delivery_requests", "Requests by status, 0 without one", metrics.requests.clone());
        metrics
    }

    pub(crate) fn count(&self, of: &DestinationLabels, outcome: Outcome, events: u64) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        let labels = ResultLabels { workspace, destination, result: outcome.result(), reason: outcome.reason() };
        self.results.get_or_create(&labels).inc_by(events);
    }

    pub(crate) fn request(&self, of: &DestinationLabels, status: u16) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        self.requests.get_or_create(&StatusLabels { workspace, destination, status }).inc();
    }

    pub(crate) fn state(&self, of: &DestinationLabels, status: &crate::overview::Status) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.in_flight.get_or_create(of).set(number(status.in_flight));
        self.waiting.get_or_create(of).set(number(status.waiting));
        self.backlog_bytes.get_or_create(of).set(number(status.backlog_bytes));
        self.paused.get_or_create(of).set(i64::from(status.paused.is_some()));
    }
}
