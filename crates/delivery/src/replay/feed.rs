//! Feeding: from the archive into a spool, no faster than was asked, and no more than the destination has room for.
//!
//! The task reads ahead a page and waits; the destination's loop says how many events may come ([`Courier::replay_room`])
//! and is told of each piece when it is durable. So what is replayed never fills the lanes, and while live events wait
//! nothing is added to them.
//!
//! ```text
//! archive ── pages, then the end ──▶ Feeding (task) ── Counted, Fed, End (`told`) ──▶ Courier (the loop)
//!                                        │    ▲ ─────── so many may come (`grants`) ─────── │
//!                                        ▼                                                  ▼
//!                                      spool ◀── what was told of is read, and what is over is let go of
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::stream::{self, Spool};
use super::{Archive, ArchivePage, Fed, Number, Pages, RUNS_MAX, Replay, ReplayState, Request};
use crate::attempt::Context;
use crate::follow::Courier;
use crate::result_log::format::Entry;

/// Events of a replay without a result, parked ones included.
const OUTSTANDING_MAX: u64 = 20_000;
/// Requests at a time that carry nothing but replayed events.
const SHARE_MAX: usize = 8;
/// Events that may always be on their way.
const ROOM_MIN: usize = 200;
/// Pieces per second, so that a rate is even.
const PIECES_PER_S: usize = 10;
/// Trials of an archive that fails, one behind the other: about an hour. A lake that catches up, or a store that is away
/// for a while, is no reason to give up what was asked for.
const TRIALS: u32 = 20;
/// Between two of them, at most.
const WAIT_MAX: Duration = Duration::from_mins(5);
const BYTES_READ: usize = 256 * 1024;

/// What feeding tells.
#[derive(Debug)]
pub(crate) enum Told {
    /// So many are meant.
    Counted(u64),
    /// These may be read.
    Fed(Fed),
    /// Nothing comes for a while, for this reason.
    Waits(String),
    /// Nothing more comes.
    End(Result<(), String>),
}

/// A task that feeds. Dropping it ends it: what it had not told does not count.
#[derive(Debug)]
pub(crate) struct Feed {
    spool: Spool,
    told: mpsc::Receiver<Told>,
    grants: mpsc::Sender<usize>,
    is_granted: bool,
    task: JoinHandle<()>,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feed {
    /// The next that it tells; never without one.
    pub(crate) async fn next(feed: &mut Option<Self>) -> Told {
        match feed {
            Some(feed) => feed.told.recv().await.unwrap_or_else(|| Told::End(Err("reading it ended".to_owned()))),
            None => std::future::pending().await,
        }
    }
}

/// What a task works with.
struct Feeding {
    context: Arc<Context>,
    archive: Arc<dyn Archive>,
    request: Request,
    number: Number,
    spool: Spool,
    is_counted: bool,
    piece: usize,
    per_event: Duration,
    not_before: tokio::time::Instant,
    told: mpsc::Sender<Told>,
    grants: mpsc::Receiver<usize>,
}

/// Why feeding stopped before its end.
enum Trouble {
    /// It may go better in a while.
    Passing(String),
    /// Trying again would end in the same.
    Lasting(String),
}

impl From<String> for Trouble {
    fn from(error: String) -> Self {
        Self::Passing(error)
    }
}

/// The next page; `None` at the end. An archive that just stops has not got there: what it had not said is missing.
pub(super) async fn next_page(pages: &mut Pages) -> Result<Option<ArchivePage>, String> {
    pages.recv().await.unwrap_or_else(|| Err("the archive stopped in the middle".to_owned()))
}

impl Feeding {
    async fn run(mut self) {
        let mut failures = 0;
        let end = loop {
            let before = self.request.after.clone();
            let error = match self.feed().await {
                Ok(()) => break Ok(()),
                Err(Trouble::Lasting(error)) => break Err(error),
                Err(Trouble::Passing(error)) => error,
            };
            failures = if self.request.after == before { failures + 1 } else { 1 };
            if failures == TRIALS {
                break Err(error);
            }
            tracing::warn!(error, replay = self.number, "a replay cannot read on yet; trying again");
            if self.tell(Told::Waits(error)).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1 << failures).min(WAIT_MAX)).await;
        };
        // The loop may have ended; then nobody minds.
        drop(self.told.send(Told::End(end)).await);
    }

    async fn feed(&mut self) -> Result<(), Trouble> {
        let archive = Arc::clone(&self.archive);
        if !self.is_counted {
            // Once: what is asked for was received before that, and is in the archive from then on.
            archive.settled().await?;
            let total = archive.count(self.request.clone()).await?;
            self.tell(Told::Counted(total)).await?;
            self.is_counted = true;
        }
        let mut pages = archive.read(self.request.clone()).await?;
        while let Some(page) = next_page(&mut pages).await? {
            let mut events = page.events;
            while !events.is_empty() {
                let room = self.grants.recv().await.ok_or_else(|| "the destination ended".to_owned())?;
                tokio::time::sleep_until(self.not_before).await;
                let rest = events.split_off(room.min(self.piece).min(events.len()));
                self.put(std::mem::replace(&mut events, rest)).await?;
            }
        }
        Ok(())
    }

    async fn put(&mut self, events: Vec<(String, Option<Bytes>)>) -> Result<(), Trouble> {
        let Some((place, _)) = events.last() else { return Ok(()) };
        let (place, all) = (place.clone(), events.len());
        let payloads: Vec<Bytes> = events.into_iter().filter_map(|(_, payload)| payload).collect();
        let taken = payloads.len();
        let through = if taken == 0 { None } else { self.append(payloads).await? };
        let pause = self.per_event * u32::try_from(taken).unwrap_or(u32::MAX);
        self.not_before = self.not_before.max(tokio::time::Instant::now()) + pause;
        self.request.after = Some(place.clone());
        let (taken, gone) = (taken as u64, (all - taken) as u64);
        Ok(self.tell(Told::Fed(Fed { number: self.number, through, place, taken, gone })).await?)
    }

    /// Waits for a disk that is full. What the spool refuses it would refuse again, and the room for it was given already.
    async fn append(&self, payloads: Vec<Bytes>) -> Result<Option<eventlog::Position>, Trouble> {
        let (context, mut is_told) = (&self.context, false);
        loop {
            match context.log.append(self.spool, &context.workspace, payloads.clone()).await {
                Ok(through) => return Ok(through),
                Err(error @ eventlog::AppendError::Invalid { .. }) => return Err(Trouble::Lasting(error.to_string())),
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, replay = self.number, "a replay waits for the disk");
                        self.tell(Told::Waits(error.to_string())).await?;
                    }
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
            }
        }
    }

    async fn tell(&self, told: Told) -> Result<(), String> {
        self.told.send(told).await.map_err(|_| "the destination ended".to_owned())
    }
}

