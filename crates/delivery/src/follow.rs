//! One destination's own loop: follow the log, keep lanes, send batches, write results.
//!
//! Every destination has its own task, connections, window and files. What hangs, fails or is slow at one is not
//! seen by another: they share the log (which nobody blocks) and the processor.
//!
//! Reading stops while the window is full or too much is lined up; then the cursor stands still, and the backlog
//! budget says for how long that may last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use event::Millis;
use eventlog::record::Processed;
use eventlog::{Partition, Position, ReadError};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::attempt::{Context, Finished, attempt};
use crate::backlog::Ruler;
use crate::breaker::Breaker;
use crate::concurrency::Concurrency;
use crate::cursor::{Ahead, Folded};
use crate::lane::{Item, Lanes};
use crate::metrics::{DestinationLabels, Metrics};
use crate::overview::{Observer, Status};
use crate::result_log::ResultLog;
use crate::{Batching, Random, RetryPolicy};

/// Bytes of payloads held by one destination, in flight not counted.
const WINDOW_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Events held without payload: about 5 MB.
const LINED_UP_MAX: usize = 50_000;
/// Bytes asked of the log at a time.
const READ_BYTES: usize = 256 * 1024;
/// Between checkpoints, and between looks at the backlog.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// What the loop shares with the rest of the process.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// What people see.
    pub(crate) status: Mutex<Status>,
    /// Per partition: nothing up to here is needed after a crash.
    pub(crate) released: Mutex<Vec<Option<Position>>>,
}

/// The loop's state.
pub(crate) struct Courier {
    pub(crate) context: Arc<Context>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) ruler: Arc<Ruler>,
    pub(crate) metrics: Metrics,
    pub(crate) labels: DestinationLabels,
    pub(crate) observer: Observer,
    pub(crate) retry: RetryPolicy,
    pub(crate) random: Random,
    pub(crate) results: ResultLog,
    pub(crate) folded: Folded,
    pub(crate) batching: Batching,
    pub(crate) cursors: Vec<Option<Position>>,
    pub(crate) lanes: Lanes,
    pub(crate) next_seq: u64,
    pub(crate) breaker: Breaker,
    pub(crate) concurrency: Concurrency,
    pub(crate) in_flight: JoinSet<Finished>,
    pub(crate) in_flight_items: HashMap<Id, Vec<Item>>,
    pub(crate) readable: Vec<Partition>,
    pub(crate) changed: bool,
    /// Whether the last write of results failed: said once, not once per batch.
    pub(crate) is_results_failing: bool,
}

type Changes = FuturesUnordered<BoxFuture<'static, Partition>>;

impl Courier {
    /// Runs until `stop`, then waits for what is in flight until `abandon`.
    pub(crate) async fn run(mut self, stop: CancellationToken, abandon: CancellationToken) {
        self.take_up_pending();
        self.checkpoint();
        let mut changes: Changes = (0..self.context.log.partitions()).map(|p| self.watch(Partition(p))).collect();
        let mut next_checkpoint = tokio::time::Instant::now() + CHECKPOINT_EVERY;
        while !stop.is_cancelled() {
            self.read_some(&mut changes).await;
            self.lanes.wake(self.context.clock.now(), self.batching.events_max);
            self.dispatch();
            let more = !self.readable.is_empty() && self.has_room();
            let wakes_at = self.wakes_at(next_checkpoint);
            tokio::select! {
                biased;
                Some(finished) = self.in_flight.join_next_with_id(), if !self.in_flight.is_empty() => {
                    self.settle_all(finished);
                }
                () = tokio::task::yield_now(), if more => {}
                Some(partition) = changes.next(), if !changes.is_empty() => self.readable.push(partition),
                () = tokio::time::sleep_until(wakes_at) => {}
                () = stop.cancelled() => {}
            }
            if tokio::time::Instant::now() >= next_checkpoint {
                next_checkpoint = tokio::time::Instant::now() + CHECKPOINT_EVERY;
                self.enforce_budget().await;
                self.checkpoint();
            }
        }
        self.drain(&abandon).await;
    }

    async fn drain(&mut self, abandon: &CancellationToken) {
        while !self.in_flight.is_empty() {
            tokio::select! {
                biased;
                Some(finished) = self.in_flight.join_next_with_id() => self.settle_all(finished),
                () = abandon.cancelled() => break,
            }
        }
        self.in_flight.abort_all();
        self.changed = true;
        self.checkpoint();
    }

