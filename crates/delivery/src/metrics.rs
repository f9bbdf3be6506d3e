//! What deliveries tell Prometheus.

use std::sync::atomic::AtomicU64;

use event::Millis;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::Outcome;
use crate::overview::{Overview, Status};

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

/// Who keeps a destination from sending: its receiver, by failing, or an operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PauseLabels {
    workspace: String,
    destination: String,
    by: &'static str,
}

/// One quantile of a destination's latency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QuantileLabels {
    workspace: String,
    destination: String,
    quantile: &'static str,
}

/// What telling a destination of withdrawals came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WithdrawalLabels {
    workspace: String,
    destination: String,
    result: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// The families. What is counted is counted where it happens; what is a state is taken from the states that people
/// see, when somebody asks ([`Metrics::show`]).
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    results: Family<ResultLabels, Counter>,
    requests: Family<StatusLabels, Counter>,
    running: Family<DestinationLabels, Gauge>,
    in_flight: Family<DestinationLabels, Gauge>,
    waiting: Family<DestinationLabels, Gauge>,
    oldest_waiting_seconds: Family<DestinationLabels, Seconds>,
    latency_seconds: Family<QuantileLabels, Seconds>,
    backlog_bytes: Family<DestinationLabels, Gauge>,
    paused: Family<PauseLabels, Gauge>,
    replaying: Family<DestinationLabels, Gauge>,
    replayed: Family<ResultLabels, Counter>,
    withdrawals: Family<WithdrawalLabels, Counter>,
    untold: Family<DestinationLabels, Gauge>,
    untold_seconds: Family<DestinationLabels, Seconds>,
}

