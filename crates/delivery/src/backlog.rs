//! How far a destination is behind, in bytes and in time, without reading what lies between: marks along each
//! partition. One follower sets them at the tail for all destinations; the log's positions stay opaque.
//!
//! Marks are in memory. After a restart the distance to what lies before the first mark is counted from there, so a
//! backlog may grow to its budget in bytes once more before it is cut. Its age the log remembers: what the log lets go of
//! for its age must have become a dead letter before.

use std::collections::VecDeque;
use std::sync::Mutex;

use event::Millis;
use eventlog::{Partition, Position};

/// What a destination may leave behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacklogBudget {
    /// Bytes of records behind the tail, over all partitions.
    pub bytes_max: u64,
    /// Age of the oldest record.
    pub age_ms_max: i64,
}

impl Default for BacklogBudget {
    fn default() -> Self {
        Self { bytes_max: 8 << 30, age_ms_max: 72 * 3_600_000 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    position: Position,
    /// Bytes of the partition up to and including it.
    bytes: u64,
    received_at: Millis,
}

#[derive(Debug, Default)]
struct Line {
    marks: VecDeque<Mark>,
    bytes: u64,
}

/// The marks of all partitions.
#[derive(Debug)]
pub(crate) struct Ruler {
    lines: Mutex<Vec<Line>>,
    step_bytes: u64,
    budget: BacklogBudget,
}

/// Marks are this fraction of a partition's budget apart.
const STEPS: u64 = 64;

impl Ruler {
    pub(crate) fn new(partitions: u16, budget: BacklogBudget) -> Self {
        let lines = (0..partitions).map(|_| Line::default()).collect();
        let step_bytes = budget.bytes_max / u64::from(partitions.max(1)) / STEPS;
        Self { lines: Mutex::new(lines), step_bytes, budget }
    }

    /// What a destination may leave behind.
    pub(crate) fn budget(&self) -> BacklogBudget {
        self.budget
    }

    /// The tail has moved past one more record.
    pub(crate) fn passed(&self, partition: Partition, position: Position, bytes: u64, received_at: Millis) {
        const MARK_MS: i64 = 600_000;
        let mut lines = self.lines.lock().expect("no holder of the ruler panics");
        let Some(line) = lines.get_mut(usize::from(partition.0)) else { return };
        line.bytes += bytes;
        let is_far = line.marks.back().is_none_or(|last| {
            line.bytes - last.bytes >= self.step_bytes || received_at.0 - last.received_at.0 >= MARK_MS
        });
        if is_far {
            line.marks.push_back(Mark { position, bytes: line.bytes, received_at });
        }
        // What is behind twice the budget is behind the budget too.
        while line.marks.len() > 2 && line.bytes - line.marks[1].bytes > self.budget.bytes_max.saturating_mul(2) {
            line.marks.pop_front();
        }
    }

    /// Bytes between each cursor and the tail.
    pub(crate) fn behind(&self, cursors: &[Option<Position>]) -> u64 {
        let lines = self.lines.lock().expect("no holder of the ruler panics");
        lines.iter().zip(cursors).map(|(line, cursor)| line.behind(*cursor)).sum()
    }

    /// Where the cursors must at least be: each partition's new cursor, for those that are over. When the bytes are
    /// over, half of the budget is left, so that it is not over again at once. `older_than` is the log's own word on what
    /// was appended before a time.
    pub(crate) fn cut(
        &self,
        cursors: &[Option<Position>],
        now: Millis,
        older_than: impl Fn(Partition, Millis) -> Option<Position>,
    ) -> Vec<(Partition, Position)> {
        let too_old_since = Millis(now.0.saturating_sub(self.budget.age_ms_max));
        let over = self.behind(cursors) > self.budget.bytes_max;
        let lines = self.lines.lock().expect("no holder of the ruler panics");
        let share = self.budget.bytes_max / 2 / (lines.len().max(1) as u64);
        let mut cuts = Vec::new();
        for ((partition, line), cursor) in (0..).zip(lines.iter()).zip(cursors) {
            let too_old = |mark: &&Mark| mark.received_at < too_old_since;
            let too_far = |mark: &&Mark| over && line.bytes - mark.bytes > share;
            let marked = line.marks.iter().take_while(|mark| too_old(mark) || too_far(mark)).last();
            let cut = marked.map(|mark| mark.position).max(older_than(Partition(partition), too_old_since));
            cuts.extend(cut.filter(|cut| Some(*cut) > *cursor).map(|cut| (Partition(partition), cut)));
        }
        cuts
    }
}

impl Line {
    fn behind(&self, cursor: Option<Position>) -> u64 {
        let after = self.marks.partition_point(|mark| Some(mark.position) <= cursor);
        match after.checked_sub(1) {
            Some(mark) => self.bytes - self.marks[mark].bytes,
            None => self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_budget_half_is_left() {
        let ruler = Ruler::new(1, BacklogBudget { bytes_max: 6_400, age_ms_max: 1_000 });
        let at = |index| Position { block: 1, index };
        let unknown = |_, _| None;
        for index in 0..64 {
            ruler.passed(Partition(0), at(index), 100, Millis(0));
        }
        assert_eq!((ruler.behind(&[None]), ruler.behind(&[Some(at(31))])), (6_400, 3_200));
        assert!(ruler.cut(&[None], Millis(0), unknown).is_empty());
        ruler.passed(Partition(0), at(64), 100, Millis(0));
        assert_eq!(ruler.cut(&[None], Millis(0), unknown), [(Partition(0), at(31))]);
        assert!(ruler.cut(&[Some(at(31))], Millis(0), unknown).is_empty());
        assert_eq!(ruler.cut(&[Some(at(31))], Millis(1_001), unknown), [(Partition(0), at(64))]);
    }

    #[test]
    fn after_a_restart_the_log_says_what_is_too_old() {
        let ruler = Ruler::new(2, BacklogBudget { bytes_max: 6_400, age_ms_max: 1_000 });
        let at = |index| Position { block: 1, index };
        let older_than = |partition, time| (partition == Partition(1) && time == Millis(4_000)).then(|| at(7));
        assert_eq!(ruler.cut(&[None, None], Millis(5_000), older_than), [(Partition(1), at(7))]);
        assert!(ruler.cut(&[None, Some(at(7))], Millis(5_000), older_than).is_empty());
    }
}
