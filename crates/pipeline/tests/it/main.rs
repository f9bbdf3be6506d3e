//! The pipeline over logs in memory: what reaches `processed`, and what crashes do to it.

mod crash;
mod flow;
mod identify;
mod setup;
mod waiting;
