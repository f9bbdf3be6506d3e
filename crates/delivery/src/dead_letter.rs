//! Giving up, with a record: every event that was read, or could not be, has a result.
//!
//! - A range behind the budget is one record, so that a destination that was down for a week costs a line.
//! - A range that the log cannot read any more (damaged, its key destroyed, or cut off while the destination was
//!   switched off) is one record too. For whom its events were is in them: each destination that meets the range says
//!   that some may have been for it.
//! - A record that does not decode (of a newer release, before a downgrade) is a result of its own.
//!
//! All but what was shredded can be replayed from the lake, which has every event.

use event::Millis;
use eventlog::record::{Processed, RecordError};
use eventlog::{Partition, Position, ReadError};

use crate::cursor::before;
use crate::follow::Courier;
use crate::overview::{Observation, Observed};
use crate::result_log::format::{AttemptRecord, Dropped, Entry, Lost, Place};
use crate::{Cause, Outcome};

const READ_BYTES: usize = 1024 * 1024;

/// Why a record that does not decode is given up.
pub(crate) fn unreadable(error: &RecordError) -> Cause {
    match error {
        RecordError::Newer { .. } => Cause::NewerRelease,
        RecordError::Malformed(_) => Cause::Unreadable,
    }
}

impl Courier {
    /// Passes a range that will never be read. It is written with the next state, so that no crash counts it twice.
    pub(crate) fn lose(&mut self, partition: Partition, through: Position, records: u64, cause: Cause) {
        let after = self.cursors[usize::from(partition.0)];
        self.note_lost(partition, (after, through), records, cause);
        self.move_cursor(partition, through);
    }

    /// Counts a range that will never be read.
    pub(crate) fn note_lost(
        &mut self,
        partition: Partition,
        (after, through): (Option<Position>, Position),
        records: u64,
        cause: Cause,
    ) {
        let lost = Lost::new(self.context.clock.now().0, partition, (after, through), records, cause);
        self.folded.replays.lost(&lost);
        let same = |other: &&mut Lost| other.partition == partition.0 && other.outcome() == lost.outcome();
        match self.lost.iter_mut().rev().find(same).filter(|other| Some(other.through) == after) {
            Some(other) => {
                other.through = through;
                other.records += lost.records;
            }
            None => self.lost.push(lost),
        }
        *self.folded.totals.entry(lost.outcome()).or_default() += lost.records;
        self.metrics.count(&self.labels, lost.outcome(), lost.records);
        self.changed = true;
    }

    /// The ranges that were passed are written down.
    pub(crate) fn lost_is_written(&mut self) {
        for range in std::mem::take(&mut self.lost) {
            let (after, through) = (range.after, range.through);
            let of = Observed::Range { partition: range.partition, after, through, records: range.records };
            self.tell_range(of, range.outcome(), Millis(range.at_ms));
        }
    }

    /// Writes the results of records that do not decode.
    pub(crate) async fn refuse(&mut self, records: Vec<(Place, Outcome)>) {
        if records.is_empty() {
            return;
        }
        let now = self.context.clock.now();
        self.count(&records);
        for ((partition, position), outcome) in &records {
            self.folded.replays.settled((*partition, *position), *outcome);
            let (after, through) = (before(*position), *position);
            let of = Observed::Range { partition: partition.0, after, through, records: 1 };
            self.tell_range(of, *outcome, now);
        }
        tracing::error!(
            destination = self.labels.destination,
            records = records.len(),
            "records of the log do not decode; they became dead letters"
        );
        self.record(vec![Entry::Attempt(AttemptRecord::new(now.0, 0, 0, records))]).await;
    }

    pub(crate) fn tell_range(&self, of: Observed, outcome: Outcome, at: Millis) {
        if (self.observer.wanted)() {
            let (workspace, destination) = (self.context.workspace.clone(), self.context.model.name.shared());
            (self.observer.tell)(Observation { workspace, destination, of, outcome, attempt: 0, status: 0, at });
        }
    }
}

/// Drops what is lined up and what is unread of a partition up to `through`; the cursor jumps there.
pub(crate) async fn give_up(courier: &mut Courier, partition: Partition, through: Position, now: Millis) -> Dropped {
    let after = courier.cursors[usize::from(partition.0)];
    courier.store_spilling().await;
    let spilled = remove_spilled(courier, partition, through).await;
    let lined_up = courier.lanes.remove_through(partition, through) + spilled;
    let unread = count_unread(courier, partition, after, through).await;
    courier.cursors[usize::from(partition.0)] = after.max(Some(through));
    Dropped { at_ms: now.0, partition: partition.0, after: None, through, events: lined_up + unread }
}

async fn remove_spilled(courier: &mut Courier, partition: Partition, through: Position) -> u64 {
    if courier.lanes.spilled() == 0 {
        return 0;
    }
    let given_up = courier.recorder.on_disk(move |files| Ok(files.spill.remove_through(partition, through))).await;
    let (removed, failed) = match given_up {
        Ok((removed, done)) => (removed, done.err().map(|error| error.to_string())),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    if let Some(error) = failed {
        tracing::error!(error, destination = courier.labels.destination, "what waits on disk cannot be given up");
    }
    for (lane, events) in &removed {
        courier.lanes.forget_spilled(*lane, *events);
    }
    removed.iter().map(|(_, events)| events).sum()
}

/// Counts this destination's events after the cursor and up to `through`, for the record.
async fn count_unread(courier: &Courier, partition: Partition, after: Option<Position>, through: Position) -> u64 {
    let (mut events, mut at) = (0, after);
    while at < Some(through) {
        let read = courier.context.log.read(partition, at, READ_BYTES).await;
        match read {
            Ok(records) => {
                let within: Vec<_> = records.into_iter().take_while(|record| record.position <= through).collect();
                let Some(last) = within.last() else { break };
                at = Some(last.position);
                events += within.iter().filter(|record| is_ours(courier, partition, record)).count() as u64;
            }
            // What cannot be read has its result in the range, like the rest of it.
            Err(ReadError::Trimmed { through }) => at = Some(through),
            Err(ReadError::Shredded { next, .. }) => at = Some(next),
            Err(ReadError::Damaged { block, .. }) => at = Some(Position { block, index: u32::MAX }),
            Err(ReadError::Io(_)) => break,
        }
    }
    events
}

fn is_ours(courier: &Courier, partition: Partition, record: &eventlog::Record) -> bool {
    if courier.context.log.is_replayed(partition) && !courier.folded.replays.counts(record.position) {
        // It was put into its spool and never told: it is read of the archive once more.
        return false;
    }
    let name = courier.context.model.name.as_str();
    record.workspace == courier.context.workspace
        && Processed::decode(&record.payload).map_or(true, |record| record.outputs.contains(&name))
}
