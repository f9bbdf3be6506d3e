//! Which messages were seen: message id → where it stands in `raw`, for 24 h or `ids_max` ids, whichever ends first.
//! A message is a duplicate only if another place is on record for its id, so that a record which is read again
//! after a crash is never its own duplicate. One index is shared by all partitions: the same id may come in two.
//!
//! # What is on disk never says more than `processed`
//!
//! An id is claimed when its record passes the first stage, and confirmed when the record is durable in `processed`.
//! Claims live in memory only; what is confirmed goes to disk in its own time, with a checkpoint per partition that
//! says how far in `processed` the runs reach. So the index is a fold over `processed`, however much of it is lost:
//! at start the records behind the checkpoint are read from `processed` and put in again, in all partitions before
//! the first new record is judged. Crash by crash, with X and Y the same message in different places:
//!
//! - *X claimed, not appended.* The claim is gone with the memory. X lies behind the tail of `processed`, is read
//!   again and claimed again.
//! - *X claimed, Y dropped as its duplicate and passed for good, then a crash.* X is still in `raw` behind its
//!   partition's tail, and comes. Had the claim been on disk, a third copy would be dropped for X's sake, and X for
//!   the third's: on disk it would be a promise that nobody kept.
//! - *X appended, not confirmed, or confirmed and not on disk.* Put in again from `processed`.
//! - *X on disk and the tail of `processed` gone* (released and deleted while its partition was idle). The worker
//!   goes on from the checkpoint's raw position; what it reads again meets its own place and is known to be done.
//! - *The index is lost, or one of its files is damaged.* Put in again from all that `processed` still holds.
//! - *The index is ahead of `processed`* (the log was restored from a backup). It is thrown away, because it would
//!   drop messages for the sake of records that no longer exist.
//!
//! # Shape
//!
//! [`table`]: the young ids in memory, bounded. [`run`]: immutable sorted files with a checksum per page, a filter
//! and a sparse index in memory. [`state`]: the file that names them. Runs are merged by eights so that a question
//! asks few filters, but never beyond an eighth of the window or of `ids_max`, because forgetting is deleting whole
//! runs. Rejected: an embedded key-value store (a write-ahead log for what `processed` already remembers), one
//! filter for everything (cannot forget).

mod bloom;
mod fingerprint;
mod levels;
mod run;
mod state;
mod table;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwap;
use event::Millis;
use eventlog::{Partition, Position};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use self::fingerprint::MessageKey;
use self::levels::Level;
use self::run::{Run, RunFault, RunWriter, Span};
use self::state::{State, StateFault};
use self::table::Table;

pub use self::fingerprint::{MessageFingerprint, Place};
pub use self::state::Checkpoint;

/// Fresh ids that are worth a run: at 5,000 events/s one every 26 s.
pub const FLUSH_IDS: u64 = 128 * 1024;
/// Fresh ids at which the pipeline waits for the disk: 32 MB of tables.
const FRESH_IDS_MAX: u64 = 2 * FLUSH_IDS;
/// Fresh ids go to disk at the latest after this, so that a restart reads little and `processed` can be trimmed.
const FLUSH_WAIT_MS: i64 = 60_000;

/// How an index is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory, of this index alone; created when it is missing.
    pub directory: PathBuf,
    /// How many partitions the streams have.
    pub partitions: u16,
    /// How long an id is remembered.
    pub window_ms: i64,
    /// How many ids are remembered at most; each takes 30 bytes on disk and 13 bits in memory.
    pub ids_max: u64,
}

impl Options {
    /// 24 hours, and 50 million ids: 80 MB of memory and 1.5 GB of disk when full.
    pub fn new(directory: PathBuf, partitions: u16) -> Self {
        Self { directory, partitions, window_ms: 24 * 3_600_000, ids_max: 50_000_000 }
    }
}

/// Why an index does not open or cannot be kept. A damaged one opens: it is rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum DedupError {
    /// The operating system refused.
    #[error("cannot keep the index of message ids in `{directory}`: {source}")]
    Io {
        /// The index's directory.
        directory: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A newer release wrote it.
    #[error(
        "the index of message ids in `{directory}` has version {version}, this release reads up to {newest}: use the \
         release that wrote it, or delete the directory to have it rebuilt",
        newest = state::VERSION
    )]
    Newer {
        /// The index's directory.
        directory: PathBuf,
        /// The version found.
        version: u32,
    },
}

/// What is known about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: it is claimed for its place now.
    New,
    /// It is in `processed` already, made from this very record.
    Done,
    /// Another record has it, or is about to: a duplicate.
    Elsewhere,
}

