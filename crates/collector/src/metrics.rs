//! What is counted at the edge. Answers are counted through handles that were made at the start; per source, one
//! look-up per request.

use std::sync::Arc;

use control::KeyOwner;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::reject::{Reject, TABLE};

/// The source of an event. Names are unique within their workspace only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct SourceLabels {
    source: Arc<str>,
    workspace: Arc<str>,
}

impl SourceLabels {
    pub(crate) fn of(owner: &KeyOwner) -> Self {
        Self { source: owner.source().name.shared(), workspace: owner.tenant.name() }
    }

    fn refused(&self, reason: &'static str) -> RefusedLabels {
        RefusedLabels { source: Arc::clone(&self.source), reason, workspace: Arc::clone(&self.workspace) }
    }

    fn discarded(&self, code: &'static str) -> DiscardedLabels {
        DiscardedLabels { source: Arc::clone(&self.source), code, workspace: Arc::clone(&self.workspace) }
    }

    fn choice(&self, recorded: &'static str) -> ChoiceLabels {
        ChoiceLabels { source: Arc::clone(&self.source), recorded, workspace: Arc::clone(&self.workspace) }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    source: Arc<str>,
    reason: &'static str,
    workspace: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DiscardedLabels {
    source: Arc<str>,
    code: &'static str,
    workspace: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChoiceLabels {
    source: Arc<str>,
    recorded: &'static str,
    workspace: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ShadowLabels {
    source: Arc<str>,
    platform: &'static str,
    workspace: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ComparedLabels {
    source: Arc<str>,
    category: Arc<str>,
    outcome: &'static str,
    because: &'static str,
    workspace: Arc<str>,
}

/// One category of a page on which another platform still asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared<'c> {
    /// A category of the workspace.
    pub(crate) category: &'c str,
    /// Whether both decide alike; if not, who grants.
    pub(crate) outcome: &'static str,
    /// What Assent's decision would have rested on.
    pub(crate) because: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RejectLabels {
    code: &'static str,
}

/// The collector's metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Metrics {
    accepted: Family<SourceLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    discarded: Family<DiscardedLabels, Counter>,
    choices: Family<ChoiceLabels, Counter>,
    settings: Family<SourceLabels, Counter>,
    shadowed: Family<ShadowLabels, Counter>,
    compared: Family<ComparedLabels, Counter>,
    rejected: Arc<[Counter]>,
    pub(crate) requests: Counter,
    pub(crate) unknown_keys: Counter,
    pub(crate) sdk_reports: Counter,
    pub(crate) pixels_lost: Counter,
    pub(crate) connections: Gauge,
}

impl Metrics {
    /// Makes the metrics and puts them into the registry, under `assent_collect_…`.
    pub fn register(registry: &mut Registry) -> Self {
        let rejected: Family<RejectLabels, Counter> = Family::default();
        let metrics = Self {
            accepted: Family::default(),
            refused: Family::default(),
            discarded: Family::default(),
            choices: Family::default(),
            settings: Family::default(),
            shadowed: Family::default(),
            compared: Family::default(),
            rejected: TABLE
                .iter()
                .map(|(_, row)| rejected.get_or_create_owned(&RejectLabels { code: row.code }))
                .collect(),
            requests: Counter::default(),
            unknown_keys: Counter::default(),
            sdk_reports: Counter::default(),
            pixels_lost: Counter::default(),
            connections: Gauge::default(),
        };
        let of = registry.sub_registry_with_prefix("assent_collect");
        of.register("accepted", "Events that are durable in the log", metrics.accepted.clone());
        of.register("refused", "Events not stored because consent does not permit it", metrics.refused.clone());
        of.register("discarded", "Events not kept because of what they are", metrics.discarded.clone());
        of.register("choices", "Explicit choices recorded before their answer", metrics.choices.clone());
        of.register("settings", "Settings given to pages, which say how to ask", metrics.settings.clone());
        of.register("shadow_pages", "Pages that told what another consent platform holds", metrics.shadowed.clone());
        of.register("shadow_decisions", "Its decisions against those that Assent would make", metrics.compared.clone());
        of.register("rejected_requests", "Requests of which nothing was kept", rejected);
        of.register("requests", "Requests on all paths", metrics.requests.clone());
        of.register("unknown_keys", "Requests whose write key belongs to no source", metrics.unknown_keys.clone());
        of.register("sdk_reports", "Reports of analytics.js about itself, dropped", metrics.sdk_reports.clone());
        of.register("pixels_lost", "Pixels shown whose event was not kept", metrics.pixels_lost.clone());
        of.register("connections", "Open connections", metrics.connections.clone());
        metrics
    }

    pub(crate) fn accepted(&self, labels: &SourceLabels, events: u64) {
        self.accepted.get_or_create(labels).inc_by(events);
    }

    pub(crate) fn refused(&self, labels: &SourceLabels, reason: &'static str) {
        self.refused.get_or_create(&labels.refused(reason)).inc();
    }

    pub(crate) fn discarded(&self, labels: &SourceLabels, code: &'static str, events: u64) {
        self.discarded.get_or_create(&labels.discarded(code)).inc_by(events);
    }

    pub(crate) fn choice(&self, labels: &SourceLabels, recorded: &'static str) {
        self.choices.get_or_create(&labels.choice(recorded)).inc();
    }

    pub(crate) fn settings(&self, labels: &SourceLabels) {
        self.settings.get_or_create(labels).inc();
    }

    /// A page in shadow mode, with the platform that it found; `none` where it found none.
    pub(crate) fn shadowed(&self, of: &SourceLabels, platform: &'static str) {
        let labels = ShadowLabels { source: Arc::clone(&of.source), platform, workspace: Arc::clone(&of.workspace) };
        self.shadowed.get_or_create(&labels).inc();
    }

    pub(crate) fn compared(&self, of: &SourceLabels, compared: &Compared<'_>) {
        let &Compared { category, outcome, because } = compared;
        let labels = ComparedLabels {
            source: Arc::clone(&of.source),
            category: category.into(),
            outcome,
            because,
            workspace: Arc::clone(&of.workspace),
        };
        self.compared.get_or_create(&labels).inc();
    }

    pub(crate) fn rejected(&self, reject: Reject) {
        self.rejected[reject.index()].inc();
    }
}
