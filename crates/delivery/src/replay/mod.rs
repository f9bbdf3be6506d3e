//! Sending history again: events of the lake go to one destination, through the gate of today.
//!
//! ```text
//! archive (the lake) ─▶ feed: rate, room ─▶ spool (a log of its own) ─▶ the destination's own loop, behind live events
//! ```
//!
//! What is replayed is not sent in another way: it comes to the destination as one more partition of what it reads
//! ([`stream`]), and from there on is an event like any other: lanes, batches, gate, retries, breaker, result log, dead
//! letters. So there is no second set of rules that could differ, and no way past the gate.
//!
//! The partition's records are copied from the archive into a *spool*, because they are read again for retries and dead
//! letters, and the archive finds one event in a second. A spool is short-lived: it goes as soon as nothing of it is
//! needed. Its positions say which replay it is of ([`Number`], [`stream::number_of`]), so a result says that by itself.
//!
//! What is durable is in the result log: what was asked, how far it was fed, what became of it. A record of a spool counts
//! only when its [`Fed`] is in the log, and each start of feeding begins a new spool; so after a crash nothing is counted
//! twice, and only what was on its way is sent again.

mod feed;
mod operate;
mod rehearse;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use event::{Call, Millis};
use eventlog::{EventLog, Partition, Position};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::Outcome;
use crate::result_log::format::{Dropped, Lost, Place, Resent};

pub(crate) use feed::Feed;
pub(crate) use operate::Wish;
pub use operate::{ReplayAsked, ReplayError};
pub use rehearse::{Rehearsal, Tally};

/// Replays of a destination that are remembered.
const REMEMBERED: usize = 20;
/// Starts of one replay: each has a spool of its own, and their numbers stand in positions.
const RUNS_MAX: usize = 1_000;
/// Events per second when nobody says how many.
pub const RATE_DEFAULT: u32 = 1_000;
/// Events per second at most.
pub const RATE_MAX: u32 = 50_000;

/// Which events. What is empty does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Received at or after; from the first on without.
    pub from: Option<Millis>,
    /// Received before.
    pub to: Millis,
    /// Only these calls.
    pub calls: Vec<Call>,
    /// Only tracks of these names.
    pub events: Vec<String>,
    /// Only from these sources; when it was asked for without, those that the destination read from then.
    pub sources: Vec<String>,
    /// Only these.
    pub message_ids: Vec<String>,
}

impl Selection {
    /// Forgets whom it may name, but not how many of them: for one that is not read by any more.
    fn forget(&mut self) {
        self.events.iter_mut().chain(&mut self.message_ids).for_each(String::clear);
    }
}

/// How a replay stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplayState {
    /// It is being read and sent.
    Running,
    /// Somebody paused it.
    Paused,
    /// Everything has its result.
    Finished,
    /// Somebody ended it.
    Cancelled,
    /// It cannot go on, for this reason. It may be resumed when that is mended.
    Failed(String),
}

impl ReplayState {
    /// Its name: `running`, `paused`, `finished`, `cancelled`, `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }

    /// Whether nothing more is read for it, unless somebody says so.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::Failed(_))
    }
}

/// The number of a replay at its destination, counted from 1.
pub type Number = u16;

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its number.
    pub number: Number,
    /// When it was asked for.
    pub at: Millis,
    /// By whom.
    pub by: String,
    /// What.
    pub selection: Selection,
    /// Events per second, at most.
    pub rate_per_s: u32,
    /// How it stands.
    pub state: ReplayState,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// How many events the selection had at the start; `None` until they are counted.
    pub total: Option<u64>,
    /// Events that were taken up to be sent.
    pub taken: u64,
    /// Events that cannot be made whole any more: the vault does not know an identifier of theirs.
    pub gone: u64,
    /// Results of those that were taken up, by result and reason bytes.
    outcomes: BTreeMap<[u8; 2], u64>,
    /// Why nothing is read at the moment, although it runs. It is not kept: who starts again finds out.
    #[serde(skip)]
    pub waits: Option<String>,
    /// Where reading goes on, in the archive's words; `None` at the beginning.
    place: Option<String>,
    /// Whether everything was read.
    is_read: bool,
    /// The partition of its records.
    partition: u16,
    /// For each start: how far its spool counts.
    runs: Vec<Option<Position>>,
}

