//! From the log into the tables, exactly once.
//!
//! One reader passes over all partitions; each workspace has one table and gets one commit a round. A commit carries
//! the rows *and*, for each partition, the last block they came from (Delta's `txn`), so a crash leaves both or
//! neither. A block is a position's first part, below 2^63 in every engine, grows within the partition, holds records
//! of one workspace only and is always read whole: its number alone says how far a table is. After a start each table
//! skips the blocks it has; [`crate::cursor`] says where to begin.
//!
//! A commit whose answer was lost is found by its number before it is tried again. Until a round is committed nothing
//! more than the next round is read: what waits is bounded, and the log keeps the rest.
//!
//! Rejected: the position of `raw` as the number. It is not monotonic in `processed` order across a restart of the
//! pipeline, and the table could not say which blocks of `processed` it has.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deltalake::DeltaTableError;
use deltalake::kernel::Transaction;
use deltalake::logstore::object_store::Error as StoreError;
use event::{Done, Fact, Work};
use eventlog::record::{Processed, RecordError};
use eventlog::{Partition, Position, ReadError, Record};
use futures::future::select_all;
use tokio::sync::watch;
use tokio::time::Sleep;

use crate::cursor::Cursor;
use crate::maintain::workspaces;
use crate::parquet_file::Finished;
use crate::pending::{Pending, app_id};
use crate::table::Table;
use crate::{LakeError, Options, OwnerError};

/// Bytes of one read: some hundred events, so that partitions take turns.
const READ_BYTES: usize = 1 << 20;
/// After news from the log, so long is waited for more: reading each event by itself would cost more than it.
const GATHER: Duration = Duration::from_millis(100);
/// Between attempts of a commit, at most.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Attempts that a stop waits for. What is not committed then is still in the log.
const STOP_ATTEMPTS: u32 = 2;

/// How far the tables are, by partition.
pub(crate) type Reached = Vec<Option<Position>>;

/// The reader and what it has in hand.
#[derive(Debug)]
pub(crate) struct Follower {
    options: Options,
    landings: HashMap<Arc<str>, Landing>,
    read_through: Reached,
    /// The partition to read first, so that none starves when a round is full.
    first: u16,
    deadline: Option<Pin<Box<Sleep>>>,
    reached: watch::Sender<Reached>,
    stop: watch::Receiver<bool>,
    failing: HashMap<Partition, String>,
}

#[derive(Debug)]
struct Landing {
    table: Table,
    /// The last block the table has, by partition.
    done: Vec<Option<i64>>,
    pending: Pending,
}

