//! Positions of events that wait behind a parked event of their subject, on disk when there are too many for memory.
//!
//! A receiver that fails for some subjects only, for hours, lines up everything that those subjects do. In memory an
//! event that waits is about a hundred bytes; here it is a slot of forty in a scratch file and nothing in memory but
//! one entry per subject. Its payload is in neither: it is read from the log again when its turn comes.
//!
//! ```text
//! slot:  seq u64 · block u64 · index u32 · partition u16 · failed u16 · failures u32 · next u32 · first failed i64
//! ```
//!
//! The slots of one lane are a list, oldest first, so a lane that goes on finds its events without reading those of
//! others. Slots that became free are a list too, so the file is never larger than the most that waited at once.
//!
//! The file is scratch: what waits is in the result log (as `Pending` or `Progress`), from which a start after a
//! crash lines everything up again. Rejected: reading the log a second time for the lanes that wait (it decodes every
//! event of hours to find a few), and one append-only list for all lanes (a lane that goes on would wait for those in
//! front of it that do not).

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use event::Millis;
use eventlog::{Partition, Position};
use hashbrown::HashMap;

use crate::cursor::before;
use crate::lane::Item;
use crate::result_log::format::PendingEvent;

const SLOT: usize = 40;
const SLOT_BYTES: u64 = SLOT as u64;
const NONE: u32 = u32::MAX;
/// Where `next` stands in a slot.
const NEXT_AT: u64 = 28;
/// Blocks are counted in groups of so many: a floor that is a little too low only holds the log a little longer.
const FLOOR_BLOCKS: u64 = 1 << 16;

/// A slot as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    seq: u64,
    event: PendingEvent,
    next: u32,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    first: u32,
    last: u32,
}

/// The file and what is known of it.
#[derive(Debug)]
pub(crate) struct Spill {
    path: PathBuf,
    file: Option<File>,
    runs: HashMap<u64, Run>,
    free: u32,
    slots: u32,
    events: u64,
    floors: BTreeMap<(u16, u64), u64>,
}

impl Spill {
    /// None yet; the file is made with the first event.
    pub(crate) fn new(directory: &Path) -> Self {
        let path = directory.join("waiting.spill");
        Self { path, file: None, runs: HashMap::new(), free: NONE, slots: 0, events: 0, floors: BTreeMap::new() }
    }

    /// Puts events behind those of their lanes. What the disk did not take comes back with the reason.
    pub(crate) fn store(&mut self, items: Vec<Item>) -> Result<(), (Vec<Item>, io::Error)> {
        let mut items = items.into_iter();
        while let Some(item) = items.next() {
            if let Err(error) = self.put(&item) {
                return Err((std::iter::once(item).chain(items).collect(), error));
            }
        }
        Ok(())
    }

