//! The default engine: one sequence of append-only segment files per stream, in one directory.
//!
//! # Why it looks like this
//!
//! - *One sequence for all partitions.* A sync costs the same whatever it covers, so there is one per commit and not
//!   one per partition; what is shared by partitions is only the file, each block belongs to one.
//! - *Blocks per (partition, workspace).* A reader of one partition decodes only its own records, and destroying one
//!   workspace's key touches nobody else.
//! - *No index on disk that must be right.* Everything beside the segments can be lost and is rebuilt.
//!
//! # On disk (version 2, numbers little-endian)
//!
//! ```text
//! <directory>/lock                       locked while a process has the stream open
//! <directory>/<base, 20 digits>.seg      a segment: header, blocks, then zeros up to the preallocated size
//! <directory>/<base, 20 digits>.idx      blocks of a finished segment; rebuilt by scanning when it is missing or torn
//! <directory>/<base, 20 digits>.new      a segment being created; removed at start
//! <directory>/released                   what consumers released; only a hint
//!
//! segment header                          block
//!   8  magic "ASSENTLG"                     4  magic A5 B1 0C FE
//!   4  version                              2  flags: 1 = body is LZ4
//!   4  header length                        2  partition
//!   8  base                                 8  offset in the stream's history
//!   2  partitions                           8  synced_before: what was synced when it was written
//!   2  stream name length                   4  key epoch
//!   8  begun at, Unix milliseconds          4  records
//!   …  stream name                          4  uncompressed length, at most 1 MiB
//!   per partition, the last position        4  body length
//!   in earlier segments:                    4  CRC32C of the body
//!     8  block (all ones: none)             4  workspace name length
//!     4  index                              …  workspace name
//!   4  CRC32C of all before                 4  CRC32C of all before
//!                                           …  body: 12 nonce, ciphertext, 16 tag
//! ```
//!
//! Version 1 had no `begun at`; its segments are read and, where one is the last, written on.
//!
//! The body in clear is a 4-byte length per record and then the payloads. It is compressed, then sealed with the
//! workspace's current key; stream, partition, offset and record count are authenticated with it, so a block opens
//! only where it was written. A block's *offset* is `base` + its place in the file, and is the `block` of its records'
//! [`Position`]s: positions are never reused for acknowledged records, because offsets only grow.
//!
//! # Life of a commit
//!
//! 1. [`append`](crate::EventLog::append) checks the records and puts the batch into a queue bounded in bytes
//!    (`queue`). Over the bound: `Overloaded`, before memory grows.
//! 2. The writer thread (`commit`) takes all that waits, up to 4 MiB, and lays it out as blocks (`encode`).
//! 3. If the segment is full it creates the next: write header under a temporary name, preallocate, sync the file,
//!    rename, sync the directory.
//! 4. It writes all blocks with one write, and syncs once (`fdatasync`; the space is preallocated, so no metadata
//!    of the file's size has to follow).
//! 5. Only then the blocks enter the index and the cache, the watermarks move, and every appender is answered.
//!    An acknowledgement therefore means: the bytes are on the device as far as the device tells the truth about
//!    its cache, and any reader can see them. A reader sees nothing that a crash could take back.
//!
//! # Age
//!
//! Only whole segments are deleted, so the segment being written is what keeps an event on disk after everybody has
//! passed it. [`seal`](crate::EventLog::seal) begins the next one when it was begun before a given time, without
//! waiting for traffic; [`older_than`](crate::EventLog::older_than) says from the same times what is how old. Both
//! know ages by segments only. The time of a segment is that of its creation, which is never after its first record's;
//! one of version 1 has none and counts as the oldest.
//!
//! # Recovery
//!
//! At start the newest segment is scanned whole (checksums included), older ones only through their index:
//!
//! - *Torn tail*: where no whole block stands, the file is cut, with the reason logged, space is reserved anew, and
//!   the cut synced. Nothing acknowledged is there, because the next commit begins only after the sync.
//! - *Damage*: if a later block's `synced_before` is past the hole, the hole was synced once. Nothing is cut; the
//!   blocks behind it are kept, and readers get [`ReadError::Damaged`] at the hole until they are told to go on behind
//!   it. If a block's header is readable only its partition is told, else all are. Bodies in older segments are
//!   checked when they are read.
//! - The directory and the newest segment are synced before anything is read: after a killed process the page cache
//!   may show names and blocks that the device does not have yet.
//! - A version above [`format::VERSION`] is refused, as is another stream or partition count.
//!
//! After a failed write or sync in operation the kernel may have dropped what it could not write and call the pages
//! clean. So the engine answers `Broken`, opens the file anew, cuts it to the last synced length, verifies all blocks
//! before it, and goes on; while that fails it answers `Broken` and tries again every 200 ms. A full disk is the same
//! with the answer `Full`, and most often milder: space is taken a whole segment at a time, so it is refused before
//! anything is written. Reads go on in every case.
//!
//! # Where to look
//!
//! [`format`] (bytes), [`scan`] (finding blocks in bytes; the entry for fuzzing), `recover` (opening), `queue`,
//! `encode`, `commit`, `answer`, `bell` (the way of an append), `read`, `cache` (the way of a read), `room` (is there
//! space?), `segment` (what is known about segments), `release` (trimming), `age`, [`disk`] (the file system, injected).
//!
//! # Limits
//!
//! One process per directory. A segment is below 4 GiB, a record at most [`RECORD_BYTES_MAX`]. Two things no log can
//! know by itself: a device that lies about its cache, and damage to the very last commit, which looks like a torn
//! tail.
//!
//! A destroyed key epoch takes effect at once: [`Keys::destroy`] has the decoded blocks of its workspace thrown out of
//! the cache before it returns. What a reader holds already is his.

