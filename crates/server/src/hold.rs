//! While a backup is made, nothing that it may still need is deleted.
//!
//! The backup is another process, and it may be killed. So the hold is a lock of the operating system on a file of the
//! data directory (`flock`), which goes with whoever has it. The backup takes it for itself; whoever deletes takes it
//! together with others, for as long as one deletion lasts, and leaves the deletion out where that fails.
//!
//! Held by it: both streams of the log ([`HeldLog`]) and the files of the lake. A stream must not be told at all what may
//! go, because a deletion follows when it likes; what was not told is told when the hold has gone.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event::Millis;
use eventlog::{Append, AppendError, EventLog, Lease, Owned, Partition, Position, ReadError, Record, Usage};
use lake::copy::{Deleting, Permit};
use rustix::fs::{FlockOperation, flock};

use crate::engines::Layout;

/// The lock of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    path: PathBuf,
    /// Whether it was said that the lock does not work.
    is_told: Arc<AtomicBool>,
}

impl Hold {
    pub(crate) fn of(layout: &Layout) -> Self {
        Self { path: layout.hold(), is_told: Arc::default() }
    }

    /// Makes the file. Only the server does, at its start: one that a backup of another user made it could not open.
    pub(crate) fn create(layout: &Layout) -> io::Result<()> {
        let opened =
            std::fs::OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(layout.hold());
        opened.map(drop)
    }

    fn open(&self) -> io::Result<File> {
        std::fs::OpenOptions::new().write(true).open(&self.path)
    }

    /// Leave to delete, for as long as the answer is kept; `None` while a backup is made.
    pub(crate) fn permit(&self) -> Option<File> {
        let locked = self.open().and_then(|file| {
            flock(&file, FlockOperation::NonBlockingLockShared)?;
            Ok(file)
        });
        match locked {
            Ok(file) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            // No leave either: what stays today goes tomorrow. But nobody else would say why the disk fills.
            Err(error) => {
                if !self.is_told.swap(true, Ordering::Relaxed) {
                    let path = self.path.display();
                    tracing::error!(%error, "nothing is deleted: `{path}`, the lock of backups, does not work");
                }
                None
            }
        }
    }

    /// Waits until nobody deletes, and keeps it so until the answer is dropped or the process ends.
    pub(crate) fn take(&self) -> io::Result<File> {
        let file = self.open()?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    /// The same for the lake.
    pub(crate) fn deleting(&self) -> Deleting {
        let hold = self.clone();
        Deleting::when(move || hold.permit().map(|file| Box::new(file) as Permit))
    }
}

/// A stream that lets nothing go while it is held.
#[derive(Debug)]
pub(crate) struct HeldLog {
    log: Arc<dyn EventLog>,
    hold: Hold,
    /// What would have been let go.
    kept: Mutex<Vec<Option<Position>>>,
}

impl HeldLog {
    pub(crate) fn new(log: Arc<dyn EventLog>, hold: Hold) -> Self {
        let kept = Mutex::new(vec![None; usize::from(log.partitions())]);
        Self { log, hold, kept }
    }

    fn keep(&self, partition: Partition, through: Position) {
        let mut kept = self.kept.lock().expect("no holder of what is kept panics");
        if let Some(known) = kept.get_mut(usize::from(partition.0)) {
            *known = (*known).max(Some(through));
        }
    }

    /// Lets go what was kept, when the hold has gone: a stream that has gone quiet is not told again otherwise.
    async fn let_go(&self) {
        for partition in (0..self.log.partitions()).map(Partition) {
            let take = || {
                let mut kept = self.kept.lock().expect("no holder of what is kept panics");
                kept.get_mut(usize::from(partition.0)).and_then(Option::take)
            };
            if let Some(through) = take() {
                self.trim(partition, through).await;
            }
        }
    }
}

#[async_trait]
impl EventLog for HeldLog {
    fn partitions(&self) -> u16 {
        self.log.partitions()
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        self.log.append(batch).await
    }

    fn accepts(&self) -> Result<(), AppendError> {
        self.log.accepts()
    }

    async fn read(
        &self,
        partition: Partition,
        after: Option<Position>,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.log.read(partition, after, bytes_max).await
    }

    fn watermark(&self, partition: Partition) -> Option<Position> {
        self.log.watermark(partition)
    }

    async fn changed(&self, partition: Partition, after: Option<Position>) {
        self.log.changed(partition, after).await;
    }

    async fn trim(&self, partition: Partition, through: Position) {
        match self.hold.permit() {
            Some(_permit) => self.log.trim(partition, through).await,
            None => self.keep(partition, through),
        }
    }

    /// Asked every few seconds, with traffic and without.
    async fn seal(&self, begun_before: Millis) -> Result<(), AppendError> {
        self.let_go().await;
        self.log.seal(begun_before).await
    }

    fn older_than(&self, partition: Partition, time: Millis) -> Option<Position> {
        self.log.older_than(partition, time)
    }

    fn own(&self, partition: Partition) -> Result<Lease, Owned> {
        self.log.own(partition)
    }

    fn usage(&self) -> Usage {
        self.log.usage()
    }
}

#[cfg(test)]
mod tests {
    use eventlog::memory::MemoryLog;

    use super::*;

    #[tokio::test]
    async fn what_is_held_stays_and_goes_when_the_hold_does() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let layout = Layout::new(directory.path());
        let hold = Hold::of(&layout);
        assert!(hold.permit().is_none() && hold.is_told.load(Ordering::Relaxed), "a lock that does not work is told");
        Hold::create(&layout).expect("a file");
        let hold = Hold::of(&layout);
        let log = HeldLog::new(Arc::new(MemoryLog::new(1)), hold.clone());
        let partition = Partition(0);
        let append = Append { partition, workspace: "acme".into(), payload: bytes::Bytes::from_static(b"x") };
        let last = log.append(vec![append]).await.expect("it is taken")[0];
        let is_there = async || !log.read(partition, None, 1).await.expect("it can be read").is_empty();

        let held = hold.take().expect("nobody has it");
        assert!(hold.permit().is_none() && !hold.is_told.load(Ordering::Relaxed));
        log.trim(partition, last).await;
        log.seal(Millis(0)).await.expect("it is sealed");
        assert!(is_there().await, "a backup may need it");
        drop(held);
        // Nobody trims again: the last word of before counts.
        log.seal(Millis(0)).await.expect("it is sealed");
        assert!(!is_there().await, "it goes when the hold does");
        assert!(hold.permit().is_some());
    }
}
