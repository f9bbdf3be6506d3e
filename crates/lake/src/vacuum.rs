//! Vacuum: what is no longer referenced is physically deleted. Until then nothing is erased.
//!
//! A file that compaction or erasure took out of the table stays for a while, for queries that began before. After
//! that it goes, as do files that no commit ever named (a crash between writing and committing). What a crash left half
//! written is in no listing and goes at the start ([`crate::Place::directory`]). The table's log says which files there
//! were, so it is cut too, behind a checkpoint.

use chrono::Duration;
use deltalake::operations::vacuum::VacuumMode;
use deltalake::protocol::checkpoints::{cleanup_metadata, create_checkpoint};

use crate::LakeError;
use crate::table::Table;

/// A hundred years: more would leave the range of dates.
const RETENTION_S_MAX: u64 = 100 * 365 * 86_400;

/// Deletes files unreferenced for `retention_s`; how many went.
pub(crate) async fn vacuum(table: &mut Table, retention_s: u64) -> Result<usize, LakeError> {
    let retention = i64::try_from(retention_s.min(RETENTION_S_MAX)).expect("a hundred years of seconds fit");
    let (delta, metrics) = table
        .delta
        .clone()
        .vacuum()
        .with_mode(VacuumMode::Full)
        .with_retention_period(Duration::seconds(retention))
        // The rule of a week is Delta's default for tables with unknown readers; here the operator sets it.
        .with_enforce_retention_duration(false)
        .await?;
    table.delta = delta;
    Ok(metrics.files_deleted.len())
}

/// Writes a checkpoint and removes log entries older than the table's log retention; how many went.
pub(crate) async fn cut_log(table: &Table) -> Result<usize, LakeError> {
    create_checkpoint(&table.delta, None).await?;
    Ok(cleanup_metadata(&table.delta, None).await?)
}
