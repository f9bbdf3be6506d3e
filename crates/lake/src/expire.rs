//! Retention by age: days that are over for long enough leave the table.
//!
//! A day is a partition, so whole files go and no row is rewritten. One commit takes them out of the table; vacuum
//! deletes them from the disk when readers that began before have had their time.

use event::Millis;

use crate::LakeError;
use crate::table::{LiveFile, Table};

const DAY_MS: i64 = 86_400_000;

/// Takes out of the table what was received on a day that ended more than `days` days ago; how many files.
pub(crate) async fn expire(table: &mut Table, days: u32, now: Millis) -> Result<usize, LakeError> {
    let first_kept = Millis(now.0.saturating_sub(i64::from(days).saturating_mul(DAY_MS))).day();
    let old: Vec<LiveFile> = table.files()?.into_iter().filter(|file| file.day < first_kept).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let files = old.len();
    table.delete(old, &format!("day < '{first_kept}'")).await?;
    Ok(files)
}