    fn put(&mut self, item: &Item) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let fresh = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&self.path)?;
                none.insert(fresh)
            }
        };
        let (slot, free) = if self.free == NONE {
            if self.slots == NONE {
                return Err(io::Error::other("four thousand million events wait"));
            }
            (self.slots, NONE)
        } else {
            (self.free, read_slot(file, self.free, 0)?.next)
        };
        let written = Slot { seq: item.seq, event: item.pending(), next: NONE };
        file.write_all_at(&written.to_bytes(), u64::from(slot) * SLOT_BYTES)?;
        let run = self.runs.get_mut(&item.lane);
        match run {
            Some(run) => {
                file.write_all_at(&slot.to_le_bytes(), u64::from(run.last) * SLOT_BYTES + NEXT_AT)?;
                run.last = slot;
            }
            None => drop(self.runs.insert(item.lane, Run { first: slot, last: slot })),
        }
        if slot == self.slots {
            self.slots += 1;
        }
        self.free = free;
        self.events += 1;
        *self.floors.entry(floor_of(item.partition.0, item.position)).or_default() += 1;
        Ok(())
    }

    /// Takes the oldest events of a lane out, at most so many.
    pub(crate) fn load(&mut self, lane: u64, events_max: usize) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        while items.len() < events_max {
            match self.pop(lane) {
                Ok(Some(slot)) => items.push(Item::waiting(slot.seq, &slot.event)),
                Err(error) if items.is_empty() => return Err(error),
                // What was taken out before an error goes on; the next load meets it first.
                Ok(None) | Err(_) => break,
            }
        }
        Ok(items)
    }

    fn pop(&mut self, lane: u64) -> io::Result<Option<Slot>> {
        let (Some(file), Some(run)) = (&self.file, self.runs.get_mut(&lane)) else { return Ok(None) };
        let at = run.first;
        let slot = read_slot(file, at, lane)?;
        if at == run.last {
            self.runs.remove(&lane);
        } else {
            run.first = slot.next;
        }
        self.release(at, &slot.event);
        Ok(Some(slot))
    }

    /// A slot is no part of a list any more.
    fn release(&mut self, at: u32, event: &PendingEvent) {
        // A slot that cannot be linked is not used again until the file is empty.
        if link(self.file.as_ref(), at, self.free).is_ok() {
            self.free = at;
        }
        let floor = floor_of(event.partition, event.position);
        if let Some(count) = self.floors.get_mut(&floor) {
            *count -= 1;
            if *count == 0 {
                self.floors.remove(&floor);
            }
        }
        self.events -= 1;
        if self.events == 0 {
            self.clear();
        }
    }

    fn clear(&mut self) {
        (self.slots, self.free) = (0, NONE);
        if let Some(file) = &self.file
            && let Err(error) = file.set_len(0)
        {
            tracing::debug!(%error, "a scratch file keeps its length");
        }
    }

    /// Hands over all events, in pieces.
    pub(crate) fn pieces<E>(
        &self,
        events_max: usize,
        mut each: impl FnMut(Vec<PendingEvent>) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<io::Error>,
    {
        let Some(file) = &self.file else { return Ok(()) };
        let mut piece = Vec::new();
        for (lane, run) in &self.runs {
            let mut at = run.first;
            loop {
                let slot = read_slot(file, at, *lane)?;
                piece.push(slot.event);
                if piece.len() >= events_max {
                    each(std::mem::take(&mut piece))?;
                }
                if at == run.last {
                    break;
                }
                at = slot.next;
            }
        }
        if piece.is_empty() { Ok(()) } else { each(piece) }
    }

    /// Removes what is in a partition up to a position. Returns how many events that were, by lane, also when the disk
    /// stopped it: what is removed is removed, and what stays stays where it is, because a full disk, on which backlogs
    /// are given up, would not take it again.
    pub(crate) fn remove_through(
        &mut self,
        partition: Partition,
        through: Position,
    ) -> (Vec<(u64, u64)>, io::Result<()>) {
        let lanes: Vec<u64> = self.runs.keys().copied().collect();
        let mut removed = Vec::new();
        for lane in lanes {
            let mut events = 0;
            let unlinked = self.unlink_through(lane, partition, through, &mut events);
            if events > 0 {
                removed.push((lane, events));
            }
            if unlinked.is_err() {
                return (removed, unlinked);
            }
        }
        (removed, Ok(()))
    }

    fn unlink_through(&mut self, lane: u64, of: Partition, through: Position, events: &mut u64) -> io::Result<()> {
        let Some(run) = self.runs.get(&lane).copied() else { return Ok(()) };
        let (mut at, mut kept) = (run.first, None);
        loop {
            let Some(file) = &self.file else { return Ok(()) };
            let slot = read_slot(file, at, lane)?;
            let next = if at == run.last { NONE } else { slot.next };
            if slot.event.partition == of.0 && slot.event.position <= through {
                self.unlink(lane, kept, next)?;
                self.release(at, &slot.event);
                *events += 1;
            } else {
                kept = Some(at);
            }
            if next == NONE {
                return Ok(());
            }
            at = next;
        }
    }

    /// Lets a lane's list go on with `next` behind the slot that was kept last, or begin with it.
    fn unlink(&mut self, lane: u64, kept: Option<u32>, next: u32) -> io::Result<()> {
        if let Some(kept) = kept {
            link(self.file.as_ref(), kept, next)?;
        }
        match (self.runs.get_mut(&lane), kept) {
            (Some(run), Some(kept)) if next == NONE => run.last = kept,
            (Some(run), None) if next != NONE => run.first = next,
            (Some(_), None) => drop(self.runs.remove(&lane)),
            _ => {}
        }
        Ok(())
    }

    /// The position up to which nothing of a partition is needed here nor above `cursor`.
    pub(crate) fn released(&self, partition: Partition, cursor: Option<Position>) -> Option<Position> {
        match self.floors.range((partition.0, 0)..=(partition.0, u64::MAX)).next() {
            Some(((_, group), _)) => cursor.min(before(Position { block: group * FLOOR_BLOCKS, index: 0 })),
            None => cursor,
        }
    }
}