impl Metrics {
    /// Registers the families.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let of = registry.sub_registry_with_prefix("assent_delivery");
        of.register("results", "Results of events by reason", all.results.clone());
        of.register("requests", "Requests by status, 0 without one", all.requests.clone());
        of.register("running", "1 while the destination is started", all.running.clone());
        of.register("in_flight", "Requests in flight", all.in_flight.clone());
        of.register("waiting", "Events taken up and not yet settled", all.waiting.clone());
        let oldest = "Age of the oldest event taken up and not yet settled";
        of.register("oldest_waiting_seconds", oldest, all.oldest_waiting_seconds.clone());
        let latency = "From the receipt of an event to its arrival, lately";
        of.register("latency_seconds", latency, all.latency_seconds.clone());
        of.register("backlog_bytes", "Bytes of records behind the tail of the log", all.backlog_bytes.clone());
        of.register("paused", "1 while the destination is paused", all.paused.clone());
        let of = registry.sub_registry_with_prefix("assent_replay");
        of.register("running", "1 while events of the lake are sent again", all.replaying.clone());
        of.register("results", "Results of replayed events by reason", all.replayed.clone());
        let of = registry.sub_registry_with_prefix("assent_withdrawals");
        of.register("results", "Withdrawals that a destination was told of, or will not be", all.withdrawals.clone());
        of.register("waiting", "Withdrawals that a destination was not told of yet", all.untold.clone());
        let oldest = "Age of the oldest withdrawal that a destination was not told of yet";
        of.register("oldest_waiting_seconds", oldest, all.untold_seconds.clone());
        all
    }

    pub(crate) fn count(&self, of: &DestinationLabels, outcome: Outcome, events: u64) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        let labels = ResultLabels { workspace, destination, result: outcome.result(), reason: outcome.reason() };
        self.results.get_or_create(&labels).inc_by(events);
    }

    /// Results of a replay; they are among [`Self::count`]'s too.
    pub(crate) fn replayed(&self, of: &DestinationLabels, outcome: Outcome, events: u64) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        let labels = ResultLabels { workspace, destination, result: outcome.result(), reason: outcome.reason() };
        self.replayed.get_or_create(&labels).inc_by(events);
    }

    /// Withdrawals that were told, or will not be.
    pub(crate) fn withdrawals(&self, of: &DestinationLabels, result: &'static str, refusals: u64) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        self.withdrawals.get_or_create(&WithdrawalLabels { workspace, destination, result }).inc_by(refusals);
    }

    pub(crate) fn is_replaying(&self, of: &DestinationLabels, is_running: bool) {
        self.replaying.get_or_create(of).set(i64::from(is_running));
    }

    pub(crate) fn request(&self, of: &DestinationLabels, status: u16) {
        let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
        self.requests.get_or_create(&StatusLabels { workspace, destination, status }).inc();
    }

    /// Shows these destinations and no others: one that was deleted or switched off has no state any more.
    pub fn show(&self, all: &[Overview], now: Millis) {
        self.running.clear();
        self.in_flight.clear();
        self.waiting.clear();
        self.oldest_waiting_seconds.clear();
        self.latency_seconds.clear();
        self.backlog_bytes.clear();
        self.paused.clear();
        self.untold.clear();
        self.untold_seconds.clear();
        for one in all {
            let (workspace, destination) = (one.workspace.to_string(), one.destination.to_string());
            let of = DestinationLabels { workspace, destination };
            self.running.get_or_create(&of).set(i64::from(one.status.is_ok()));
            let age_ms = one.untold.oldest.map_or(0, |oldest| (now.0 - oldest.0).max(0).unsigned_abs());
            self.untold.get_or_create(&of).set(i64::try_from(one.untold.waiting).unwrap_or(i64::MAX));
            self.untold_seconds.get_or_create(&of).set(seconds(age_ms));
            if let Ok(status) = &one.status {
                self.state(&of, status, now);
            }
        }
    }

    fn state(&self, of: &DestinationLabels, status: &Status, now: Millis) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.in_flight.get_or_create(of).set(number(status.in_flight));
        self.waiting.get_or_create(of).set(number(status.waiting));
        self.backlog_bytes.get_or_create(of).set(number(status.backlog_bytes));
        let oldest_ms = status.oldest_waiting.map_or(0, |oldest| (now.0 - oldest.0).max(0).unsigned_abs());
        self.oldest_waiting_seconds.get_or_create(of).set(seconds(oldest_ms));
        for (by, is_paused) in [("receiver", status.paused.is_some()), ("operator", status.held.is_some())] {
            let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
            self.paused.get_or_create(&PauseLabels { workspace, destination, by }).set(i64::from(is_paused));
        }
        let Some(latency) = status.latency else { return };
        for (quantile, took_ms) in [("0.5", latency.p50_ms), ("0.99", latency.p99_ms)] {
            let (workspace, destination) = (of.workspace.clone(), of.destination.clone());
            let labels = QuantileLabels { workspace, destination, quantile };
            self.latency_seconds.get_or_create(&labels).set(seconds(took_ms));
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of 285,000 years are shown rounded")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Held, Quantiles, UntoldWithdrawals};

    fn page(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).expect("a string takes everything");
        text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_state_is_shown_as_long_as_there_is_one() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let held = Some(Held { since: Millis(0), by: "ada".to_owned() });
        let latency = Some(Quantiles { p50_ms: 12, p99_ms: 250 });
        let status = Status { held, latency, oldest_waiting: Some(Millis(1_000)), ..Status::default() };
        let one = |name: &str, status| Overview {
            workspace: "acme".into(),
            destination: name.into(),
            status,
            stalled_since: None,
            untold: UntoldWithdrawals { waiting: 3, oldest: Some(Millis(31_000)), given_up: None },
        };
        metrics.show(&[one("hook", Ok(status)), one("dead", Err("no such kind".to_owned()))], Millis(91_000));
        let shown = page(&registry);
        for line in [
            r#"assent_delivery_paused{workspace="acme",destination="hook",by="operator"} 1"#,
            r#"assent_delivery_paused{workspace="acme",destination="hook",by="receiver"} 0"#,
            r#"assent_delivery_oldest_waiting_seconds{workspace="acme",destination="hook"} 90.0"#,
            r#"assent_delivery_latency_seconds{workspace="acme",destination="hook",quantile="0.99"} 0.25"#,
            r#"assent_delivery_running{workspace="acme",destination="dead"} 0"#,
            r#"assent_withdrawals_waiting{workspace="acme",destination="dead"} 3"#,
            r#"assent_withdrawals_oldest_waiting_seconds{workspace="acme",destination="hook"} 60.0"#,
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
        metrics.show(&[], Millis(91_000));
        assert_eq!(page(&registry), "", "of what is gone nothing is shown");
    }
}