/// Also when whoever could ask for a stop is gone.
fn stopping(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

fn block_number(position: Position) -> i64 {
    i64::try_from(position.block).expect("blocks are byte offsets or sequences, below 2^63 in every engine")
}

/// Returns when the follower has found that place and log are of one life; `false`: it has ended, or was stopped.
pub(crate) async fn has_begun(mut reached: watch::Receiver<Reached>, mut stop: watch::Receiver<bool>) -> bool {
    tokio::select! {
        begun = reached.changed() => begun.is_ok(),
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

impl Follower {
    pub(crate) async fn start(
        options: Options,
        reached: watch::Sender<Reached>,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, LakeError> {
        let cursor = load_cursor(&options, &stop).await?;
        for (partition, block) in &cursor.0 {
            check_not_ahead(&options, Partition(*partition), i64::try_from(*block).ok())?;
        }
        check_tables(&options).await?;
        let whole = |block: &u64| Position { block: *block, index: u32::MAX };
        let read_through: Reached =
            (0..options.log.partitions()).map(|partition| cursor.0.get(&partition).map(whole)).collect();
        reached.send_replace(read_through.clone());
        Ok(Self {
            options,
            landings: HashMap::new(),
            read_through,
            first: 0,
            deadline: None,
            reached,
            stop,
            failing: HashMap::new(),
        })
    }

    /// Reads and commits until stopped; what was read is committed before it returns.
    pub(crate) async fn run(mut self) -> Result<(), LakeError> {
        loop {
            let read = self.pull().await?;
            let stopping = stopping(&self.stop);
            let bytes = self.pending_bytes();
            self.options.metrics.pending_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            let due = self.deadline.as_ref().is_some_and(|deadline| deadline.is_elapsed());
            if due || stopping || bytes >= self.options.pending_bytes_max {
                self.flush().await?;
            }
            if stopping {
                return Ok(());
            }
            if !read {
                self.wait().await;
            }
        }
    }

    fn pending_bytes(&self) -> usize {
        self.landings.values().map(|landing| landing.pending.bytes()).sum()
    }

    /// Reads once from each partition; whether there was anything.
    async fn pull(&mut self) -> Result<bool, LakeError> {
        let partitions = self.options.log.partitions();
        let mut any = false;
        for turn in 0..partitions {
            if self.pending_bytes() >= self.options.pending_bytes_max {
                break;
            }
            let partition = Partition((self.first + turn) % partitions);
            any |= self.pull_partition(partition).await?;
        }
        self.first = (self.first + 1) % partitions.max(1);
        if any && self.deadline.is_none() {
            let wait = Duration::from_millis(self.options.commit_wait_ms);
            self.deadline = Some(Box::pin(tokio::time::sleep(wait)));
        }
        Ok(any)
    }

    async fn pull_partition(&mut self, partition: Partition) -> Result<bool, LakeError> {
        let after = self.read_through[usize::from(partition.0)];
        match self.options.log.read(partition, after, READ_BYTES).await {
            Ok(records) => {
                let taken = match self.take_records(partition, &records).await {
                    // A table that does not open now may open later; the partition waits with it.
                    Err(error @ (LakeError::Table(_) | LakeError::Store(_))) => {
                        self.options.metrics.store_failing.set(1);
                        Some(error.to_string())
                    }
                    other => other?,
                };
                if let Some(reason) = taken {
                    self.note_failure(partition, reason);
                    return Ok(false);
                }
                self.failing.remove(&partition);
                self.options.metrics.waits(partition, false);
                Ok(!records.is_empty())
            }
            // Only what every table has is ever trimmed, and shredding destroys on purpose: both go on behind.
            Err(ReadError::Trimmed { through: next } | ReadError::Shredded { next, .. }) => {
                self.read_through[usize::from(partition.0)] = Some(next);
                Ok(true)
            }
            Err(error @ (ReadError::Damaged { .. } | ReadError::Io(_))) => {
                self.note_failure(partition, error.to_string());
                Ok(false)
            }
        }
    }

    /// The partition waits; the others go on. Said once for each new reason, counted every time.
    fn note_failure(&mut self, partition: Partition, reason: String) {
        self.options.metrics.read_errors.inc();
        self.options.metrics.waits(partition, true);
        if self.failing.get(&partition) != Some(&reason) {
            tracing::error!(partition = partition.0, reason, "the lake cannot read on in this partition and waits");
            self.failing.insert(partition, reason);
        }
    }

    /// Turns whole blocks into rows. `Some` says why the partition must not be read past them.
    async fn take_records(&mut self, partition: Partition, records: &[Record]) -> Result<Option<String>, LakeError> {
        for block in records.chunk_by(|one, next| one.position.block == next.position.block) {
            let (Some(first), Some(last)) = (block.first(), block.last()) else { continue };
            let number = block_number(first.position);
            let landing = self.landing(&first.workspace).await?;
            if landing.done[usize::from(partition.0)].is_none_or(|done| done < number) {
                if let Some(newer) = newer_record(block) {
                    return Ok(Some(newer));
                }
                let unreadable = landing.take_block(partition, block)?;
                landing.pending.cover(partition, number);
                self.options.metrics.unreadable.inc_by(unreadable);
            }
            self.read_through[usize::from(partition.0)] = Some(last.position);
        }
        Ok(None)
    }

    async fn landing(&mut self, workspace: &Arc<str>) -> Result<&mut Landing, LakeError> {
        if !self.landings.contains_key(workspace) {
            let landing = Landing::open(&self.options, workspace).await?;
            self.landings.insert(Arc::clone(workspace), landing);
        }
        Ok(self.landings.get_mut(workspace).expect("it was inserted if it was not there"))
    }

    /// Commits everything in hand, table by table, and then says so.
    async fn flush(&mut self) -> Result<(), LakeError> {
        self.deadline = None;
        let now = self.options.clock.now();
        let mut committed = false;
        for landing in self.landings.values_mut().filter(|landing| !landing.pending.is_empty()) {
            let (files, through) = landing.pending.take(&self.options.stream, now)?;
            commit(landing, &self.options, &self.stop, (files.as_slice(), through.as_slice())).await?;
            committed = true;
        }
        if committed || *self.reached.borrow() != self.read_through {
            let block = |(partition, position): (usize, &Option<Position>)| {
                Some((u16::try_from(partition).ok()?, position.as_ref()?.block))
            };
            let cursor = Cursor(self.read_through.iter().enumerate().filter_map(block).collect());
            if let Err(error) = cursor.save(&self.options.place, &self.options.stream).await {
                tracing::warn!(%error, "the lake's cursor could not be written; a restart will read more");
            }
            self.reached.send_replace(self.read_through.clone());
        }
        Ok(())
    }

    /// Until there is something to do.
    async fn wait(&mut self) {
        let log = &self.options.log;
        let marks: Vec<_> = self
            .read_through
            .iter()
            .zip(0..)
            .filter(|(_, partition)| !self.failing.contains_key(&Partition(*partition)))
            .map(|(after, partition)| log.changed(Partition(partition), *after))
            .collect();
        let news = async {
            if marks.is_empty() {
                // Every partition fails: look again now and then.
                tokio::time::sleep(RETRY_WAIT_MAX).await;
            } else {
                select_all(marks).await;
            }
        };
        let failing = !self.failing.is_empty();
        let due = async {
            match &mut self.deadline {
                Some(deadline) => deadline.await,
                None if failing => tokio::time::sleep(RETRY_WAIT_MAX).await,
                None => std::future::pending().await,
            }
        };
        let mut stop = self.stop.clone();
        let gathered = async {
            news.await;
            tokio::time::sleep(GATHER).await;
        };
        tokio::select! {
            () = gathered => {}
            () = due => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

impl Landing {
    async fn open(options: &Options, workspace: &Arc<str>) -> Result<Self, LakeError> {
        let table = Table::open_or_create(&options.place, workspace).await?;
        let mut done = Vec::with_capacity(usize::from(options.log.partitions()));
        for partition in 0..options.log.partitions() {
            let committed = table.committed(&app_id(&options.stream, Partition(partition))).await?;
            check_not_ahead(options, Partition(partition), committed)?;
            done.push(committed);
        }
        let pending = Pending::new(Arc::clone(workspace), Arc::clone(&options.previous));
        Ok(Self { table, done, pending })
    }

    /// Adds the block's events; how many could not become rows.
    fn take_block(&mut self, partition: Partition, block: &[Record]) -> Result<u64, LakeError> {
        let mut unreadable = 0;
        for record in block {
            let added = match Processed::decode(&record.payload) {
                Ok(processed) => self.pending.push(partition, &processed)?.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(reason) = added {
                unreadable += 1;
                tracing::error!(partition = partition.0, position = %record.position, reason, "a record is no event");
            }
        }
        Ok(unreadable)
    }
}

/// Why a block must wait for another release: skipping what a newer one wrote would lose it.
fn newer_record(block: &[Record]) -> Option<String> {
    block.iter().find_map(|record| match Processed::decode(&record.payload) {
        Err(error @ RecordError::Newer { .. }) => Some(error.to_string()),
        _ => None,
    })
}

/// What the lake has must be in the log, or was once. An old copy of the log beside a lake that went on gives its next
/// events positions that the lake believes to have, and they would be in no table.
fn check_not_ahead(options: &Options, partition: Partition, has: Option<i64>) -> Result<(), LakeError> {
    let written = options.log.watermark(partition).map(block_number);
    match has.filter(|has| Some(*has) > written) {
        Some(block) => Err(LakeError::Ahead { partition: partition.0, block }),
        None => Ok(()),
    }
}

/// The same for what the tables say themselves, before anything is taken. One that does not open now is asked again when
/// something is to land in it.
async fn check_tables(options: &Options) -> Result<(), LakeError> {
    for workspace in workspaces(&options.place).await.unwrap_or_default() {
        let Ok(Some(table)) = Table::open(&options.place, &workspace).await else { continue };
        for partition in (0..options.log.partitions()).map(Partition) {
            let committed = table.committed(&app_id(&options.stream, partition)).await;
            check_not_ahead(options, partition, committed.unwrap_or_default())?;
        }
    }
    Ok(())
}

/// The cursor, once the store answers: a store that is away for a while is no reason to end. One that answers and is
/// somebody else's is.
async fn load_cursor(options: &Options, stop: &watch::Receiver<bool>) -> Result<Cursor, LakeError> {
    let mut backoff = Backoff::new(stop);
    loop {
        match owned_cursor(options).await? {
            Ok(cursor) => {
                options.metrics.store_failing.set(0);
                return Ok(cursor);
            }
            Err(error) if stopping(stop) => return Err(error.into()),
            Err(error) => {
                options.metrics.store_failing.set(1);
                tracing::warn!(%error, "the lake's store does not answer; trying again");
            }
        }
        backoff.wait().await;
    }
}

async fn owned_cursor(options: &Options) -> Result<Result<Cursor, StoreError>, LakeError> {
    if let Some(owner) = &options.owner {
        match options.place.check_owner(owner).await {
            Ok(()) => {}
            Err(OwnerError::Store(error)) => return Ok(Err(error)),
            Err(wrong) => return Err(LakeError::NotOurs(wrong)),
        }
    }
    Ok(Cursor::load(&options.place, &options.stream).await)
}

/// Waits between attempts: longer each time, and no longer than a stop.
struct Backoff {
    wait: Duration,
    stop: watch::Receiver<bool>,
}

impl Backoff {
    fn new(stop: &watch::Receiver<bool>) -> Self {
        Self { wait: Duration::from_millis(100), stop: stop.clone() }
    }

    async fn wait(&mut self) {
        tokio::select! {
            () = tokio::time::sleep(self.wait) => {}
            _ = self.stop.wait_for(|stop| *stop) => {}
        }
        self.wait = (self.wait * 2).min(RETRY_WAIT_MAX);
    }
}

/// Commits until it is committed: what is in hand is in no table yet, and the log keeps it meanwhile.
async fn commit(
    landing: &mut Landing,
    options: &Options,
    stop: &watch::Receiver<bool>,
    (files, through): (&[Finished], &[Transaction]),
) -> Result<(), LakeError> {
    let (mut backoff, began) = (Backoff::new(stop), tokio::time::Instant::now());
    let mut attempts = 0;
    for attempt in 1_u32.. {
        attempts = attempt;
        let error = match attempt_commit(&mut landing.table, files, through, attempt).await {
            Ok(()) => break,
            Err(error) => error,
        };
        options.metrics.retries.inc();
        options.metrics.store_failing.set(1);
        tracing::warn!(%error, attempt, "a commit to the lake failed and is tried again");
        if stopping(stop) && attempt >= STOP_ATTEMPTS {
            return Err(error.into());
        }
        backoff.wait().await;
    }
    options.metrics.store_failing.set(0);
    for transaction in through {
        if let Some(partition) = transaction.app_id.rsplit('/').next().and_then(|number| number.parse::<usize>().ok()) {
            landing.done[partition] = Some(transaction.version);
        }
    }
    options.metrics.commits.inc();
    options.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
    let rows: usize = files.iter().map(|file| file.rows).sum();
    options.metrics.rows.inc_by(rows as u64);
    if options.tracer.is_on() {
        options.tracer.tell(&Done {
            name: "lake commit",
            work: Work::Inside,
            took: began.elapsed(),
            parent: None,
            is_failed: false,
            facts: &[
                ("assent.workspace", Fact::Text(landing.pending.workspace())),
                ("assent.rows", rows.into()),
                ("assent.files", files.len().into()),
                ("assent.attempts", Fact::Number(i64::from(attempts))),
            ],
        });
    }
    Ok(())
}

async fn attempt_commit(
    table: &mut Table,
    files: &[Finished],
    through: &[Transaction],
    attempt: u32,
) -> Result<(), DeltaTableError> {
    if attempt > 1 {
        // The attempt before may have been made although its answer was an error.
        table.refresh().await?;
        if let Some(transaction) = through.first()
            && table.committed(&transaction.app_id).await? == Some(transaction.version)
        {
            return Ok(());
        }
    }
    for file in files {
        table.put(file).await?;
    }
    table.land(files, through.to_vec()).await
}
