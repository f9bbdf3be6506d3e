//! How large a batch may be: what the operator configured, or less when the receiver shows that it takes less.
//!
//! A receiver that says 413 is asked with fewer bytes from then on, and one that refused more than a quarter of a
//! batch's events, or so many that the attempt ended before all were found, is asked with fewer events. Both bounds come back slowly with
//! batches that arrive: the rule of [`crate::concurrency`], for sizes. Without it each batch would be halved anew,
//! which costs a request per halving.

use crate::Batching;

/// The sizes of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchSize {
    configured: Batching,
    events_max: usize,
    bytes_max: usize,
}

/// A batch that arrived gives back this part of a bound.
const STEPS: usize = 64;

impl BatchSize {
    /// What the operator configured.
    pub(crate) fn new(configured: Batching) -> Self {
        Self { configured, events_max: configured.events_max.max(1), bytes_max: configured.bytes_max }
    }

    /// What holds now.
    pub(crate) fn now(&self) -> Batching {
        Batching { events_max: self.events_max, bytes_max: self.bytes_max, wait_ms: self.configured.wait_ms }
    }

    /// Several events of so many bytes were too much together.
    pub(crate) fn too_large(&mut self, bytes: usize) {
        self.bytes_max = self.bytes_max.min(bytes / 2).max(1);
    }

    /// Halving found more refused events than asking for each would have cost.
    pub(crate) fn too_many_refused(&mut self) {
        self.events_max = (self.events_max / 2).max(1);
    }

    /// So many events of so many bytes arrived together: only what used a bound lifts it.
    pub(crate) fn arrived(&mut self, events: usize, bytes: usize) {
        if self.events_max < self.configured.events_max && events * 2 >= self.events_max {
            self.events_max = (self.events_max + self.events_max / STEPS + 1).min(self.configured.events_max);
        }
        if self.bytes_max < self.configured.bytes_max && bytes >= self.bytes_max / 2 {
            self.bytes_max = (self.bytes_max + self.bytes_max / STEPS + 1).min(self.configured.bytes_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_fall_at_once_and_come_back_slowly() {
        let configured = Batching { events_max: 100, bytes_max: 1 << 20, wait_ms: 5 };
        let mut size = BatchSize::new(configured);
        size.too_large(600_000);
        size.too_many_refused();
        assert_eq!(size.now(), Batching { events_max: 50, bytes_max: 300_000, wait_ms: 5 });
        size.arrived(3, 1_000);
        assert_eq!(size.now().events_max, 50, "a batch that used neither bound says nothing about it");
        size.arrived(50, 290_000);
        assert_eq!((size.now().events_max, size.now().bytes_max), (51, 304_688));
        (0..500).for_each(|_| size.arrived(100, 1 << 20));
        assert_eq!(size.now(), configured);
        (0..40).for_each(|_| size.too_many_refused());
        size.too_large(1);
        assert_eq!((size.now().events_max, size.now().bytes_max), (1, 1));
    }
}