impl Replay {
    /// Results of what was taken up.
    pub fn outcomes(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        self.outcomes.iter().filter_map(|(bytes, count)| Some((Outcome::from_bytes(*bytes)?, *count)))
    }

    /// Events with a result.
    pub fn settled(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// The same in another state, from this moment on.
    fn turned(mut self, state: ReplayState, now: Millis) -> Self {
        self.ended_at = state.is_over().then_some(now);
        self.waits = None;
        // One that failed may be resumed.
        if matches!(state, ReplayState::Finished | ReplayState::Cancelled) {
            self.selection.forget();
        }
        Self { state, ..self }
    }

    fn count(&mut self, outcome: Outcome, events: u64) {
        if outcome.is_final() && events > 0 {
            *self.outcomes.entry(outcome.to_bytes()).or_default() += events;
        }
    }

    /// Whether everything was read and has its result.
    fn is_done(&self) -> bool {
        self.is_read && self.settled() >= self.taken
    }
}

/// Some events were put into the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fed {
    number: Number,
    /// The last record of them; `None` when none was whole.
    through: Option<Position>,
    /// Where reading goes on.
    place: String,
    taken: u64,
    gone: u64,
}

/// The replays of a destination, oldest first: a part of the fold over its result log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Replays(Vec<Replay>);

impl Replays {
    /// As a record has it now.
    pub(crate) fn put(&mut self, replay: &Replay) {
        match self.0.iter_mut().find(|known| known.number == replay.number) {
            Some(known) => known.clone_from(replay),
            None => {
                // Those before it cannot be resumed any more.
                self.0.iter_mut().for_each(|before| before.selection.forget());
                self.0.push(replay.clone());
                // The last stays, whatever it is: the next number follows from it.
                let surplus = self.0.len().saturating_sub(REMEMBERED);
                self.0.drain(..surplus);
            }
        }
    }

    pub(crate) fn fed(&mut self, fed: &Fed) {
        let Some(replay) = self.0.iter_mut().find(|known| known.number == fed.number) else { return };
        replay.place = Some(fed.place.clone());
        replay.waits = None;
        replay.taken += fed.taken;
        replay.gone += fed.gone;
        if let (Some(last), Some(_)) = (replay.runs.last_mut(), fed.through) {
            *last = fed.through;
        }
    }

    /// The open one reads nothing for a while.
    pub(crate) fn waits(&mut self, reason: String) {
        if let Some(replay) = self.0.iter_mut().find(|replay| !replay.state.is_over()) {
            replay.waits = Some(reason);
        }
    }

    /// Events of each replay without a result, beside those that are in hand; with the last position of it.
    pub(crate) fn missing(&self, in_hand: impl Iterator<Item = Position>) -> Vec<(Position, u64)> {
        let mut held: BTreeMap<Number, u64> = BTreeMap::new();
        in_hand.for_each(|position| *held.entry(stream::number_of(position)).or_default() += 1);
        let missing = |replay: &Replay| {
            let last = replay.runs.iter().copied().max().flatten()?;
            let held = held.get(&replay.number).copied().unwrap_or_default();
            let events = replay.taken.saturating_sub(replay.settled()).saturating_sub(held);
            (events > 0).then_some((last, events))
        };
        self.0.iter().filter_map(missing).collect()
    }

    /// The ends of the replays before a position, and that position: the parts of a range, of one replay each.
    pub(crate) fn parts(&self, through: Position) -> Vec<Position> {
        let ends = self.0.iter().map(|replay| stream::end_of(replay.number)).filter(|end| *end < through);
        ends.chain([through]).collect()
    }

    /// The one that a record is of.
    fn of(&mut self, (partition, position): Place) -> Option<&mut Replay> {
        let number = stream::number_of(position);
        self.0.iter_mut().find(|replay| replay.partition == partition.0 && replay.number == number)
    }

    pub(crate) fn settled(&mut self, place: Place, outcome: Outcome) {
        if let Some(replay) = self.of(place) {
            replay.count(outcome, 1);
        }
    }

