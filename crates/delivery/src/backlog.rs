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
    /// The last record that was passed.
    tail: Option<Position>,
}

/// The marks of all partitions.
#[derive(Debug)]
pub(crate) struct Ruler {
    lines: Mutex<Vec<Line>>,
    step_bytes: u64,
    budget: BacklogBudget,
}

/// Far from the tail marks are this fraction of a partition's budget apart.
const STEPS: u64 = 64;
/// … or so much time.
const STEP_MS: i64 = 600_000;
/// The newest marks are closer: without them whoever is up to date seemed a whole step behind, which may be 100 MB.
const NEAR_STEP_BYTES: u64 = 64 * 1024;
const NEAR_MARKS: usize = 64;

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
        let mut lines = self.lines.lock().expect("no holder of the ruler panics");
        let Some(line) = lines.get_mut(usize::from(partition.0)) else { return };
        line.bytes += bytes;
        line.tail = Some(position);
        let mark = Mark { position, bytes: line.bytes, received_at };
        if line.marks.back().is_none_or(|last| mark.is_beyond(last, self.step_bytes.min(NEAR_STEP_BYTES))) {
            line.marks.push_back(mark);
            line.thin_out(self.step_bytes);
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

impl Mark {
    fn is_beyond(&self, before: &Mark, step_bytes: u64) -> bool {
        self.bytes - before.bytes >= step_bytes || self.received_at.0 - before.received_at.0 >= STEP_MS
    }
}

impl Line {
    /// What is no longer near keeps a mark only every step.
    fn thin_out(&mut self, step_bytes: u64) {
        let Some(at) = self.marks.len().checked_sub(NEAR_MARKS + 1).filter(|at| *at > 0) else { return };
        if !self.marks[at].is_beyond(&self.marks[at - 1], step_bytes) {
            self.marks.remove(at);
        }
    }

    fn behind(&self, cursor: Option<Position>) -> u64 {
        if self.tail <= cursor {
            return 0;
        }
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
    fn near_the_tail_it_is_exact_and_marks_stay_few() {
        const GB: u64 = 1 << 30;
        let ruler = Ruler::new(1, BacklogBudget { bytes_max: 8 * GB, age_ms_max: 1_000 });
        let at = |index| Position { block: 1, index };
        let records = 2_000_000;
        for index in 0..records {
            ruler.passed(Partition(0), at(index), 1_000, Millis(0));
        }
        let behind = |index| ruler.behind(&[Some(at(index))]);
        assert_eq!(behind(records - 1), 0);
        assert!((100_000..100_000 + 2 * NEAR_STEP_BYTES).contains(&behind(records - 101)), "{}", behind(records - 101));
        assert!((GB..GB + 2 * ruler.step_bytes).contains(&behind(records - 1 - 1_073_742)));
        let marks = ruler.lines.lock().expect("not poisoned")[0].marks.len();
        assert!(marks <= NEAR_MARKS + 20, "{marks}");
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
