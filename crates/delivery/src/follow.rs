//! One destination's own loop: follow the log, keep lanes, send batches, write results.
//!
//! Every destination has its own task, connections, window and files. What hangs, fails or is slow at one is not
//! seen by another: they share the log (which nobody blocks) and the processor.
//!
//! Reading stops while the window is full or too much is lined up; then the cursor stands still, and the backlog
//! budget says for how long that may last. How much is too much: [`WaitingLimits`]. Below them a receiver may fail for
//! some subjects as long as it likes, and all others go on.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use event::{Millis, SubjectId};
use eventlog::record::Processed;
use eventlog::{Partition, Position, ReadError};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::attempt::{Context, Finished, attempt};
use crate::backlog::Ruler;
use crate::batch_size::BatchSize;
use crate::breaker::Breaker;
use crate::concurrency::Concurrency;
use crate::cursor::{Ahead, Folded};
use crate::dead_letter::unreadable;
use crate::desk::{Scan, Wishes};
use crate::flight::{Crashed, Flight};
use crate::lane::{Item, Lanes, REPLAYED};
use crate::latency::Latency;
use crate::metrics::{DestinationLabels, Metrics};
use crate::overview::{Observer, Status};
use crate::recorder::{Files, Recorder};
use crate::replay::Feed;
use crate::replay::stream::Stream;
use crate::result_log::format::{Lost, PendingEvent};
use crate::share::Share;
use crate::trace_index::TraceIndex;
use crate::{Cause, Outcome, Random, RetryPolicy};

/// Events that go to the spill at a time.
const SPILL_PIECE: usize = 256;
/// Lanes that get their events back from the spill at a time, and how many each.
const REFILLED_LANES: usize = 64;
const REFILLED_EVENTS: usize = 100;
/// Spilled events that no state holds yet: then it is written without waiting for its time.
const FRESH_MAX: usize = 20_000;
/// Bytes asked of the log at a time.
const READ_BYTES: usize = 256 * 1024;
/// Between checkpoints, and between looks at the backlog.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// How much may wait at one destination without holding its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingLimits {
    /// Events lined up in memory, about 110 bytes each; what comes behind others above it goes to the spill.
    pub in_memory_max: usize,
    /// Events in the spill: forty bytes each of a scratch file, and after a restart about a hundred bytes each of
    /// memory until they are lined up again.
    pub spilled_max: u64,
    /// Subjects of which something waits, about 220 bytes each.
    pub lanes_max: usize,
    /// Bytes on disk of what is replayed. Beyond it no more is taken up, and dead letters of replays are let go of, oldest
    /// first.
    pub spools_bytes_max: u64,
}

impl Default for WaitingLimits {
    /// 2 MB, 40 MB of disk, 55 MB, and a GB of disk, each at its limit.
    fn default() -> Self {
        Self { in_memory_max: 20_000, spilled_max: 1_000_000, lanes_max: 250_000, spools_bytes_max: 1 << 30 }
    }
}

/// What the loop shares with the rest of the process.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// What people see.
    pub(crate) status: Mutex<Status>,
    /// Per partition: nothing up to here is needed after a crash.
    pub(crate) released: Mutex<Vec<Option<Position>>>,
    /// What it reads.
    pub(crate) stream: Option<Arc<Stream>>,
    /// What operators ask.
    pub(crate) wishes: Wishes,
    /// What it sends with, for what is told beside its events.
    pub(crate) context: Option<Arc<Context>>,
    /// Whether the loop is over, for whatever reason.
    pub(crate) has_ended: AtomicBool,
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
    pub(crate) recorder: Recorder,
    pub(crate) folded: Folded,
    pub(crate) size: BatchSize,
    pub(crate) cursors: Vec<Option<Position>>,
    /// The cursors of the last state that was written.
    pub(crate) saved: Vec<Option<Position>>,
    /// What was spilled since.
    pub(crate) fresh: Vec<PendingEvent>,
    /// Ranges that could not be read since.
    pub(crate) lost: Vec<Lost>,
    /// Whether the next state must be a whole one.
    pub(crate) is_checkpoint_due: bool,
    pub(crate) lanes: Lanes,
    pub(crate) limits: WaitingLimits,
    /// Events taken up.
    pub(crate) arrivals: u64,
    pub(crate) breaker: Breaker,
    pub(crate) concurrency: Concurrency,
    pub(crate) flight: Flight,
    pub(crate) share: Share,
    pub(crate) readable: Vec<Partition>,
    pub(crate) changed: bool,
    /// Whether the last write of results failed: said once, not once per batch.
    pub(crate) is_results_failing: bool,
    /// The search for dead letters that are sent again, with the number of the request.
    pub(crate) scan: Option<(u64, Scan)>,
    /// What fills the spool of the replay that runs.
    pub(crate) feed: Option<Feed>,
    /// Where events stand, for traces.
    pub(crate) index: Arc<Mutex<TraceIndex>>,
    /// When that search may go on after a file failed.
    pub(crate) search_not_before: tokio::time::Instant,
    pub(crate) latency: Latency,
    /// When the oldest event that waits was received, at the last look.
    pub(crate) oldest_waiting: Option<Millis>,
    /// Whether any waited then.
    pub(crate) has_backlog: Option<bool>,
}

