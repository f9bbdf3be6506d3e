//! How long events take from the door to their destination: quantiles of the last ten minutes.
//!
//! Counted in buckets an eighth of an octave wide, so a quantile is true to 9 %: one kilobyte for each of two windows,
//! and an addition for each event.

use event::Millis;

const BUCKETS: usize = 256;
/// A window; the one before is kept, so a quantile is of the last five to ten minutes.
const WINDOW_MS: i64 = 300_000;

/// The windows.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    now: [u32; BUCKETS],
    before: [u32; BUCKETS],
    since: Millis,
}

impl Default for Latency {
    fn default() -> Self {
        Self { now: [0; BUCKETS], before: [0; BUCKETS], since: Millis(0) }
    }
}

/// Quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// Half of the events took at most so many milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 did.
    pub p99_ms: u64,
}

/// Below 16 each millisecond has its own; above, eight for each doubling.
fn bucket(took_ms: u64) -> usize {
    if took_ms < 16 {
        return usize::try_from(took_ms).unwrap_or(0);
    }
    let octave = took_ms.ilog2();
    let eighth = (took_ms >> (octave - 3)) & 7;
    let at = 16 + u64::from(octave - 4) * 8 + eighth;
    usize::try_from(at).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn largest(bucket: usize) -> u64 {
    if bucket < 16 {
        return bucket as u64;
    }
    let (octave, eighth) = ((bucket - 16) / 8 + 4, (bucket - 16) % 8 + 1);
    (1 << octave) + ((eighth as u64) << (octave - 3)) - 1
}

impl Latency {
    /// An event that was received at that moment has arrived.
    pub(crate) fn add(&mut self, received: Millis, now: Millis) {
        self.turn(now);
        let took_ms = u64::try_from(now.0 - received.0).unwrap_or(0);
        let count = &mut self.now[bucket(took_ms)];
        *count = count.saturating_add(1);
    }

    fn turn(&mut self, now: Millis) {
        let age = now.0 - self.since.0;
        if age < WINDOW_MS {
            return;
        }
        self.before = if age < 2 * WINDOW_MS { self.now } else { [0; BUCKETS] };
        self.now = [0; BUCKETS];
        self.since = now;
    }

    /// The quantiles; `None` when nothing arrived lately.
    pub(crate) fn quantiles(&mut self, now: Millis) -> Option<Quantiles> {
        self.turn(now);
        let counts: Vec<u64> =
            self.now.iter().zip(&self.before).map(|(one, other)| u64::from(*one) + u64::from(*other)).collect();
        let all: u64 = counts.iter().sum();
        let at = |share: u64| {
            let (mut seen, wanted) = (0, (all * share).div_ceil(100));
            let found = counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            largest(found.unwrap_or(0))
        };
        (all > 0).then(|| Quantiles { p50_ms: at(50), p99_ms: at(99) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_an_eighth_of_an_octave() {
        for took_ms in (0..100_000).chain([1 << 31, (1 << 31) + 12_345]) {
            let largest = largest(bucket(took_ms));
            assert!(largest >= took_ms && largest <= took_ms + took_ms / 8, "{took_ms}: {largest}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_of_the_last_minutes() {
        let mut latency = Latency::default();
        let now = Millis(1_795_298_400_000);
        for took in 1..=1_000 {
            latency.add(Millis(now.0 - took), now);
        }
        let quantiles = latency.quantiles(now).expect("some");
        assert!((500..=563).contains(&quantiles.p50_ms) && (990..=1_115).contains(&quantiles.p99_ms), "{quantiles:?}");
        assert!(latency.quantiles(Millis(now.0 + WINDOW_MS)).is_some());
        assert_eq!(latency.quantiles(Millis(now.0 + 3 * WINDOW_MS)), None);
    }
}
