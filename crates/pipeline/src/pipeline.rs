//! The path as a whole: stages in flow order, one worker per partition, one keeper of the index.

use std::sync::Arc;
use std::time::Duration;

use control::Directory;
use event::{Clock, Tracer};
use eventlog::{EventLog, Lease, Owned, Partition};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::dedup::Index;
use crate::stage::{Deduplicate, Identify, Route, Validate};
use crate::worker::Worker;
use crate::{Ended, Metrics, Observer, Progress};

/// How often the index is looked after when nothing asks for it.
const KEEP_WAIT: Duration = Duration::from_secs(1);

/// What the stages stand in.
#[derive(Debug, Clone)]
pub struct Site {
    /// The workspaces served now.
    pub directory: Arc<Directory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The numbers.
    pub metrics: Metrics,
    /// Who watches.
    pub observer: Observer,
    /// Who traces batches.
    pub tracer: Tracer,
}

/// The stages in flow order.
#[derive(Debug)]
pub struct Stages {
    /// First: the rest must not see repeats.
    pub deduplicate: Deduplicate,
    /// Before anything is made of an event.
    pub validate: Validate,
    /// Identifiers → subject, before anything is stored for long.
    pub identify: Identify,
    /// Last: names the outputs, decides nothing.
    pub route: Route,
}

/// A pipeline being put together. Each stage is taken only after the one before it.
#[derive(Debug)]
pub struct Reading<S> {
    raw: Arc<dyn EventLog>,
    stages: S,
}

impl Reading<()> {
    /// The first stage.
    pub fn then(self, deduplicate: Deduplicate) -> Reading<Deduplicate> {
        Reading { raw: self.raw, stages: deduplicate }
    }
}

impl Reading<Deduplicate> {
    /// The second stage.
    pub fn then(self, validate: Validate) -> Reading<(Deduplicate, Validate)> {
        Reading { raw: self.raw, stages: (self.stages, validate) }
    }
}

impl Reading<(Deduplicate, Validate)> {
    /// The third stage.
    pub fn then(self, identify: Identify) -> Reading<(Deduplicate, Validate, Identify)> {
        let (deduplicate, validate) = self.stages;
        Reading { raw: self.raw, stages: (deduplicate, validate, identify) }
    }
}

impl Reading<(Deduplicate, Validate, Identify)> {
    /// The last stage.
    pub fn then(self, route: Route) -> Reading<Stages> {
        let (deduplicate, validate, identify) = self.stages;
        Reading { raw: self.raw, stages: Stages { deduplicate, validate, identify, route } }
    }
}

impl Reading<Stages> {
    /// Where what is left goes, and what the stages stand in.
    pub fn into(self, processed: Arc<dyn EventLog>, site: Site) -> Pipeline {
        let progress = Arc::new(Progress::new(self.raw.partitions()));
        Pipeline { shared: Arc::new(Shared { raw: self.raw, stages: self.stages, processed, site, progress }) }
    }
}

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) raw: Arc<dyn EventLog>,
    pub(crate) processed: Arc<dyn EventLog>,
    pub(crate) stages: Stages,
    pub(crate) site: Site,
    pub(crate) progress: Arc<Progress>,
}

impl Shared {
    pub(crate) fn index(&self) -> &Arc<Index> {
        &self.stages.deduplicate.index
    }
}

/// Why a pipeline does not start.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// Another pipeline of this process has a partition.
    #[error(transparent)]
    Owned(#[from] Owned),
    /// `raw` and `processed` do not belong together.
    #[error("`raw` has {raw} partitions and `processed` has {processed}; they must have the same number")]
    Partitions {
        /// Of `raw`.
        raw: u16,
        /// Of `processed`.
        processed: u16,
    },
}

/// See the module.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) shared: Arc<Shared>,
}

impl Pipeline {
    /// Begins with the stream that is read.
    pub fn reading(raw: Arc<dyn EventLog>) -> Reading<()> {
        Reading { raw, stages: () }
    }

    /// How far it is.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.shared.progress)
    }

    /// Works on all partitions until `stop`, then finishes the batches in hand, writes the index, and says how each
    /// partition ended. While one needs an operator the others go on.
    pub async fn run(self, stop: CancellationToken) -> Result<Vec<(Partition, Ended)>, PipelineError> {
        let (raw, processed) = (self.shared.raw.partitions(), self.shared.processed.partitions());
        if raw != processed {
            return Err(PipelineError::Partitions { raw, processed });
        }
        let leases: Vec<Lease> =
            (0..raw).map(|partition| self.shared.raw.own(Partition(partition))).collect::<Result<_, _>>()?;
        let keeping = CancellationToken::new();
        // A set, so that it ends with this future, however that ends.
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(Arc::clone(&self.shared), keeping.clone()));
        let ended = self.work(&leases, &stop).await;
        keeping.cancel();
        keeper.join_all().await;
        Ok(ended)
    }

    async fn work(&self, leases: &[Lease], stop: &CancellationToken) -> Vec<(Partition, Ended)> {
        let worker = |partition| Worker { shared: Arc::clone(&self.shared), partition, stop: stop.child_token() };
        let mut rebuilding = JoinSet::new();
        for lease in leases {
            let worker = worker(lease.partition);
            rebuilding.spawn(async move { (worker.partition, worker.rebuild().await) });
        }
        // All partitions before any record is judged: its twin may be in another partition. One that cannot be
        // rebuilt holds nobody up, but it may not go on itself.
        let rebuilt = rebuilding.join_all().await;
        let mut working = JoinSet::new();
        for (partition, rebuilt) in rebuilt {
            let worker = worker(partition);
            working.spawn(async move { (partition, worker.run(rebuilt).await) });
        }
        let mut ended = working.join_all().await;
        ended.sort_by_key(|(partition, _)| *partition);
        ended
    }
}

/// Looks after the index until the workers are done, and writes what is left then.
async fn keep(shared: Arc<Shared>, done: CancellationToken) {
    let index = shared.index();
    loop {
        let is_last = tokio::select! {
            () = done.cancelled() => true,
            () = index.flush_due.notified() => false,
            () = tokio::time::sleep(KEEP_WAIT) => false,
        };
        let now = shared.site.clock.now();
        let kept = tokio::task::spawn_blocking({
            let index = Arc::clone(index);
            move || index.maintain(now, is_last)
        });
        if let Ok(Err(error)) = kept.await {
            error!(%error, "message ids stay in memory until this is mended; then the pipeline waits");
            shared.site.metrics.index_failures.inc();
        }
        shared.site.metrics.index(&index.held(), now);
        if is_last {
            return;
        }
    }
}
