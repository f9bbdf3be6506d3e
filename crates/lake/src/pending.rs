//! What was read for one table and is not committed yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake::kernel::Transaction;
use event::Millis;
use eventlog::Partition;
use eventlog::record::Processed;
use parquet::errors::ParquetError;

use crate::bucket::LANDING;
use crate::encode::{EncodeError, Encoder, FingerprintPrevious};
use crate::parquet_file::{Finished, Writer};

/// Rows and bytes after which collected columns are compressed into the file.
const BATCH_ROWS_MAX: usize = 1_024;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Landing files in the making, one for each day in them (one, but around midnight).
#[derive(Debug)]
pub(crate) struct Pending {
    workspace: Arc<str>,
    previous: Arc<dyn FingerprintPrevious>,
    days: BTreeMap<String, DayFile>,
    /// The last block of each partition that is in the files.
    through: BTreeMap<u16, i64>,
    /// The day of the last event, with the bounds in which it holds: naming a day costs more than all else here.
    today: (std::ops::Range<i64>, String),
}

#[derive(Debug)]
struct DayFile {
    encoder: Encoder,
    writer: Writer,
}

const DAY_MS: i64 = 86_400_000;

impl Pending {
    /// Of which workspace.
    pub(crate) fn workspace(&self) -> &str {
        &self.workspace
    }

    pub(crate) fn new(workspace: Arc<str>, previous: Arc<dyn FingerprintPrevious>) -> Self {
        Self { workspace, previous, days: BTreeMap::new(), through: BTreeMap::new(), today: (0..0, String::new()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.through.is_empty()
    }

    /// Bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.days.values().map(|file| file.encoder.bytes() + file.writer.bytes()).sum()
    }

    /// Notes that the block is covered, whatever of it became a row.
    pub(crate) fn cover(&mut self, partition: Partition, block: i64) {
        self.through.insert(partition.0, block);
    }

    /// Adds an event. The inner error is the event's own, the outer one the file's.
    pub(crate) fn push(
        &mut self,
        partition: Partition,
        processed: &Processed<'_>,
    ) -> Result<Result<(), EncodeError>, ParquetError> {
        let received = processed.event.received_at;
        if !self.today.0.contains(&received.0) {
            let start = received.0.div_euclid(DAY_MS).saturating_mul(DAY_MS);
            self.today = (start..start.saturating_add(DAY_MS), received.day());
        }
        let day = &self.today.1;
        if !self.days.contains_key(day) {
            let encoder = Encoder::new(Arc::clone(&self.workspace), Arc::clone(&self.previous));
            self.days.insert(day.clone(), DayFile { encoder, writer: Writer::new(day, LANDING)? });
        }
        let file = self.days.get_mut(day).expect("it was inserted if it was not there");
        let pushed = file.encoder.push(partition, processed);
        if file.encoder.rows() >= BATCH_ROWS_MAX || file.encoder.bytes() >= BATCH_BYTES_MAX {
            file.writer.write(&file.encoder.take())?;
        }
        Ok(pushed)
    }

    /// The finished files, and the transactions that say how far they reach. Empty afterwards.
    pub(crate) fn take(
        &mut self,
        stream: &str,
        now: Millis,
    ) -> Result<(Vec<Finished>, Vec<Transaction>), ParquetError> {
        let mut files = Vec::with_capacity(self.days.len());
        for (_, mut file) in std::mem::take(&mut self.days) {
            if file.encoder.rows() > 0 {
                file.writer.write(&file.encoder.take())?;
            }
            let finished = file.writer.finish(now, true)?;
            if finished.rows > 0 {
                files.push(finished);
            }
        }
        let through = std::mem::take(&mut self.through);
        let transaction = |(partition, block)| {
            Transaction::new_with_last_update(app_id(stream, Partition(partition)), block, Some(now.0))
        };
        Ok((files, through.into_iter().map(transaction).collect()))
    }
}

/// The name under which a table notes how far it has a partition of the stream.
pub(crate) fn app_id(stream: &str, partition: Partition) -> String {
    format!("{stream}/{}", partition.0)
}
