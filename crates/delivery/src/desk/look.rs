//! What is looked at every few seconds: how old the oldest event is that waits, how long events take, and what the log
//! keeps for dead letters.

use event::Millis;
use eventlog::record::Processed;
use eventlog::{Partition, Position};

use crate::cursor::before;
use crate::desk::Desk;
use crate::desk::kept::STRETCH;
use crate::follow::Courier;
use crate::lane::Item;

impl Courier {
    /// Looks.
    pub(crate) async fn look(&mut self) {
        let now = self.context.clock.now();
        let latency = self.latency.quantiles(now);
        self.shared.status.lock().expect("no holder of a status panics").latency = latency;
        let oldest = self.oldest_of_backlog();
        self.has_backlog = Some(oldest.iter().any(Option::is_some));
        self.oldest_waiting = self.received_of(oldest).await;
        let desk = &mut self.folded.desk;
        desk.expire(now);
        let budget = self.ruler.budget();
        desk.kept.expire(Millis(now.0.saturating_sub(budget.age_ms_max)));
        // Half of what a backlog may hold, so that dead letters never take the room of what still goes.
        while self.ruler.behind(&self.kept_from()) > budget.bytes_max / 2 && self.folded.desk.kept.drop_oldest() {
            self.changed = true;
        }
        // As many as may be too much: the files go later, with the state that says so.
        let surplus = self.context.log.bytes().saturating_sub(self.limits.spools_bytes_max);
        for _ in 0..surplus.div_ceil(STRETCH) {
            self.changed |= self.folded.desk.kept.drop_oldest_of(self.context.log.replayed());
        }
    }

    fn kept_from(&self) -> Vec<Option<Position>> {
        let mut from: Vec<_> =
            (0..self.context.log.partitions()).map(|of| self.context.log.watermark(Partition(of))).collect();
        self.keep_letters(&mut from);
        from
    }

    /// Lowers what is released to what dead letters need.
    pub(crate) fn keep_letters(&self, released: &mut [Option<Position>]) {
        for (partition, slot) in (0..).zip(released) {
            *slot = self.folded.desk.kept.released(Partition(partition), *slot);
        }
    }

    /// Per partition, the first live event that waits. What is in the spill came after what is in memory of its subject.
    fn oldest_of_backlog(&self) -> Vec<Option<Position>> {
        let mut oldest: Vec<Option<Position>> = vec![None; self.cursors.len()];
        let is_backlog =
            |item: &&Item| !item.is_replayed() && !self.folded.desk.is_resending((item.partition, item.position));
        for item in self.lanes.items().chain(self.flight.items()).filter(is_backlog) {
            let slot = &mut oldest[usize::from(item.partition.0)];
            *slot = Some(slot.map_or(item.position, |known| known.min(item.position)));
        }
        oldest
    }

    /// When the oldest of them was received.
    async fn received_of(&self, oldest: Vec<Option<Position>>) -> Option<Millis> {
        let mut received: Option<Millis> = None;
        for (partition, position) in (0..).zip(oldest) {
            let Some(position) = position else { continue };
            let Ok(records) = self.context.log.read(Partition(partition), before(position), 1).await else { continue };
            let record = records.first().and_then(|record| Processed::decode(&record.payload).ok());
            let Some(at) = record.map(|record| record.event.received_at) else { continue };
            received = Some(received.map_or(at, |known| known.min(at)));
        }
        received
    }

    /// The desk as a whole state holds it; the texts of the records behind it are numbered anew.
    pub(crate) fn begin_desk(&mut self) -> Desk {
        self.folded.desk.groups.forget_texts();
        self.folded.desk.clone()
    }
}