/// What a replay reads of the archive; an error when there is nothing that it may. Of the sources those that the
/// destination reads from now; all of these when none was said.
pub(super) fn request(context: &Context, replay: &super::Selection, after: Option<String>) -> Result<Request, String> {
    let mut selection = replay.clone();
    selection.sources.retain(|source| reads_from(context, source));
    if selection.sources.is_empty() {
        if !replay.sources.is_empty() {
            return Err("the destination reads from none of the sources that were asked for".to_owned());
        }
        selection.sources = context.model.sources.iter().map(ToString::to_string).collect();
    }
    if selection.sources.is_empty() {
        return Err("the destination reads from no source".to_owned());
    }
    let (workspace, destination) = (Arc::clone(&context.workspace), context.model.name.shared());
    Ok(Request { workspace, destination, selection, after })
}

/// The same for somebody who asks now: a source that is not read from is a mistake of theirs, and not left out in silence.
pub(super) fn asked(context: &Context, selection: &super::Selection) -> Result<Request, String> {
    match selection.sources.iter().find(|source| !reads_from(context, source)) {
        Some(source) => Err(format!("the destination does not read from the source `{source}`")),
        None => request(context, selection, None),
    }
}

fn reads_from(context: &Context, source: &str) -> bool {
    context.model.sources.iter().any(|own| own.as_str() == source)
}

impl Courier {
    /// Begins feeding, lets it go on, and notices its end.
    pub(crate) async fn feed_replay(&mut self) {
        let Some(replay) = self.folded.replays.open() else { return };
        if replay.is_done() {
            let now = self.context.clock.now();
            let done = replay.clone().turned(ReplayState::Finished, now);
            self.put_replay(done).await;
            return;
        }
        if self.feed.is_none() && replay.state == ReplayState::Running && !replay.is_read {
            self.begin_feeding(replay.clone()).await;
        }
        let room = self.replay_room();
        if let Some(feed) = self.feed.as_mut().filter(|feed| !feed.is_granted && room > 0) {
            feed.is_granted = feed.grants.try_send(room).is_ok();
        }
    }