pub mod copy;
pub mod format;
pub mod scan;

mod age;
mod answer;
mod bell;
mod cache;
mod commit;
mod encode;
mod queue;
mod read;
mod recover;
mod release;
mod room;
mod segment;

/// The file system, injected.
pub use ::disk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;

use async_trait::async_trait;
use event::{Clock, Millis};
use tokio::sync::watch;
use vault::keys::{Holder, Keys};

use self::age::Sealing;
use self::answer::answer;
use self::bell::Bell;
use self::cache::Cache;
use self::commit::Writer;
use self::disk::{Disk, DiskLock};
use self::format::{NAME_BYTES_MAX, SegmentFault, VERSION, segment_header_bytes};
use self::queue::{Queue, Waiting};
use self::read::{LoadedSegments, Reading};
use self::release::Released;
use self::room::Room;
use self::segment::{Active, Sealed};
use crate::own::Owners;
use crate::{
    Append, AppendError, EventLog, Lease, Metrics, Owned, Partition, Position, RECORD_BYTES_MAX, ReadError, Record,
    Usage,
};

/// A good size for segments: small enough to delete early, large enough that creating one is rare.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// A good bound for the cache: a few seconds of tail at full speed.
pub const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// What a waiting record costs beside its payload.
const RECORD_OVERHEAD_BYTES: u64 = 64;

/// How a stream is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory, of this stream alone; created when it is missing.
    pub directory: PathBuf,
    /// Its name, at most 255 bytes; fixed at creation.
    pub stream: Arc<str>,
    /// How many partitions; fixed at creation.
    pub partitions: u16,
    /// Size of a segment, below 4 GiB; see [`SEGMENT_BYTES`].
    pub segment_bytes: u64,
    /// Bound of decoded blocks kept for readers; see [`CACHE_BYTES`].
    pub cache_bytes: usize,
    /// Bound of appended bytes that wait for the disk.
    pub pending_bytes_max: u64,
    /// Free space that the log leaves to others.
    pub disk_reserve_bytes: u64,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// The keys that seal and open blocks.
    pub keys: Keys,
    /// Says when a segment is begun.
    pub clock: Arc<dyn Clock>,
    /// What commits take.
    pub metrics: Metrics,
}