    /// What had become of dead letters that are sent again is no result any more.
    pub(crate) fn resent(&mut self, resent: &Resent) {
        for (place, outcome) in resent.was.events() {
            let known = self.of(place).and_then(|replay| replay.outcomes.get_mut(&outcome.to_bytes()));
            if let Some(count) = known {
                *count = count.saturating_sub(1);
            }
        }
    }

    pub(crate) fn lost(&mut self, lost: &Lost) {
        if let Some(replay) = self.of((Partition(lost.partition), lost.through)) {
            replay.count(lost.outcome(), lost.records);
        }
    }

    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        if let Some(replay) = self.of((Partition(dropped.partition), dropped.through)) {
            replay.count(Outcome::DeadLettered(crate::Cause::BacklogOverBudget), dropped.events);
        }
    }

    /// The one that is not over; there is one at most.
    pub(crate) fn open(&self) -> Option<&Replay> {
        self.0.iter().find(|replay| !replay.state.is_over())
    }

    fn get(&self, number: Number) -> Option<&Replay> {
        self.0.iter().find(|replay| replay.number == number)
    }

    /// Latest first.
    pub(crate) fn shown(&self) -> Vec<Replay> {
        self.0.iter().rev().cloned().collect()
    }

    /// Ends what is not over, because its destination does.
    pub(crate) fn end(&mut self, reason: &str, at: Millis) {
        for replay in self.0.iter_mut().filter(|replay| !replay.state.is_over()) {
            // Fed, and not read yet: it goes with its spool.
            let rest = replay.taken.saturating_sub(replay.settled());
            replay.count(Outcome::DeadLettered(crate::Cause::SwitchedOff), rest);
            (replay.state, replay.ended_at) = (ReplayState::Failed(reason.to_owned()), Some(at));
        }
    }

    /// Whether a record of a spool counts: not what was put there and never told.
    pub(crate) fn counts(&self, position: Position) -> bool {
        let (number, run) = stream::spool_of(position);
        self.get(number).and_then(|replay| replay.runs.get(run).copied().flatten()) >= Some(position)
    }

    /// The last record that counts.
    pub(crate) fn noted(&self) -> Option<Position> {
        self.0.iter().flat_map(|replay| &replay.runs).copied().max().flatten()
    }
}

/// Some events of the archive, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchivePage {
    /// Each with where it stands, in the archive's words, and its record; `None` for one that cannot be made whole.
    pub events: Vec<(String, Option<bytes::Bytes>)>,
}

/// What is to be read of the archive.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whose events.
    pub workspace: Arc<str>,
    /// The output that the records name.
    pub destination: Arc<str>,
    /// Which.
    pub selection: Selection,
    /// Go on behind this place.
    pub after: Option<String>,
}

/// Pages of the archive, and `None` behind the last. A channel that is closed without it broke off.
pub type Pages = mpsc::Receiver<Result<Option<ArchivePage>, String>>;

/// Where history is kept. Errors are for people.
pub trait Archive: fmt::Debug + Send + Sync {
    /// Returns when everything that was received until now can be read.
    fn settled(&self) -> BoxFuture<'_, Result<(), String>>;

    /// How many events are meant.
    fn count(&self, request: Request) -> BoxFuture<'_, Result<u64, String>>;

    /// Reads them, in an order in which a place means the same for ever.
    fn read(&self, request: Request) -> BoxFuture<'_, Result<Pages, String>>;
}

/// Why a spool does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// Somebody has it open. That passes.
    #[error("{0}")]
    Busy(String),
    /// It cannot be opened.
    #[error("{0}")]
    Failed(String),
}

/// Opens a log of one partition in a directory, making both. It may block.
pub type OpenSpool = Arc<dyn Fn(&Path) -> Result<Arc<dyn EventLog>, SpoolError> + Send + Sync>;

/// What replays need.
#[derive(Clone)]
pub struct History {
    /// Where events come from.
    pub archive: Arc<dyn Archive>,
    /// Where they wait to be sent.
    pub spool: OpenSpool,
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "History({:?})", self.archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result_log::format::{Entry, MAGIC, decode, encode};

