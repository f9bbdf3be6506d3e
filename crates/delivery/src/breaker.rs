//! Pausing a destination that does not work, without losing anything: while it is paused its cursor stands still.
//!
//! Two ways in: several failed requests in a row (it is down; tried again after seconds, then minutes), or an answer
//! that somebody has to repair (credentials, address; tried again after a minute, then every quarter of an hour). One
//! way out: a request that works. While it is paused, one request at a time goes as a probe.

use event::Millis;

use crate::{Cause, Random, RetryPolicy};

/// Failed requests in a row that open it.
const FAILURES_MAX: u32 = 5;
/// Waits between probes while a receiver is down.
const DOWN: RetryPolicy = RetryPolicy { first_ms: 1_000, wait_ms_max: 60_000, give_up_ms: 0 };
/// Waits between probes while somebody has to repair something.
const BROKEN: RetryPolicy = RetryPolicy { first_ms: 60_000, wait_ms_max: 15 * 60_000, give_up_ms: 0 };

/// Whether requests may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Breaker {
    failures: u32,
    probes_failed: u32,
    paused: Option<Paused>,
    /// The receiver asked for no request before this moment.
    not_before: Option<Millis>,
}

/// Why nothing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused {
    /// What happened last.
    pub cause: Cause,
    /// When the next probe goes.
    pub until: Millis,
}

impl Breaker {
    /// How many requests may be in flight; `None` without a limit.
    pub(crate) fn limit(&self, now: Millis) -> Option<usize> {
        if self.not_before.is_some_and(|moment| now < moment) {
            return Some(0);
        }
        self.paused.map(|paused| usize::from(now >= paused.until))
    }

    /// When more may go than now.
    pub(crate) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        let until = self.paused.map(|paused| paused.until);
        until.max(self.not_before).filter(|moment| *moment > now)
    }

    /// The pause, if there is one.
    pub(crate) fn paused(&self) -> Option<Paused> {
        self.paused
    }

    /// A request worked.
    pub(crate) fn success(&mut self) {
        // What the receiver asked for holds, also when an earlier request of the same moment still worked.
        *self = Self { not_before: self.not_before, ..Self::default() };
    }

    /// A request failed in a way that may pass.
    pub(crate) fn failure(&mut self, cause: Cause, now: Millis, random: &mut Random) {
        self.failures += 1;
        if self.paused.is_some() || self.failures >= FAILURES_MAX {
            self.pause_by(&DOWN, cause, now, random);
        }
    }

    /// Somebody has to repair something.
    pub(crate) fn broken(&mut self, cause: Cause, now: Millis, random: &mut Random) {
        self.pause_by(&BROKEN, cause, now, random);
    }

    /// The receiver asked to wait.
    pub(crate) fn hold(&mut self, until: Millis) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// The next probe of a pause goes at this moment; what the receiver asked for holds.
    pub(crate) fn probe_at(&mut self, moment: Millis) {
        if let Some(paused) = &mut self.paused {
            paused.until = paused.until.min(moment);
        }
    }

    fn pause_by(&mut self, policy: &RetryPolicy, cause: Cause, now: Millis, random: &mut Random) {
        self.probes_failed += 1;
        // Half the bound at least: probes of a broken destination are few by intention.
        let bound = policy.bound_ms(self.probes_failed);
        let wait = bound / 2 + random.below(bound / 2 + 1);
        let until = Millis(now.0.saturating_add_unsigned(wait));
        self.paused = Some(Paused { cause, until });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_probes_and_closes_with_a_success() {
        let (mut breaker, mut random) = (Breaker::default(), Random::new(1));
        let now = Millis(1_000_000);
        for _ in 1..FAILURES_MAX {
            breaker.failure(Cause::Timeout, now, &mut random);
            assert_eq!(breaker.limit(now), None);
        }
        breaker.failure(Cause::Timeout, now, &mut random);
        assert_eq!(breaker.limit(now), Some(0));
        let wakes = breaker.wakes_at(now).expect("a probe is planned");
        assert_eq!((breaker.limit(wakes), breaker.wakes_at(wakes)), (Some(1), None));
        breaker.success();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn broken_credentials_pause_at_once_and_for_longer() {
        let (mut breaker, mut random) = (Breaker::default(), Random::new(1));
        breaker.broken(Cause::CredentialsBroken, Millis(0), &mut random);
        assert_eq!(breaker.limit(Millis(29_999)), Some(0));
        assert_eq!(breaker.limit(Millis(60_000)), Some(1));
        breaker.probe_at(Millis(40_000));
        assert_eq!((breaker.limit(Millis(39_999)), breaker.limit(Millis(40_000))), (Some(0), Some(1)));
        breaker.hold(Millis(100_000));
        assert_eq!((breaker.limit(Millis(60_000)), breaker.wakes_at(Millis(60_000))), (Some(0), Some(Millis(100_000))));
    }
}
