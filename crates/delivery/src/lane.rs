//! Lanes: the order of one subject's events at one destination, kept through failures.
//!
//! An event goes only when no earlier one of its subject is in flight elsewhere or waits for a retry. A failure parks
//! its lane: later events of that subject line up behind it, all others go on. A parked event is a position of a few
//! bytes, not a payload; it is read from the log again when its time comes.
//!
//! A lane exists only while something of it is in flight, parked or lined up. Everything carries the number of its
//! arrival (`seq`), and every queue is ordered by it; so an event that comes back takes its old place.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use event::Millis;
use eventlog::{Partition, Position};
use hashbrown::{HashMap, HashSet};

use crate::Batching;

/// An event on its way to one destination.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Number of its arrival.
    pub(crate) seq: u64,
    pub(crate) partition: Partition,
    pub(crate) position: Position,
    /// Its subject, as a number.
    pub(crate) lane: u64,
    /// Failed attempts.
    pub(crate) failures: u32,
    /// When the first failed.
    pub(crate) first_failed: Option<Millis>,
    /// When it was taken up.
    pub(crate) arrived: tokio::time::Instant,
    /// Its record; absent while it waits long.
    pub(crate) payload: Option<Bytes>,
}

impl Item {
    fn bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Bytes::len)
    }

    /// The same without its payload.
    pub(crate) fn stub(&self) -> Self {
        Self { payload: None, ..self.clone() }
    }
}

#[derive(Debug, Default)]
struct Lane {
    in_flight: bool,
    parked_until: Option<Millis>,
    waiting: BTreeMap<u64, Item>,
}

/// All lanes of a destination, and what may go now.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    ready: BTreeMap<u64, Item>,
    held: HashMap<u64, Lane>,
    parked: BTreeSet<(Millis, u64)>,
    bytes: usize,
    waiting: usize,
}

impl Lanes {
    /// Takes an event up, in the order of its `seq`.
    pub(crate) fn arrive(&mut self, item: Item) {
        match self.held.get_mut(&item.lane) {
            Some(lane) => {
                let item = if lane.parked_until.is_some() { item.stub() } else { item };
                self.bytes += item.bytes();
                self.waiting += 1;
                lane.waiting.insert(item.seq, item);
            }
            None => {
                self.bytes += item.bytes();
                self.ready.insert(item.seq, item);
            }
        }
    }

    /// Whether a batch should go now: it is full, or its oldest event has waited long enough.
    pub(crate) fn is_due(&self, batching: &Batching, now: tokio::time::Instant) -> bool {
        self.ready.len() >= batching.events_max.max(1) || self.due_at(batching).is_some_and(|due| due <= now)
    }

    /// When the oldest event that may go has waited long enough.
    pub(crate) fn due_at(&self, batching: &Batching) -> Option<tokio::time::Instant> {
        let (_, oldest) = self.ready.first_key_value()?;
        Some(oldest.arrived + std::time::Duration::from_millis(batching.wait_ms))
    }

    /// The next batch; empty when nothing may go. What is behind an event of its lane lines up there.
    pub(crate) fn take(&mut self, batching: &Batching) -> Vec<Item> {
        let mut batch: Vec<Item> = Vec::new();
        let mut bytes = 0;
        while batch.len() < batching.events_max.max(1) {
            let Some(entry) = self.ready.first_entry() else { break };
            let size = entry.get().bytes();
            if !batch.is_empty() && bytes + size > batching.bytes_max {
                break;
            }
            let item = entry.remove();
            if let Some(lane) = self.held.get_mut(&item.lane) {
                let behind = lane.waiting.first_key_value().is_some_and(|(first, _)| *first < item.seq);
                if lane.in_flight || lane.parked_until.is_some() || behind {
                    self.waiting += 1;
                    lane.waiting.insert(item.seq, item);
                    continue;
                }
            }
            bytes += size;
            self.bytes -= size;
            batch.push(item);
        }
        for item in &batch {
            self.held.entry(item.lane).or_default().in_flight = true;
        }
        batch
    }

    /// A batch came back: `again` are those of it that are tried again, at the given moment (`None`: as soon as
    /// anything may go). The lanes of the others go on.
    pub(crate) fn settle(&mut self, lanes: &[u64], again: Vec<(Item, Option<Millis>)>, released_max: usize) {
        for (item, until) in again {
            let lane = self.held.entry(item.lane).or_default();
            if let Some(until) = until {
                if let Some(earlier) = lane.parked_until.replace(until) {
                    self.parked.remove(&(earlier, item.lane));
                }
                self.parked.insert((until, item.lane));
            }
            self.waiting += 1;
            let stub = item.stub();
            lane.waiting.insert(stub.seq, stub);
        }
        for id in lanes {
            if let Some(lane) = self.held.get_mut(id) {
                lane.in_flight = false;
                if lane.parked_until.is_some() {
                    for item in lane.waiting.values_mut() {
                        self.bytes -= item.bytes();
                        item.payload = None;
                    }
                }
            }
            self.release(*id, released_max);
        }
    }

    /// Lets the lanes go on whose moment has come.
    pub(crate) fn wake(&mut self, now: Millis, released_max: usize) {
        while let Some((until, id)) = self.parked.first().copied().filter(|(until, _)| *until <= now) {
            self.parked.remove(&(until, id));
            if let Some(lane) = self.held.get_mut(&id) {
                lane.parked_until = None;
            }
            self.release(id, released_max);
        }
    }

    fn release(&mut self, id: u64, released_max: usize) {
        let Some(lane) = self.held.get_mut(&id) else { return };
        if lane.in_flight || lane.parked_until.is_some() {
            return;
        }
        for _ in 0..released_max.max(1) {
            let Some((seq, item)) = lane.waiting.pop_first() else { break };
            self.waiting -= 1;
            self.ready.insert(seq, item);
        }
        if lane.waiting.is_empty() {
            self.held.remove(&id);
        }
    }

    /// When the next parked lane goes on.
    pub(crate) fn wakes_at(&self) -> Option<Millis> {
        self.parked.first().map(|(until, _)| *until)
    }

    /// Bytes of payloads held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events that may go now.
    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Events lined up in lanes.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Everything that is not in flight.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.ready.values().chain(self.held.values().flat_map(|lane| lane.waiting.values()))
    }

    /// Removes what is in a partition up to a position; returns how many events that were.
    pub(crate) fn remove_through(&mut self, partition: Partition, through: Position) -> u64 {
        let gone = |item: &Item| item.partition == partition && item.position <= through;
        let before = self.ready.len() + self.waiting;
        self.ready.retain(|_, item| !gone(item));
        let mut emptied = Vec::new();
        for (id, lane) in &mut self.held {
            lane.waiting.retain(|_, item| !gone(item));
            if lane.waiting.is_empty() && !lane.in_flight {
                emptied.push((*id, lane.parked_until));
            }
        }
        for (id, parked_until) in emptied {
            self.held.remove(&id);
            if let Some(until) = parked_until {
                self.parked.remove(&(until, id));
            }
        }
        self.waiting = self.held.values().map(|lane| lane.waiting.len()).sum();
        // A lane whose turn was removed has nobody who would pass it on.
        let in_turn: HashSet<u64> = self.ready.values().map(|item| item.lane).collect();
        let stranded: Vec<u64> = self.held.keys().filter(|id| !in_turn.contains(*id)).copied().collect();
        for id in stranded {
            self.release(id, 1);
        }
        self.bytes = self.items().map(Item::bytes).sum();
        (before - self.ready.len() - self.waiting) as u64
    }
}
