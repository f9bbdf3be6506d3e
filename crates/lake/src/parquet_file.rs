//! One Parquet file of a table: encoded in memory, put into the store, named in a commit.
//!
//! Rows are encoded and compressed as they come, so what waits for a commit is held at about a tenth of its size. A
//! landing file stays in memory until it is put in one piece; a large one is drained to the store as it grows.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{max, min};
use arrow::datatypes::TimestampMicrosecondType;
use bytes::Bytes;
use deltalake::kernel::Add;
use event::Millis;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::schema::{BUCKET, DAY, file_schema, index_of};

/// Rows of a row group. A reader decodes a row group at a time: at 1.5 KB a row this is some 12 MB.
const ROW_GROUP_ROWS_MAX: usize = 8_192;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    inner: ArrowWriter<Vec<u8>>,
    day: String,
    bucket: i32,
    path: String,
    rows: usize,
    received: Option<(i64, i64)>,
    drained_bytes: usize,
}

/// A finished file and how the table's log names it.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    /// The file, or the end of it when it was drained before.
    pub(crate) bytes: Bytes,
    pub(crate) add: Add,
    pub(crate) rows: usize,
}

fn properties(sorted: bool) -> WriterProperties {
    let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
    let unique = ["message_id", "properties", "context", "extra", "received_at", "timestamp", "block", "index"];
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_created_by("assent lake 1".to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS_MAX))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_column_statistics_enabled("received_at".into(), EnabledStatistics::Chunk);
    for column in unique {
        // A dictionary of values that do not repeat is built, outgrown and thrown away: a fifth of the encoding.
        builder = builder.set_column_dictionary_enabled(column.into(), false);
    }
    if sorted {
        // Finding a subject in a file reads the pages that can hold it. A surrogate is no personal data by itself, and
        // these statistics go with the file.
        builder = builder.set_column_statistics_enabled("subject_id".into(), EnabledStatistics::Page);
    }
    builder.build()
}

impl Writer {
    /// A file for a day and a bucket; bucketed files are sorted by subject.
    pub(crate) fn new(day: &str, bucket: i32) -> Result<Self, ParquetError> {
        let sorted = bucket != crate::bucket::LANDING;
        let inner = ArrowWriter::try_new(Vec::new(), file_schema(), Some(properties(sorted)))?;
        let path = format!("{DAY}={day}/{BUCKET}={bucket}/{}.parquet", uuid::Uuid::new_v4());
        Ok(Self { inner, day: day.to_owned(), bucket, path, rows: 0, received: None, drained_bytes: 0 })
    }

    /// Where the file is to be put.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        let received = batch.column(index_of("received_at")).as_primitive::<TimestampMicrosecondType>();
        if let (Some(first), Some(last)) = (min(received), max(received)) {
            let (low, high) = self.received.unwrap_or((first, last));
            self.received = Some((low.min(first), high.max(last)));
        }
        self.rows += batch.num_rows();
        self.inner.write(batch)
    }

    /// Bytes held: what is compressed, and what the pages in progress take.
    pub(crate) fn bytes(&self) -> usize {
        self.inner.bytes_written() + self.inner.memory_size()
    }

    /// Takes the bytes that will not change any more: whoever takes them puts them before the rest.
    pub(crate) fn drain(&mut self) -> Bytes {
        let ready = std::mem::take(self.inner.inner_mut());
        self.drained_bytes += ready.len();
        ready.into()
    }

    pub(crate) fn finish(self, now: Millis, data_change: bool) -> Result<Finished, ParquetError> {
        let bytes = Bytes::from(self.inner.into_inner()?);
        let partition_values =
            HashMap::from([(DAY.to_owned(), Some(self.day)), (BUCKET.to_owned(), Some(self.bucket.to_string()))]);
        let add = Add {
            path: self.path,
            partition_values,
            size: i64::try_from(self.drained_bytes + bytes.len()).expect("a file is smaller than 2^63"),
            modification_time: now.0,
            data_change,
            stats: Some(stats(self.rows, self.received)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        };
        Ok(Finished { bytes, add, rows: self.rows })
    }
}

/// The file's statistics as Delta spells them. The maximum is of whole milliseconds, as all our times are.
fn stats(rows: usize, received: Option<(i64, i64)>) -> String {
    let Some((low, high)) = received else { return format!(r#"{{"numRecords":{rows}}}"#) };
    let (low, high) = (Millis(low / 1000), Millis(high / 1000));
    format!(
        r#"{{"numRecords":{rows},"minValues":{{"received_at":"{low}"}},"maxValues":{{"received_at":"{high}"}},"nullCount":{{"received_at":0}}}}"#
    )
}
