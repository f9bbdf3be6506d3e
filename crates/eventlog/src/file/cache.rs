//! Decoded blocks, shared by all readers and bounded in bytes.
//!
//! Twenty destinations read the same tail, so the writer puts each block here as it commits it: a reader that keeps
//! up never touches the disk, and nothing is unsealed or decompressed for it. Eviction is second chance (a queue
//! in order of arrival; a block read since it was last looked at goes round again): nearly least-recently-used,
//! and a hit only sets a flag.
//!
//! A destroyed key must not leave its blocks here in clear ([`Cache::forget`]), nor may one come in afterwards that
//! was decoded while the key still lived. So whoever decodes asks for the [turn](Cache::turn) first, and a block of
//! an earlier turn is not taken: it costs its reader a second decoding, which then says that the key is gone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::format::{LENGTH_BYTES, payload_ranges};
use crate::{Position, Record};

/// A block in clear.
#[derive(Debug)]
pub(super) struct Block {
    offset: u64,
    workspace: Arc<str>,
    raw: Bytes,
    records: u32,
}

impl Block {
    /// `None` when the lengths in `raw` do not add up.
    pub(super) fn new(offset: u64, workspace: Arc<str>, raw: Bytes, records: u32) -> Option<Self> {
        payload_ranges(&raw, records)?;
        Some(Self { offset, workspace, raw, records })
    }

    /// For the writer, which has just laid out `raw` itself.
    pub(super) fn trusted(offset: u64, workspace: Arc<str>, raw: Bytes, records: u32) -> Self {
        Self { offset, workspace, raw, records }
    }

    /// Appends the records from index `from` on to `out`; returns their bytes.
    pub(super) fn records_from(&self, from: u32, out: &mut Vec<Record>) -> usize {
        let mut at = self.records as usize * LENGTH_BYTES;
        let mut taken = 0;
        for (index, length) in (0..self.records).zip(self.raw.chunks_exact(LENGTH_BYTES)) {
            let length = u32::from_le_bytes(length.try_into().expect("chunks are this long")) as usize;
            if index >= from {
                out.push(Record {
                    position: Position { block: self.offset, index },
                    workspace: Arc::clone(&self.workspace),
                    payload: self.raw.slice(at..at + length),
                });
                taken += length;
            }
            at += length;
        }
        taken
    }

    fn bytes(&self) -> usize {
        // The queue, the map and the block itself.
        self.raw.len() + 160
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    /// Grows with every [`Cache::forget`].
    turn: u64,
    bytes: usize,
    blocks: HashMap<u64, Slot>,
    queue: VecDeque<u64>,
}

#[derive(Debug)]
struct Slot {
    block: Arc<Block>,
    used: bool,
}

impl Cache {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, slots: Mutex::default() }
    }

    pub(super) fn get(&self, offset: u64) -> Option<Arc<Block>> {
        let mut slots = self.slots.lock().expect("no holder of the cache panics");
        let slot = slots.blocks.get_mut(&offset)?;
        slot.used = true;
        Some(Arc::clone(&slot.block))
    }

    /// To be asked for before a block is decoded or sealed, and handed to [`Self::extend`] with it.
    pub(super) fn turn(&self) -> u64 {
        self.slots.lock().expect("no holder of the cache panics").turn
    }

    /// Throws out all blocks of a workspace, whatever their key: the others are decoded again when they are wanted.
    pub(super) fn forget(&self, workspace: &str) {
        let mut slots = self.slots.lock().expect("no holder of the cache panics");
        slots.turn += 1;
        let Slots { bytes, blocks, queue, .. } = &mut *slots;
        blocks.retain(|_, slot| {
            let stays = *slot.block.workspace != *workspace;
            *bytes -= if stays { 0 } else { slot.block.bytes() };
            stays
        });
        queue.retain(|offset| blocks.contains_key(offset));
    }

    /// Adds blocks that were decoded in this turn, under one lock.
    pub(super) fn extend(&self, turn: u64, blocks: impl IntoIterator<Item = Arc<Block>>) {
        let mut slots = self.slots.lock().expect("no holder of the cache panics");
        if slots.turn != turn {
            return;
        }
        for block in blocks {
            slots.insert(block);
        }
        slots.shrink(self.bytes_max);
    }
}

impl Slots {
    fn insert(&mut self, block: Arc<Block>) {
        let (offset, bytes) = (block.offset, block.bytes());
        if let Some(old) = self.blocks.insert(offset, Slot { block, used: false }) {
            self.bytes -= old.block.bytes();
        } else {
            self.queue.push_back(offset);
        }
        self.bytes += bytes;
    }

    /// Ends: each pass over the queue clears flags, so the next one removes.
    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(offset) = self.queue.pop_front() else { return };
            let slot = self.blocks.get_mut(&offset).expect("what is queued is in the map");
            if slot.used {
                slot.used = false;
                self.queue.push_back(offset);
            } else if let Some(slot) = self.blocks.remove(&offset) {
                self.bytes -= slot.block.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(offset: u64) -> Arc<Block> {
        let raw = [&96_u32.to_le_bytes()[..], &[7; 96]].concat();
        Arc::new(Block::new(offset, "acme".into(), raw.into(), 1).expect("adds up"))
    }

    #[test]
    fn the_bound_holds_and_what_is_read_stays_longer() {
        let cache = Cache::new(3 * block(0).bytes());
        cache.extend(0, [block(1), block(2), block(3)]);
        assert!(cache.get(1).is_some());
        cache.extend(0, [block(4)]);
        assert!(cache.get(1).is_some(), "read, so kept");
        assert!(cache.get(2).is_none(), "oldest that was not read");
        assert!(cache.get(3).is_some() && cache.get(4).is_some());
    }

    #[test]
    fn a_block_larger_than_the_bound_is_not_kept() {
        let cache = Cache::new(10);
        cache.extend(0, [block(1)]);
        assert!(cache.get(1).is_none());
        assert_eq!(cache.slots.lock().expect("not poisoned").bytes, 0);
    }

    #[test]
    fn a_forgotten_workspace_is_gone_and_does_not_come_back_from_before() {
        let cache = Cache::new(10 * block(0).bytes());
        let turn = cache.turn();
        let other = Arc::new(Block::new(2, "globex".into(), Bytes::from_static(&[0; 4]), 1).expect("adds up"));
        cache.extend(turn, [block(1), other]);
        cache.forget("acme");
        cache.extend(turn, [block(3)]);
        assert!(cache.get(1).is_none() && cache.get(3).is_none(), "decoded before the key was destroyed");
        assert!(cache.get(2).is_some(), "of another workspace");
        cache.extend(cache.turn(), [block(4)]);
        assert!(cache.get(4).is_some(), "decoded afterwards");
        let slots = cache.slots.lock().expect("not poisoned");
        let bytes: usize = slots.blocks.values().map(|slot| slot.block.bytes()).sum();
        assert_eq!((slots.bytes, slots.queue.len()), (bytes, 2));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_refused() {
        assert!(Block::new(0, "acme".into(), Bytes::from_static(&[5, 0, 0, 0, 1]), 1).is_none());
    }
}