type Changes = FuturesUnordered<BoxFuture<'static, Partition>>;

impl Courier {
    /// Runs until `stop`, then waits for what is in flight until `abandon`.
    pub(crate) async fn run(mut self, stop: CancellationToken, abandon: CancellationToken) {
        self.take_up_pending().await;
        self.checkpoint().await;
        self.end_unopened().await;
        let live = (0..self.context.log.partitions()).map(Partition).filter(|of| !self.context.log.is_replayed(*of));
        let mut changes: Changes = live.map(|of| self.watch(of)).collect();
        self.want_replayed();
        let mut next_checkpoint = tokio::time::Instant::now() + CHECKPOINT_EVERY;
        let shared = Arc::clone(&self.shared);
        while !stop.is_cancelled() {
            self.obey().await;
            self.resend_some().await;
            self.feed_replay().await;
            self.read_some(&mut changes).await;
            self.lanes.wake(self.context.clock.now(), self.size.now().events_max);
            self.move_spilled().await;
            self.dispatch();
            if self.fresh.len() >= FRESH_MAX {
                self.checkpoint().await;
            }
            let more = !self.readable.is_empty() && self.has_room() || self.is_searching();
            let wakes_at = self.wakes_at(next_checkpoint);
            tokio::select! {
                biased;
                Some(finished) = self.flight.next(), if !self.flight.is_empty() => {
                    self.settle_all(finished).await;
                }
                () = tokio::task::yield_now(), if more => {}
                Some(partition) = changes.next(), if !changes.is_empty() => self.readable.push(partition),
                told = Feed::next(&mut self.feed), if self.feed.is_some() => self.heed(told).await,
                () = tokio::time::sleep_until(wakes_at) => {}
                () = shared.wishes.came() => {}
                () = stop.cancelled() => {}
            }
            if tokio::time::Instant::now() >= next_checkpoint {
                next_checkpoint = tokio::time::Instant::now() + CHECKPOINT_EVERY;
                self.enforce_budget().await;
                self.count_missing();
                self.look().await;
                self.checkpoint().await;
            }
            if self.recorder.has_lost_its_files() {
                // What it knows of its spill went with them: it begins again from what they hold.
                tracing::error!(destination = self.labels.destination, "its files are lost; it starts anew from them");
                return;
            }
        }
        self.drain(&abandon).await;
    }

    async fn drain(&mut self, abandon: &CancellationToken) {
        while !self.flight.is_empty() {
            tokio::select! {
                biased;
                Some(finished) = self.flight.next() => self.settle_all(finished).await,
                () = abandon.cancelled() => break,
            }
        }
        self.flight.abort();
        self.changed = true;
        // Whole: examples of errors stand in no other record. Results beyond it stand in no whole one.
        self.is_checkpoint_due |= self.folded.ahead.is_empty();
        self.checkpoint().await;
    }

