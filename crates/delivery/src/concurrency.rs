//! How many requests may be in flight: found out, not configured. One more for each round of successes while the
//! limit is used, half when the receiver says or shows that it is too much (429, 503, no answer in time). The same
//! rule that shares a network fairly (additive increase, multiplicative decrease).

/// The limit of one destination.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Concurrency {
    limit: f64,
}

const START: f64 = 8.0;
const MAX: f64 = 128.0;

impl Default for Concurrency {
    fn default() -> Self {
        Self { limit: START }
    }
}

impl Concurrency {
    /// Requests that may be in flight, at least 1.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 128")]
    pub(crate) fn limit(self) -> usize {
        self.limit as usize
    }

    /// A request worked while so many were in flight (itself included).
    pub(crate) fn success(&mut self, in_flight: usize) {
        if in_flight * 2 >= self.limit() {
            self.limit = (self.limit + 1.0 / self.limit).min(MAX);
        }
    }

    /// The receiver has too much.
    pub(crate) fn overload(&mut self) {
        self.limit = (self.limit / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_when_used_and_halves_when_too_much() {
        let mut idle = Concurrency::default();
        (0..1000).for_each(|_| idle.success(1));
        assert_eq!(idle.limit(), 8);
        let mut busy = Concurrency::default();
        (0..20_000).for_each(|_| busy.success(128));
        assert_eq!(busy.limit(), 128);
        busy.overload();
        assert_eq!(busy.limit(), 64);
        (0..20).for_each(|_| busy.overload());
        assert_eq!(busy.limit(), 1);
    }
}