    fn watch(&self, partition: Partition) -> BoxFuture<'static, Partition> {
        let (log, after) = (Arc::clone(&self.context.log), self.cursors[usize::from(partition.0)]);
        Box::pin(async move {
            log.changed(partition, after).await;
            partition
        })
    }

    fn has_room(&self) -> bool {
        self.lanes.bytes() < WINDOW_BYTES_MAX && self.lanes.waiting() + self.lanes.ready() < LINED_UP_MAX
    }

    /// What was waiting at the end of the last run waits again, in its old order.
    fn take_up_pending(&mut self) {
        let arrived = tokio::time::Instant::now();
        for ((partition, position), pending) in std::mem::take(&mut self.folded.pending) {
            self.lanes.arrive(Item {
                seq: self.next_seq,
                partition,
                position,
                lane: pending.lane,
                failures: pending.failures,
                first_failed: pending.first_failed_ms.map(Millis),
                arrived,
                payload: None,
            });
            self.next_seq += 1;
        }
    }

    /// Reads one chunk of one partition, when there is room.
    async fn read_some(&mut self, changes: &mut Changes) {
        if !self.has_room() {
            return;
        }
        let Some(partition) = self.readable.pop() else { return };
        let cursor = self.cursors[usize::from(partition.0)];
        let read = self.context.log.read(partition, cursor, READ_BYTES).await;
        match read {
            Ok(records) => {
                let Some(last) = records.last() else {
                    changes.push(self.watch(partition));
                    return;
                };
                let through = last.position;
                for record in &records {
                    self.take_up(partition, record);
                }
                self.move_cursor(partition, through);
            }
            Err(ReadError::Trimmed { through }) => self.move_cursor(partition, through),
            Err(ReadError::Shredded { next, .. }) => self.move_cursor(partition, next),
            Err(ReadError::Damaged { block, detail }) => {
                tracing::error!(block, detail, destination = self.labels.destination, "skipping a damaged block");
                self.move_cursor(partition, Position { block, index: u32::MAX });
            }
            Err(ReadError::Io(error)) => {
                tracing::error!(%error, destination = self.labels.destination, "cannot read the log");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        if self.context.log.watermark(partition) > self.cursors[usize::from(partition.0)] {
            // To the front: the others are read before it is its turn again.
            self.readable.insert(0, partition);
        } else {
            changes.push(self.watch(partition));
        }
    }

    fn move_cursor(&mut self, partition: Partition, through: Position) {
        self.cursors[usize::from(partition.0)] = Some(through);
        self.changed = true;
    }

    fn take_up(&mut self, partition: Partition, record: &eventlog::Record) {
        if record.workspace != self.context.workspace {
            return;
        }
        let Ok(processed) = Processed::decode(&record.payload) else { return };
        if !processed.outputs.contains(&self.context.model.name.as_str()) {
            return;
        }
        let (failures, first_failed) = match self.folded.ahead.remove(&(partition, record.position)) {
            Some(Ahead::Done) => return,
            Some(Ahead::Failed(failures, first)) => (failures, Some(first)),
            None => (0, None),
        };
        let (half, _) = processed.subject.0.split_first_chunk::<8>().expect("a surrogate has 16 bytes");
        self.lanes.arrive(Item {
            seq: self.next_seq,
            partition,
            position: record.position,
            lane: u64::from_le_bytes(*half),
            failures,
            first_failed,
            arrived: tokio::time::Instant::now(),
            // A copy: the record is a slice of its block, and a few waiting events would hold many blocks in memory.
            payload: Some(Bytes::copy_from_slice(&record.payload)),
        });
        self.next_seq += 1;
    }

    /// Sends what may go.
    fn dispatch(&mut self) {
        let limit = self.breaker.limit(self.context.clock.now()).unwrap_or(usize::MAX);
        let limit = limit.min(self.concurrency.limit());
        while self.in_flight.len() < limit && self.lanes.is_due(&self.batching, tokio::time::Instant::now()) {
            let batch = self.lanes.take(&self.batching);
            if batch.is_empty() {
                break;
            }
            let stubs = batch.iter().map(Item::stub).collect();
            let task = self.in_flight.spawn(attempt(Arc::clone(&self.context), batch));
            self.in_flight_items.insert(task.id(), stubs);
        }
    }

    /// The next moment at which something happens by itself.
    fn wakes_at(&self, checkpoint: tokio::time::Instant) -> tokio::time::Instant {
        let now = self.context.clock.now();
        let breaker = self.breaker.wakes_at(now);
        let moments = [breaker, self.lanes.wakes_at()].into_iter().flatten().min();
        let timer = moments.map(|moment| {
            let wait = u64::try_from(moment.0 - now.0).unwrap_or(0).max(1);
            tokio::time::Instant::now() + Duration::from_millis(wait)
        });
        // While nothing may go, a batch that is due must not spin the loop.
        let limit = self.breaker.limit(now).unwrap_or(usize::MAX).min(self.concurrency.limit());
        let batch = self.lanes.due_at(&self.batching).filter(|_| self.in_flight.len() < limit);
        [timer, batch].into_iter().flatten().fold(checkpoint, std::cmp::min)
    }

    fn settle_all(&mut self, first: Result<(Id, Finished), JoinError>) {
        let mut entries = Vec::new();
        let mut next = Some(first);
        while let Some(finished) = next {
            match finished {
                Ok((id, finished)) => {
                    self.in_flight_items.remove(&id);
                    entries.extend(self.settle(finished));
                }
                Err(error) => self.settle_panicked(&error),
            }
            next = self.in_flight.try_join_next_with_id();
        }
        self.record(&entries);
        self.publish();
    }

    /// A destination's code panicked: its events are not lost and not tried at once either.
    fn settle_panicked(&mut self, error: &JoinError) {
        tracing::error!(%error, destination = self.labels.destination, "an attempt ended without a result");
        let Some(items) = self.in_flight_items.remove(&error.id()) else { return };
        let decision = crate::attempt::Decision::Again(crate::Cause::Broken, None);
        let events = items.into_iter().map(|item| (item, decision)).collect();
        let entry = self.settle(Finished { events, exchanges: Vec::new(), number: 0 });
        self.record(entry.as_slice());
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Courier({}/{})", self.labels.workspace, self.labels.destination)
    }
}
