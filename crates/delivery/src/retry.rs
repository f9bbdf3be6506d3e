//! When to try again: exponential backoff with full jitter, for four hours.
//!
//! Full jitter (any moment between now and the bound) spreads the retries of many lanes best; the receiver that just
//! came back is not knocked over by all of them at once.

use std::time::Duration;

/// How long to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first wait.
    pub first_ms: u64,
    /// The bound of every later one.
    pub wait_ms_max: u64,
    /// Given up this long after the first failure.
    pub give_up_ms: i64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first_ms: 1_000, wait_ms_max: 20 * 60_000, give_up_ms: 4 * 3_600_000 }
    }
}

impl RetryPolicy {
    /// The bound of the wait after `failures` failed attempts (1 and more).
    pub fn bound_ms(&self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(32);
        self.first_ms.saturating_mul(1 << doublings).min(self.wait_ms_max)
    }

    /// The wait after `failures` failed attempts; never less than the receiver asked for.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, random: &mut Random) -> Duration {
        let jittered = Duration::from_millis(random.below(self.bound_ms(failures)) + 1);
        asked.map_or(jittered, |asked| asked + jittered.min(Duration::from_secs(1)))
    }
}

/// Numbers from a seed (SplitMix64), so that a simulation repeats. Not for secrets.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_within_its_bounds(failures in 1_u32..200, asked in proptest::option::of(0_u64..7200), seed: u64) {
            let policy = RetryPolicy::default();
            let asked = asked.map(Duration::from_secs);
            let wait = policy.wait(failures, asked, &mut Random::new(seed));
            let bound = Duration::from_millis(policy.bound_ms(failures));
            prop_assert!(bound <= Duration::from_millis(policy.wait_ms_max));
            prop_assert!(policy.bound_ms(failures) <= policy.bound_ms(failures + 1));
            match asked {
                None => prop_assert!(wait > Duration::ZERO && wait <= bound),
                Some(asked) => prop_assert!(wait >= asked && wait <= asked + Duration::from_secs(1)),
            }
        }
    }
}