/// Records that became durable in `processed` together.
#[derive(Debug)]
pub struct Confirmed<'a> {
    /// Their partition.
    pub partition: Partition,
    /// Their ids and raw positions.
    pub ids: &'a [(MessageFingerprint, Position)],
    /// When the first and the last of them were received.
    pub received: (Millis, Millis),
    /// The last of them.
    pub through: Checkpoint,
}

/// What the index holds, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Ids on disk and in memory; an id that was rebuilt may count twice.
    pub ids: u64,
    /// Runs on disk.
    pub runs: u64,
    /// When the oldest run begins, `None` without runs.
    pub oldest: Option<Millis>,
    /// Ids forgotten before their time, since start: the window has shrunk.
    pub shrunk_ids: u64,
    /// Questions that damaged pages could not answer, since start.
    pub damaged_reads: u64,
}

/// What is confirmed and not in a run.
#[derive(Debug, Default)]
struct Fresh {
    ids: u64,
    span: Option<Span>,
    checkpoints: Vec<Option<Checkpoint>>,
}

/// What a flush takes; kept when its run cannot be written.
#[derive(Debug)]
struct Flush {
    span: Span,
    checkpoints: Vec<Option<Checkpoint>>,
}

/// What only maintenance touches.
#[derive(Debug)]
struct Keeper {
    state: State,
    flush: Option<Flush>,
    flushed_at: Option<Millis>,
}

/// See the module. Shared by all partitions.
#[derive(Debug)]
pub struct Index {
    options: Options,
    key: MessageKey,
    table: Table,
    fresh: Mutex<Fresh>,
    runs: ArcSwap<Vec<Arc<Run>>>,
    keeper: Mutex<Keeper>,
    /// What the files hold of `processed`; `None` where all of it is to be read.
    checkpoints: Mutex<Vec<Option<Checkpoint>>>,
    /// The checkpoints as they were opened, good for resuming also when a run was lost.
    opened: Vec<Option<Checkpoint>>,
    shrunk_ids: AtomicU64,
    damaged_reads: AtomicU64,
    /// Told when a flush is worth while, and when one has made room.
    pub(crate) flush_due: Notify,
    room: Notify,
}

impl Index {
    /// Opens or creates the index. `marks` are the watermarks of `processed`, by which one that is ahead is known.
    pub fn open(options: Options, marks: &[Option<Position>]) -> Result<Self, DedupError> {
        let io_at = |source| DedupError::Io { directory: options.directory.clone(), source };
        fs::create_dir_all(&options.directory).map_err(io_at)?;
        let mut state = load(&options, marks)?;
        let opened = state.checkpoints.clone();
        let mut runs = Vec::new();
        let mut is_whole = true;
        for (sequence, _) in &state.runs {
            match Run::open(&options.directory, *sequence) {
                Ok(run) => runs.push(Arc::new(run)),
                Err(RunFault::Newer(version)) => {
                    return Err(DedupError::Newer { directory: options.directory.clone(), version });
                }
                Err(fault) => {
                    warn!(sequence, %fault, "a run of the index of message ids is lost; reading `processed` again");
                    is_whole = false;
                }
            }
        }
        state.runs.retain(|(sequence, _)| runs.iter().any(|run| run.sequence == *sequence));
        if !is_whole {
            state.checkpoints.fill(None);
        }
        remove_unnamed(&options.directory, &state).map_err(io_at)?;
        // The key must be durable before the first run is made with it.
        state.save(&options.directory).map_err(io_at)?;
        Ok(Self {
            key: state.key,
            table: Table::new(),
            fresh: Mutex::new(Fresh { checkpoints: state.checkpoints.clone(), ..Fresh::default() }),
            runs: ArcSwap::from_pointee(runs),
            checkpoints: Mutex::new(state.checkpoints.clone()),
            opened,
            keeper: Mutex::new(Keeper { state, flush: None, flushed_at: None }),
            shrunk_ids: AtomicU64::new(0),
            damaged_reads: AtomicU64::new(0),
            flush_due: Notify::new(),
            room: Notify::new(),
            options,
        })
    }

    /// The fingerprint of a message.
    pub fn fingerprint(&self, workspace: &str, message_id: &str) -> MessageFingerprint {
        self.key.of(workspace, message_id)
    }

    /// Judges a message, and claims it for its place when it is new. Of two claims the first wins.
    pub fn claim(&self, id: MessageFingerprint, place: Place) -> Seen {
        // Memory first, then the runs: an id moves from memory to a run only after the run can be seen. The claim
        // stands while the runs are asked, so that nobody else claims the id in between.
        if let Some(seen) = self.table.claim(id.0, place) {
            return seen;
        }
        match self.find(id) {
            None => Seen::New,
            Some(at) => {
                self.table.release(id.0, place);
                if at == place { Seen::Done } else { Seen::Elsewhere }
            }
        }
    }

