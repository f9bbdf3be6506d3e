//! How much memory the records of one destination may fill: an equal part of what all may, between two bounds.
//!
//! A fixed bound for each was 2 MB lined up and no bound on the way: when a machine stood still for some seconds, twenty
//! destinations filled theirs at once, and took 100 MB for a moment. A pool that all draw from was rejected: whoever
//! hangs fills it, and the others feel that. A part depends on how many there are, never on what they do.

use std::sync::Arc;

/// Bytes of records lined up for all destinations.
const LINED_UP_BYTES: usize = 16 << 20;
/// Bytes of records on their way. Each is there about three times while it is sent: as the log has it, read, and as
/// what is sent.
const ON_THEIR_WAY_BYTES: usize = 12 << 20;
/// One chunk of the log, or a batch or two: what every destination may have, however many there are.
const LEAST_BYTES: usize = 256 << 10;
/// More lined up is of no use: it is read much faster than sent.
const LINED_UP_BYTES_MAX: usize = 2 << 20;
/// With 300 ms a request these are 13,000 events of 1 KB a second.
const ON_THEIR_WAY_BYTES_MAX: usize = 4 << 20;

/// A destination's part. Each courier has a clone, and the delivery one: by that they are counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Share(Arc<()>);

impl Share {
    /// Bytes of records that may be lined up.
    pub(crate) fn lined_up_bytes(&self) -> usize {
        self.part(LINED_UP_BYTES, LINED_UP_BYTES_MAX)
    }

    /// Bytes of records that may be on their way.
    pub(crate) fn on_their_way_bytes(&self) -> usize {
        self.part(ON_THEIR_WAY_BYTES, ON_THEIR_WAY_BYTES_MAX)
    }

    fn part(&self, bytes: usize, bytes_max: usize) -> usize {
        let couriers = Arc::strong_count(&self.0).saturating_sub(1).max(1);
        (bytes / couriers).clamp(LEAST_BYTES, bytes_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_equal_and_bounded() {
        let of = |couriers: usize| {
            let share = Share::default();
            let _couriers = vec![share.clone(); couriers];
            (share.lined_up_bytes() >> 10, share.on_their_way_bytes() >> 10)
        };
        assert_eq!([0, 1, 4, 20, 500].map(of), [(2048, 4096), (2048, 4096), (2048, 3072), (819, 614), (256, 256)]);
    }
}