    fn replay() -> Replay {
        Replay {
            number: 3,
            at: Millis(8),
            by: "ada".to_owned(),
            selection: Selection {
                from: Some(Millis(5)),
                to: Millis(7),
                calls: vec![Call::Track],
                events: vec!["Order".to_owned()],
                sources: vec!["web".to_owned()],
                message_ids: vec!["m1".to_owned()],
            },
            rate_per_s: 1_000,
            state: ReplayState::Failed("a test".to_owned()),
            ended_at: Some(Millis(9)),
            total: Some(12),
            taken: 10,
            gone: 2,
            outcomes: BTreeMap::from([([0, 0], 4), ([1, 3], 1)]),
            waits: None,
            place: Some("2026-11-21/00ff/1/2/3/4".to_owned()),
            is_read: true,
            partition: 4,
            runs: vec![None, Some(Position { block: (3 << 48) | 4_096, index: 7 })],
        }
    }

    /// The bytes of version 4. A change here is a new version, not a new golden.
    #[test]
    fn version_four_reads_as_it_was_written() {
        let golden = include_bytes!("../result_log/golden_v4.bin");
        let through = Some(Position { block: (3 << 48) | 4_096, index: 7 });
        let fed = Fed { number: 3, through, place: "2026-11-21/00ff/1/2/3/4".to_owned(), taken: 5, gone: 1 };
        let replays = Replays(vec![Replay { state: ReplayState::Running, ..replay() }, replay()]);
        let entries = vec![Entry::Replays(replays), Entry::Replay(Box::new(replay())), Entry::ReplayFed(fed)];
        assert_eq!([&MAGIC[..], &encode(&entries)].concat(), golden);
        assert_eq!(decode(&golden[8..]).expect("version 4 is readable for ever").0, entries);
    }

    #[test]
    fn so_many_are_remembered_and_numbers_go_on() {
        let mut replays = Replays::default();
        for number in 1..=40 {
            replays.put(&Replay { number, ..replay() });
        }
        assert_eq!((replays.0.len(), replays.0[0].number, replays.shown()[0].number), (REMEMBERED, 21, 40));
    }

    #[test]
    fn what_was_put_into_a_spool_and_never_told_does_not_count() {
        let mut replays = Replays::default();
        let at = |block: u64, index| Position { block: (3 << 48) | block, index };
        replays.put(&Replay { runs: vec![Some(at(8, 1)), None], taken: 0, gone: 0, ..replay() });
        assert!(replays.counts(at(8, 1)) && !replays.counts(at(8, 2)) && !replays.counts(at((1 << 38) | 8, 0)));
        let fed = Fed { number: 3, through: Some(at((1 << 38) | 8, 0)), place: "there".to_owned(), taken: 1, gone: 1 };
        replays.fed(&fed);
        assert!(replays.counts(at((1 << 38) | 8, 0)) && !replays.counts(at(8, 2)));
        assert_eq!((replays.noted(), replays.0[0].taken, replays.0[0].gone), (fed.through, 1, 1));
        assert!(!replays.counts(Position { block: 9 << 48, index: 0 }));
    }

    #[test]
    fn a_range_over_several_replays_is_given_up_in_parts_and_what_is_missing_is_of_each() {
        let mut replays = Replays::default();
        let at = |number: u64, block: u64| Position { block: number << 48 | block, index: 0 };
        for number in 1..=3 {
            let runs = vec![Some(at(u64::from(number), 9)), None];
            replays.put(&Replay { number, runs, taken: 5 + u64::from(number), ..replay() });
        }
        let parts: Vec<Number> = replays.parts(at(2, 4)).into_iter().map(stream::number_of).collect();
        assert_eq!((parts, replays.parts(at(2, 4)).last()), (vec![1, 2], Some(&at(2, 4))));
        // Each has five results; of the third two are in hand.
        let missing = replays.missing([at(3, 1), at(3, 2)].into_iter());
        assert_eq!(missing, [(at(1, 9), 1), (at(2, 9), 2), (at(3, 9), 1)]);
    }
}