    fn find(&self, id: MessageFingerprint) -> Option<Place> {
        let runs = self.runs.load();
        // The youngest first: a client's retries come within minutes.
        runs.iter().rev().find_map(|run| match run.find(id.0) {
            Ok(found) => found,
            Err(fault) => {
                // Treated as unknown: a duplicate harms less than a lost event.
                if self.damaged_reads.fetch_add(1, Ordering::Relaxed) == 0 {
                    error!(%fault, run = run.sequence, "the index of message ids cannot be read: duplicates may pass");
                }
                None
            }
        })
    }

    /// Takes a claim back: the record was dropped by a later stage, and is not in `processed`.
    pub fn release(&self, id: MessageFingerprint, place: Place) {
        self.table.release(id.0, place);
    }

    /// Says that claimed records are durable in `processed`.
    pub fn confirm(&self, confirmed: &Confirmed<'_>) {
        let partition = confirmed.partition;
        // Held throughout: a flush takes ids and checkpoints that belong together.
        let mut fresh = self.fresh();
        for (id, position) in confirmed.ids {
            self.table.confirm(id.0, Place::new(partition, *position));
        }
        let (first, last) = confirmed.received;
        let span = Span { first, last };
        fresh.span = Some(fresh.span.map_or(span, |held| held.with(span)));
        fresh.ids += confirmed.ids.len() as u64;
        fresh.checkpoints[usize::from(partition.0)] = Some(confirmed.through);
        if fresh.ids >= FLUSH_IDS {
            self.flush_due.notify_one();
        }
    }

    /// Returns when there is room in memory for another batch.
    pub async fn room(&self) {
        loop {
            let told = self.room.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            if self.fresh().ids < FRESH_IDS_MAX {
                return;
            }
            told.await;
        }
    }

    /// How far the files reach: what is behind is put in again from `processed` at start, so `processed` must not
    /// be trimmed beyond. `None`: nothing is on disk yet.
    pub fn checkpoint(&self, partition: Partition) -> Option<Checkpoint> {
        let checkpoints = self.checkpoints.lock().expect("no holder of the checkpoints panics");
        checkpoints.get(usize::from(partition.0)).copied().flatten()
    }

    /// The raw position up to which the partition was handled when the index was opened, for when the tail of
    /// `processed` is gone.
    pub(crate) fn handled_at_open(&self, partition: Partition) -> Option<Position> {
        self.opened.get(usize::from(partition.0)).copied().flatten().map(|checkpoint| checkpoint.raw)
    }

    /// How long an id is remembered, in milliseconds.
    pub(crate) fn window_ms(&self) -> i64 {
        self.options.window_ms
    }

    /// What it holds now.
    pub fn held(&self) -> Held {
        let runs = self.runs.load();
        Held {
            ids: self.fresh().ids + runs.iter().map(|run| run.entries).sum::<u64>(),
            runs: runs.len() as u64,
            oldest: runs.iter().map(|run| run.span.first).min(),
            shrunk_ids: self.shrunk_ids.load(Ordering::Relaxed),
            damaged_reads: self.damaged_reads.load(Ordering::Relaxed),
        }
    }

