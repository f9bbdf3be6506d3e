//! How an answer is written: JSON, JSON lines, CSV or a table for eyes.

use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::LineDelimited;
use arrow::util::pretty::pretty_format_batches_with_schema;

use super::QueryError;

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON array of objects, `[]` when there are none. Times are ISO 8601, NULL is `null`.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180 with a header.
    Csv,
    /// Columns drawn with lines; at most [`TABLE_ROWS_MAX`] rows, as it is measured before it is drawn.
    Table,
}

/// Rows of a drawn table.
pub const TABLE_ROWS_MAX: usize = 10_000;

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "table" => Ok(Self::Table),
            _ => Err(format!("`{name}` is no format: use json, ndjson, csv or table")),
        }
    }
}

/// Writes batches as they come.
pub(super) struct Writer {
    format: Format,
    schema: SchemaRef,
    rows: usize,
    held: Vec<RecordBatch>,
}

impl Writer {
    pub(super) fn new(format: Format, schema: SchemaRef) -> Self {
        Self { format, schema, rows: 0, held: Vec::new() }
    }

    /// The text of a batch; empty when it is held back.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        let first = self.rows == 0;
        self.rows += batch.num_rows();
        match self.format {
            Format::Json => Ok(array_part(&lines(batch)?, first)),
            Format::Ndjson => lines(batch),
            Format::Csv => csv(batch, first),
            Format::Table if self.rows > TABLE_ROWS_MAX => Err(QueryError::Sql(format!(
                "a table is drawn of at most {TABLE_ROWS_MAX} rows: add a LIMIT, or use the format ndjson or csv"
            ))),
            Format::Table => {
                self.held.push(batch.clone());
                Ok(Vec::new())
            }
        }
    }

    /// What ends the answer.
    pub(super) fn finish(self) -> Result<Vec<u8>, QueryError> {
        match self.format {
            Format::Json if self.rows == 0 => Ok(b"[]\n".to_vec()),
            Format::Json => Ok(b"]\n".to_vec()),
            Format::Csv if self.rows == 0 => csv(&RecordBatch::new_empty(self.schema), true),
            Format::Ndjson | Format::Csv => Ok(Vec::new()),
            Format::Table => {
                let mut drawn = pretty_format_batches_with_schema(self.schema, &self.held)?.to_string();
                drawn.push('\n');
                Ok(drawn.into_bytes())
            }
        }
    }
}

fn lines(batch: &RecordBatch) -> Result<Vec<u8>, QueryError> {
    let mut out = Vec::new();
    let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut out);
    writer.write(batch)?;
    writer.finish()?;
    Ok(out)
}

/// Objects, one a line, as a part of an array. A line break cannot occur inside a JSON value.
fn array_part(lines: &[u8], first: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() + 16);
    for (at, line) in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        out.extend_from_slice(if first && at == 0 { b"[" } else { b",\n" });
        out.extend_from_slice(line);
    }
    out
}

fn csv(batch: &RecordBatch, header: bool) -> Result<Vec<u8>, QueryError> {
    let mut out = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(header).build(&mut out);
    writer.write(batch)?;
    drop(writer);
    Ok(out)
}