    fn watch(&self, partition: Partition) -> BoxFuture<'static, Partition> {
        let (log, after) = (Arc::clone(&self.context.log), self.cursors[usize::from(partition.0)]);
        Box::pin(async move {
            log.changed(partition, after).await;
            partition
        })
    }

    pub(crate) fn has_room(&self) -> bool {
        let (lanes, limits) = (&self.lanes, &self.limits);
        lanes.bytes() < self.share.lined_up_bytes()
            && lanes.ready() < limits.in_memory_max
            && lanes.spilled() < limits.spilled_max
            && lanes.held() < limits.lanes_max
            // More only when the disk takes nothing.
            && lanes.spilling() < 2 * SPILL_PIECE
            && self.fresh.len() < FRESH_MAX
    }

    /// What was waiting at the end of the last run waits again, in its old order.
    async fn take_up_pending(&mut self) {
        for event in std::mem::take(&mut self.folded.pending).into_values() {
            let seq = self.next_seq(Partition(event.partition));
            self.lanes.arrive(Item::waiting(seq, &event));
            if self.lanes.spilling() >= SPILL_PIECE {
                self.store_spilling().await;
            }
        }
    }

    /// Brings events to the spill and back.
    async fn move_spilled(&mut self) {
        if self.lanes.spilling() >= SPILL_PIECE {
            self.store_spilling().await;
        }
        let lanes = self.lanes.wanting(REFILLED_LANES);
        if lanes.is_empty() {
            return;
        }
        self.store_spilling().await;
        let wanted = lanes.clone();
        let load = move |files: &mut Files| {
            let events = wanted.into_iter().map(|lane| files.spill.load(lane, REFILLED_EVENTS));
            Ok(events.collect::<Vec<_>>())
        };
        let loaded = self.recorder.on_disk(load).await.unwrap_or_default();
        let released_max = self.size.now().events_max;
        for (lane, items) in lanes.into_iter().zip(loaded.into_iter().chain(std::iter::repeat_with(|| Ok(Vec::new()))))
        {
            // Nothing came: it goes on wanting.
            let items = items.unwrap_or_else(|error| {
                tracing::error!(%error, destination = self.labels.destination, "events that wait cannot be read back yet");
                Vec::new()
            });
            self.lanes.refill(lane, items, released_max);
        }
    }

    /// Writes what is on its way to the spill.
    pub(crate) async fn store_spilling(&mut self) {
        let items = self.lanes.take_spilling();
        if items.is_empty() {
            return;
        }
        let (saved, read) = (&self.saved, items.iter().map(Item::pending));
        self.fresh.extend(read.filter(|event| Some(event.position) > saved[usize::from(event.partition)]));
        let stored = self.recorder.on_disk(move |files| Ok(files.spill.store(items))).await;
        if let Ok(Err((items, error))) = stored {
            tracing::error!(%error, destination = self.labels.destination, "too much waits, and the disk does not take it");
            self.lanes.put_back(items);
        }
    }

    /// Reads one chunk of one partition, when there is room.
    async fn read_some(&mut self, changes: &mut Changes) {
        if !self.has_room() {
            return;
        }
        let Some(partition) = self.readable.pop() else { return };
        if self.context.log.is_replayed(partition) {
            return self.read_replayed().await;
        }
        let cursor = self.cursors[usize::from(partition.0)];
        let read = self.context.log.read(partition, cursor, READ_BYTES).await;
        match read {
            Ok(records) => {
                let Some(last) = records.last() else {
                    changes.push(self.watch(partition));
                    return;
                };
                let through = last.position;
                let mut unreadable = Vec::new();
                for record in &records {
                    let outcome = self.take_up(partition, record);
                    unreadable.extend(outcome.map(|outcome| ((partition, record.position), outcome)));
                }
                self.move_cursor(partition, through);
                self.refuse(unreadable).await;
            }
            Err(error) => self.pass_unreadable(partition, error).await,
        }
        if self.context.log.watermark(partition) > self.cursors[usize::from(partition.0)] {
            // To the front: the others are read before it is its turn again.
            self.readable.insert(0, partition);
        } else {
            changes.push(self.watch(partition));
        }
    }

    /// Passes what will never be read; waits where it may be.
    pub(crate) async fn pass_unreadable(&mut self, partition: Partition, error: ReadError) {
        match error {
            ReadError::Trimmed { through } => self.lose(partition, through, 0, Cause::Unreadable),
            ReadError::Shredded { next, .. } => {
                self.lose(partition, next, u64::from(next.index) + 1, Cause::Shredded);
            }
            ReadError::Damaged { block, detail } => {
                tracing::error!(block, detail, destination = self.labels.destination, "skipping a damaged block");
                self.lose(partition, Position { block, index: u32::MAX }, 0, Cause::Unreadable);
            }
            ReadError::Io(error) => {
                tracing::error!(%error, destination = self.labels.destination, "cannot read the log");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// The number of the next arrival.
    pub(crate) fn next_seq(&mut self, partition: Partition) -> u64 {
        self.arrivals += 1;
        if self.context.log.is_replayed(partition) { self.arrivals | REPLAYED } else { self.arrivals }
    }

    /// The lane of a subject's events.
    pub(crate) fn lane_for(&self, partition: Partition, subject: SubjectId) -> u64 {
        /// Any number would do.
        const OF_REPLAYS: u64 = 0x7265_706c_6179_6564;
        let (half, _) = subject.0.split_first_chunk::<8>().expect("a surrogate has 16 bytes");
        let lane = u64::from_le_bytes(*half);
        if self.context.log.is_replayed(partition) { lane ^ OF_REPLAYS } else { lane }
    }

    pub(crate) fn move_cursor(&mut self, partition: Partition, through: Position) {
        self.cursors[usize::from(partition.0)] = Some(through);
        self.changed = true;
    }

    /// Takes a record up, if it is for this destination. What does not decode does not say for whom it is: it may
    /// have been for this one, and that is its result.
    pub(crate) fn take_up(&mut self, partition: Partition, record: &eventlog::Record) -> Option<Outcome> {
        if record.workspace != self.context.workspace {
            return None;
        }
        let decoded = Processed::decode(&record.payload);
        if let Ok(processed) = &decoded
            && !processed.outputs.contains(&self.context.model.name.as_str())
        {
            return None;
        }
        let (failures, first_failed) = match self.folded.ahead.remove(&(partition, record.position)) {
            Some(Ahead::Done) => return None,
            Some(Ahead::Failed(failures, first)) => (failures, Some(first)),
            None => (0, None),
        };
        let processed = match decoded {
            Ok(processed) => processed,
            Err(error) => return Some(Outcome::DeadLettered(unreadable(&error))),
        };
        let lane = self.lane_for(partition, processed.subject);
        let seq = self.next_seq(partition);
        self.lanes.arrive(Item {
            seq,
            partition,
            position: record.position,
            lane,
            failures,
            first_failed,
            arrived: tokio::time::Instant::now(),
            // A copy: the record is a slice of its block, and a few waiting events would hold many blocks in memory.
            payload: Some(Bytes::copy_from_slice(&record.payload)),
        });
        None
    }

    /// Sends what may go.
    fn dispatch(&mut self) {
        let limit = self.requests_max();
        let batching = self.size.now();
        while self.may_begin(limit) && self.lanes.is_due(&batching, tokio::time::Instant::now()) {
            let batch = self.lanes.take(&batching);
            if batch.is_empty() {
                break;
            }
            let context = Arc::clone(&self.context);
            self.flight.begin(batch, move |batch| attempt(context, batch));
        }
    }

    /// Whether another request may go, of so many at most.
    fn may_begin(&self, limit: usize) -> bool {
        self.flight.len() < limit && self.flight.bytes() < self.share.on_their_way_bytes() && self.may_dispatch()
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
        let limit = self.requests_max();
        let batch = self.lanes.due_at(&self.size.now()).filter(|_| self.may_begin(limit));
        let search = Some(self.search_not_before).filter(|moment| *moment > tokio::time::Instant::now());
        [timer, batch, search].into_iter().flatten().fold(checkpoint, std::cmp::min)
    }

    async fn settle_all(&mut self, first: Result<Finished, Crashed>) {
        let mut entries = Vec::new();
        let mut next = Some(first);
        while let Some(finished) = next {
            let finished = match finished {
                Ok(finished) => finished,
                Err(crashed) => self.panicked(crashed),
            };
            entries.extend(self.settle(finished));
            next = self.flight.try_next();
        }
        self.record(entries).await;
        self.publish();
    }

    /// A destination's code panicked: its events are not lost and not tried at once either.
    fn panicked(&self, Crashed { items, error }: Crashed) -> Finished {
        tracing::error!(%error, destination = self.labels.destination, "an attempt ended without a result");
        let decision = crate::attempt::Decision::Again(Cause::Broken, None);
        let events = items.into_iter().map(|item| (item, decision)).collect();
        Finished { events, exchanges: Vec::new(), number: 0, is_held: false }
    }
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Courier({}/{})", self.labels.workspace, self.labels.destination)
    }
}
