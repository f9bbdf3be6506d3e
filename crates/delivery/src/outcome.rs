//! What became of an event at one output, with a code for each reason. The numbers are part of the result log's
//! format: rows are added, never renumbered.

use consent::{Reason, ReasonKind};

/// Why an event was not delivered, or not yet, apart from consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The receiver said it is over its limit (429).
    RateLimited,
    /// The receiver failed (5xx), or asked to try again (408, 423, 425).
    ReceiverFailed,
    /// Nobody answered in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// The connection broke during the request.
    Broken,
    /// The receiver does not know us any more (401, 403).
    CredentialsBroken,
    /// The destination's address may not be reached.
    AddressRefused,
    /// The local file or disk refused.
    DiskFailed,
    /// The receiver will never take it (other 4xx, 501).
    Refused,
    /// One event alone is too large for the receiver (413).
    TooLarge,
    /// The destination cannot express the event.
    Inexpressible,
    /// Tried for four hours.
    RetriesExhausted,
    /// It waited longer, or with more, than the backlog may hold.
    BacklogOverBudget,
    /// Its record in the log cannot be read any more: damaged, or cut off before it was taken up.
    Unreadable,
    /// Its record was written by a newer release than this one.
    NewerRelease,
    /// The key of its record was destroyed: gone by intention.
    Shredded,
    /// The workspace is not served at the moment.
    NotServed,
    /// The destination was switched off.
    SwitchedOff,
}

/// Causes with their number and code.
const CAUSES: [(u8, Cause, &str); 18] = [
    (0, Cause::RateLimited, "rate_limited"),
    (1, Cause::ReceiverFailed, "receiver_failed"),
    (2, Cause::Timeout, "timeout"),
    (3, Cause::Unreachable, "unreachable"),
    (4, Cause::Broken, "connection_broken"),
    (5, Cause::CredentialsBroken, "credentials_broken"),
    (6, Cause::AddressRefused, "address_refused"),
    (7, Cause::DiskFailed, "disk_failed"),
    (8, Cause::Refused, "refused"),
    (9, Cause::TooLarge, "too_large"),
    (10, Cause::Inexpressible, "inexpressible"),
    (11, Cause::RetriesExhausted, "retries_exhausted"),
    (12, Cause::BacklogOverBudget, "backlog_over_budget"),
    (13, Cause::Unreadable, "unreadable"),
    (14, Cause::NewerRelease, "newer_release"),
    (15, Cause::Shredded, "shredded"),
    (16, Cause::NotServed, "not_served"),
    (17, Cause::SwitchedOff, "switched_off"),
];

/// Consent's reasons with their number.
const REASONS: [(u8, Reason); 14] = [
    (0, Reason::CategoryRefused),
    (1, Reason::NoConsent),
    (2, Reason::ConsentUnknown),
    (3, Reason::Withdrawn),
    (4, Reason::GpcOptOut),
    (5, Reason::DntOptOut),
    (6, Reason::Unmapped),
    (7, Reason::BasisPermitsRequiredOnly),
    (8, Reason::RequiredNotForPurpose),
    (9, Reason::IntegrationsObject),
    (10, Reason::SentClientSide),
    (11, Reason::ConsentExpired),
    (12, Reason::VendorRefused),
    (13, Reason::KnownChild),
];

impl Cause {
    /// Whether an event that waits for this reason did nothing wrong: it is not counted as a failed attempt.
    pub(crate) fn is_pause(self) -> bool {
        matches!(self, Self::CredentialsBroken | Self::AddressRefused | Self::NotServed)
    }

    /// The code in traces and metrics.
    pub fn code(self) -> &'static str {
        CAUSES.iter().find(|(_, cause, _)| *cause == self).map_or("unknown", |(_, _, code)| code)
    }
}

/// What became of an event at one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It arrived.
    Delivered,
    /// Consent, a signal or law forbids it, or (filtered) the event asked for it itself.
    Withheld(Reason),
    /// The receiver will never take it.
    Rejected(Cause),
    /// Given up; can be replayed from the lake.
    DeadLettered(Cause),
    /// It will be tried again.
    Waiting(Cause),
}

impl Outcome {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Waiting(_))
    }

    /// Whether it ends here and may be sent again: the event was read, and the log may still have it.
    pub(crate) fn leaves_letter(self) -> bool {
        matches!(self, Self::Rejected(_) | Self::DeadLettered(Cause::RetriesExhausted))
    }

    /// Whether something went wrong that a person may want to repair.
    pub(crate) fn is_failure(self) -> bool {
        match self {
            Self::Rejected(_) | Self::DeadLettered(_) => true,
            // A change of the configuration passes by itself: nothing was sent, and nobody answered.
            Self::Waiting(cause) => cause != Cause::NotServed,
            Self::Delivered | Self::Withheld(_) => false,
        }
    }

    /// The result's name: `delivered`, `withheld`, `filtered`, `rejected`, `dead_lettered`, `waiting`.
    pub fn result(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Withheld(reason) if reason.kind() == ReasonKind::Filtered => "filtered",
            Self::Withheld(_) => "withheld",
            Self::Rejected(_) => "rejected",
            Self::DeadLettered(_) => "dead_lettered",
            Self::Waiting(_) => "waiting",
        }
    }

    /// The reason's code, empty for `delivered`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Delivered => "",
            Self::Withheld(reason) => reason.code(),
            Self::Rejected(cause) | Self::DeadLettered(cause) | Self::Waiting(cause) => cause.code(),
        }
    }

    /// The two bytes of the result log: result, reason.
    pub(crate) fn to_bytes(self) -> [u8; 2] {
        let of = |cause: Cause| CAUSES.iter().find(|(_, known, _)| *known == cause).map_or(u8::MAX, |row| row.0);
        match self {
            Self::Delivered => [0, 0],
            Self::Withheld(reason) => {
                [1, REASONS.iter().find(|(_, known)| *known == reason).map_or(u8::MAX, |(number, _)| *number)]
            }
            Self::Rejected(cause) => [2, of(cause)],
            Self::DeadLettered(cause) => [3, of(cause)],
            Self::Waiting(cause) => [4, of(cause)],
        }
    }

    /// Reads the two bytes; `None` for numbers of a newer release.
    pub(crate) fn from_bytes([result, reason]: [u8; 2]) -> Option<Self> {
        let cause = || CAUSES.iter().find(|(number, ..)| *number == reason).map(|(_, cause, _)| *cause);
        match result {
            0 => Some(Self::Delivered),
            1 => REASONS.iter().find(|(number, _)| *number == reason).map(|(_, reason)| Self::Withheld(*reason)),
            2 => cause().map(Self::Rejected),
            3 => cause().map(Self::DeadLettered),
            4 => cause().map(Self::Waiting),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_bytes_and_they_mean_it() {
        let causes = || CAUSES.iter().map(|(_, cause, _)| *cause);
        let all = std::iter::once(Outcome::Delivered)
            .chain(Reason::ALL.into_iter().map(Outcome::Withheld))
            .chain(causes().map(Outcome::Rejected))
            .chain(causes().map(Outcome::DeadLettered))
            .chain(causes().map(Outcome::Waiting));
        for outcome in all {
            assert_eq!(Outcome::from_bytes(outcome.to_bytes()), Some(outcome), "{outcome:?}");
        }
        assert_eq!(Outcome::from_bytes([9, 0]), None);
        assert_eq!(Outcome::Withheld(Reason::SentClientSide).result(), "filtered");
    }
}
