//! Engines and records for the tests of this crate.

use std::path::PathBuf;
use std::sync::Arc;

use eventlog::file::disk::Disk;
use eventlog::file::{FileLog, OpenError, Options};
use eventlog::{Append, EventLog, Partition, Position, Record};
use testkit::clock::HandClock;
use testkit::random::Random;
use vault::keys::{Epoch, Keys};

pub(crate) const PARTITIONS: u16 = 3;
pub(crate) const DIRECTORY: &str = "/log";

/// Two workspaces with fixed keys.
pub(crate) fn keys() -> Keys {
    let keys = Keys::default();
    keys.insert("acme", Epoch(1), &[7; 32]);
    keys.insert("globex", Epoch(1), &[9; 32]);
    keys
}

/// Small segments, so that a test of a few kilobytes crosses many.
pub(crate) fn options(disk: Arc<dyn Disk>, directory: PathBuf) -> Options {
    Options {
        directory,
        stream: "raw".into(),
        partitions: PARTITIONS,
        segment_bytes: 16 * 1024,
        cache_bytes: 8 * 1024,
        pending_bytes_max: 1024 * 1024,
        disk_reserve_bytes: 0,
        disk,
        keys: keys(),
        clock: Arc::new(HandClock::default()),
        metrics: eventlog::Metrics::default(),
    }
}

pub(crate) fn open(disk: &testkit::disk::FaultyDisk) -> Result<FileLog, OpenError> {
    FileLog::open(options(Arc::new(disk.clone()), DIRECTORY.into()))
}

/// The same with a clock to be moved.
pub(crate) fn open_at(disk: &testkit::disk::FaultyDisk, clock: &HandClock) -> FileLog {
    let clock = Arc::new(clock.clone());
    let options = Options { clock, ..options(Arc::new(disk.clone()), DIRECTORY.into()) };
    FileLog::open(options).expect("opens")
}

pub(crate) fn append(partition: u16, workspace: &str, payload: impl Into<Vec<u8>>) -> Append {
    Append { partition: Partition(partition), workspace: workspace.into(), payload: payload.into().into() }
}

/// Bytes that do not compress.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 7);
    while bytes.len() < length {
        bytes.extend_from_slice(&random.number().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// All records of a partition after `after`, read in steps of about `bytes_max`.
pub(crate) async fn read_all(
    log: &dyn EventLog,
    partition: u16,
    after: Option<Position>,
    bytes_max: usize,
) -> Vec<Record> {
    let mut after = after;
    let mut all = Vec::new();
    loop {
        let records = log.read(Partition(partition), after, bytes_max).await.expect("the partition reads");
        let Some(last) = records.last() else { return all };
        after = Some(last.position);
        all.extend(records);
    }
}

pub(crate) fn texts(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}
