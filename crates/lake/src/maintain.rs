//! Keeping the tables in shape: compaction, vacuum, and cutting their logs, beside the landing and without it.
//!
//! A pass opens each table anew and forgets it: between passes maintenance costs no memory.

use std::sync::Arc;
use std::time::Duration;

use deltalake::logstore::object_store::Error as StoreError;
use event::{Clock, Slug};
use tokio::sync::watch;

use crate::copy::Deleting;
use crate::store::Place;
use crate::table::Table;
use crate::{LakeError, Metrics, compact, expire, vacuum};

/// When files are compacted and deleted, and what that may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Between passes.
    pub every_s: u64,
    /// Landing files of the open day before they are merged.
    pub landing_files_min: usize,
    /// What a bucketed file should weigh; the number of buckets follows from it.
    pub file_bytes: u64,
    /// Memory for sorting; beyond it rows spill to disk.
    pub sort_bytes_max: usize,
    /// How long a file that is no longer referenced stays, for readers that began before. Nothing is physically
    /// erased earlier. Above what a commit takes: a file that is written and not committed yet looks unreferenced too.
    pub retention_s: u64,
    /// Between two deletions, at least: listing every file of a table is not for every minute.
    pub delete_every_s: u64,
    /// How many days events are kept after the day on which they came; for ever without.
    pub days_max: Option<u32>,
}

impl Default for Maintenance {
    fn default() -> Self {
        Self {
            every_s: 60,
            landing_files_min: 32,
            file_bytes: 32 << 20,
            sort_bytes_max: 8 << 20,
            retention_s: 24 * 3600,
            delete_every_s: 30 * 60,
            days_max: None,
        }
    }
}

/// What a pass over a table did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Files that left the table because their day is over for long enough.
    pub expired: usize,
    /// Files replaced by compaction.
    pub compacted: usize,
    /// Files physically deleted.
    pub vacuumed: usize,
    /// Entries of the table's log removed.
    pub log_entries: usize,
    /// Whether nothing could be deleted, because somebody copies the lake.
    pub is_held: bool,
}

/// The workspaces that have a table.
pub(crate) async fn workspaces(place: &Place) -> Result<Vec<String>, StoreError> {
    let root = place.path("");
    let listed = place.store.list_with_delimiter(Some(&root)).await?;
    let name = |path: &deltalake::logstore::object_store::path::Path| path.filename().map(str::to_owned);
    let slugs = listed.common_prefixes.iter().filter_map(name).filter(|name| name.parse::<Slug>().is_ok());
    Ok(slugs.collect())
}

/// One pass over one workspace's table. With `deleting` it also removes what is unreferenced for long enough, if it may:
/// what stays is deleted another time.
pub async fn maintain(
    place: &Place,
    workspace: &str,
    (options, deleting): (&Maintenance, Option<&Deleting>),
    clock: &Arc<dyn Clock>,
) -> Result<Maintained, LakeError> {
    let mut done = Maintained::default();
    let Some(mut table) = Table::open(place, workspace).await? else { return Ok(done) };
    if let Some(days) = options.days_max {
        done.expired = expire::expire(&mut table, days, clock.now()).await?;
    }
    let today = clock.now().day();
    for plan in compact::plans(table.files()?, &today, options) {
        done.compacted += compact::carry_out(plan, &mut table, options, clock).await?;
    }
    if let Some(deleting) = deleting {
        // Only for as long as files go: whoever copies the lake waits for it.
        let permit = deleting.permit();
        done.is_held = permit.is_none();
        if permit.is_some() {
            done.vacuumed = vacuum::vacuum(&mut table, options.retention_s).await?;
            done.log_entries = vacuum::cut_log(&table).await?;
        }
    }
    Ok(done)
}

/// Keeps all tables in shape.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) place: Place,
    pub(crate) options: Maintenance,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) deleting: Deleting,
}

impl Keeper {
    /// Passes until stopped.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let passes = (self.options.delete_every_s / self.options.every_s.max(1)).max(1);
        let mut since_deletion = 0;
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(self.options.every_s)) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            since_deletion += 1;
            let deleting = (since_deletion >= passes).then_some(&self.deleting);
            // A pass is cut short by a stop at any point: nothing is lost but work.
            tokio::select! {
                has_deleted = self.pass(deleting) => {
                    if has_deleted {
                        since_deletion = 0;
                    }
                }
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Whether something that could be deleted was.
    async fn pass(&self, deleting: Option<&Deleting>) -> bool {
        let names = match workspaces(&self.place).await {
            Ok(names) => names,
            Err(error) => {
                self.metrics.maintenance_errors.inc();
                tracing::warn!(%error, "the lake's tables could not be listed");
                return false;
            }
        };
        let mut has_deleted = deleting.is_some();
        for workspace in names {
            match maintain(&self.place, &workspace, (&self.options, deleting), &self.clock).await {
                Ok(done) => {
                    has_deleted &= !done.is_held;
                    if done.expired > 0 {
                        let files = done.expired;
                        tracing::info!(workspace, files, "days that are over for long enough left the lake");
                    }
                    self.metrics.compacted_files.inc_by(done.compacted as u64);
                    self.metrics.vacuumed_files.inc_by(done.vacuumed as u64);
                }
                Err(error) => {
                    self.metrics.maintenance_errors.inc();
                    tracing::warn!(%error, workspace, "a table could not be kept in shape; the next pass tries again");
                }
            }
        }
        has_deleted
    }
}