fn floor_of(partition: u16, position: Position) -> (u16, u64) {
    (partition, position.block / FLOOR_BLOCKS)
}

/// Lets a slot say which comes next.
fn link(file: Option<&File>, at: u32, next: u32) -> io::Result<()> {
    file.map_or(Ok(()), |file| file.write_all_at(&next.to_le_bytes(), u64::from(at) * SLOT_BYTES + NEXT_AT))
}

fn read_slot(file: &File, at: u32, lane: u64) -> io::Result<Slot> {
    let mut bytes = [0; SLOT];
    file.read_exact_at(&mut bytes, u64::from(at) * SLOT_BYTES)?;
    Slot::from_bytes(&bytes, lane).ok_or_else(|| io::Error::other("a slot has forty bytes"))
}

impl Slot {
    fn to_bytes(self) -> [u8; SLOT] {
        let mut bytes = [0; SLOT];
        let event = &self.event;
        bytes[..8].copy_from_slice(&self.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&event.position.block.to_le_bytes());
        bytes[16..20].copy_from_slice(&event.position.index.to_le_bytes());
        bytes[20..22].copy_from_slice(&event.partition.to_le_bytes());
        bytes[22..24].copy_from_slice(&u16::from(event.first_failed_ms.is_some()).to_le_bytes());
        bytes[24..28].copy_from_slice(&event.failures.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.next.to_le_bytes());
        bytes[32..].copy_from_slice(&event.first_failed_ms.unwrap_or_default().to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8], lane: u64) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk()?;
        let (block, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (partition, rest) = rest.split_first_chunk()?;
        let (failed, rest) = rest.split_first_chunk()?;
        let (failures, rest) = rest.split_first_chunk()?;
        let (next, rest) = rest.split_first_chunk()?;
        let (first, _) = rest.split_first_chunk()?;
        let position = Position { block: u64::from_le_bytes(*block), index: u32::from_le_bytes(*index) };
        let first_failed_ms = (u16::from_le_bytes(*failed) != 0).then_some(i64::from_le_bytes(*first));
        let (partition, failures) = (u16::from_le_bytes(*partition), u32::from_le_bytes(*failures));
        let event = PendingEvent { partition, position, lane, failures, first_failed_ms };
        Some(Self { seq: u64::from_le_bytes(*seq), event, next: u32::from_le_bytes(*next) })
    }
}

impl Item {
    /// An event that waits, without its payload.
    pub(crate) fn waiting(seq: u64, event: &PendingEvent) -> Self {
        Self {
            seq,
            partition: Partition(event.partition),
            position: event.position,
            lane: event.lane,
            failures: event.failures,
            first_failed: event.first_failed_ms.map(Millis),
            arrived: tokio::time::Instant::now(),
            payload: None,
        }
    }

