//! The whole path on one screen: what an event passes, in order, and why each part stands where it stands.

use std::sync::Arc;
use std::time::Duration;

use collector::{Beside, Collector, Page, Probes};
use delivery::Delivery;
use lake::{Lake, Maintenance};
use pipeline::dedup::Index;
use pipeline::stage::{Deduplicate, Identify, Route, Validate};
use pipeline::{Pipeline, Site};

use crate::engines::Engines;
use crate::ledgers::Ledgers;
use crate::live::Live;
use crate::observe;
use crate::previous::PreviousIds;
use crate::settings::Settings;
use crate::telemetry::Telemetry;
use crate::{archive, delivering, edge, refused};

/// The parts of the path, running ones first. Fields stand in the order in which an event meets them.
pub(crate) struct DataPath {
    pub(crate) collector: Arc<Collector>,
    pub(crate) pipeline: Pipeline,
    pub(crate) index: Arc<Index>,
    pub(crate) lake: Lake,
    pub(crate) delivery: Arc<Delivery>,
}

/// What the edge shows beside the wire protocol.
pub(crate) struct Shown {
    pub(crate) pages: Vec<Page>,
    /// Admin API and console; `None` where this process has neither.
    pub(crate) beside: Option<Beside>,
    /// The ledgers, for receipts; `None` where this process keeps none.
    pub(crate) ledgers: Option<Arc<Ledgers>>,
}

/// What the edge is given, and whether anything may leave.
pub(crate) struct Front {
    pub(crate) probes: Probes,
    pub(crate) shown: Shown,
    /// A server that only collects delivers nothing, also of what the last one left.
    pub(crate) delivers: bool,
}

/// Puts the path together. Readers start at once and find nothing; the caller runs the pipeline, then opens the edge.
pub(crate) async fn build_data_path(
    settings: &Settings,
    engines: &Engines,
    telemetry: &Telemetry,
    live: &Live,
    front: Front,
) -> anyhow::Result<DataPath> {
    let metrics = &telemetry.metrics;
    // Durable before the answer, and only what consent lets in: nothing behind this line has to ask whether an event
    // may exist.
    let collector = Arc::new(Collector::new(collector::Options {
        directory: Arc::clone(&engines.directory),
        log: Arc::clone(&engines.raw),
        clock: Arc::clone(&engines.clock),
        recorder: Arc::new(engines.recorder.clone()),
        metrics: metrics.collector.clone(),
        observer: observe::collector(live),
        tracer: telemetry.tracer.clone(),
        probes: front.probes,
        edge: edge::edge(settings, front.shown)?,
    }));
    let marks: Vec<_> = (0..engines.raw.partitions())
        .map(|partition| engines.processed.watermark(eventlog::Partition(partition)))
        .collect();
    let mut ids = pipeline::dedup::Options::new(engines.layout.dedup(), engines.raw.partitions());
    ids.ids_max = settings.dedup_ids_max;
    let index = Arc::new(Index::open(ids, &marks)?);
    let pipeline = Pipeline::reading(Arc::clone(&engines.raw))
        .then(Deduplicate::new(Arc::clone(&index))) // first: the rest must not see repeats
        .then(Validate::new()) // before anything is made of an event
        .then(Identify::new()) // ids → surrogate, committed before anything names it
        .then(Route::new()) // last: names the outputs, decides nothing
        .into(
            Arc::clone(&engines.processed),
            Site {
                directory: Arc::clone(&engines.directory),
                clock: Arc::clone(&engines.clock),
                metrics: metrics.pipeline.clone(),
                observer: observe::pipeline(live),
                tracer: telemetry.tracer.clone(),
            },
        );
    // With the pipeline the only reader that holds the log.
    let lake = Lake::follow(lake::Options {
        place: engines.lake.clone(),
        owner: engines.lake_owner.clone(),
        log: Arc::clone(&engines.processed),
        stream: Arc::clone(&engines.history),
        previous: Arc::new(PreviousIds::new(Arc::clone(&engines.directory))),
        clock: Arc::clone(&engines.clock),
        metrics: metrics.lake.clone(),
        tracer: telemetry.tracer.clone(),
        commit_wait_ms: Duration::from_secs(settings.lake_commit_seconds).as_millis().try_into()?,
        pending_bytes_max: lake::PENDING_BYTES_MAX,
        maintenance: maintenance(settings),
        deleting: engines.hold.deleting(),
        refusal: refused::note(&engines.layout),
    })?;
    // Asks the gate for every attempt; its backlog is bounded, so that a dead destination costs nobody else.
    // What is replayed comes out of the lake, and goes the same way.
    let history = archive::open(engines, pipeline.progress(), lake.watch());
    let delivers = front.delivers.then_some(history);
    let delivery = Arc::new(delivering::start(settings, engines, telemetry, live, delivers).await?);
    Ok(DataPath { collector, pipeline, index, lake, delivery })
}

fn maintenance(settings: &Settings) -> Maintenance {
    Maintenance {
        every_s: settings.lake_compact_seconds.max(1),
        landing_files_min: settings.lake_compact_files.max(2),
        retention_s: settings.lake_file_retention_hours.max(1).saturating_mul(3_600),
        days_max: settings.lake_days_max,
        ..Maintenance::default()
    }
}
