//! The records of the result log and their bytes. Positions are grouped by block and written as runs, outcomes as
//! runs too: a request of a hundred events that all arrived is about thirty bytes.

use std::collections::BTreeMap;

use eventlog::{Partition, Position};
use serde::{Deserialize, Serialize};

use crate::desk::{Desk, Held, LetterMark, Resend};
use crate::replay::{Fed, Replay, Replays};
use crate::{Cause, Outcome};

/// The version in the magic. Version 1 had [`Entry::Checkpoint`], [`Entry::Attempt`] and [`Entry::Dropped`] only,
/// version 2 everything before [`Entry::Desk`], version 3 everything before [`Entry::Replays`].
pub const VERSION: u8 = 4;
/// The first bytes of a segment.
pub const MAGIC: [u8; 8] = *b"ASNTRES\x04";
/// Bytes before a frame's body.
pub const FRAME_HEADER_BYTES: usize = 8;
/// A longer frame is not one of ours.
pub const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// The state at some moment: everything before it is for the trace only.
    Checkpoint(Checkpoint),
    /// One request and what became of its events.
    Attempt(AttemptRecord),
    /// A range that was given up as a whole.
    Dropped(Dropped),
    /// A range that could not be read, for a reason that will not pass.
    Lost(Lost),
    /// Some of the events without a final result of the checkpoint that follows, which may have too many for one
    /// frame. An empty list comes first: what a crash left of an earlier one does not count.
    Pending(Vec<PendingEvent>),
    /// What was read since the last checkpoint or progress.
    Progress(Progress),
    /// What operators see and did, as it stands; in the frame of every checkpoint.
    Desk(Box<Desk>),
    /// What was answered, for the records that follow in this segment: they name it by its number, counted from those
    /// of the desk.
    Text(String),
    /// One request that failed for some of its events, with the number of the text.
    Failed {
        /// Of [`Entry::Text`].
        text: u32,
        /// What became of its events.
        attempt: AttemptRecord,
    },
    /// An operator paused the destination, or let it go on.
    Held(Option<Held>),
    /// An operator asked for dead letters to be sent again.
    ResendAsked(Resend),
    /// Some of them wait again.
    Resent(Resent),
    /// The replays, as they stand; in the frame of every checkpoint.
    Replays(Replays),
    /// One replay, as it stands now.
    Replay(Box<Replay>),
    /// Events of one are to be sent.
    ReplayFed(Fed),
}

/// Dead letters that wait again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// The number of the request.
    pub number: u64,
    /// The events, with what had become of them.
    pub was: AttemptRecord,
    /// Their lanes, in that order.
    pub lanes: Vec<u64>,
    /// Events found that the log does not have any more.
    pub gone: u64,
    /// Where the search goes on; `None` when it is over.
    pub next: Option<LetterMark>,
}

/// The state of a destination.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// When.
    pub at_ms: i64,
    /// How far each partition was read.
    pub read_through: Vec<(u16, Option<Position>)>,
    /// What was read and has no final result, with that of the [`Entry::Pending`] before it.
    pub pending: Vec<PendingEvent>,
    /// Final results so far, by result and reason bytes.
    pub totals: Vec<([u8; 2], u64)>,
}

/// The state, as far as it changed: a checkpoint of many events that wait is large, and most of them wait on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// When.
    pub at_ms: i64,
    /// How far each partition was read.
    pub read_through: Vec<(u16, Option<Position>)>,
    /// What was read since and had no final result at that moment. One that has its result in an earlier record of
    /// the log may be among them; the result counts.
    pub taken: Vec<PendingEvent>,
}

/// An event without a final result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEvent {
    /// Its partition.
    pub partition: u16,
    /// Its position.
    pub position: Position,
    /// Its lane.
    pub lane: u64,
    /// Failed attempts.
    pub failures: u32,
    /// When the first failed.
    pub first_failed_ms: Option<i64>,
}