    /// Ends replays of which a spool does not open: what was taken up into it is nowhere else, and counts as unreadable.
    pub(crate) async fn end_unopened(&mut self) {
        for ((number, _), reason) in self.context.log.unopened() {
            tracing::error!(reason, replay = number, destination = self.labels.destination, "a spool does not open");
            let open = self.folded.replays.open().filter(|replay| replay.number == number);
            if let Some(replay) = open.cloned() {
                let state = ReplayState::Failed(format!("what was taken up of it cannot be read back: {reason}"));
                self.put_replay(replay.turned(state, self.context.clock.now())).await;
            }
        }
    }

    async fn begin_feeding(&mut self, mut replay: Replay) {
        let begun = self.feeding(&mut replay).await;
        if let Err(reason) = begun {
            tracing::error!(reason, replay = replay.number, destination = self.labels.destination, "a replay ends");
            replay = replay.turned(ReplayState::Failed(reason), self.context.clock.now());
        }
        self.put_replay(replay).await;
    }

    /// Begins a spool and the task that fills it. The spool's number is in the log before anything is in the spool.
    async fn feeding(&mut self, replay: &mut Replay) -> Result<(), String> {
        let context = Arc::clone(&self.context);
        let archive = context.archive.clone().ok_or("this server has no archive")?;
        let request = request(&context, &replay.selection, replay.place.clone())?;
        let spool = (replay.number, replay.runs.len());
        if spool.1 >= RUNS_MAX {
            return Err(format!("it was begun {RUNS_MAX} times: ask for a new one"));
        }
        // As they are now: one that the destination reads from later was not meant.
        replay.selection.sources.clone_from(&request.selection.sources);
        replay.runs.push(None);
        let entry = vec![Entry::Replay(Box::new(replay.clone()))];
        let written = self.recorder.on_disk(move |files| files.results.append_synced(&entry)).await;
        written.map_err(|error| error.to_string())?;
        context.log.begin(spool).await?;
        let (tell, told) = mpsc::channel(2);
        let (grants, granted) = mpsc::channel(1);
        let rate = usize::try_from(replay.rate_per_s.max(1)).unwrap_or(1);
        let feeding = Feeding {
            context,
            archive,
            request,
            number: replay.number,
            spool,
            is_counted: replay.total.is_some(),
            piece: (rate / PIECES_PER_S).max(1),
            per_event: Duration::from_secs(1) / replay.rate_per_s.max(1),
            not_before: tokio::time::Instant::now(),
            told: tell,
            grants: granted,
        };
        let task = tokio::spawn(feeding.run());
        self.feed = Some(Feed { spool, told, grants, is_granted: false, task });
        Ok(())
    }

    /// Does what follows from what feeding told.
    pub(crate) async fn heed(&mut self, told: Told) {
        match told {
            Told::Fed(fed) => {
                // First in the log, then read: a record that has a result has been counted.
                self.record(vec![Entry::ReplayFed(fed.clone())]).await;
                self.folded.replays.fed(&fed);
                if let Some(feed) = &mut self.feed {
                    feed.is_granted = false;
                }
                self.want_replayed();
            }
            Told::Counted(total) => {
                if let Some(replay) = self.folded.replays.open() {
                    self.put_replay(Replay { total: Some(total), ..replay.clone() }).await;
                }
            }
            Told::Waits(reason) => self.folded.replays.waits(reason),
            Told::End(end) => {
                self.feed = None;
                let Some(replay) = self.folded.replays.open().cloned() else { return };
                let (now, replay) = (self.context.clock.now(), Replay { waits: None, ..replay });
                let replay = match end {
                    Ok(()) => Replay { is_read: true, ..replay },
                    Err(reason) => {
                        let destination = &self.labels.destination;
                        tracing::error!(reason, replay = replay.number, destination, "a replay cannot go on");
                        replay.turned(ReplayState::Failed(reason), now)
                    }
                };
                self.put_replay(replay).await;
            }
        }
    }

    /// Writes a replay as it is now. When the disk does not take it, the next whole state says it.
    pub(super) async fn put_replay(&mut self, replay: Replay) {
        self.folded.replays.put(&replay);
        self.record(vec![Entry::Replay(Box::new(replay))]).await;
        self.changed = true;
    }

    /// Sees to it that what is in the spools is read.
    pub(crate) fn want_replayed(&mut self) {
        let replayed = self.context.log.replayed();
        if self.has_unread_replayed() && !self.readable.contains(&replayed) {
            // To the front: live events are read first.
            self.readable.insert(0, replayed);
        }
    }

    pub(crate) fn has_unread_replayed(&self) -> bool {
        self.cursors[usize::from(self.context.log.replayed().0)] < self.folded.replays.noted()
    }

