//! The lake: every collected event in one Delta table per workspace, and SQL over it.
//!
//! `processed` → [`land`] (rows and how far they reach, in one commit) → [`compact`] (day and subject bucket) →
//! `expire` (old days leave the table) → [`vacuum`] (what is no longer referenced goes). [`query`] reads snapshots, from this process or another one,
//! and [`replay`] makes rows into events again.
//! Nothing else in Assent depends on arrow.
//!
//! Read in this order: [`schema`] (what a row is), [`bucket`], `encode` (record → row), `land`, `compact`, [`query`].

use std::fmt;
use std::sync::Arc;

use deltalake::DeltaTableError;
use deltalake::logstore::object_store::Error as StoreError;
use event::{Clock, Tracer};
use eventlog::{EventLog, Partition, Position};
use parquet::errors::ParquetError;
use tokio::sync::{oneshot, watch};

pub mod bucket;
pub mod copy;
pub mod query;
pub mod replay;
pub mod s3;
pub mod schema;
pub mod store;

mod compact;
mod cursor;
mod encode;
mod expire;
mod land;
mod maintain;
mod metrics;
mod owner;
mod parquet_file;
mod pending;
mod refusal;
mod table;
mod vacuum;

pub use encode::{EncodeError, FingerprintPrevious};
pub use maintain::{Maintained, Maintenance, maintain};
pub use metrics::Metrics;
pub use owner::OwnerError;
pub use refusal::Refusal;
pub use store::{Place, PlaceError};

/// What the lake needs to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the tables are.
    pub place: Place,
    /// The id under which the place was claimed ([`Place::claim`]); `None` where there is no such id.
    pub owner: Option<Arc<str>>,
    /// The stream `processed`.
    pub log: Arc<dyn EventLog>,
    /// A name of that stream which changes when its history starts anew (an id kept in the data directory). Tables note
    /// their progress under it, and must not take a new log's first blocks for an old one's.
    pub stream: Arc<str>,
    /// The fingerprints of `previousId`s.
    pub previous: Arc<dyn FingerprintPrevious>,
    /// Wall time.
    pub clock: Arc<dyn Clock>,
    /// Counters.
    pub metrics: Metrics,
    /// Who traces commits.
    pub tracer: Tracer,
    /// From the first event read to its commit.
    pub commit_wait_ms: u64,
    /// Bytes waiting (compressed, and the pages in progress) at which a commit is made earlier.
    pub pending_bytes_max: usize,
    /// When files are compacted and deleted.
    pub maintenance: Maintenance,
    /// Whether files may be deleted now.
    pub deleting: copy::Deleting,
    /// Who keeps in mind that the log was refused.
    pub refusal: Refusal,
}

/// The default of [`Options::commit_wait_ms`]: with reading and the commit itself, events are visible in about 4 s.
pub const COMMIT_WAIT_MS: u64 = 3_000;

/// The default of [`Options::pending_bytes_max`].
pub const PENDING_BYTES_MAX: usize = 16 << 20;

/// Why the lake stopped.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A table could not be read or committed to.
    #[error("the lake's table failed: {0}")]
    Table(#[from] DeltaTableError),
    /// The object store refused.
    #[error("the lake's store failed: {0}")]
    Store(#[from] StoreError),
    /// A file could not be encoded.
    #[error("a file of the lake could not be written: {0}")]
    File(#[from] ParquetError),
    /// Reading files for compaction failed.
    #[error("files of the lake could not be read for compaction: {0}")]
    Read(#[from] datafusion::error::DataFusionError),
    /// A thread could not be started.
    #[error("the lake's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
    /// Log and table are not of one life: what the log gets next would be taken for landed.
    #[error(
        "the lake has block {block} of partition {partition}, and the log is not that far: they are of different moments. \
         Restore both from one backup, the lake into a place of its own"
    )]
    Ahead {
        /// Which partition of the stream.
        partition: u16,
        /// The last block that the lake has.
        block: i64,
    },
    /// What is there is not the lake of this log.
    #[error("the lake's place is not ours: {0}")]
    NotOurs(OwnerError),
    /// The lake's thread is gone.
    #[error("the lake's thread ended without an answer; its log says why")]
    Gone,
}

/// A lake that follows the log, on threads of its own.
pub struct Lake {
    reached: watch::Receiver<land::Reached>,
    stop: watch::Sender<bool>,
    landed: oneshot::Receiver<Result<(), LakeError>>,
    maintained: oneshot::Receiver<Result<(), LakeError>>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake").field("reached", &*self.reached.borrow()).finish_non_exhaustive()
    }
}

