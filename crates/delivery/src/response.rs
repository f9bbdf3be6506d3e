//! What an answer means: one table for every destination. A destination overrides it only where its vendor answers
//! otherwise than HTTP says.
//!
//! | Answer | Verdict |
//! |---|---|
//! | 2xx | delivered |
//! | 429 | again, not before `Retry-After` |
//! | 408, 423, 425, 5xx except 501 | again |
//! | 401, 403 | credentials broken: the destination pauses, nothing is lost |
//! | 400, 422 | in halves, so that only the event it refuses is rejected and its neighbours arrive |
//! | 413 | in halves too, and smaller batches from then on; one event alone is rejected |
//! | other 3xx, 4xx, 501 | rejected: they speak of the address or the method, which halves would share |
//! | no connection, no answer in time, broken off, disk full | again |
//! | address refused | the destination pauses |
//!
//! Halving a batch of n events finds one that is refused within 2·log2(n) + 1 requests. An attempt ends after
//! 4·log2(n) + 5 of them, which is enough for two; what was not sent by then lines up again in front, and batches are
//! smaller while that happens. So a receiver that refuses everything costs about
//! one request per event, as it would without batches.

use std::time::Duration;

use egress::{Answer, SendError};
use event::Millis;
use http::header::RETRY_AFTER;

use crate::Cause;

/// What an answer means for one event, or for all of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived.
    Delivered,
    /// Try again, not before `after` when the receiver said so.
    Retry {
        /// What happened.
        cause: Cause,
        /// What the receiver asked for.
        after: Option<Duration>,
    },
    /// As a whole it will never be taken, but parts of it may be: try its halves. One event alone is rejected for
    /// this cause.
    Split(Cause),
    /// Nothing will go until somebody repairs it: pause the destination, probe now and then.
    Pause(Cause),
    /// Never.
    Rejected(Cause),
}

/// What an answer means for the events of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdicts {
    /// The same for all.
    All(Verdict),
    /// One each, in the order of the request (batch interfaces that answer per event).
    Each(Vec<Verdict>),
}

/// The longest `Retry-After` that is honoured; a longer one would outlast the retries.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// The table. `now` is needed for a `Retry-After` that names a date.
pub fn classify(answer: &Answer, now: Millis) -> Verdict {
    let again = |cause| Verdict::Retry { cause, after: retry_after(answer, now) };
    match answer.status.as_u16() {
        200..=299 => Verdict::Delivered,
        429 => again(Cause::RateLimited),
        408 | 423 | 425 | 500 | 502..=599 => again(Cause::ReceiverFailed),
        401 | 403 => Verdict::Pause(Cause::CredentialsBroken),
        400 | 422 => Verdict::Split(Cause::Refused),
        413 => Verdict::Split(Cause::TooLarge),
        _ => Verdict::Rejected(Cause::Refused),
    }
}

/// The table for requests without an answer. [`SendError::Stale`] is not an outcome; who sends asks the gate again.
pub(crate) fn classify_error(error: &SendError) -> Verdict {
    let again = |cause| Verdict::Retry { cause, after: None };
    match error {
        SendError::Stale | SendError::Broken(_) => again(Cause::Broken),
        SendError::Address(_) => Verdict::Pause(Cause::AddressRefused),
        SendError::Connect(_) => again(Cause::Unreachable),
        SendError::Timeout { .. } => again(Cause::Timeout),
        SendError::Invalid(_) => Verdict::Rejected(Cause::Inexpressible),
        SendError::File { .. } => again(Cause::DiskFailed),
    }
}

/// Seconds or a date (RFC 9110 §10.2.3), capped.
fn retry_after(answer: &Answer, now: Millis) -> Option<Duration> {
    let value = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_millisecond();
            Duration::from_millis(u64::try_from(date.saturating_sub(now.0)).unwrap_or(0))
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderValue, StatusCode};

    /// 2026-11-21T22:00:00Z.
    const NOW: Millis = Millis(1_795_298_400_000);

    fn check(status: u16, retry_after: Option<&'static str>, expected: Verdict) {
        let mut answer = Answer::of(StatusCode::from_u16(status).expect("a status"));
        if let Some(value) = retry_after {
            answer.headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        }
        assert_eq!(classify(&answer, NOW), expected, "{status} {retry_after:?}");
    }

    #[test]
    fn the_table_holds() {
        let again = |cause, seconds: Option<u64>| Verdict::Retry { cause, after: seconds.map(Duration::from_secs) };
        for status in [200, 201, 202, 204, 299] {
            check(status, None, Verdict::Delivered);
        }
        for status in [408, 423, 425, 500, 502, 503, 504, 599] {
            check(status, None, again(Cause::ReceiverFailed, None));
        }
        check(503, Some("7"), again(Cause::ReceiverFailed, Some(7)));
        check(429, None, again(Cause::RateLimited, None));
        check(429, Some("120"), again(Cause::RateLimited, Some(120)));
        check(429, Some("999999999"), again(Cause::RateLimited, Some(3600)));
        check(429, Some("Sat, 21 Nov 2026 22:01:00 GMT"), again(Cause::RateLimited, Some(60)));
        check(429, Some("Sat, 21 Nov 2026 21:00:00 GMT"), again(Cause::RateLimited, Some(0)));
        check(429, Some("soon"), again(Cause::RateLimited, None));
        for status in [401, 403] {
            check(status, None, Verdict::Pause(Cause::CredentialsBroken));
        }
        check(413, None, Verdict::Split(Cause::TooLarge));
        for status in [400, 422] {
            check(status, None, Verdict::Split(Cause::Refused));
        }
        for status in [301, 302, 404, 405, 410, 501] {
            check(status, None, Verdict::Rejected(Cause::Refused));
        }
    }
}
