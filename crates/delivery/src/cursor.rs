//! Where a destination stands, folded from its result log.
//!
//! The cursor is not one number: behind `read_through` some events are still waiting, and beyond it (results since
//! the last checkpoint) some are done already. Both sets are small; everything else is plain.

use std::collections::{BTreeMap, HashMap};

use event::Millis;
use eventlog::{Partition, Position};

use crate::Outcome;
use crate::desk::Desk;
use crate::replay::Replays;
use crate::result_log::format::{AttemptRecord, Checkpoint, Dropped, Entry, PendingEvent, Place, Progress, Resent};

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
    /// What operators see and did.
    pub(crate) desk: Desk,
    /// What is sent again from the archive.
    pub(crate) replays: Replays,
    /// What the next checkpoint will hold besides its own.
    gathered: Vec<PendingEvent>,
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
            pending: checkpoint.pending.iter().map(|event| (event.place(), *event)).collect(),
            ahead: HashMap::new(),
            totals: checkpoint.totals.iter().filter_map(outcome).collect(),
            desk: Desk::default(),
            replays: Replays::default(),
            gathered: Vec::new(),
        }
    }

    fn begin(&mut self, checkpoint: &Checkpoint) {
        let gathered = std::mem::take(&mut self.gathered);
        let (desk, replays) = (std::mem::take(&mut self.desk), std::mem::take(&mut self.replays));
        *self = Self { desk, replays, ..Self::at(checkpoint) };
        self.pending.extend(gathered.into_iter().map(|event| (event.place(), event)));
    }

    /// The state after one more record.
    pub(crate) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Checkpoint(checkpoint) => self.begin(checkpoint),
            // A list that a crash broke off may stand before the one that counts.
            Entry::Pending(events) if events.is_empty() => self.gathered.clear(),
            Entry::Pending(events) => self.gathered.extend(events),
            Entry::Progress(progress) => self.advance(progress),
            Entry::Dropped(dropped) => self.drop_range(dropped),
            Entry::Lost(lost) => {
                *self.totals.entry(lost.outcome()).or_default() += lost.records;
                self.replays.lost(lost);
            }
            Entry::Attempt(attempt) => self.results(attempt),
            Entry::Failed { text, attempt } => {
                self.desk.failed(attempt, *text);
                self.results(attempt);
            }
            Entry::Desk(desk) => self.desk = Desk::clone(desk),
            Entry::Text(text) => self.desk.groups.say(text),
            Entry::Held(held) => self.desk.held.clone_from(held),
            Entry::ResendAsked(resend) => self.desk.asked(resend.clone()),
            Entry::Resent(resent) => self.resent(resent),
            Entry::Replays(replays) => self.replays.clone_from(replays),
            Entry::Replay(replay) => self.replays.put(replay),
            Entry::ReplayFed(fed) => self.replays.fed(fed),
        }
    }

    fn results(&mut self, attempt: &AttemptRecord) {
        for (place, outcome) in attempt.events() {
            self.one(place, outcome, Millis(attempt.at_ms));
            self.desk.settled(place, outcome, Millis(attempt.at_ms));
            self.replays.settled(place, outcome);
        }
    }

    /// Dead letters wait again, as if they had never been tried.
    fn resent(&mut self, resent: &Resent) {
        self.take_back(resent);
        for (((partition, position), _), lane) in resent.was.events().zip(&resent.lanes) {
            let (failures, first_failed_ms) = (0, None);
            let event = PendingEvent { partition: partition.0, position, lane: *lane, failures, first_failed_ms };
            self.pending.insert(event.place(), event);
        }
    }

    /// What had become of dead letters that are sent again is no result any more.
    pub(crate) fn take_back(&mut self, resent: &Resent) {
        for (outcome, count) in resent.was.counts() {
            if let Some(total) = self.totals.get_mut(&outcome) {
                *total = total.saturating_sub(count);
            }
        }
        self.desk.resent(resent);
        self.replays.resent(resent);
    }

    /// What was read waits from now on, unless its result came first.
    fn advance(&mut self, progress: &Progress) {
        for event in &progress.taken {
            match self.ahead.get(&event.place()) {
                Some(Ahead::Done) => {}
                // The event was written down with its failures: the records before are in them.
                Some(Ahead::Failed(..)) | None => drop(self.pending.insert(event.place(), *event)),
            }
        }
        self.read_through.extend(progress.read_through.iter().map(|(of, through)| (Partition(*of), *through)));
        let read_through = &self.read_through;
        self.ahead.retain(|(of, position), _| read_through.get(of).is_none_or(|through| Some(*position) > *through));
    }

    fn one(&mut self, place: Place, outcome: Outcome, at: Millis) {
        if matches!(outcome, Outcome::Waiting(cause) if cause.is_pause()) {
            return;
        }
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
        self.pending.retain(|place, _| !dropped.covers(*place));
        self.ahead.retain(|place, _| !dropped.covers(*place));
        self.desk.given_up(|place| dropped.covers(place));
        self.replays.dropped(dropped);
        let through = self.read_through.entry(Partition(dropped.partition)).or_default();
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

    fn at(index: u32) -> Place {
        (Partition(0), Position { block: 5, index })
    }

    fn event(index: u32, failures: u32) -> PendingEvent {
        let first_failed_ms = (failures > 0).then_some(10);
        PendingEvent { partition: 0, position: at(index).1, lane: 7, failures, first_failed_ms }
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
    fn progress_adds_what_was_read_and_keeps_what_waits() {
        let mut folded = Folded::default();
        folded.apply(&Entry::Pending(vec![event(9, 1)]));
        folded.apply(&Entry::Pending(Vec::new()));
        folded.apply(&Entry::Pending(vec![event(1, 3)]));
        let read_through = vec![(0, Some(at(2).1))];
        folded.apply(&Entry::Checkpoint(Checkpoint { read_through, pending: vec![event(2, 0)], ..Default::default() }));
        assert_eq!(folded.pending.keys().copied().collect::<Vec<_>>(), [at(1), at(2)]);
        let waiting = Outcome::Waiting(Cause::Timeout);
        folded.apply(&attempt(vec![(at(1), waiting), (at(3), Outcome::Delivered), (at(4), waiting)]));
        folded.apply(&attempt(vec![(at(2), Outcome::Waiting(Cause::CredentialsBroken))]));
        // Written down while 3 was in the spill; its result had come before.
        let taken = vec![event(3, 0), event(4, 1)];
        folded.apply(&Entry::Progress(Progress { at_ms: 12, read_through: vec![(0, Some(at(5).1))], taken }));
        let failures: Vec<_> = folded.pending.iter().map(|(place, event)| (*place, event.failures)).collect();
        assert_eq!(failures, [(at(1), 4), (at(2), 0), (at(4), 1)], "a pause is no failure, a failure counts once");
        assert!(folded.ahead.is_empty());
        assert_eq!(folded.read_through[&Partition(0)], Some(at(5).1));
    }

    #[test]
    fn before_is_the_last_position_that_may_go() {
        assert_eq!(before(at(1).1), Some(at(0).1));
        assert_eq!(before(at(0).1), Some(Position { block: 4, index: u32::MAX }));
        assert_eq!(before(Position { block: 0, index: 0 }), None);
    }
}
