//! Lanes: the order of one subject's events at one destination, kept through failures.
//!
//! An event goes only when no earlier one of its subject is in flight elsewhere or waits for a retry. A failure parks
//! its lane: later events of that subject line up behind it, all others go on. A parked event is a position of a few
//! bytes, not a payload; it is read from the log again when its time comes.
//!
//! A lane exists only while something of it is in flight, parked or lined up. Everything carries the number of its
//! arrival (`seq`), and every queue is ordered by it; so an event that comes back takes its old place.
//!
//! What is replayed has numbers above all others and lanes of its own: it goes when nothing live is ready, and a history
//! that fails parks nobody's present.
//!
//! When many are lined up, those that arrive behind others go to the [spill](crate::spill): this module says which
//! ([`Lanes::take_spilling`]) and which lanes want theirs back ([`Lanes::wanting`]); the loop moves them. A lane that
//! has spilled spills until it has everything back, so what is in memory of it is always older than what is not.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use event::Millis;
use eventlog::{Partition, Position};
use hashbrown::{HashMap, HashSet};

use crate::Batching;

/// Numbers of events that are replayed begin here: whatever is live goes before them.
pub(crate) const REPLAYED: u64 = 1 << 63;

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
    /// Bytes of its record, when it is there.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Bytes::len)
    }

    /// Whether it is replayed.
    pub(crate) fn is_replayed(&self) -> bool {
        self.seq >= REPLAYED
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
    /// By `seq`. A lane of one event costs the memory of one.
    waiting: VecDeque<Item>,
    /// Events of it in the spill, or on their way there.
    spilled: u64,
    /// Whether it is among those that want theirs back.
    wants: bool,
}

impl Lane {
    fn line_up(&mut self, item: Item) {
        if self.waiting.capacity() == 0 {
            self.waiting.reserve_exact(1);
        }
        let at = self.waiting.partition_point(|other| other.seq < item.seq);
        self.waiting.insert(at, item);
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.spilled == 0
    }
}

/// All lanes of a destination, and what may go now.
#[derive(Debug)]
pub(crate) struct Lanes {
    ready: BTreeMap<u64, Item>,
    held: HashMap<u64, Lane>,
    parked: BTreeSet<(Millis, u64)>,
    bytes: usize,
    waiting: usize,
    /// On their way to the spill.
    spilling: Vec<Item>,
    spilled: u64,
    /// Lanes whose next events are in the spill, oldest wish first.
    wanting: VecDeque<u64>,
    lined_up_max: usize,
}

impl Lanes {
    /// No lanes; above so many events lined up, and as many that may go, what comes spills.
    pub(crate) fn new(lined_up_max: usize) -> Self {
        Self {
            ready: BTreeMap::new(),
            held: HashMap::new(),
            parked: BTreeSet::new(),
            bytes: 0,
            waiting: 0,
            spilling: Vec::new(),
            spilled: 0,
            wanting: VecDeque::new(),
            lined_up_max,
        }
    }

