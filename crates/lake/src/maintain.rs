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
    /// How many days events are kept after the day on which they came; for ever without.
    pub days_max: Option<u32>,
}

impl Default for Maintenance {
    fn default() -> Self {
        Self {
            every_s: 60,
            landing_files_min: 32,
            file_bytes: 32 << 20,
            sort_bytes_max: 16 << 20,
            retention_s: 24 * 3600,
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
}

/// Between two vacuums, at least: listing every file of a table is not for every minute.
const VACUUM_EVERY_S: u64 = 30 * 60;

/// The workspaces that have a table.
pub(crate) async fn workspaces(place: &Place) -> Result<Vec<String>, StoreError> {
    let root = place.path("");
    let listed = place.store.list_with_delimiter(Some(&root)).await?;
    let name = |path: &deltalake::logstore::object_store::path::Path| path.filename().map(str::to_owned);
    let slugs = listed.common_prefixes.iter().filter_map(name).filter(|name| name.parse::<Slug>().is_ok());
    Ok(slugs.collect())
}

/// One pass over one workspace's table. `delete` also removes what is unreferenced for long enough.
pub async fn maintain(
    place: &Place,
    workspace: &str,
    (options, delete): (&Maintenance, bool),
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
    if delete {
        done.vacuumed = vacuum::vacuum(&mut table, options.retention_s).await?;
        done.log_entries = vacuum::cut_log(&table).await?;
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
        let passes = (VACUUM_EVERY_S / self.options.every_s.max(1)).max(1);
        let mut since_vacuum = 0;
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(self.options.every_s)) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            since_vacuum += 1;
            // Whoever copies the lake has vacuum wait; it is asked again at the next pass.
            let permit = if since_vacuum >= passes { self.deleting.permit() } else { None };
            // A pass is cut short by a stop at any point: nothing is lost but work.
            tokio::select! {
                () = self.pass(permit.is_some()) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            if permit.is_some() {
                since_vacuum = 0;
            }
        }
    }

    async fn pass(&self, delete: bool) {
        let names = match workspaces(&self.place).await {
            Ok(names) => names,
            Err(error) => {
                self.metrics.maintenance_errors.inc();
                tracing::warn!(%error, "the lake's tables could not be listed");
                return;
            }
        };
        for workspace in names {
            match maintain(&self.place, &workspace, (&self.options, delete), &self.clock).await {
                Ok(done) => {
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
    }
}
