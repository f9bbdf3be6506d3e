//! The pipeline over logs in memory: what reaches `processed`, and what crashes do to it.

mod crash;
mod flow;
mod identify;
mod raw_faults;
mod setup;
mod waiting;
