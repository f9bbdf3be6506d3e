//! What a person wants to know about a destination at a glance, and the live view of results.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use event::Millis;
use eventlog::Position;

use crate::Outcome;
use crate::breaker::Paused;
use crate::desk::Held;
use crate::latency::Quantiles;
use crate::telling::UntoldWithdrawals;

/// The state of a destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Final results so far.
    pub totals: BTreeMap<Outcome, u64>,
    /// Events taken up and not yet settled, parked ones included.
    pub waiting: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests that may be in flight.
    pub concurrency: u64,
    /// Bytes of records behind the tail of the log.
    pub backlog_bytes: u64,
    /// Why nothing goes, when nothing goes.
    pub paused: Option<Paused>,
    /// Whether and since when a person keeps it from sending.
    pub held: Option<Held>,
    /// The last thing that went wrong.
    pub last_error: Option<LastError>,
    /// When the oldest event that waits was received; looked at every few seconds.
    pub oldest_waiting: Option<Millis>,
    /// Whether a live event waited at that look; `None` before the first. What is replayed or sent again is none.
    pub has_backlog: Option<bool>,
    /// When the newest event that arrived was received.
    pub newest_delivered: Option<Millis>,
    /// How long events take from their receipt to their arrival, lately; looked at every few seconds.
    pub latency: Option<Quantiles>,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// When.
    pub at: Millis,
    /// The status of the answer, 0 without one.
    pub status: u16,
    /// What, without secrets and personal data.
    pub text: String,
}

/// A destination with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// The workspace.
    pub workspace: Arc<str>,
    /// The destination.
    pub destination: Arc<str>,
    /// Its state; `Err` when it could not be started, with the reason.
    pub status: Result<Status, String>,
    /// Since when it does not start, if anything came since that may be for it.
    pub stalled_since: Option<Millis>,
    /// What it was not told of, where it is told of withdrawals.
    pub untold: UntoldWithdrawals,
}

/// What a result is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// One event, by its `messageId`.
    Event(String),
    /// Records that share one fate: given up together, or not readable.
    Range {
        /// Their partition of `processed`.
        partition: u16,
        /// The range begins after this position.
        after: Option<Position>,
        /// Its last position.
        through: Position,
        /// How many; an upper bound where they could not be read.
        records: u64,
    },
}

/// A result, for the live view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The workspace.
    pub workspace: Arc<str>,
    /// The destination.
    pub destination: Arc<str>,
    /// Of what.
    pub of: Observed,
    /// What became of it.
    pub outcome: Outcome,
    /// Which attempt, counted from 1; 0 without one.
    pub attempt: u32,
    /// The status of the answer, 0 without one.
    pub status: u16,
    /// When.
    pub at: Millis,
}

/// Who watches. `wanted` is asked first, because an observation costs a copy.
#[derive(Clone)]
pub struct Observer {
    /// Whether anybody watches now.
    pub wanted: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Told of each result.
    pub tell: Arc<dyn Fn(Observation) + Send + Sync>,
}

impl Observer {
    /// Nobody.
    pub fn none() -> Self {
        Self { wanted: Arc::new(|| false), tell: Arc::new(|_| ()) }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer(…)")
    }
}
