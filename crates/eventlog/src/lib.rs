//! The durable log between the edge and everything else.
//!
//! A log, not a queue: records are appended, read by position and trimmed; acknowledgement, retry and dead letters
//! belong to `delivery`. Two streams use it: `raw` (what was accepted) and `processed` (what the pipeline made of
//! it). One engine instance serves one stream.
//!
//! Vocabulary:
//! - *Partition*: the unit of order. All records of one subject key are in one partition, in the order of append.
//! - *Block*: what one commit wrote for one (partition, workspace): compressed, sealed, checksummed as one.
//! - *Position*: `(block, index)`. Opaque to callers, ordered within a partition, gaps allowed.
//!
//! Read in this order: this file (the contract), [`record`] (what the payloads hold), [`file`] (format, commit and
//! recovery of the default engine), [`memory`] (for tests). `tests/` holds the one conformance suite over all
//! engines.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use event::Millis;
use serde::{Deserialize, Serialize};

pub mod file;
pub mod memory;
pub mod record;

mod metrics;
mod own;

pub use metrics::Metrics;

/// A partition number, `0..partitions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition(pub u16);

/// Where a record stands: the block that holds it and its index there.
///
/// `file`: the block's byte offset in the stream's whole history; `nats`: its stream sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The block, in the engine's own ascending numbering.
    pub block: u64,
    /// The record's index within the block.
    pub index: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.block, self.index)
    }
}

/// One record to append. `payload` is opaque here; [`record`] defines what the two streams put in it.
#[derive(Debug, Clone)]
pub struct Append {
    /// Chosen by the caller from the subject key, see [`partition_of`].
    pub partition: Partition,
    /// Selects the key that seals the block.
    pub workspace: Arc<str>,
    /// The encoded record, at most [`RECORD_BYTES_MAX`].
    pub payload: Bytes,
}

/// A record as read back.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place in the partition.
    pub position: Position,
    /// The workspace it was appended for.
    pub workspace: Arc<str>,
    /// The payload, a slice of the decoded block (cheap to clone).
    pub payload: Bytes,
}

/// The largest payload: an event of 32 KiB after enrichment, with room for its header.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Why an append was not made. In every case nothing of the batch may be acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The disk is full or the reserve is reached: 503 at the edge, tried again when space is back.
    #[error("the log's disk is full: {detail}")]
    Full {
        /// What the operating system said, with the path.
        detail: String,
    },
    /// More bytes wait for the disk than allowed: 503 with Retry-After.
    #[error("the log is {pending_bytes} bytes behind its disk (limit {limit_bytes})")]
    Overloaded {
        /// Bytes queued and not yet durable.
        pending_bytes: u64,
        /// The configured bound.
        limit_bytes: u64,
    },
    /// A sync failed: what the page cache holds is no longer known. The engine has stopped writing until it has
    /// re-opened its files and cut what was not synced.
    #[error("the log stopped writing after a failed sync: {detail}")]
    Broken {
        /// The first error.
        detail: String,
    },
    /// The payload is over [`RECORD_BYTES_MAX`] or names a partition that does not exist.
    #[error("record refused: {detail}")]
    Invalid {
        /// What was wrong.
        detail: String,
    },
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Records after the asked position were trimmed: what is still present starts after `through`.
    #[error("records through {through} are trimmed")]
    Trimmed {
        /// Read on after this position.
        through: Position,
    },
    /// A synced block does not read back: never skipped silently. Who decides to lose it reads on after index
    /// `u32::MAX` of the block.
    #[error("the log is damaged at block {block}: {detail}")]
    Damaged {
        /// The block.
        block: u64,
        /// What did not match.
        detail: String,
    },
    /// The block's key epoch was destroyed; its records are gone by design. `next` is the position to go on after.
    #[error("the key of block {block} was destroyed")]
    Shredded {
        /// The block.
        block: u64,
        /// Read on after this position.
        next: Position,
    },
    /// The operating system refused.
    #[error("cannot read the log: {0}")]
    Io(#[from] std::io::Error),
}

/// A fenced right to consume a partition: while it lives, no other owner exists in this process group.
#[derive(Debug)]
pub struct Lease {
    /// The partition owned.
    pub partition: Partition,
    /// Grows with each owner, so that what an owner writes elsewhere can be told from what a stale one writes.
    pub fence: u64,
    /// Dropping it frees the partition.
    pub guard: Arc<dyn fmt::Debug + Send + Sync>,
}

/// The partition is owned by someone else.
#[derive(Debug, thiserror::Error)]
#[error("partition {0:?} is owned by another consumer")]
pub struct Owned(pub Partition);

/// How much a stream holds, for limits and metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on disk (or in memory), preallocation not counted.
    pub bytes: u64,
    /// Segments (or blocks, in memory).
    pub segments: u64,
    /// Bytes accepted by `append` and not yet durable.
    pub pending_bytes: u64,
}

/// One stream of the log.
#[async_trait]
pub trait EventLog: fmt::Debug + Send + Sync {
    /// How many partitions the stream has; fixed when it is created.
    fn partitions(&self) -> u16;

    /// Appends all or nothing; returns the positions, in the order of the batch, once **every record is durable**.
    /// Dropping the future does not undo the append.
    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError>;

    /// Whether an append would be taken now: whether the engine is open, writes, and has space. Asks without writing, so
    /// the next append may still fail; that more waits than allowed passes by itself and is no reason here.
    fn accepts(&self) -> Result<(), AppendError>;

    /// Records of `partition` after `after` (from its start when `None`): whole blocks until `bytes_max` is passed,
    /// at least one record when there is one, none when there is not. Only durable records are seen.
    async fn read(
        &self,
        partition: Partition,
        after: Option<Position>,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError>;

    /// The last durable position of the partition, `None` while it is empty.
    fn watermark(&self, partition: Partition) -> Option<Position>;

    /// Returns when the watermark of the partition is past `after`.
    async fn changed(&self, partition: Partition, after: Option<Position>);

    /// Allows the engine to drop records of the partition up to and including `through`. Whole segments go when
    /// every partition has released them.
    async fn trim(&self, partition: Partition, through: Position);

    /// Sees to it that what was appended before the time can be dropped although nothing more is appended: an
    /// engine that drops whole segments ends the one it writes, if that was begun before then. Returns when it has.
    /// An engine that drops single records has nothing to do.
    async fn seal(&self, _begun_before: Millis) -> Result<(), AppendError> {
        Ok(())
    }

    /// A position through which everything in the partition was appended before the time; the last one that the engine
    /// is sure of, `None` when it is of none.
    fn older_than(&self, _partition: Partition, _time: Millis) -> Option<Position> {
        None
    }

    /// Takes the partition, or says that it is taken.
    fn own(&self, partition: Partition) -> Result<Lease, Owned>;

    /// What the stream holds now.
    fn usage(&self) -> Usage;
}

/// The partition of a subject key: stable across versions and machines (FNV-1a over workspace, 0, key).
pub fn partition_of(workspace: &str, subject_key: &str, partitions: u16) -> Partition {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = workspace
        .bytes()
        .chain(std::iter::once(0))
        .chain(subject_key.bytes())
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    // FNV's low bits are weak for short keys: fold the halves before the remainder.
    let folded = (hash >> 32) ^ (hash & 0xffff_ffff);
    Partition(u16::try_from(folded % u64::from(partitions.max(1))).unwrap_or_default())
}
