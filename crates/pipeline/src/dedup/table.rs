//! The young ids in memory, in shards so that partitions rarely wait for each other.
//!
//! An id is *pending* from its claim until the record that carries it is durable in `processed`, then *fresh* until
//! a run takes it, and *flushing* while the run is being written. Only fresh ids ever reach the disk.

use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard};

use hashbrown::HashMap;

use super::Seen;
use super::fingerprint::Place;
use super::run::Entry;

const SHARDS: usize = 64;

/// Fingerprints are random already: their lower half is the hash.
#[derive(Debug, Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, id: u128) {
        self.0 = u64::try_from(id & u128::from(u64::MAX)).expect("64 bits");
    }
}

type Map = HashMap<u128, Place, BuildHasherDefault<Identity>>;

#[derive(Debug, Default)]
struct Shard {
    pending: Map,
    fresh: Map,
    flushing: Map,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Table {
    shards: Vec<Mutex<Shard>>,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, id: u128) -> MutexGuard<'_, Shard> {
        // The top bits: the maps inside use the others.
        let shard = usize::try_from(id >> 122).expect("six bits");
        self.shards[shard].lock().expect("no holder of a shard panics")
    }

    /// What memory knows of an id; when nothing, it is pending for `place` from now on.
    pub(super) fn claim(&self, id: u128, place: Place) -> Option<Seen> {
        let mut shard = self.shard(id);
        if let Some(at) = shard.pending.get(&id) {
            return Some(if *at == place { Seen::New } else { Seen::Elsewhere });
        }
        if let Some(at) = shard.fresh.get(&id).or_else(|| shard.flushing.get(&id)) {
            return Some(if *at == place { Seen::Done } else { Seen::Elsewhere });
        }
        shard.pending.insert(id, place);
        None
    }

    /// Takes a claim back, if it is that of `place`.
    pub(super) fn release(&self, id: u128, place: Place) {
        let mut shard = self.shard(id);
        if shard.pending.get(&id) == Some(&place) {
            shard.pending.remove(&id);
        }
    }

    pub(super) fn confirm(&self, id: u128, place: Place) {
        let mut shard = self.shard(id);
        shard.pending.remove(&id);
        shard.fresh.insert(id, place);
    }

    /// Moves what is fresh to flushing. The caller keeps confirmations out while this runs.
    pub(super) fn begin_flush(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().expect("no holder of a shard panics");
            let capacity = shard.fresh.len();
            let room = Map::with_capacity_and_hasher(capacity, BuildHasherDefault::default());
            shard.flushing = std::mem::replace(&mut shard.fresh, room);
        }
    }

    /// What is flushing, sorted.
    pub(super) fn flushing(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().expect("no holder of a shard panics");
            // Shards are cut by the top bits: sorted shard by shard, the whole is sorted.
            let from = entries.len();
            entries.extend(shard.flushing.iter().map(|(id, place)| (*id, *place)));
            entries[from..].sort_unstable_by_key(|(id, _)| *id);
        }
        entries
    }

    pub(super) fn end_flush(&self) {
        for shard in &self.shards {
            shard.lock().expect("no holder of a shard panics").flushing = Map::default();
        }
    }
}