    fn fresh(&self) -> MutexGuard<'_, Fresh> {
        self.fresh.lock().expect("no holder of the fresh ids panics")
    }

    /// Writes what is due, merges and forgets. Blocks on the disk: call it from a blocking thread, at least every
    /// few seconds, and with `all` at the end. When it fails nothing is lost, and the next call tries again.
    pub fn maintain(&self, now: Millis, all: bool) -> Result<(), DedupError> {
        let mut keeper = self.keeper.lock().expect("no holder of the keeper panics");
        self.maintain_with(&mut keeper, now, all)
            .map_err(|source| DedupError::Io { directory: self.options.directory.clone(), source })
    }

    fn maintain_with(&self, keeper: &mut Keeper, now: Millis, all: bool) -> io::Result<()> {
        if self.is_due(keeper, now, all) {
            self.flush(keeper)?;
            keeper.flushed_at = Some(now);
        }
        self.forget(keeper, now)?;
        self.merge(keeper)
    }

    fn is_due(&self, keeper: &mut Keeper, now: Millis, all: bool) -> bool {
        let since = keeper.flushed_at.get_or_insert(now).0;
        let ids = self.fresh().ids;
        keeper.flush.is_some() || ids >= FLUSH_IDS || (ids > 0 && (all || now.0 - since >= FLUSH_WAIT_MS))
    }

    fn flush(&self, keeper: &mut Keeper) -> io::Result<()> {
        if keeper.flush.is_none() {
            let mut fresh = self.fresh();
            let Some(span) = fresh.span.take() else { return Ok(()) };
            self.table.begin_flush();
            fresh.ids = 0;
            keeper.flush = Some(Flush { span, checkpoints: fresh.checkpoints.clone() });
        }
        let Some(flush) = keeper.flush.as_ref() else { return Ok(()) };
        let entries = self.table.flushing();
        let mut state = keeper.state.clone();
        let sequence = state.take_sequence();
        let mut writer = RunWriter::create(&self.options.directory, sequence, entries.len())?;
        entries.into_iter().try_for_each(|entry| writer.push(entry))?;
        let run = writer.finish(flush.span).map_err(io_of)?;
        state.runs.push((sequence, Level::FLUSHED.0));
        state.checkpoints.clone_from(&flush.checkpoints);
        let mut runs = self.runs.load().to_vec();
        runs.push(Arc::new(run));
        self.replace(keeper, state, runs)?;
        keeper.flush = None;
        self.table.end_flush();
        self.room.notify_waiters();
        Ok(())
    }

    /// Makes a state the true one: durable, then visible.
    fn replace(&self, keeper: &mut Keeper, state: State, runs: Vec<Arc<Run>>) -> io::Result<()> {
        state.save(&self.options.directory)?;
        self.runs.store(Arc::new(runs));
        self.checkpoints.lock().expect("no holder of the checkpoints panics").clone_from(&state.checkpoints);
        keeper.state = state;
        remove_unnamed(&self.options.directory, &keeper.state)
    }

    fn forget(&self, keeper: &mut Keeper, now: Millis) -> io::Result<()> {
        let runs = self.runs.load_full();
        let mut held: u64 = runs.iter().map(|run| run.entries).sum();
        let mut kept = Vec::with_capacity(runs.len());
        let mut shrunk_ids = 0;
        for run in runs.iter() {
            let is_old = run.span.last.0 < now.0 - self.options.window_ms;
            if is_old || held > self.options.ids_max {
                held -= run.entries;
                shrunk_ids += if is_old { 0 } else { run.entries };
            } else {
                kept.push(Arc::clone(run));
            }
        }
        if kept.len() == runs.len() {
            return Ok(());
        }
        let mut state = keeper.state.clone();
        state.runs.retain(|(sequence, _)| kept.iter().any(|run| run.sequence == *sequence));
        self.replace(keeper, state, kept)?;
        self.shrunk_ids.fetch_add(shrunk_ids, Ordering::Relaxed);
        Ok(())
    }
}

impl State {
    fn take_sequence(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        sequence
    }
}

fn io_of(fault: RunFault) -> io::Error {
    match fault {
        RunFault::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, format!("a run does not read back: {other}")),
    }
}

/// The state on disk, or a new one where there is none that can be used.
fn load(options: &Options, marks: &[Option<Position>]) -> Result<State, DedupError> {
    let io_at = |source| DedupError::Io { directory: options.directory.clone(), source };
    let reason = match fs::read(options.directory.join(state::FILE)) {
        Ok(bytes) => match State::parse(&bytes) {
            Ok(state) if state.checkpoints.len() != usize::from(options.partitions) => "it has other partitions",
            Ok(state) if is_ahead(&state, marks) => "it is ahead of the log, which was restored or replaced",
            Ok(state) => return Ok(state),
            Err(StateFault::Newer(version)) => {
                return Err(DedupError::Newer { directory: options.directory.clone(), version });
            }
            Err(StateFault::Damaged) => "its state is damaged",
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => "there is none",
        Err(error) => return Err(io_at(error)),
    };
    info!(reason, "the index of message ids starts empty and is rebuilt from `processed`");
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| io_at(io::Error::other(error.to_string())))?;
    Ok(State::new(MessageKey(key), options.partitions))
}

fn is_ahead(state: &State, marks: &[Option<Position>]) -> bool {
    let checkpoints = state.checkpoints.iter().map(|checkpoint| checkpoint.map(|through| through.processed));
    checkpoints.zip(marks).any(|(checkpoint, mark)| checkpoint > *mark)
}

/// Deletes runs that the state does not name, and files that were being written.
fn remove_unnamed(directory: &Path, state: &State) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_named = state.runs.iter().any(|(sequence, _)| run::path_of(directory, *sequence) == path);
        if extension == Some("new") || (extension == Some("run") && !is_named) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
