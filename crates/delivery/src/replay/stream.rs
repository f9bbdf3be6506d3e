//! What one destination reads: the partitions of `processed`, and behind them one more with what is replayed to it.
//!
//! The records of that partition lie in spools, one for each start of a replay, each a log of its own. A position there is
//! the spool's with the number of the replay and of its start in front: they order as they were begun, never repeat, and
//! say what they are of after the spool is gone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use event::Millis;
use eventlog::{Append, AppendError, EventLog, Partition, Position, ReadError, Record};

use super::{Number, OpenSpool, RUNS_MAX, SpoolError};

/// Where spools are, below the destination's directory.
pub(crate) const DIRECTORY: &str = "replays";

/// Bits of a spool's own blocks: 256 GB of it.
const BLOCK_BITS: u32 = 38;
const RUN_BITS: u32 = 10;
/// The only partition of a spool.
const ONLY: Partition = Partition(0);

/// Which spool: of which replay, of which start of it.
pub(crate) type Spool = (Number, usize);

/// The replay that a record of the last partition is of.
pub(crate) fn number_of(position: Position) -> Number {
    Number::try_from(position.block >> (BLOCK_BITS + RUN_BITS)).unwrap_or(Number::MAX)
}

/// The spool that a record is in.
pub(super) fn spool_of(position: Position) -> Spool {
    let run = position.block >> BLOCK_BITS & ((1 << RUN_BITS) - 1);
    (number_of(position), usize::try_from(run).unwrap_or(RUNS_MAX))
}

fn outer((number, run): Spool, position: Position) -> Position {
    let of = u64::from(number) << RUN_BITS | run as u64;
    Position { block: of << BLOCK_BITS | position.block, ..position }
}

fn inner(position: Position) -> Position {
    Position { block: position.block & ((1 << BLOCK_BITS) - 1), ..position }
}

/// The end of the spool that a record is in, whatever else is in it.
pub(super) fn rest_of(position: Position) -> Position {
    Position { block: position.block | ((1 << BLOCK_BITS) - 1), index: u32::MAX }
}

/// The end of all that is of a replay.
pub(super) fn end_of(number: Number) -> Position {
    let rest = (1 << (BLOCK_BITS + RUN_BITS)) - 1;
    Position { block: u64::from(number) << (BLOCK_BITS + RUN_BITS) | rest, index: u32::MAX }
}

/// Behind all spools.
pub(super) const END: Position = Position { block: u64::MAX, index: u32::MAX };

/// A spool, or why it does not open.
type Opened = Result<Arc<dyn EventLog>, String>;

/// See the module.
pub(crate) struct Stream {
    live: Arc<dyn EventLog>,
    directory: PathBuf,
    open: Option<OpenSpool>,
    /// `None` when it is closed.
    spools: RwLock<Option<BTreeMap<Spool, Opened>>>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stream({})", self.directory.display())
    }
}

impl Stream {
    /// The live log, and the spools that are in the destination's directory. One that does not open is known with its
    /// reason: it is its replay that cannot go on, not the destination. An error where that would be said too early.
    pub(crate) async fn open(
        live: Arc<dyn EventLog>,
        destination: &Path,
        open: Option<OpenSpool>,
    ) -> Result<Self, String> {
        let directory = destination.join(DIRECTORY);
        let below = directory.clone();
        let found = tokio::task::spawn_blocking(move || found(&below)).await.map_err(|error| error.to_string())??;
        let mut spools = BTreeMap::new();
        for spool in found {
            if let Some(open) = &open {
                let opened = match open_spool(open, &directory.join(name(spool))).await {
                    Err(busy @ SpoolError::Busy(_)) => return Err(busy.to_string()),
                    opened => opened.map_err(|error| error.to_string()),
                };
                spools.insert(spool, opened);
            }
        }
        Ok(Self { live, directory, open, spools: RwLock::new(Some(spools)) })
    }

    /// Closes the spools, so that the destination's next courier can open them: whatever else still knows this stream.
    pub(crate) async fn close(&self) {
        let spools = self.spools.write().expect("no holder of the spools panics").take();
        // Closing a log waits for its writer.
        let closed = tokio::task::spawn_blocking(move || drop(spools)).await;
        closed.unwrap_or_else(|error| tracing::error!(%error, "what is replayed was not closed as it should"));
    }

