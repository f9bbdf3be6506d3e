//! Destinations that do not run: deleted, switched off, or unable to start.

use std::collections::BTreeMap;
use std::path::Path;

use eventlog::{Partition, Position};

use crate::delivery::{Delivery, Key};
use crate::metrics::DestinationLabels;
use crate::ownership::{self, SwitchedOff};
use crate::recorder::Recorder;
use crate::result_log::{ResultLogError, fold_directory};

impl Delivery {
    /// Where a destination that does not start would go on.
    pub(crate) async fn place_of(&self, key: &Key) -> Vec<Option<Position>> {
        let (directory, partitions) = (self.results_dir(key), self.options.log.partitions());
        let read = move || match directory.try_exists() {
            Ok(false) => Ok(None),
            Ok(true) => fold_directory(&directory),
            Err(error) => Err(error.into()),
        };
        let read = tokio::task::spawn_blocking(read).await;
        let Ok(Ok(newest)) = read else { return vec![None; usize::from(partitions)] };
        let folded = newest.map(|newest| newest.folded).unwrap_or_default();
        let cursors = ownership::place(&folded, partitions).unwrap_or_else(|| self.tails());
        let places = (0..).map(Partition).zip(cursors);
        places.map(|(partition, cursor)| ownership::released(&folded, partition, cursor)).collect()
    }

    pub(crate) fn tails(&self) -> Vec<Option<Position>> {
        (0..self.options.log.partitions()).map(|partition| self.options.log.watermark(Partition(partition))).collect()
    }

    /// Removes what is kept of destinations that are deleted, now or before a crash: one that is made again under the name
    /// may be somebody else's.
    pub(crate) async fn sweep(&self) {
        for tenant in self.options.directory.tenants() {
            let directory = self.options.data_dir.join(Path::new(&*tenant.name()));
            let swept = tokio::task::spawn_blocking(move || {
                let configured = &tenant.workspace.destinations;
                ownership::sweep(&directory, |name| configured.iter().any(|model| model.name.as_str() == name))
            });
            if let Ok(Err(error)) = swept.await {
                tracing::error!(%error, "what is kept of deleted destinations was not removed");
            }
        }
    }

    /// Gives up what waits for destinations that are switched off. `off`: those for which that is done.
    pub(crate) async fn switch_off(&self, off: &mut BTreeMap<Key, i64>) {
        let mut done = BTreeMap::new();
        for tenant in self.options.directory.tenants() {
            for model in tenant.workspace.destinations.iter().filter(|model| !model.enabled) {
                let key = (tenant.name(), model.name.shared());
                if off.get(&key) == Some(&model.made_in) {
                    done.insert(key, model.made_in);
                    continue;
                }
                match self.give_up(&key, model.made_in).await {
                    Ok(()) => drop(done.insert(key, model.made_in)),
                    Err(error) => {
                        tracing::error!(destination = &*key.1, %error, "what waits for a destination that is off was not given up");
                    }
                }
            }
        }
        *off = done;
    }

    async fn give_up(&self, key: &Key, made_in: i64) -> Result<(), ResultLogError> {
        let directory = self.results_dir(key);
        if !directory.is_dir() {
            return Ok(());
        }
        let (mut recorder, folded) = Recorder::open(&directory, made_in).await?;
        let (now, folded) = (self.options.clock.now(), folded.unwrap_or_default());
        let Some(off) = ownership::switch_off(&folded, now, &self.tails()) else { return Ok(()) };
        let SwitchedOff { checkpoint, ranges, with } = off;
        recorder.on_disk(move |files| files.results.checkpoint(checkpoint, with, &files.spill)).await?;
        for range in ranges {
            let labels = DestinationLabels { workspace: key.0.to_string(), destination: key.1.to_string() };
            self.options.metrics.count(&labels, range.outcome(), range.records);
        }
        Ok(())
    }
}