impl PendingEvent {
    /// Where it stands.
    pub fn place(&self) -> Place {
        (Partition(self.partition), self.position)
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// When it ended.
    pub at_ms: i64,
    /// Which attempt it was for its events, counted from 1.
    pub number: u32,
    /// The status of the answer; 0 without one.
    pub status: u16,
    /// The events, ordered by partition and position.
    events: Vec<BlockEvents>,
    /// Their outcomes in that order, as runs of (count, result and reason bytes).
    outcomes: Vec<(u32, [u8; 2])>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BlockEvents {
    partition: u16,
    block: u64,
    /// (indices skipped since the last run, length).
    runs: Vec<(u32, u32)>,
}

/// A range given up because the backlog was over its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// When.
    pub at_ms: i64,
    /// The partition.
    pub partition: u16,
    /// The range begins after this position.
    pub after: Option<Position>,
    /// The last position of the range.
    pub through: Position,
    /// Events of this destination in it.
    pub events: u64,
}

/// Records that could not be read. Whether they were for this destination is not known: they may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// When.
    pub at_ms: i64,
    /// The partition.
    pub partition: u16,
    /// The range begins after this position.
    pub after: Option<Position>,
    /// The last position of the range.
    pub through: Position,
    /// How many records it held at most; at least 1 where nobody knows.
    pub records: u64,
    /// What became of them: result and reason bytes.
    outcome: [u8; 2],
}

impl Lost {
    /// A range with its cause.
    pub fn new(
        at_ms: i64,
        partition: Partition,
        range: (Option<Position>, Position),
        records: u64,
        cause: Cause,
    ) -> Self {
        let outcome = Outcome::DeadLettered(cause).to_bytes();
        Self { at_ms, partition: partition.0, after: range.0, through: range.1, records: records.max(1), outcome }
    }

    /// What became of them. A cause of a newer release counts as unreadable.
    pub fn outcome(&self) -> Outcome {
        Outcome::from_bytes(self.outcome).unwrap_or(Outcome::DeadLettered(Cause::Unreadable))
    }

    /// Whether it covers a place.
    pub fn covers(&self, (partition, position): Place) -> bool {
        covers((self.partition, self.after, self.through), (partition, position))
    }
}

impl Dropped {
    /// Whether it covers a place.
    pub fn covers(&self, place: Place) -> bool {
        covers((self.partition, self.after, self.through), place)
    }
}

fn covers(range: (u16, Option<Position>, Position), (partition, position): Place) -> bool {
    let (of, after, through) = range;
    partition.0 == of && position <= through && after.is_none_or(|after| position > after)
}

/// Where an event stands.
pub type Place = (Partition, Position);

impl AttemptRecord {
    /// Of events with their outcomes, in any order.
    pub fn new(at_ms: i64, number: u32, status: u16, mut events: Vec<(Place, Outcome)>) -> Self {
        events.sort_unstable_by_key(|(place, _)| *place);
        let mut record = Self { at_ms, number, status, events: Vec::new(), outcomes: Vec::new() };
        let mut next_index = 0;
        for ((partition, position), outcome) in events {
            match record.events.last_mut() {
                Some(block) if block.partition == partition.0 && block.block == position.block => {
                    let gap = position.index - next_index;
                    match block.runs.last_mut().filter(|_| gap == 0) {
                        Some((_, length)) => *length += 1,
                        None => block.runs.push((gap, 1)),
                    }
                }
                _ => record.events.push(BlockEvents {
                    partition: partition.0,
                    block: position.block,
                    runs: vec![(position.index, 1)],
                }),
            }
            next_index = position.index.saturating_add(1);
            let bytes = outcome.to_bytes();
            match record.outcomes.last_mut() {
                Some((count, last)) if *last == bytes => *count += 1,
                _ => record.outcomes.push((1, bytes)),
            }
        }
        record
    }

    /// The events with their outcomes. Outcomes of a newer release are left out.
    pub fn events(&self) -> impl Iterator<Item = (Place, Outcome)> + '_ {
        let places = self.events.iter().flat_map(|block| {
            let mut next = 0_u32;
            block.runs.iter().flat_map(move |(gap, length)| {
                let first = next.saturating_add(*gap);
                next = first.saturating_add(*length);
                let (partition, block) = (Partition(block.partition), block.block);
                (first..next).map(move |index| (partition, Position { block, index }))
            })
        });
        let outcomes = self.outcomes.iter().flat_map(|(count, bytes)| {
            std::iter::repeat_n(Outcome::from_bytes(*bytes), usize::try_from(*count).unwrap_or(0))
        });
        places.zip(outcomes).filter_map(|(place, outcome)| Some((place, outcome?)))
    }

    /// Whether an outcome like this is among them.
    pub fn has(&self, is_meant: impl Fn(Outcome) -> bool) -> bool {
        self.outcomes.iter().filter_map(|(_, bytes)| Outcome::from_bytes(*bytes)).any(is_meant)
    }

    /// How often each outcome is among them.
    pub fn counts(&self) -> BTreeMap<Outcome, u64> {
        let mut counts = BTreeMap::new();
        for (count, bytes) in &self.outcomes {
            if let Some(outcome) = Outcome::from_bytes(*bytes) {
                *counts.entry(outcome).or_default() += u64::from(*count);
            }
        }
        counts
    }

    /// The outcome of one event, if the request held it.
    pub fn outcome_of(&self, place: Place) -> Option<Outcome> {
        let (partition, position) = place;
        let named = |block: &BlockEvents| block.partition == partition.0 && block.block == position.block;
        if !self.events.iter().any(named) {
            return None;
        }
        self.events().find(|(found, _)| *found == place).map(|(_, outcome)| outcome)
    }
}

