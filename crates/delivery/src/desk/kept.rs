//! Which stretches of the log dead letters stand in: as long as they may be sent again, the log keeps them.
//!
//! The log deletes whole segments, so a count per few megabytes says as much as one place per event, and costs a few
//! entries however many events were refused. A stretch is let go when all of it was sent again, when it is older than
//! a backlog may be, or when the log is over what is left for it; the log's own retention ends every hold.

use std::collections::BTreeMap;

use event::Millis;
use eventlog::{Partition, Position};
use serde::{Deserialize, Serialize};

use crate::cursor::before;
use crate::result_log::format::Place;

/// Bytes of a log in files.
pub(super) const STRETCH: u64 = 1 << 22;

/// The dead letters of a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    letters: u64,
    /// When the latest was given up.
    latest: Millis,
}

/// The stretches by partition and number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Kept(BTreeMap<(u16, u64), Count>);

fn stretch((partition, position): Place) -> (u16, u64) {
    (partition.0, position.block / STRETCH)
}

impl Kept {
    pub(crate) fn add(&mut self, place: Place, at: Millis) {
        let count = self.0.entry(stretch(place)).or_insert(Count { letters: 0, latest: at });
        count.letters += 1;
        count.latest = count.latest.max(at);
    }

    pub(crate) fn remove(&mut self, place: Place) {
        let of = stretch(place);
        let Some(count) = self.0.get_mut(&of) else { return };
        count.letters = count.letters.saturating_sub(1);
        if count.letters == 0 {
            self.0.remove(&of);
        }
    }

    /// Lets go of what was given up before a moment.
    pub(crate) fn expire(&mut self, before: Millis) {
        self.0.retain(|_, count| count.latest >= before);
    }

    /// Lets go of the oldest stretch of each partition; `false` when there is none.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let mut last = None;
        let before = self.0.len();
        self.0.retain(|(partition, _), _| last.replace(*partition) == Some(*partition));
        self.0.len() < before
    }

    /// Lets go of the oldest stretch of one partition; `false` when there is none.
    pub(crate) fn drop_oldest_of(&mut self, partition: Partition) -> bool {
        let oldest = self.0.range((partition.0, 0)..=(partition.0, u64::MAX)).next().map(|(of, _)| *of);
        oldest.is_some_and(|of| self.0.remove(&of).is_some())
    }

    /// The position up to which nothing of a partition is needed here nor above `cursor`.
    pub(crate) fn released(&self, partition: Partition, cursor: Option<Position>) -> Option<Position> {
        match self.0.range((partition.0, 0)..=(partition.0, u64::MAX)).next() {
            Some(((_, number), _)) => cursor.min(before(Position { block: number * STRETCH, index: 0 })),
            None => cursor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_held_until_its_last_letter_is_taken_up_or_too_old() {
        let at = |block: u64| (Partition(1), Position { block: block * STRETCH + 9, index: 3 });
        let mut kept = Kept::default();
        for (block, ms) in [(2, 10), (2, 20), (5, 30)] {
            kept.add(at(block), Millis(ms));
        }
        let cursor = Some(at(9).1);
        let holds = |kept: &Kept| kept.released(Partition(1), cursor).map(|position| position.block / STRETCH);
        assert_eq!((holds(&kept), kept.released(Partition(0), cursor)), (Some(1), cursor));
        kept.remove(at(2));
        assert_eq!(holds(&kept), Some(1), "one of the two is still there");
        kept.remove(at(2));
        assert_eq!(holds(&kept), Some(4));
        kept.expire(Millis(30));
        assert!(kept.drop_oldest() && !kept.drop_oldest());
        assert_eq!(kept.released(Partition(1), cursor), cursor);
    }
}