/// Why a stream could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the log directory `{directory}` is in use by another process; stop it, or choose another directory")]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// A newer release wrote it.
    #[error("the log segment `{path}` has format version {version}, this release reads up to {newest}; use the \
             release that wrote it, or a newer one", newest = format::VERSION)]
    Newer {
        /// The segment.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// A segment header is damaged: nothing is opened, because guessing could lose records.
    #[error(
        "the log segment `{path}` cannot be opened: {detail}; restore it from a backup, or move it away to give \
             up its records"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// It is another stream's, or has another count of partitions.
    #[error("the log segment `{path}` does not fit: {detail}")]
    Mismatch {
        /// The segment.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// An option is out of range.
    #[error("log option {0}")]
    Option(String),
    /// The operating system refused.
    #[error("cannot open the log at `{path}`: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl OpenError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn segment(path: PathBuf, fault: SegmentFault) -> Self {
        match fault {
            SegmentFault::Newer(version) => Self::Newer { path, version },
            other => Self::Damaged { path, detail: other.to_string() },
        }
    }
}

/// One stream in a directory. Dropping it writes what waits and closes the files.
#[derive(Debug)]
pub struct FileLog {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Has the cache cleared of destroyed keys.
    _holder: Holder,
}

/// What appenders, readers and the writer share.
#[derive(Debug)]
struct Shared {
    options: Options,
    queue: Queue,
    room: Room,
    bell: Arc<Bell>,
    index: RwLock<Index>,
    loaded: LoadedSegments,
    cache: Arc<Cache>,
    sealing: Sealing,
    /// Per partition, the last durable position.
    marks: Vec<watch::Sender<Option<Position>>>,
    owners: Owners,
    released: Released,
    _lock: Box<dyn DiskLock>,
}

/// Where the synced blocks are.
#[derive(Debug)]
struct Index {
    /// Ascending, without gaps.
    sealed: Vec<Arc<Sealed>>,
    active: Active,
    /// Per partition, the last position in deleted segments.
    trimmed: Vec<Option<Position>>,
}

impl FileLog {
    /// Opens the stream, creating it when the directory is empty. Blocks while it recovers.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        check(&options)?;
        let (disk, directory) = (&options.disk, &options.directory);
        disk.create_dir(directory).map_err(|error| OpenError::io(directory, error))?;
        let lock = disk.lock_dir(directory).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked { directory: directory.clone() },
            _ => OpenError::io(directory, error),
        })?;
        let opened = recover::open(&options)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.pending_bytes_max),
            room: Room::default(),
            bell: Arc::default(),
            index: RwLock::new(Index { sealed: opened.sealed, active: opened.active, trimmed: opened.trimmed }),
            loaded: LoadedSegments::default(),
            cache: Arc::new(Cache::new(options.cache_bytes)),
            sealing: Sealing::default(),
            marks: opened.watermarks.into_iter().map(watch::Sender::new).collect(),
            owners: Owners::new(options.partitions),
            released: Released::load(&options),
            _lock: lock,
            options,
        });
        let cache = Arc::clone(&shared.cache);
        let holder = shared.options.keys.on_destroy(move |workspace, _| cache.forget(workspace));
        let writer = Writer::new(Arc::clone(&shared));
        let name = format!("log-{}", shared.options.stream);
        let writer = std::thread::Builder::new()
            .name(name)
            .spawn(move || writer.run())
            .map_err(|error| OpenError::io(&shared.options.directory, error))?;
        Ok(Self { shared, writer: Mutex::new(Some(writer)), _holder: holder })
    }

    async fn delete_what_may_go(&self) {
        if !self.shared.has_released() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        if let Err(error) = tokio::task::spawn_blocking(move || shared.delete_released()).await {
            tracing::warn!(%error, "the deletion of released log segments was interrupted");
        }
    }
}

fn check(options: &Options) -> Result<(), OpenError> {
    let refuse = |detail: String| Err(OpenError::Option(detail));
    if options.stream.len() > NAME_BYTES_MAX {
        return refuse(format!("`stream` has {} bytes, at most {NAME_BYTES_MAX} are allowed", options.stream.len()));
    }
    if options.partitions == 0 {
        return refuse("`partitions` is 0, at least 1 is needed".to_owned());
    }
    // A commit goes into a segment of its own size at worst, so the sum has to stay below 4 GiB.
    let most = u64::from(u32::MAX / 2);
    let least = segment_header_bytes(VERSION, options.stream.len(), options.partitions.into()) as u64 + 4096;
    if options.segment_bytes < least || options.segment_bytes > most {
        return refuse(format!("`segment_bytes` is {}, allowed are {least} to {most}", options.segment_bytes));
    }
    Ok(())
}

