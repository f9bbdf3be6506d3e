//! Reading events back out of the table, whole, to be sent again.
//!
//! The order is (day, subject, time, place in `raw`). It is total, so that a reader can go on exactly behind a row;
//! it does not move when files are compacted or rows land, because nothing in it says where a row lies; within a day it is
//! how compacted files are sorted, so a stretch of it touches few pages; and the events of a subject come in the order of
//! time. Across subjects time is not kept: sorting a week of events by time would mean holding or spilling the week.
//!
//! A day is read in slices of subjects ([`slice`]): some thousand rows each, sorted in memory, so that a day of any size
//! costs the memory of one slice, and a reader that waits holds no file open. Each slice sees the table as it is then.
//!
//! Rejected: `ORDER BY received_at` with a page at a time, which reads every file of a day for each page; and `OFFSET`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::{Expr, cast};
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext, col, lit};
use datafusion::scalar::ScalarValue;
use event::{Call, Fingerprint, Millis};
use futures::StreamExt;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::query::{Identifiers, QueryError};
use crate::schema::COLUMNS;
use crate::store::Place;
use crate::table::Table;

mod rebuild;
mod slice;

use self::slice::Slice;

/// What a slice should hold ([`Reading::slice_rows`]).
pub const SLICE_ROWS: u64 = 4_096;
/// Rows of a slice that are read at a time.
const PAGE_ROWS: usize = 1_024;
/// … or fewer, when they are large: about so many bytes of a page.
const PAGE_BYTES: usize = 4 << 20;
/// Memory for sorting a slice; a slice with more, of one subject, spills.
const SORT_BYTES_MAX: usize = 64 << 20;
/// Pages made ahead of the reader.
const PAGES_AHEAD: usize = 1;

/// Which events. What is empty does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Received at or after; the beginning without.
    pub from: Option<Millis>,
    /// Received before.
    pub to: Millis,
    /// Only these calls.
    pub calls: Vec<Call>,
    /// Only events of these names: those of tracks.
    pub events: Vec<String>,
    /// Only from these sources.
    pub sources: Vec<String>,
    /// Only these.
    pub message_ids: Vec<String>,
}

/// What the vault says about events that are made whole again.
pub trait Identity: Identifiers {
    /// The fingerprints of the earlier id that an alias names, in both its readings; `None` when the workspace is not
    /// known any more.
    fn of_previous(&self, workspace: &str, value: &str) -> Option<[Fingerprint; 2]>;
}

/// What to read, and for whom.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where the tables are.
    pub place: Place,
    /// Whose events.
    pub workspace: Arc<str>,
    /// The output that the records name.
    pub output: Arc<str>,
    /// Which.
    pub selection: Selection,
    /// Go on behind this row; from the beginning without.
    pub after: Option<Mark>,
    /// The vault.
    pub identity: Arc<dyn Identity>,
    /// Rows that are sorted at a time; [`SLICE_ROWS`].
    pub slice_rows: u64,
    /// Readers that may sort at a time, of those who share it: a replay that waits for its receiver holds none of them.
    pub seats: Arc<Semaphore>,
}

/// Where a row stands in the order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    day: String,
    subject: String,
    received_us: i64,
    partition: i32,
    block: i64,
    index: i64,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { day, subject, received_us, partition, block, index } = self;
        write!(f, "{day}/{subject}/{received_us}/{partition}/{block}/{index}")
    }
}

/// Text that is no mark.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no place in the lake")]
pub struct NoMark(String);

impl FromStr for Mark {
    type Err = NoMark;

    fn from_str(text: &str) -> Result<Self, NoMark> {
        let read = || {
            let mut parts = text.split('/');
            let (day, subject) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            let mark = Self {
                day,
                subject,
                received_us: parts.next()?.parse().ok()?,
                partition: parts.next()?.parse().ok()?,
                block: parts.next()?.parse().ok()?,
                index: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(mark)
        };
        read().ok_or_else(|| NoMark(text.to_owned()))
    }
}

/// Some events, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Each with where it stands.
    pub events: Vec<(Mark, Replayed)>,
}

/// An event of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Its record, as `processed` held it.
    Record(Vec<u8>),
    /// It cannot be made whole: the vault does not know an identifier of it any more.
    Gone,
}

/// Pages, and `None` behind the last. A channel that is closed without it broke off, as when the thread panicked.
pub type Pages = mpsc::Receiver<Result<Option<Page>, QueryError>>;

type Sender = mpsc::Sender<Result<Option<Page>, QueryError>>;

/// Reads until the end, or until the receiver is dropped.
pub fn start(reading: Reading) -> Result<Pages, QueryError> {
    let (sender, pages) = mpsc::channel(PAGES_AHEAD);
    on_a_thread(async move {
        let end = read(&reading, &sender).await.map(|()| None);
        // A reader that is gone wants neither the end nor an error.
        drop(sender.send(end).await);
    })?;
    Ok(pages)
}

/// How many events a selection has now.
pub async fn count(place: Place, workspace: Arc<str>, selection: Selection) -> Result<u64, QueryError> {
    let (answer, answered) = oneshot::channel();
    on_a_thread(async move {
        let counted = count_rows(&place, &workspace, &selection).await;
        // Whoever asked may have left.
        drop(answer.send(counted));
    })?;
    answered.await.unwrap_or_else(|_| Err(QueryError::Sql("the count ended without an answer".to_owned())))
}

