//! The lake against a log in memory, with its tables in temporary directories and in a bucket of a real S3.

mod compaction;
mod exactly_once;
mod fixture;
mod golden;
mod ground;
mod query;
mod replay;
mod s3;
mod suite;