/// One frame.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let body = postcard::to_extend(entries, vec![0; FRAME_HEADER_BYTES]);
    let mut frame = body.expect("records of numbers and lists always encode");
    let length = u32::try_from(frame.len() - FRAME_HEADER_BYTES).expect("a frame is far below 4 GiB");
    let crc = crc32c::crc32c(&frame[FRAME_HEADER_BYTES..]);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..FRAME_HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
    frame
}

/// The length of the body of a frame that begins like this.
pub fn body_bytes(header: &[u8]) -> Option<usize> {
    let (length, _) = header.split_first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= FRAME_BYTES_MAX)
}

/// The first frame of `bytes` and its length; `None` when it is torn or there is none.
pub fn decode(bytes: &[u8]) -> Option<(Vec<Entry>, usize)> {
    let length = body_bytes(bytes)?;
    let (crc, rest) = bytes.get(4..)?.split_first_chunk::<4>()?;
    let body = rest.get(..length)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((postcard::from_bytes(body).ok()?, FRAME_HEADER_BYTES + length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        (0_u16..4, 0_u64..6, 0_u32..300)
            .prop_map(|(partition, block, index)| (Partition(partition), Position { block: block * 4096, index }))
    }

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Delivered),
            Just(Outcome::Waiting(Cause::Timeout)),
            Just(Outcome::Withheld(consent::Reason::Withdrawn)),
        ]
    }

    proptest! {
        #[test]
        fn records_come_back(events in proptest::collection::btree_map(place(), outcome(), 1..200), at in any::<i64>()) {
            let record = AttemptRecord::new(at, 3, 503, events.clone().into_iter().rev().collect());
            let entries = vec![Entry::Attempt(record)];
            let frame = encode(&entries);
            let (back, length) = decode(&frame).expect("decodes");
            prop_assert_eq!((&back, length), (&entries, frame.len()));
            let Entry::Attempt(record) = &back[0] else { return Err(TestCaseError::fail("kind")) };
            prop_assert_eq!(record.events().collect::<BTreeMap<_, _>>(), events.clone());
            for (place, outcome) in &events {
                prop_assert_eq!(record.outcome_of(*place), Some(*outcome));
            }
        }

        #[test]
        fn a_damaged_frame_is_never_read(at in 0_usize..30, bit in 0_u8..8) {
            let place = (Partition(1), Position { block: 4096, index: 7 });
            let mut frame = encode(&[Entry::Attempt(AttemptRecord::new(1, 1, 200, vec![(place, Outcome::Delivered)]))]);
            let at = at % frame.len();
            frame[at] ^= 1 << bit;
            prop_assert!(decode(&frame).is_none());
        }
    }

    #[test]
    fn a_batch_costs_less_than_four_bytes_an_event() {
        // Every second event of five blocks of forty: the worst that routing by source makes of it.
        let events: Vec<_> = (0..100_u32)
            .map(|at| {
                let position = Position { block: 1 << 33 | u64::from(at / 20) << 14, index: at % 20 * 2 };
                ((Partition(3), position), Outcome::Delivered)
            })
            .collect();
        let bytes = encode(&[Entry::Attempt(AttemptRecord::new(1_795_298_400_000, 1, 200, events))]).len();
        assert!(bytes < 400, "{bytes}");
    }

    /// The bytes of version 1. A change here is a new version, not a new golden.
    #[test]
    fn version_one_reads_as_it_was_written() {
        let golden = include_bytes!("golden_v1.bin");
        assert_eq!(golden[..8], *b"ASNTRES\x01");
        let at = |index| (Partition(1), Position { block: 4096, index });
        let pending = PendingEvent {
            partition: 1,
            position: at(9).1,
            lane: 42,
            failures: 2,
            first_failed_ms: Some(1_795_298_400_000),
        };
        let checkpoint = Checkpoint {
            at_ms: 1_795_298_400_000,
            read_through: vec![(0, None), (1, Some(at(9).1))],
            pending: vec![pending],
            totals: vec![([0, 0], 7)],
        };
        let attempt = AttemptRecord::new(
            1_795_298_401_000,
            1,
            200,
            vec![(at(3), Outcome::Delivered), (at(4), Outcome::Delivered), (at(8), Outcome::Rejected(Cause::Refused))],
        );
        let dropped = Dropped { at_ms: 5, partition: 0, after: None, through: at(2).1, events: 3 };
        let entries = vec![Entry::Checkpoint(checkpoint), Entry::Attempt(attempt), Entry::Dropped(dropped)];
        assert_eq!(encode(&entries), golden[8..]);
        assert_eq!(decode(&golden[8..]).expect("version 1 is readable for ever").0, entries);
    }

    #[test]
    fn version_two_reads_as_it_was_written() {
        let golden = include_bytes!("golden_v2.bin");
        let at = |index| Position { block: 4096, index };
        let pending = PendingEvent { partition: 1, position: at(9), lane: 42, failures: 0, first_failed_ms: None };
        let through = vec![(0, None), (1, Some(at(9)))];
        let range = (Some(at(9)), Position { block: 8192, index: u32::MAX });
        let entries = vec![
            Entry::Pending(vec![pending]),
            Entry::Progress(Progress { at_ms: 1_795_298_400_000, read_through: through, taken: vec![pending] }),
            Entry::Lost(Lost::new(1_795_298_401_000, Partition(1), range, 0, Cause::Shredded)),
        ];
        let written = [&b"ASNTRES\x02"[..], &encode(&entries)].concat();
        assert_eq!(written, golden);
        assert_eq!(decode(&golden[8..]).expect("version 2 is readable for ever").0, entries);
    }

    #[test]
    fn version_three_reads_as_it_was_written() {
        let golden = include_bytes!("golden_v3.bin");
        let entries = version_three();
        let written = [&b"ASNTRES\x03"[..], &encode(&entries)].concat();
        assert_eq!(written, golden);
        assert_eq!(decode(&golden[8..]).expect("version 3 is readable for ever").0, entries);
    }

    fn version_three() -> Vec<Entry> {
        let at = |index| (Partition(1), Position { block: 4096, index });
        let held = Held { since: event::Millis(5), by: "ada".to_owned() };
        let refused = Outcome::Rejected(Cause::Refused);
        let failed = AttemptRecord::new(1_795_298_400_000, 1, 404, vec![(at(3), refused), (at(4), Outcome::Delivered)]);
        let places = vec![(1, at(3).1)];
        let filter = crate::LetterFilter { places, reason: Some("refused".to_owned()), ..Default::default() };
        let mark = LetterMark { segment: 1_795_298_400_000, frame: 77, record: 0, event: 0 };
        let resend = Resend {
            number: 9,
            at: event::Millis(8),
            by: "ada".to_owned(),
            filter,
            next: Some(LetterMark::default()),
            end: mark,
            taken: 0,
            delivered: 0,
            withheld: 0,
            failed: 0,
            gone: 0,
        };
        let resent = Resent { number: 9, was: failed.clone(), lanes: vec![42, 43], gone: 2, next: Some(mark) };
        let mut desk = Desk { held: Some(held.clone()), ..Desk::default() };
        desk.groups.say("no such list");
        desk.failed(&failed, 0);
        desk.settled(at(3), refused, event::Millis(6));
        desk.asked(resend.clone());
        desk.resent(&resent);
        desk.settled(at(9), refused, event::Millis(6));
        vec![
            Entry::Desk(Box::new(desk)),
            Entry::Text("no such list".to_owned()),
            Entry::Failed { text: 0, attempt: failed },
            Entry::Held(Some(held)),
            Entry::Held(None),
            Entry::ResendAsked(resend),
            Entry::Resent(resent),
        ]
    }
}
