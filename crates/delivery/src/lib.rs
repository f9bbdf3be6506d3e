//! From the log to the destinations: every event gets exactly one result per output.
//!
//! ```text
//! log ─▶ follow ─▶ lanes ─▶ batch ─▶ attempt: gate ▸ request ▸ egress ▸ response ─▶ settle ─▶ result log
//!          ▲                              │ failed: its lanes are parked                 │
//!          └── stops while there is no room                    cursor, overview, trace ◀─┘
//! ```
//!
//! Read in this order: [`destination`] (what a destination is), [`response`] (what an answer means), [`outcome`],
//! `lane` (order), `spill` (lanes that wait long), `attempt` (one request), `follow` and `settle` (the loop),
//! [`result_log`] (what is kept), `recorder` (its disk), `cursor` (the fold), `backlog` and `dead_letter` (what is
//! given up), `ownership` (whose it is), `trace`, `desk` (what operators see and do), `replay` (what the lake
//! has comes once more), `telling` (who receives is told of refusals), and [`Delivery`] (starting and
//! stopping).
//!
//! At least once: an event without a final result in the log of results is sent again after a crash.

mod attempt;
mod backlog;
mod batch_size;
mod breaker;
mod concurrency;
mod cursor;
mod dead_letter;
mod delivery;
mod desk;
pub mod destination;
mod flight;
mod follow;
mod idle;
mod lane;
mod latency;
mod metrics;
pub mod outcome;
mod overview;
mod ownership;
mod recorder;
mod replay;
pub mod response;
pub mod result_log;
mod retry;
mod said;
mod settle;
mod share;
mod spill;
mod tail;
mod telling;
mod trace;
mod trace_index;

pub use backlog::BacklogBudget;
pub use breaker::Paused;
pub use delivery::{Delivery, Options, StartError};
pub use desk::{DeadLetter, DeadLetters, ErrorGroup, Held, LetterFilter, LetterMark, OperateError, Resend};
pub use destination::{
    Attempt, Batching, Deletion, Destination, Inexpressible, Kind, Mapped, Registry, Setting, SettingsError,
    SubjectKeys,
};
pub use follow::WaitingLimits;
pub use latency::Quantiles;
pub use metrics::Metrics;
pub use outcome::{Cause, Outcome};
pub use overview::{LastError, Observation, Observed, Observer, Overview, Status};
pub use replay::{
    Archive, ArchivePage, History, Number, OpenSpool, Pages, RATE_DEFAULT, RATE_MAX, Rehearsal, Replay, ReplayAsked,
    ReplayError, ReplayState, Request, Selection, SpoolError, Tally,
};
pub use result_log::ResultLogError;
pub use retry::{Random, RetryPolicy};
pub use telling::{TellerOptions, UntoldWithdrawals, business_days_since};
pub use trace::{OutputTrace, Trace, TraceError, TracedAttempt};