    /// Takes an event up, in the order of its `seq`.
    pub(crate) fn arrive(&mut self, item: Item) {
        let lane = match self.held.get_mut(&item.lane) {
            Some(lane) if lane.spilled == 0 && self.waiting < self.lined_up_max => {
                let item = if lane.parked_until.is_some() { item.stub() } else { item };
                self.bytes += item.bytes();
                self.waiting += 1;
                return lane.line_up(item);
            }
            Some(lane) => lane,
            None if self.ready.len() < self.lined_up_max => {
                self.bytes += item.bytes();
                self.ready.insert(item.seq, item);
                return;
            }
            None => self.held.entry(item.lane).or_default(),
        };
        lane.spilled += 1;
        self.spilled += 1;
        let id = item.lane;
        self.spilling.push(item.stub());
        // A lane that was not held has nobody who would pass it on.
        self.release(id, 1);
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

    /// Whether nothing live may go now, and something that is replayed may.
    pub(crate) fn is_next_replayed(&self) -> bool {
        self.ready.first_key_value().is_some_and(|(seq, _)| *seq >= REPLAYED)
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
                let behind = lane.waiting.front().is_some_and(|first| first.seq < item.seq);
                if lane.in_flight || lane.parked_until.is_some() || behind {
                    self.waiting += 1;
                    lane.line_up(item);
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
            lane.line_up(item.stub());
        }
        for id in lanes {
            if let Some(lane) = self.held.get_mut(id) {
                lane.in_flight = false;
                if lane.parked_until.is_some() {
                    for item in &mut lane.waiting {
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
            let Some(item) = lane.waiting.pop_front() else { break };
            self.waiting -= 1;
            self.ready.insert(item.seq, item);
        }
        if lane.is_idle() {
            self.held.remove(&id);
        } else if lane.waiting.is_empty() && !lane.wants {
            lane.wants = true;
            self.wanting.push_back(id);
        }
    }

    /// What has to go to the spill before anything is taken from there.
    pub(crate) fn take_spilling(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.spilling)
    }

    /// What the spill did not take.
    pub(crate) fn put_back(&mut self, items: Vec<Item>) {
        self.spilling = items;
    }

    /// How many are on their way to the spill.
    pub(crate) fn spilling(&self) -> usize {
        self.spilling.len()
    }

    /// A few lanes that want their events back, as long as there is room among those that may go.
    pub(crate) fn wanting(&mut self, lanes_max: usize) -> Vec<u64> {
        let room = if self.ready.len() < self.lined_up_max { lanes_max } else { 0 };
        let lanes: Vec<u64> = self.wanting.drain(..room.min(self.wanting.len())).collect();
        for id in &lanes {
            if let Some(lane) = self.held.get_mut(id) {
                lane.wants = false;
            }
        }
        lanes
    }

    /// Events of a lane came back from the spill, oldest first; none when it could not be read.
    pub(crate) fn refill(&mut self, id: u64, items: Vec<Item>, released_max: usize) {
        self.spilled -= items.len() as u64;
        if let Some(lane) = self.held.get_mut(&id) {
            lane.spilled -= items.len() as u64;
            self.waiting += items.len();
            for item in items {
                lane.line_up(item);
            }
        }
        self.release(id, released_max);
    }

    /// Events of a lane were taken out of the spill for good.
    pub(crate) fn forget_spilled(&mut self, id: u64, events: u64) {
        self.spilled -= events;
        if let Some(lane) = self.held.get_mut(&id) {
            lane.spilled -= events;
            if lane.is_idle() && !lane.in_flight && lane.parked_until.is_none() {
                self.held.remove(&id);
            }
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

    /// Events lined up in lanes, in memory.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Events lined up in the spill.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Lanes of which something is in flight, parked or lined up.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// Everything that is neither in flight nor in the spill.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        let waiting = self.held.values().flat_map(|lane| &lane.waiting);
        self.ready.values().chain(waiting).chain(&self.spilling)
    }

    /// Removes what is in a partition up to a position, the spill apart; returns how many events that were.
    pub(crate) fn remove_through(&mut self, partition: Partition, through: Position) -> u64 {
        let gone = |item: &Item| item.partition == partition && item.position <= through;
        let on_their_way: Vec<u64> = self.spilling.extract_if(.., |item| gone(item)).map(|item| item.lane).collect();
        for lane in &on_their_way {
            self.forget_spilled(*lane, 1);
        }
        let before = self.ready.len() + self.waiting;
        self.ready.retain(|_, item| !gone(item));
        let mut emptied = Vec::new();
        for (id, lane) in &mut self.held {
            lane.waiting.retain(|item| !gone(item));
            if lane.is_idle() && !lane.in_flight {
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
        (before - self.ready.len() - self.waiting + on_their_way.len()) as u64
    }
}
