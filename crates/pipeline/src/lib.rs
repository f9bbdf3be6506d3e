//! From `raw` to `processed`: every accepted event is judged once, and what goes on carries its subject and the
//! outputs it may be for.
//!
//! Read in this order: [`Pipeline`] (the path and its life), [`Batch`] and [`Verdict`] (what a stage gets and says),
//! [`stage`] (deduplicate → validate → identify → route), [`dedup`] (the index behind the first of them, and why no
//! crash makes it lose or repeat an event), `worker` (one partition: resume, read, judge, append), `waiting` (who
//! has an event in front of it when the server starts).
//!
//! Two invariants carry the rest:
//! - *The tail of `processed` is the cursor.* The last record of a partition carries its raw position; what stands
//!   behind it in `raw` was not handled, or was dropped and is dropped again. Nothing else has to be kept in step.
//! - *One append, one workspace.* The engines gather an append per workspace into blocks, and a crash may keep some
//!   blocks of an append and not others. Were two workspaces in one append, the tail could name a raw position while
//!   the other workspace's earlier record is lost. So a batch ends where the workspace changes.
//!
//! Not here yet: enriching and transforming. Their places in the order are between identify and route; the region is
//! looked up at the edge, where the address still is.

mod batch;
pub mod dedup;
mod metrics;
mod observe;
mod pipeline;
mod progress;
pub mod stage;
mod tail;
mod waiting;
mod worker;

pub use batch::{Batch, Dropped, Identified, Logged, Reason, Routed, Valid, Verdict};
pub use metrics::Metrics;
pub use observe::{Observation, Observer};
pub use pipeline::{Pipeline, PipelineError, Reading, Site, Stages};
pub use progress::Progress;
pub use worker::Ended;