fn on_a_thread(work: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    // A worker beside the blocked thread: the Delta kernel calls back into its runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(4)
        .thread_name("lake-replay")
        .enable_all()
        .build()?;
    let run = move || {
        if let Err(error) = runtime.block_on(async { tokio::spawn(work).await }) {
            tracing::error!(%error, "reading the lake for a replay ended");
        }
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("lake-replay".to_owned()).spawn(run).map(drop)
}

async fn count_rows(place: &Place, workspace: &str, selection: &Selection) -> Result<u64, QueryError> {
    let Some(table) = Table::open(place, workspace).await? else { return Ok(0) };
    let frame = rows(&table).await?.filter(meant(selection))?;
    Ok(frame.count().await? as u64)
}

async fn read(reading: &Reading, pages: &Sender) -> Result<(), QueryError> {
    let Some(mut table) = Table::open(&reading.place, &reading.workspace).await? else { return Ok(()) };
    let after = reading.after.as_ref();
    for (day, rows) in slice::days(table.files()?, &reading.selection) {
        if after.is_some_and(|after| day < after.day) {
            continue;
        }
        let after = after.filter(|after| day == after.day);
        let slices = slice::slices(&day, rows, reading.slice_rows);
        for slice in slices.filter(|slice| after.is_none_or(|after| slice.reaches(&after.subject))) {
            if pages.is_closed() {
                // Nothing of many slices may be meant, and nobody waits for that.
                return Ok(());
            }
            // What a compaction replaced is deleted some time later.
            table.refresh().await?;
            if !read_slice(reading, &table, (&slice, after), pages).await? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Hands over one slice; `false` when nobody wants more.
async fn read_slice(
    reading: &Reading,
    table: &Table,
    (slice, after): (&Slice, Option<&Mark>),
    pages: &Sender,
) -> Result<bool, QueryError> {
    let is_meant = meant(&reading.selection).and(slice.predicate()).and(after.map_or_else(|| lit(true), behind));
    let order = ["subject_id", "received_at", "partition", "block", "index"];
    let sorted = rows(table).await?.filter(is_meant)?.select(stored())?;
    let mut batches = sorted.sort(order.map(|name| col(name).sort(true, true)).into())?.execute_stream().await?;
    let seat = Arc::clone(&reading.seats).acquire_owned().await;
    // The sort ends before its first row.
    let mut next = batches.next().await;
    drop(seat);
    while let Some(batch) = next {
        let batch = batch?;
        let rows = rows_of_a_page(&batch);
        for first in (0..batch.num_rows()).step_by(rows) {
            let part = batch.slice(first, rows.min(batch.num_rows() - first));
            let page = rebuild::page(&part, slice.day(), reading)?;
            if pages.send(Ok(Some(page))).await.is_err() {
                return Ok(false);
            }
        }
        next = batches.next().await;
    }
    Ok(true)
}

/// How many of some rows make a page: a few events may be as large as thousands of others.
fn rows_of_a_page(batch: &RecordBatch) -> usize {
    let bytes = batch.get_array_memory_size().max(1);
    (batch.num_rows() * PAGE_BYTES / bytes).clamp(1, PAGE_ROWS)
}

async fn rows(table: &Table) -> Result<DataFrame, QueryError> {
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(PAGE_ROWS);
    config.options_mut().execution.parquet.schema_force_view_types = false;
    config.options_mut().execution.parquet.pushdown_filters = true;
    config.options_mut().execution.sort_spill_reservation_bytes = SORT_BYTES_MAX / 8;
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(SORT_BYTES_MAX, 1.0).build_arc()?;
    let session = SessionContext::new_with_config_rt(config, runtime);
    table.delta.update_datafusion_session(&session.state())?;
    let provider = table.delta.table_provider().with_session(Arc::new(session.state())).await?;
    Ok(session.read_table(provider)?)
}

/// The stored columns as the schema says: readers may hand out other widths of the same.
fn stored() -> Vec<Expr> {
    COLUMNS.iter().map(|column| cast(col(column.name), column.kind.arrow()).alias(column.name)).collect()
}

fn time(moment: Millis) -> Expr {
    moment_us(moment.0.saturating_mul(1_000))
}

fn moment_us(us: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into())))
}

/// What a selection means, as a predicate.
fn meant(selection: &Selection) -> Expr {
    let Selection { from, to, calls, events, sources, message_ids } = selection;
    let mut all = col("received_at").lt(time(*to));
    if let Some(from) = from {
        all = all.and(col("received_at").gt_eq(time(*from)));
    }
    let calls: Vec<String> = calls.iter().map(|call| call.name().to_owned()).collect();
    for (column, values) in [("type", &calls), ("event", events), ("source", sources), ("message_id", message_ids)] {
        if !values.is_empty() {
            all = all.and(col(column).in_list(values.iter().map(|value| lit(value.as_str())).collect(), false));
        }
    }
    all
}

/// What stands behind a row within its day.
fn behind(mark: &Mark) -> Expr {
    let mut later = lit(false);
    let keys = [
        ("index", lit(mark.index)),
        ("block", lit(mark.block)),
        ("partition", lit(mark.partition)),
        ("received_at", moment_us(mark.received_us)),
        ("subject_id", lit(mark.subject.as_str())),
    ];
    for (name, value) in keys {
        later = col(name).gt(value.clone()).or(col(name).eq(value).and(later));
    }
    // Said once more alone: by it pages are passed over.
    col("subject_id").gt_eq(lit(mark.subject.as_str())).and(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = Mark {
            day: "2026-11-21".to_owned(),
            subject: "00ff".to_owned(),
            received_us: -1,
            partition: 3,
            block: 4_096,
            index: 7,
        };
        assert_eq!(mark.to_string().parse::<Mark>().expect("a mark"), mark);
        for wrong in ["", "2026-11-21", "2026-11-21/00/1/2/3", "2026-11-21/00/1/2/3/4/5", "2026-11-21/00/x/2/3/4"] {
            assert!(wrong.parse::<Mark>().is_err(), "{wrong}");
        }
    }
}
