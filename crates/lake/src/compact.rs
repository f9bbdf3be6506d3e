//! Compaction: many small landing files of a day become few files by subject bucket, sorted by subject.
//!
//! While a day is open, its landing files are merged whenever there are enough of them, together with those earlier
//! results that are not much larger than what is merged (so each row is rewritten a logarithmic number of times). When
//! the day is over it is settled once: all its files become one set of buckets, as many as its volume asks for.
//!
//! The rows are sorted by subject with a memory limit, spilling to disk; because a bucket is a prefix of the subject,
//! the sorted stream passes the buckets one after the other, and one file at a time is open, whatever the day weighs.
//! Files go to the store as they grow: neither the day nor a file is ever held whole.
//!
//! One commit removes the old files and adds the new ones, `dataChange` false. A crash before it leaves orphans for
//! vacuum; landing commits beside it do not conflict (they only add). What another writer removed meanwhile (an
//! erasure) does: then the new files are dropped and the next round starts from what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext, col};
use deltalake::logstore::object_store::Error as StoreError;
use deltalake::logstore::object_store::buffered::BufWriter;
use event::Clock;
use futures::StreamExt;
use tokio::io::AsyncWriteExt as _;

use crate::LakeError;
use crate::bucket::{LANDING, bits_for, of_hex};
use crate::maintain::Maintenance;
use crate::parquet_file::{Finished, Writer};
use crate::schema::{file_schema, index_of};
use crate::table::{LiveFile, Table};

/// Rows that the sort moves at once. A merge holds two such batches of each run that it reads: at 1.5 KB a row, 8 MB are
/// enough for twenty runs.
const SORT_ROWS: usize = 128;

/// Files of one day that become files by bucket.
#[derive(Debug)]
pub(crate) struct Plan {
    day: String,
    files: Vec<LiveFile>,
    bits: u32,
}

/// What is worth doing now, at most one plan for each day.
pub(crate) fn plans(files: Vec<LiveFile>, today: &str, options: &Maintenance) -> Vec<Plan> {
    let mut days: BTreeMap<String, Vec<LiveFile>> = BTreeMap::new();
    for file in files {
        days.entry(file.day.clone()).or_default().push(file);
    }
    let plan = |(day, files): (String, Vec<LiveFile>)| {
        if day.as_str() < today { settle(day, files, options) } else { merge(day, files, options) }
    };
    days.into_iter().filter_map(plan).collect()
}

fn volume(files: &[LiveFile]) -> u64 {
    files.iter().map(|file| file.bytes).sum()
}

/// A day that is over: everything, unless it is settled already.
fn settle(day: String, files: Vec<LiveFile>, options: &Maintenance) -> Option<Plan> {
    let bits = bits_for(volume(&files), options.file_bytes);
    let mut buckets: Vec<i32> = files.iter().map(|file| file.bucket).collect();
    buckets.sort_unstable();
    // One file in each bucket of one count. A count that is one step off is left: sizes differ a little by encoding.
    let distinct = buckets.windows(2).all(|pair| pair[0] != pair[1]);
    let levels = [bits.saturating_sub(1), bits, bits + 1];
    let one_count = levels.iter().any(|level| buckets.iter().all(|bucket| (1 << level..2 << level).contains(bucket)));
    if distinct && one_count { None } else { Some(Plan { day, files, bits }) }
}

/// The open day: landing files once there are enough, and smaller results of earlier merges.
fn merge(day: String, files: Vec<LiveFile>, options: &Maintenance) -> Option<Plan> {
    let (mut chosen, mut earlier): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.bucket == LANDING);
    if chosen.len() < options.landing_files_min {
        return None;
    }
    let mut bytes = volume(&chosen);
    earlier.sort_by_key(|file| file.bytes);
    for file in earlier {
        if file.bytes > bytes.saturating_mul(2) || file.bytes >= options.file_bytes / 2 {
            break;
        }
        bytes += file.bytes;
        chosen.push(file);
    }
    let bits = bits_for(bytes, options.file_bytes);
    Some(Plan { day, files: chosen, bits })
}

/// Carries a plan out; how many files it replaced.
pub(crate) async fn carry_out(
    plan: Plan,
    table: &mut Table,
    options: &Maintenance,
    clock: &Arc<dyn Clock>,
) -> Result<usize, LakeError> {
    let session = session(options)?;
    let log = table.delta.log_store();
    session.register_object_store(log.root_url(), log.root_object_store(None));
    let root = table.delta.table_url();
    let urls: Vec<String> = plan.files.iter().map(|file| format!("{root}{}", file.path)).collect();
    let schema = file_schema();
    let reading = ParquetReadOptions::default().schema(&schema);
    let frame = session.read_parquet(urls, reading).await?.sort(vec![col("subject_id").sort(true, true)])?;
    let mut rows = frame.execute_stream().await?;
    let mut sink = Sink { table: table.clone(), day: plan.day, bits: plan.bits, open: None, done: Vec::new() };
    while let Some(batch) = rows.next().await {
        sink.write(&batch?, clock).await?;
    }
    sink.close(clock).await?;
    let new = sink.done;
    let replaced = plan.files.len();
    let old = plan.files.into_iter().map(|file| file.remove).collect();
    table.replace(old, &new, options.file_bytes).await?;
    Ok(replaced)
}

fn session(options: &Maintenance) -> Result<SessionContext, LakeError> {
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(SORT_ROWS);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    config.options_mut().execution.sort_spill_reservation_bytes = options.sort_bytes_max / 8;
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(options.sort_bytes_max, 1.0).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// Writes a stream sorted by subject into one file for each bucket.
struct Sink {
    table: Table,
    day: String,
    bits: u32,
    open: Option<Open>,
    done: Vec<Finished>,
}

/// The file of the bucket that the stream is in. What of it is finished goes to the store at once.
struct Open {
    bucket: i32,
    writer: Writer,
    upload: BufWriter,
}

impl Sink {
    async fn write(&mut self, batch: &RecordBatch, clock: &Arc<dyn Clock>) -> Result<(), LakeError> {
        let buckets: Vec<i32> = batch
            .column(index_of("subject_id"))
            .as_string::<i32>()
            .iter()
            .map(|subject| subject.and_then(|subject| of_hex(subject, self.bits)).unwrap_or(1 << self.bits))
            .collect();
        let mut start = 0;
        for run in buckets.chunk_by(|one, next| one == next) {
            let bucket = run[0];
            if self.open.as_ref().is_none_or(|open| open.bucket != bucket) {
                self.close(clock).await?;
                let writer = Writer::new(&self.day, bucket)?;
                let upload = self.table.upload(writer.path());
                self.open = Some(Open { bucket, writer, upload });
            }
            if let Some(open) = &mut self.open {
                open.writer.write(&batch.slice(start, run.len()))?;
                open.upload.put(open.writer.drain()).await?;
            }
            start += run.len();
        }
        Ok(())
    }

    async fn close(&mut self, clock: &Arc<dyn Clock>) -> Result<(), LakeError> {
        if let Some(Open { writer, mut upload, .. }) = self.open.take() {
            let mut finished = writer.finish(clock.now(), false)?;
            upload.put(std::mem::take(&mut finished.bytes)).await?;
            upload.shutdown().await.map_err(|error| StoreError::Generic { store: "lake", source: error.into() })?;
            self.done.push(finished);
        }
        Ok(())
    }
}
