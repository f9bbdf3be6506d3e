//! How old the records of the log are, as far as segments tell: each says when it was begun.
//!
//! A segment that was begun before a time proves that everything in earlier segments was appended before it. So an
//! age is known without a look at any record, after a restart too, and only ever too young.

use std::sync::Mutex;

use event::Millis;

use super::{Index, Shared};
use crate::{Partition, Position};

/// The latest time before which the active segment must have been begun to be ended. It only grows.
#[derive(Debug, Default)]
pub(super) struct Sealing(Mutex<Option<Millis>>);

impl Sealing {
    fn raise(&self, begun_before: Millis) {
        let mut asked = self.0.lock().expect("no holder of the sealing panics");
        *asked = (*asked).max(Some(begun_before));
    }

    fn begun_before(&self) -> Option<Millis> {
        *self.0.lock().expect("no holder of the sealing panics")
    }
}

impl Index {
    /// A segment without records keeps nobody's, however old it is. One of version 1 is older than any time.
    fn active_was_begun_before(&self, time: Millis) -> bool {
        !self.active.blocks.is_empty() && self.active.begun_at < Some(time)
    }
}

impl Shared {
    /// Notes that segments begun before this are to be ended; true when the active one is such a one.
    pub(super) fn has_to_seal(&self, begun_before: Millis) -> bool {
        self.sealing.raise(begun_before);
        self.index().active_was_begun_before(begun_before)
    }

    /// For the writer, between commits.
    pub(super) fn active_is_too_old(&self) -> bool {
        self.sealing.begun_before().is_some_and(|time| self.index().active_was_begun_before(time))
    }

    /// See [`crate::EventLog::older_than`].
    pub(super) fn older_than(&self, partition: Partition, time: Millis) -> Option<Position> {
        let index = self.index();
        let begun = index.sealed.iter().map(|sealed| sealed.begun_at).chain([index.active.begun_at]);
        let later = begun.enumerate().filter(|(_, begun_at)| begun_at.is_some_and(|at| at < time)).last();
        let (earlier, _) = later?;
        let partition = usize::from(partition.0);
        let trimmed = index.trimmed.get(partition)?;
        index.sealed[..earlier].iter().rev().find_map(|sealed| sealed.last[partition]).or(*trimmed)
    }
}
