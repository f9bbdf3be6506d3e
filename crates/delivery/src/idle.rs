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
    /// Where a destination that does not start would go on: not where another making of its name was.
    pub(crate) async fn place_of(&self, key: &Key, made_in: i64) -> Vec<Option<Position>> {
        let (directory, partitions) = (self.results_dir(key), self.options.log.partitions());
        let read = move || {
            let is_its_own = directory.try_exists()? && ownership::is_of(&directory, made_in)?;
            if is_its_own { fold_directory(&directory) } else { Ok(None) }
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

    /// Gives up what waits for destinations that are switched off. `off`: those for which that is done. Says whether it
    /// is done for all.
    pub(crate) async fn switch_off(&self, off: &mut BTreeMap<Key, i64>) -> bool {
        let mut wanted = BTreeMap::new();
        for tenant in self.options.directory.tenants() {
            let models = tenant.workspace.destinations.iter().filter(|model| !model.enabled);
            wanted.extend(models.map(|model| ((tenant.name(), model.name.shared()), model.made_in)));
        }
        // First, and each as it is done: whoever waits for this may stop waiting in the middle of it.
        off.retain(|key, made_in| wanted.get(key) == Some(made_in));
        wanted.retain(|key, _| !off.contains_key(key));
        let mut is_done = true;
        for (key, made_in) in wanted {
            match self.give_up(&key, made_in).await {
                Ok(()) => drop(off.insert(key, made_in)),
                Err(error) => {
                    is_done = false;
                    tracing::error!(destination = &*key.1, %error, "what waits for a destination that is off was not given up");
                }
            }
        }
        is_done
    }

    async fn give_up(&self, key: &Key, made_in: i64) -> Result<(), ResultLogError> {
        let directory = self.results_dir(key);
        if !directory.is_dir() {
            return Ok(());
        }
        let (mut recorder, folded) = Recorder::open(&directory, made_in).await?;
        let (now, folded) = (self.options.clock.now(), folded.unwrap_or_default());
        let mut tails = self.tails();
        // Of what was replayed nothing waits beyond what was read.
        tails.push(None);
        let Some(off) = ownership::switch_off(&folded, now, &tails) else { return Ok(()) };
        let SwitchedOff { checkpoint, ranges, with } = off;
        recorder.on_disk(move |files| files.results.checkpoint(checkpoint, with, &files.spill)).await?;
        let replays = directory.join(crate::replay::stream::DIRECTORY);
        let removed = tokio::task::spawn_blocking(move || {
            // Itself it stays: by it traces of replays are looked for.
            if replays.is_dir() {
                ownership::remove(&replays).and_then(|()| std::fs::create_dir(&replays))
            } else {
                Ok(())
            }
        })
        .await;
        removed.unwrap_or_else(|_| Err(std::io::Error::other("the thread that removed it ended")))?;
        for range in ranges {
            let labels = DestinationLabels { workspace: key.0.to_string(), destination: key.1.to_string() };
            self.options.metrics.count(&labels, range.outcome(), range.records);
        }
        Ok(())
    }
}