    /// The spools that do not open, with the reason.
    pub(crate) fn unopened(&self) -> Vec<(Spool, String)> {
        let spools = self.spools.read().expect("no holder of the spools panics");
        let failed =
            spools.iter().flatten().filter_map(|(spool, opened)| Some((*spool, opened.as_ref().err()?.clone())));
        failed.collect()
    }

    /// How many partitions there are, the replayed one included.
    pub(crate) fn partitions(&self) -> u16 {
        self.live.partitions() + 1
    }

    /// The partition of what is replayed.
    pub(crate) fn replayed(&self) -> Partition {
        Partition(self.live.partitions())
    }

    pub(crate) fn is_replayed(&self, partition: Partition) -> bool {
        partition == self.replayed()
    }

    /// Those that are open.
    fn spools(&self) -> Vec<(Spool, Arc<dyn EventLog>)> {
        let spools = self.spools.read().expect("no holder of the spools panics");
        let opened = spools.iter().flatten().filter_map(|(spool, log)| Some((*spool, Arc::clone(log.as_ref().ok()?))));
        opened.collect()
    }

    /// Begins a spool.
    pub(crate) async fn begin(&self, spool: Spool) -> Result<(), String> {
        let open = self.open.clone().ok_or("this server has no archive")?;
        let log = open_spool(&open, &self.directory.join(name(spool))).await.map_err(|error| error.to_string())?;
        let mut spools = self.spools.write().expect("no holder of the spools panics");
        spools.as_mut().ok_or("the destination ended")?.insert(spool, Ok(log));
        Ok(())
    }

    /// Puts records into a spool; returns the last position when they are durable.
    pub(crate) async fn append(
        &self,
        spool: Spool,
        workspace: &Arc<str>,
        payloads: Vec<bytes::Bytes>,
    ) -> Result<Option<Position>, AppendError> {
        let log = self.spools().into_iter().find_map(|(known, log)| (known == spool).then_some(log));
        let log = log.ok_or_else(|| AppendError::Invalid { detail: "its spool is gone".to_owned() })?;
        let records =
            payloads.into_iter().map(|payload| Append { partition: ONLY, workspace: Arc::clone(workspace), payload });
        let positions = log.append(records.collect()).await?;
        Ok(positions.last().map(|last| outer(spool, *last)))
    }

    /// As [`EventLog::read`].
    pub(crate) async fn read(
        &self,
        partition: Partition,
        after: Option<Position>,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        if !self.is_replayed(partition) {
            return self.live.read(partition, after, bytes_max).await;
        }
        if self.spools.read().expect("no holder of the spools panics").is_none() {
            // Not that there is nothing: its events would count as lost.
            return Err(ReadError::Io(std::io::Error::other("the destination ended")));
        }
        let first = after.map(spool_of);
        for (spool, log) in self.spools().into_iter().filter(|(spool, _)| Some(*spool) >= first) {
            let after = after.filter(|_| Some(spool) == first).map(inner);
            if log.watermark(ONLY) <= after {
                continue;
            }
            let read = log.read(ONLY, after, bytes_max).await;
            let records = read.map_err(|error| match error {
                ReadError::Trimmed { through } => ReadError::Trimmed { through: outer(spool, through) },
                ReadError::Shredded { block, next } => ReadError::Shredded {
                    block: outer(spool, Position { block, index: 0 }).block,
                    next: outer(spool, next),
                },
                ReadError::Damaged { block, detail } => {
                    ReadError::Damaged { block: outer(spool, Position { block, index: 0 }).block, detail }
                }
                ReadError::Io(error) => ReadError::Io(error),
            })?;
            let placed = records.into_iter().map(|record| Record { position: outer(spool, record.position), ..record });
            return Ok(placed.collect());
        }
        Ok(Vec::new())
    }

    /// As [`EventLog::watermark`].
    pub(crate) fn watermark(&self, partition: Partition) -> Option<Position> {
        if !self.is_replayed(partition) {
            return self.live.watermark(partition);
        }
        let last = |(spool, log): (Spool, Arc<dyn EventLog>)| Some(outer(spool, log.watermark(ONLY)?));
        self.spools().into_iter().rev().find_map(last)
    }

    /// As [`EventLog::changed`]; never for what is replayed, of which the loop is told otherwise.
    pub(crate) async fn changed(&self, partition: Partition, after: Option<Position>) {
        if self.is_replayed(partition) {
            return std::future::pending().await;
        }
        self.live.changed(partition, after).await;
    }