impl Lake {
    /// Starts following the log and keeping the tables in shape. Returns at once.
    pub fn follow(options: Options) -> Result<Self, LakeError> {
        let partitions = usize::from(options.log.partitions());
        let (reached_sender, reached) = watch::channel(vec![None; partitions]);
        let (stop, stopped) = watch::channel(false);
        let (place, maintenance, clock) =
            (options.place.clone(), options.maintenance.clone(), Arc::clone(&options.clock));
        let (metrics, deleting, refusal) = (options.metrics.clone(), options.deleting.clone(), options.refusal.clone());
        let land_stop = stopped.clone();
        let landed = thread("lake", async move {
            let follow = async { land::Follower::start(options, reached_sender, land_stop).await?.run().await };
            follow.await.inspect_err(|error| refusal.tell(error))
        })?;
        let begun = reached.clone();
        let maintained = thread("lake-keeper", async move {
            let keeper = maintain::Keeper { place, options: maintenance, clock, metrics, deleting };
            // Nothing is merged or deleted in a place that may be somebody else's.
            if land::has_begun(begun, stopped.clone()).await {
                keeper.run(stopped).await;
            }
            Ok(())
        })?;
        Ok(Self { reached, stop, landed, maintained })
    }

    /// The last position of the partition that is in the tables for good: the log may trim to here.
    pub fn committed(&self, partition: Partition) -> Option<Position> {
        self.reached.borrow().get(usize::from(partition.0)).copied().flatten()
    }

    /// Follows [`Self::committed`] of all partitions. Closed when the lake has stopped.
    pub fn watch(&self) -> watch::Receiver<Vec<Option<Position>>> {
        self.reached.clone()
    }

    /// Returns when it follows the log; `false`: it has ended, and [`Self::shutdown`] says why. A store that does not answer
    /// is waited for.
    pub async fn has_begun(&self) -> bool {
        land::has_begun(self.reached.clone(), self.stop.subscribe()).await
    }

    /// Commits what is read and stops.
    pub async fn shutdown(self) -> Result<(), LakeError> {
        self.stop.send_replace(true);
        let landed = self.landed.await.unwrap_or(Err(LakeError::Gone));
        let maintained = self.maintained.await.unwrap_or(Err(LakeError::Gone));
        landed.and(maintained)
    }
}

/// Runs a future on a thread and runtime of its own, so that neither compression nor a slow disk holds up the edge.
fn thread(
    name: &str,
    work: impl Future<Output = Result<(), LakeError>> + Send + 'static,
) -> Result<oneshot::Receiver<Result<(), LakeError>>, LakeError> {
    let (sender, receiver) = oneshot::channel();
    // One worker beside the blocked thread: the Delta kernel needs a multi-thread runtime to call back into.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(8)
        .thread_name(name)
        .enable_all()
        .build()?;
    let run = move || {
        let result = runtime.block_on(async { tokio::spawn(work).await.unwrap_or(Err(LakeError::Gone)) });
        if let Err(error) = &result {
            tracing::error!(%error, "the lake stopped");
        }
        // Nobody may be waiting any more; the log has the error.
        drop(sender.send(result));
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
    Ok(receiver)
}
