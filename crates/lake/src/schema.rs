//! The columns of a workspace's table, and the settings it is created with.
//!
//! An event is stored as the columns below and nothing else of it is lost: every top-level field without a column of
//! its own, or whose value is not of its column's kind, is kept in `extra`. Identifiers of people are not in the files:
//! they stand there as fingerprints (keyed hashes, 16 bytes), and the view of [`crate::query`] turns them back into
//! values for those who may see them. What a sender wrote inside `properties`, `traits` and `context` is its content
//! and stays.
//!
//! Only `received_at` has statistics (and the partition columns their values): minimum and maximum of any other
//! column would put personal data into the table's log, which is kept longer than its files.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake::kernel::{DataType as DeltaType, PrimitiveType};

/// The partition column: the day (UTC) of `received_at`.
pub const DAY: &str = "day";

/// The partition column: which subjects a file holds, see [`crate::bucket`].
pub const BUCKET: &str = "bucket";

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text; JSON where the documentation says so.
    Text,
    /// 16 bytes: a fingerprint.
    Fingerprint,
    /// Microseconds since 1970, UTC.
    Time,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
}

/// A stored column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, in files and in SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether an event may have none.
    pub nullable: bool,
}

const fn always(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false }
}

const fn maybe(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: true }
}

/// The columns in the files, in their order. New ones go to the end and are nullable: older files read them as NULL.
pub const COLUMNS: &[Column] = &[
    always("message_id", Kind::Text),
    always("type", Kind::Text),
    maybe("event", Kind::Text),
    maybe("name", Kind::Text),
    always("source", Kind::Text),
    always("subject_id", Kind::Text), // 32 hexadecimal digits
    maybe("anonymous_fp", Kind::Fingerprint),
    maybe("user_fp", Kind::Fingerprint),
    maybe("previous_fp", Kind::Fingerprint),
    maybe("group_id", Kind::Text), // an account, not a person
    maybe("channel", Kind::Text),
    maybe("region", Kind::Text),
    always("received_at", Kind::Time),
    maybe("sent_at", Kind::Time),
    maybe("original_timestamp", Kind::Time),
    always("timestamp", Kind::Time),
    maybe("properties", Kind::Text),   // JSON
    maybe("traits", Kind::Text),       // JSON
    maybe("context", Kind::Text),      // JSON
    maybe("consent", Kind::Text),      // JSON: `context.consent` as it was sent
    maybe("integrations", Kind::Text), // JSON
    always("stamp", Kind::Text),       // JSON: what held at capture, by which a later use is decided
    maybe("extra", Kind::Text),        // JSON object: every other field
    always("partition", Kind::Int),    // where the event stood in the stream `raw`: its identity
    always("block", Kind::Long),
    always("index", Kind::Long),
];

/// Properties of every table.
pub(crate) const PROPERTIES: &[(&str, &str)] = &[
    ("delta.dataSkippingStatsColumns", "received_at"),
    ("delta.checkpointInterval", "100"),
    // Cleaning lists the whole log: maintenance does it, not every commit.
    ("delta.enableExpiredLogCleanup", "false"),
    // A commit every few seconds: each opening lists what is kept. Nobody is promised time travel.
    ("delta.logRetentionDuration", "interval 1 hours"),
    ("delta.deletedFileRetentionDuration", "interval 1 days"),
    ("assent.schema", "1"),
];

impl Kind {
    /// The type in memory and in Parquet.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Fingerprint => DataType::Binary,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Int => DataType::Int32,
            Self::Long => DataType::Int64,
        }
    }

    pub(crate) fn delta(self) -> DeltaType {
        DeltaType::Primitive(match self {
            Self::Text => PrimitiveType::String,
            Self::Fingerprint => PrimitiveType::Binary,
            Self::Time => PrimitiveType::Timestamp,
            Self::Int => PrimitiveType::Integer,
            Self::Long => PrimitiveType::Long,
        })
    }
}

/// The schema of the files: all columns but the partition columns, whose values stand in the table's log.
pub fn file_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(Schema::new(file_fields())));
    Arc::clone(&SCHEMA)
}

fn file_fields() -> Vec<Field> {
    COLUMNS.iter().map(|column| Field::new(column.name, column.kind.arrow(), column.nullable)).collect()
}

/// The schema of the table as SQL sees it, partition columns last.
pub fn table_schema() -> SchemaRef {
    let mut fields = file_fields();
    fields.push(Field::new(DAY, DataType::Date32, true));
    fields.push(Field::new(BUCKET, DataType::Int32, true));
    Arc::new(Schema::new(fields))
}

/// The place of a column in [`COLUMNS`].
pub(crate) fn index_of(name: &str) -> usize {
    COLUMNS.iter().position(|column| column.name == name).expect("asked for a column of this table only")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns of version 1. A column may be added at the end; anything else breaks the tables that exist.
    #[test]
    fn the_columns_are_those_of_version_one() {
        let line = |column: &Column| {
            let null = if column.nullable { "?" } else { "" };
            format!("{}{null} {:?}", column.name, column.kind)
        };
        let columns: Vec<String> = COLUMNS.iter().map(line).collect();
        insta::assert_snapshot!(columns.join("\n"), @r"
        message_id Text
        type Text
        event? Text
        name? Text
        source Text
        subject_id Text
        anonymous_fp? Fingerprint
        user_fp? Fingerprint
        previous_fp? Fingerprint
        group_id? Text
        channel? Text
        region? Text
        received_at Time
        sent_at? Time
        original_timestamp? Time
        timestamp Time
        properties? Text
        traits? Text
        context? Text
        consent? Text
        integrations? Text
        stamp Text
        extra? Text
        partition Int
        block Long
        index Long
        ");
    }
}
