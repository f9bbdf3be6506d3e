//! The lake against a log in memory and tables in temporary directories.

mod compaction;
mod exactly_once;
mod fixture;
mod golden;
mod query;
mod replay;