    /// How many events may be fed now.
    fn replay_room(&self) -> usize {
        let (live_unread, outstanding) = (self.readable.iter().any(|of| !self.context.log.is_replayed(*of)), {
            let open = self.folded.replays.open();
            open.map_or(0, |replay| replay.taken.saturating_sub(replay.settled()))
        });
        if live_unread || self.has_unread_replayed() || !self.has_room() || outstanding >= OUTSTANDING_MAX {
            return 0;
        }
        if self.context.log.bytes() > self.limits.spools_bytes_max {
            return 0;
        }
        let flying = self.flight.items().count();
        let most = (2 * self.size.now().events_max * self.replay_share()).max(ROOM_MIN);
        let room = most.saturating_sub(self.lanes.ready() + flying);
        // Small pieces cost a sync each.
        if room >= most / 4 { room } else { 0 }
    }

    /// Requests at a time that carry nothing but replayed events: half of what may be, so that a live event finds a free
    /// one.
    fn replay_share(&self) -> usize {
        (self.requests_max() / 2).clamp(1, SHARE_MAX)
    }

    /// Whether the next batch may go, as far as replays are concerned.
    pub(crate) fn may_dispatch(&self) -> bool {
        if !self.lanes.is_next_replayed() {
            return true;
        }
        self.flight.only_replayed() < self.replay_share()
    }

    /// Reads some of the spools, up to what counts.
    pub(crate) async fn read_replayed(&mut self) {
        let partition = self.context.log.replayed();
        let cursor = self.cursors[usize::from(partition.0)];
        let Some(noted) = self.folded.replays.noted().filter(|noted| cursor < Some(*noted)) else { return };
        match self.context.log.read(partition, cursor, BYTES_READ).await {
            Ok(records) => {
                let counted = records.iter().take_while(|record| self.folded.replays.counts(record.position)).count();
                match (records.first(), counted) {
                    // Its files are gone. What was in them is missing, and counted so.
                    (None, _) => self.move_cursor(partition, noted),
                    // The rest of a spool that was left in the middle: it was read of the archive once more.
                    (Some(first), 0) => self.move_cursor(partition, stream::rest_of(first.position)),
                    _ => self.take_replayed(partition, &records[..counted]).await,
                }
            }
            Err(error) => self.pass_unreadable(partition, error).await,
        }
        self.want_replayed();
    }

    async fn take_replayed(&mut self, partition: eventlog::Partition, records: &[eventlog::Record]) {
        let mut unreadable = Vec::new();
        for record in records {
            self.note_replayed(partition, record);
            let outcome = self.take_up(partition, record);
            unreadable.extend(outcome.map(|outcome| ((partition, record.position), outcome)));
            self.move_cursor(partition, record.position);
        }
        self.refuse(unreadable).await;
    }

    /// Events that were taken up, have no result, and are nowhere any more, because a spool is gone or a block of it damaged:
    /// they get one, or their replay would never end.
    pub(crate) fn count_missing(&mut self) {
        // What is in the spill is not told apart: then they wait with it.
        if self.has_unread_replayed() || self.lanes.spilled() > 0 || self.lanes.spilling() > 0 {
            return;
        }
        let in_hand = self.lanes.items().chain(self.flight.items()).filter(|item| item.is_replayed());
        let missing = self.folded.replays.missing(in_hand.map(|item| item.position));
        let partition = self.context.log.replayed();
        for (through, events) in missing {
            // A range of nothing: which they were is not known.
            self.note_lost(partition, (Some(through), through), events, crate::Cause::Unreadable);
        }
    }

    /// For the trace.
    fn note_replayed(&self, partition: eventlog::Partition, record: &eventlog::Record) {
        let Ok(processed) = eventlog::record::Processed::decode(&record.payload) else { return };
        let second = u32::try_from(self.context.clock.now().0 / 1_000).unwrap_or(0);
        let of = crate::trace::replayed_at(&self.context.workspace, self.context.model.name.as_str());
        let place = (partition, record.position);
        let found = crate::trace_index::Found::new(&of, processed.event.message_id, place, second);
        self.index.lock().expect("no holder of the index panics").add(found);
    }

    /// Lets go of what is replayed and not needed any more.
    pub(crate) async fn release_replayed(&mut self, released: Option<eventlog::Position>) {
        let replayed = usize::from(self.context.log.replayed().0);
        let is_all = self.feed.is_none() && !self.has_unread_replayed() && released >= self.cursors[replayed];
        let through = if is_all { Some(stream::END) } else { released };
        self.context.log.let_go(through, self.feed.as_ref().map(|feed| feed.spool)).await;
    }
}