    /// The same as the result log has it.
    pub(crate) fn pending(&self) -> PendingEvent {
        PendingEvent {
            partition: self.partition.0,
            position: self.position,
            lane: self.lane,
            failures: self.failures,
            first_failed_ms: self.first_failed.map(|moment| moment.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn item(seq: u64, lane: u64) -> Item {
        let position = Position { block: seq << 12, index: u32::try_from(seq % 7).expect("small") };
        let first_failed_ms = seq.is_multiple_of(3).then_some(-5);
        let failures = u32::from(first_failed_ms.is_some());
        Item::waiting(seq, &PendingEvent { partition: (lane % 2) as u16, position, lane, failures, first_failed_ms })
    }

    fn waiting(spill: &Spill) -> Vec<PendingEvent> {
        let mut all = Vec::new();
        spill
            .pieces(3, |piece| {
                all.extend(piece);
                io::Result::Ok(())
            })
            .expect("read");
        all.sort_by_key(|event| (event.partition, event.position));
        all
    }

    proptest! {
        /// Against lists in memory: each lane comes back in order, slots are used again, floors are never too high.
        #[test]
        fn it_is_a_list_per_lane(steps in proptest::collection::vec((0_u64..5, 0_usize..4), 1..200)) {
            let directory = tempfile::tempdir().expect("a directory");
            let mut spill = Spill::new(directory.path());
            let mut model: BTreeMap<u64, VecDeque<PendingEvent>> = BTreeMap::new();
            let mut most = 0;
            for (seq, (lane, take)) in (0_u64..).zip(steps) {
                if lane == 4 && take == 1 {
                    let through = item(seq / 2, 0).position;
                    let (removed, done) = spill.remove_through(Partition(0), through);
                    done.expect("removed");
                    let gone = |event: &PendingEvent| event.partition == 0 && event.position <= through;
                    let before: usize = model.values().map(VecDeque::len).sum();
                    for held in model.values_mut() {
                        held.retain(|event| !gone(event));
                    }
                    let after: usize = model.values().map(VecDeque::len).sum();
                    prop_assert_eq!(removed.iter().map(|(_, events)| *events).sum::<u64>(), (before - after) as u64);
                } else if take == 0 {
                    spill.store(vec![item(seq, lane)]).expect("stored");
                    model.entry(lane).or_default().push_back(item(seq, lane).pending());
                } else {
                    let held = model.entry(lane).or_default();
                    let expected: Vec<_> = held.drain(..take.min(held.len())).collect();
                    let loaded = spill.load(lane, take).expect("loaded");
                    prop_assert_eq!(loaded.iter().map(Item::pending).collect::<Vec<_>>(), expected);
                }
                let mut expected: Vec<_> = model.values().flatten().copied().collect();
                expected.sort_by_key(|event| (event.partition, event.position));
                most = most.max(expected.len() as u64);
                prop_assert_eq!(waiting(&spill), expected.clone());
                for partition in [Partition(0), Partition(1)] {
                    let first = expected.iter().find(|event| event.partition == partition.0);
                    let end = Some(Position { block: u64::MAX, index: 0 });
                    let released = spill.released(partition, end);
                    prop_assert_eq!(released == end, first.is_none());
                    prop_assert!(first.is_none_or(|first| released < Some(first.position)));
                }
            }
            let length = std::fs::metadata(directory.path().join("waiting.spill")).map_or(0, |file| file.len());
            prop_assert!(length <= most * SLOT_BYTES, "{length} bytes for {most} events");
        }
    }

    #[test]
    fn a_range_that_is_given_up_is_taken_out_of_every_lane() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut spill = Spill::new(directory.path());
        spill.store((0..12).map(|seq| item(seq, seq % 4)).collect()).expect("stored");
        let (mut removed, done) = spill.remove_through(Partition(0), item(8, 0).position);
        done.expect("removed");
        removed.sort_unstable();
        assert_eq!(removed, [(0, 3), (2, 2)]);
        assert_eq!(waiting(&spill).len(), 7);
        assert_eq!(spill.load(2, 9).expect("loaded").iter().map(|item| item.seq).collect::<Vec<_>>(), [10]);
    }
}