impl Drop for FileLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        let writer = self.writer.lock().expect("only this takes the lock").take();
        if writer.is_some_and(|writer| writer.join().is_err()) {
            tracing::error!("the writer of the log ended by a panic");
        }
        self.shared.bell.take_down();
        self.shared.released.save(&self.shared.options);
    }
}

impl Shared {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().expect("no holder of the index panics")
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().expect("no holder of the index panics")
    }

    fn watermarks(&self) -> Vec<Option<Position>> {
        self.marks.iter().map(|mark| *mark.borrow()).collect()
    }

    fn mark(&self, partition: Partition) -> Option<&watch::Sender<Option<Position>>> {
        self.marks.get(usize::from(partition.0))
    }
}

#[async_trait]
impl EventLog for FileLog {
    fn partitions(&self) -> u16 {
        self.shared.options.partitions
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let bytes = check_batch(&batch, self.partitions())?;
        self.shared.bell.hang();
        let (asked, answered) = answer();
        self.shared.queue.push(Waiting { batch, bytes, asked })?;
        answered.await
    }

    fn accepts(&self) -> Result<(), AppendError> {
        self.shared.queue.check()?;
        self.shared.room.check(&self.shared.options)
    }

    async fn read(
        &self,
        partition: Partition,
        after: Option<Position>,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        if self.shared.mark(partition).is_none() {
            return Ok(Vec::new());
        }
        let reading = Reading { shared: &self.shared, partition, after, bytes_max };
        if let Some(answer) = reading.in_memory() {
            return answer;
        }
        let shared = Arc::clone(&self.shared);
        let from_disk =
            tokio::task::spawn_blocking(move || Reading { shared: &shared, partition, after, bytes_max }.on_disk());
        from_disk.await.unwrap_or_else(|error| Err(ReadError::Io(io::Error::other(error))))
    }

    fn watermark(&self, partition: Partition) -> Option<Position> {
        *self.shared.mark(partition)?.borrow()
    }

    async fn changed(&self, partition: Partition, after: Option<Position>) {
        match self.shared.mark(partition) {
            // The sender lives as long as `self`.
            Some(mark) => drop(mark.subscribe().wait_for(|mark| *mark > after).await),
            None => std::future::pending().await,
        }
    }

    async fn trim(&self, partition: Partition, through: Position) {
        self.shared.release(partition, through);
        self.delete_what_may_go().await;
    }

    async fn seal(&self, begun_before: Millis) -> Result<(), AppendError> {
        if !self.shared.has_to_seal(begun_before) {
            return Ok(());
        }
        let (asked, answered) = answer();
        self.shared.queue.push(Waiting { batch: Vec::new(), bytes: 0, asked })?;
        answered.await?;
        self.delete_what_may_go().await;
        Ok(())
    }

    fn older_than(&self, partition: Partition, time: Millis) -> Option<Position> {
        self.shared.older_than(partition, time)
    }

    fn own(&self, partition: Partition) -> Result<Lease, Owned> {
        self.shared.owners.own(partition)
    }

    fn usage(&self) -> Usage {
        let index = self.shared.index();
        let start = index.sealed.first().map_or(index.active.base, |oldest| oldest.base);
        Usage {
            bytes: index.active.end - start,
            segments: index.sealed.len() as u64 + 1,
            pending_bytes: self.shared.queue.pending_bytes(),
        }
    }
}

/// Refuses what can never be written; returns what the batch counts for while it waits.
fn check_batch(batch: &[Append], partitions: u16) -> Result<u64, AppendError> {
    let mut bytes = 0;
    for append in batch {
        let refuse = |detail: String| Err(AppendError::Invalid { detail });
        if append.partition.0 >= partitions {
            return refuse(format!("partition {} does not exist, there are {partitions}", append.partition.0));
        }
        if append.payload.len() > RECORD_BYTES_MAX {
            let length = append.payload.len();
            return refuse(format!("a payload of {length} bytes, at most {RECORD_BYTES_MAX} are allowed"));
        }
        if append.workspace.len() > NAME_BYTES_MAX {
            let length = append.workspace.len();
            return refuse(format!("a workspace name of {length} bytes, at most {NAME_BYTES_MAX} are allowed"));
        }
        bytes += append.payload.len() as u64 + RECORD_OVERHEAD_BYTES;
    }
    Ok(bytes)
}
