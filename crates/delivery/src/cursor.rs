//! Where a destination stands, folded from its result log.
//!
//! The cursor is not one number: behind `read_through` some events are still waiting, and beyond it (results since
//! the last checkpoint) some are done already. Both sets are small; everything else is plain.

use std::collections::{BTreeMap, HashMap};

use event::Millis;
use eventlog::{Partition, Position};

use crate::Outcome;
use crate::result_log::format::{Checkpoint, Dropped, Entry, PendingEvent, Place};

/// The state at the end of a result log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Folded {
    /// How far each partition was read at the last checkpoint.
    pub(crate) read_through: BTreeMap<Partition, Option<Position>>,
    /// Read, without a final result.
    pub(crate) pending: BTreeMap<Place, PendingEvent>,
    /// What happened beyond `read_through`.
    pub(crate) ahead: HashMap<Place, Ahead>,
    /// Final results by outcome.
    pub(crate) totals: BTreeMap<Outcome, u64>,
}

/// What happened to an event that will be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// It has its final result.
    Done,
    /// It failed so many times, first at that moment.
    Failed(u32, Millis),
}

impl Folded {
    /// The state of a checkpoint.
    pub(crate) fn at(checkpoint: &Checkpoint) -> Self {
        let outcome = |(bytes, count): &([u8; 2], u64)| Some((Outcome::from_bytes(*bytes)?, *count));
        Self {
            read_through: checkpoint
                .read_through
                .iter()
                .map(|(partition, through)| (Partition(*partition), *through))
                .collect(),
            pending: checkpoint
                .pending
                .iter()
                .map(|event| ((Partition(event.partition), event.position), *event))
                .collect(),
            ahead: HashMap::new(),
            totals: checkpoint.totals.iter().filter_map(outcome).collect(),
        }
    }

    /// The state after one more record.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Checkpoint(checkpoint) => *self = Self::at(checkpoint),
            Entry::Dropped(dropped) => self.drop_range(dropped),
            Entry::Attempt(attempt) => {
                for (place, outcome) in attempt.events() {
                    self.one(place, outcome, Millis(attempt.at_ms));
                }
            }
        }
    }

    fn one(&mut self, place: Place, outcome: Outcome, at: Millis) {
        if outcome.is_final() {
            *self.totals.entry(outcome).or_default() += 1;
            if self.pending.remove(&place).is_none() {
                self.ahead.insert(place, Ahead::Done);
            }
        } else if let Some(pending) = self.pending.get_mut(&place) {
            pending.failures += 1;
            pending.first_failed_ms.get_or_insert(at.0);
        } else {
            let (failures, first) = match self.ahead.get(&place) {
                Some(Ahead::Failed(failures, first)) => (failures + 1, *first),
                _ => (1, at),
            };
            self.ahead.insert(place, Ahead::Failed(failures, first));
        }
    }

    fn drop_range(&mut self, dropped: &Dropped) {
        let partition = Partition(dropped.partition);
        let inside = |place: &Place| {
            place.0 == partition && place.1 <= dropped.through && dropped.after.is_none_or(|after| place.1 > after)
        };
        self.pending.retain(|place, _| !inside(place));
        self.ahead.retain(|place, _| !inside(place));
        let through = self.read_through.entry(partition).or_default();
        *through = (*through).max(Some(dropped.through));
        let outcome = Outcome::DeadLettered(crate::Cause::BacklogOverBudget);
        *self.totals.entry(outcome).or_default() += dropped.events;
    }
}

/// The position up to which nothing is needed, when `needed` is the lowest that is.
pub(crate) fn before(needed: Position) -> Option<Position> {
    match needed.index.checked_sub(1) {
        Some(index) => Some(Position { block: needed.block, index }),
        None => needed.block.checked_sub(1).map(|block| Position { block, index: u32::MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;
    use crate::result_log::format::AttemptRecord;

    fn at(index: u32) -> Place {
        (Partition(0), Position { block: 5, index })
    }

    fn attempt(events: Vec<(Place, Outcome)>) -> Entry {
        Entry::Attempt(AttemptRecord::new(10, 1, 0, events))
    }

    #[test]
    fn results_settle_what_waits_and_are_remembered_beyond_the_checkpoint() {
        let pending = PendingEvent { partition: 0, position: at(1).1, lane: 7, failures: 0, first_failed_ms: None };
        let mut folded = Folded::at(&Checkpoint {
            at_ms: 1,
            read_through: vec![(0, Some(at(2).1))],
            pending: vec![pending, PendingEvent { position: at(2).1, ..pending }],
            totals: vec![([0, 0], 5)],
        });
        let waiting = Outcome::Waiting(Cause::Timeout);
        folded.apply(&attempt(vec![
            (at(1), Outcome::Delivered),
            (at(2), waiting),
            (at(3), Outcome::Delivered),
            (at(4), waiting),
        ]));
        folded.apply(&attempt(vec![(at(4), waiting)]));
        assert_eq!(folded.pending[&at(2)].failures, 1);
        assert_eq!((folded.pending.len(), folded.totals[&Outcome::Delivered]), (1, 7));
        assert_eq!(folded.ahead[&at(3)], Ahead::Done);
        assert_eq!(folded.ahead[&at(4)], Ahead::Failed(2, Millis(10)));
        folded.apply(&Entry::Dropped(Dropped { at_ms: 11, partition: 0, after: None, through: at(3).1, events: 2 }));
        assert!(folded.pending.is_empty());
        assert_eq!((folded.read_through[&Partition(0)], folded.ahead.len()), (Some(at(3).1), 1));
    }

    #[test]
    fn before_is_the_last_position_that_may_go() {
        assert_eq!(before(at(1).1), Some(at(0).1));
        assert_eq!(before(at(0).1), Some(Position { block: 4, index: u32::MAX }));
        assert_eq!(before(Position { block: 0, index: 0 }), None);
    }
}