    /// As [`EventLog::older_than`].
    pub(crate) fn older_than(&self, partition: Partition, time: Millis) -> Option<Position> {
        if !self.is_replayed(partition) {
            return self.live.older_than(partition, time);
        }
        let last = |(spool, log): (Spool, Arc<dyn EventLog>)| Some(outer(spool, log.older_than(ONLY, time)?));
        self.spools().into_iter().rev().find_map(last)
    }

    /// Lets go of what is replayed up to a position, and of spools before that; not of `open`, into which more may come.
    pub(crate) async fn let_go(&self, through: Option<Position>, open: Option<Spool>) {
        let last = through.map(spool_of);
        if let Some(through) = through {
            for (_, log) in self.spools().into_iter().filter(|(spool, _)| Some(*spool) == last) {
                log.trim(ONLY, inner(through)).await;
            }
        }
        let over = {
            let spools = self.spools.read().expect("no holder of the spools panics");
            let over = spools.iter().flat_map(BTreeMap::keys).copied();
            over.filter(|spool| Some(*spool) < last && Some(*spool) != open).collect::<Vec<_>>()
        };
        for spool in over {
            let log = self.forget(spool);
            let directory = self.directory.join(name(spool));
            let removed = tokio::task::spawn_blocking(move || {
                // Closing a log waits for its writer.
                drop(log);
                crate::ownership::remove(&directory)
            });
            if let Ok(Err(error)) = removed.await {
                tracing::warn!(%error, "what was replayed is not deleted yet; the next start tries again");
            }
        }
    }

    fn forget(&self, spool: Spool) -> Option<Opened> {
        self.spools.write().expect("no holder of the spools panics").as_mut()?.remove(&spool)
    }

    /// Ends what was begun before a time, so that it can go.
    pub(crate) async fn seal(&self, begun_before: Millis) {
        for (_, log) in self.spools() {
            if let Err(error) = log.seal(begun_before).await {
                tracing::warn!(%error, "what was replayed is old, and cannot be let go of yet");
            }
        }
    }

    /// Bytes of all spools.
    pub(crate) fn bytes(&self) -> u64 {
        self.spools().iter().map(|(_, log)| log.usage().bytes).sum()
    }
}

/// Opens a spool. Its last courier has ended, and closes it when its thread gets there.
async fn open_spool(open: &OpenSpool, directory: &Path) -> Result<Arc<dyn EventLog>, SpoolError> {
    const TRIES: u32 = 500;
    let mut tries = 0;
    loop {
        let (opening, path) = (Arc::clone(open), directory.to_owned());
        let opened = tokio::task::spawn_blocking(move || opening(&path)).await;
        match opened.unwrap_or_else(|error| Err(SpoolError::Failed(error.to_string()))) {
            Err(SpoolError::Busy(_)) if tries < TRIES => tries += 1,
            opened => return opened,
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn name((number, run): Spool) -> String {
    format!("{number}-{run}")
}

/// The spools below a directory.
fn found(directory: &Path) -> Result<Vec<Spool>, String> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| format!("cannot list `{}`: {error}", directory.display()))?,
    };
    let spool = |name: &str| {
        let (number, run) = name.split_once('-')?;
        Some((number.parse().ok()?, run.parse().ok()?))
    };
    Ok(entries.flatten().filter_map(|entry| spool(entry.file_name().to_str()?)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_say_what_they_are_of_and_order_as_they_were_begun(
            a in (1_u16..u16::MAX, 0_usize..RUNS_MAX, 0_u64..1 << BLOCK_BITS, any::<u32>()),
            b in (1_u16..u16::MAX, 0_usize..RUNS_MAX, 0_u64..1 << BLOCK_BITS, any::<u32>()),
        ) {
            let place = |(number, run, block, index)| outer((number, run), Position { block, index });
            prop_assert_eq!(place(a).cmp(&place(b)), a.cmp(&b));
            prop_assert_eq!(spool_of(place(a)), (a.0, a.1));
            prop_assert_eq!(inner(place(a)), Position { block: a.2, index: a.3 });
            prop_assert!(place(a) <= rest_of(place(a)) && spool_of(rest_of(place(a))) == (a.0, a.1));
            prop_assert_eq!(place(a) <= end_of(b.0), a.0 <= b.0);
        }
    }
}
