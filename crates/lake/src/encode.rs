//! From records of `processed` to Arrow rows.
//!
//! Each event's JSON is cut once into top-level fields ([`event::Fields`]); texts are copied into the columns as they
//! stand. Nothing is parsed into a tree, and no row exists outside its columns.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Builder, Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder,
};
use consent::Origin;
use event::{Fields, Fingerprint, Millis, push_string};
use eventlog::Partition;
use eventlog::record::{Processed, RecordError};

use crate::schema::file_schema;

/// Computes the fingerprint under which the vault keeps the `previousId` of an alias call of a workspace; `None` when
/// the workspace is not known any more (its keys are gone, so the id could never be looked up).
pub trait FingerprintPrevious: Send + Sync + std::fmt::Debug {
    /// The fingerprint of `value` in `workspace`.
    fn fingerprint(&self, workspace: &str, value: &str) -> Option<Fingerprint>;
}

/// A record that cannot become a row.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The payload does not decode.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its event is not a JSON object.
    #[error(transparent)]
    Json(#[from] event::MalformedJson),
}

/// Collects rows of one table and day.
#[derive(Debug)]
pub(crate) struct Encoder {
    workspace: Arc<str>,
    previous: Arc<dyn FingerprintPrevious>,
    rows: usize,
    bytes: usize,
    text: Texts,
    anonymous_fp: BinaryBuilder,
    user_fp: BinaryBuilder,
    previous_fp: BinaryBuilder,
    received_at: TimestampMicrosecondBuilder,
    sent_at: TimestampMicrosecondBuilder,
    original_timestamp: TimestampMicrosecondBuilder,
    timestamp: TimestampMicrosecondBuilder,
    partition: Int32Builder,
    block: Int64Builder,
    index: Int64Builder,
    scratch: String,
}

#[derive(Debug, Default)]
struct Texts {
    message_id: StringBuilder,
    call: StringBuilder,
    event: StringBuilder,
    name: StringBuilder,
    source: StringBuilder,
    subject_id: StringBuilder,
    group_id: StringBuilder,
    channel: StringBuilder,
    region: StringBuilder,
    properties: StringBuilder,
    traits: StringBuilder,
    context: StringBuilder,
    consent: StringBuilder,
    integrations: StringBuilder,
    stamp: StringBuilder,
    extra: StringBuilder,
}

/// What the fields of one event came to.
#[derive(Debug, Default)]
struct Row<'a> {
    event: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    group_id: Option<Cow<'a, str>>,
    previous_fp: Option<Fingerprint>,
    channel: Option<Cow<'a, str>>,
    sent_at: Option<Millis>,
    original_timestamp: Option<Millis>,
    timestamp: Option<Millis>,
    properties: Option<&'a str>,
    traits: Option<&'a str>,
    context: Option<&'a str>,
    integrations: Option<&'a str>,
}

fn times() -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::new().with_timezone("UTC")
}

impl Encoder {
    pub(crate) fn new(workspace: Arc<str>, previous: Arc<dyn FingerprintPrevious>) -> Self {
        Self {
            workspace,
            previous,
            rows: 0,
            bytes: 0,
            text: Texts::default(),
            anonymous_fp: BinaryBuilder::new(),
            user_fp: BinaryBuilder::new(),
            previous_fp: BinaryBuilder::new(),
            received_at: times(),
            sent_at: times(),
            original_timestamp: times(),
            timestamp: times(),
            partition: Int32Builder::new(),
            block: Int64Builder::new(),
            index: Int64Builder::new(),
            scratch: String::new(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of payload held, which is about what the columns hold.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the event of a record. On an error nothing of it was added.
    pub(crate) fn push(&mut self, partition: Partition, processed: &Processed<'_>) -> Result<(), EncodeError> {
        let fields = Fields::parse(processed.event.json)?;
        let mut extra = std::mem::take(&mut self.scratch);
        extra.clear();
        let row = read_row(&fields, &mut extra, |value| self.previous.fingerprint(&self.workspace, value));
        self.append_identity(partition, processed);
        self.append_texts(processed, &row);
        self.text.extra.append_option(close(&mut extra));
        self.previous_fp.append_option(row.previous_fp.map(|fingerprint| fingerprint.0));
        self.sent_at.append_option(row.sent_at.map(micros));
        self.original_timestamp.append_option(row.original_timestamp.map(micros));
        self.timestamp.append_value(micros(row.timestamp.unwrap_or(processed.event.received_at)));
        self.rows += 1;
        self.bytes += processed.event.json.len() + 256;
        self.scratch = extra;
        Ok(())
    }

    fn append_identity(&mut self, partition: Partition, processed: &Processed<'_>) {
        let raw = &processed.event;
        // `identifiers` has the fingerprints of those ids that are present, anonymous first.
        let mut fingerprints = processed.identifiers.iter().map(|fingerprint| fingerprint.0);
        self.anonymous_fp.append_option(raw.anonymous_id.and_then(|_| fingerprints.next()));
        self.user_fp.append_option(raw.user_id.and_then(|_| fingerprints.next()));
        self.received_at.append_value(micros(raw.received_at));
        self.partition.append_value(i32::from(partition.0));
        let block = i64::try_from(processed.raw_position.block).unwrap_or(i64::MAX);
        self.block.append_value(block);
        self.index.append_value(i64::from(processed.raw_position.index));
    }

    fn append_texts(&mut self, processed: &Processed<'_>, row: &Row<'_>) {
        let raw = &processed.event;
        let text = &mut self.text;
        text.message_id.append_value(raw.message_id);
        text.call.append_value(raw.call.name());
        text.event.append_option(row.event.as_deref());
        text.name.append_option(row.name.as_deref());
        text.source.append_value(raw.source);
        text.subject_id.append_value(processed.subject.to_string());
        text.group_id.append_option(row.group_id.as_deref());
        text.channel.append_option(row.channel.as_deref());
        text.region.append_option(raw.region);
        text.properties.append_option(row.properties);
        text.traits.append_option(row.traits);
        text.context.append_option(row.context);
        // A version of words alone says nothing of what was chosen, and must not look as if it did.
        let is_unknown = raw.stamp.origin == Origin::Unknown;
        let consent = if is_unknown { Some(UNKNOWN_CONSENT.to_owned()) } else { row.context.and_then(consent_of) };
        text.consent.append_option(consent.as_deref());
        text.integrations.append_option(row.integrations);
        text.stamp.append_value(stamp_json(&raw.stamp));
    }

    /// The rows collected so far; the encoder is empty afterwards.
    pub(crate) fn take(&mut self) -> RecordBatch {
        self.rows = 0;
        self.bytes = 0;
        let text = &mut self.text;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(text.message_id.finish()),
            Arc::new(text.call.finish()),
            Arc::new(text.event.finish()),
            Arc::new(text.name.finish()),
            Arc::new(text.source.finish()),
            Arc::new(text.subject_id.finish()),
            Arc::new(self.anonymous_fp.finish()),
            Arc::new(self.user_fp.finish()),
            Arc::new(self.previous_fp.finish()),
            Arc::new(text.group_id.finish()),
            Arc::new(text.channel.finish()),
            Arc::new(text.region.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.sent_at.finish()),
            Arc::new(self.original_timestamp.finish()),
            Arc::new(self.timestamp.finish()),
            Arc::new(text.properties.finish()),
            Arc::new(text.traits.finish()),
            Arc::new(text.context.finish()),
            Arc::new(text.consent.finish()),
            Arc::new(text.integrations.finish()),
            Arc::new(text.stamp.finish()),
            Arc::new(text.extra.finish()),
            Arc::new(self.partition.finish()),
            Arc::new(self.block.finish()),
            Arc::new(self.index.finish()),
        ];
        RecordBatch::try_new(file_schema(), columns).expect("the builders stand in the order of the schema")
    }
}

fn micros(time: Millis) -> i64 {
    time.0.saturating_mul(1000)
}

/// Sorts the fields of an event into its row; what has no place goes to `extra`, an unclosed JSON object.
fn read_row<'a>(fields: &'a Fields<'_>, extra: &mut String, previous: impl Fn(&str) -> Option<Fingerprint>) -> Row<'a> {
    let mut row = Row::default();
    for (key, json) in fields.iter() {
        let placed = match key {
            // These stand in front of the record, or are fingerprints.
            "type" | "messageId" | "anonymousId" | "userId" | "receivedAt" => true,
            "event" => place(&mut row.event, string(json)),
            "name" => place(&mut row.name, string(json)),
            "groupId" => place(&mut row.group_id, string(json)),
            "channel" => place(&mut row.channel, string(json)),
            // A person's id: never in clear, not even in `extra`.
            "previousId" => {
                row.previous_fp = string(json).and_then(|value| previous(&value));
                true
            }
            "sentAt" => place(&mut row.sent_at, time(json)),
            "originalTimestamp" => place(&mut row.original_timestamp, time(json)),
            "timestamp" => place(&mut row.timestamp, time(json)),
            "properties" => place(&mut row.properties, Some(json)),
            "traits" => place(&mut row.traits, Some(json)),
            "context" => place(&mut row.context, Some(json)),
            "integrations" => place(&mut row.integrations, Some(json)),
            _ => false,
        };
        if !placed {
            extra.push(if extra.is_empty() { '{' } else { ',' });
            push_string(extra, key);
            extra.push(':');
            extra.push_str(json);
        }
    }
    row
}

fn place<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

fn close(extra: &mut String) -> Option<&str> {
    if extra.is_empty() {
        return None;
    }
    extra.push('}');
    Some(extra)
}

/// A JSON string's value; `None` for any other JSON.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(json).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

fn time(json: &str) -> Option<Millis> {
    string(json).and_then(|text| Millis::parse(&text))
}

/// What marks an event whose consent nobody knows (`compat: segment`).
const UNKNOWN_CONSENT: &str = r#"{"origin":"unknown"}"#;

/// The text of `context.consent`. Most contexts without it are told from their text, without a parse.
fn consent_of(context: &str) -> Option<String> {
    if !context.contains("consent") {
        return None;
    }
    let fields = Fields::parse(context).ok()?;
    fields.get("consent").filter(|text| *text != "null").map(str::to_owned)
}

/// The stamp as JSON: `{"origin":…,"preferences":[["performance",true]],"signals":{…},"regime":…,"basis":…}`.
fn stamp_json(stamp: &consent::Stamp<'_>) -> String {
    serde_json::to_string(stamp).expect("a stamp is names and booleans, which always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected_extra: &str, expected: impl Fn(&Row<'_>) -> bool) {
        let fields = Fields::parse(json).expect("the case is an object");
        let mut extra = String::new();
        let row =
            read_row(&fields, &mut extra, |value| Some(Fingerprint([u8::try_from(value.len()).expect("short"); 16])));
        assert!(expected(&row), "{json}: {row:?}");
        assert_eq!(close(&mut extra).unwrap_or_default(), expected_extra, "{json}");
    }

    #[test]
    fn what_has_no_column_is_kept_in_extra() {
        check(
            r#"{"type":"track","event":"A","userId":"u","version":2,"_metadata":{"a":1}}"#,
            r#"{"version":2,"_metadata":{"a":1}}"#,
            |row| row.event.as_deref() == Some("A"),
        );
        check(r#"{"type":"page","name":"H\"x"}"#, "", |row| row.name.as_deref() == Some("H\"x"));
    }

    #[test]
    fn a_value_of_another_kind_is_kept_in_extra() {
        check(r#"{"channel":5,"groupId":null}"#, r#"{"channel":5,"groupId":null}"#, |row| row.channel.is_none());
        check(r#"{"originalTimestamp":"soon"}"#, r#"{"originalTimestamp":"soon"}"#, |row| {
            row.original_timestamp.is_none()
        });
    }

    #[test]
    fn ids_of_people_are_nowhere_in_clear() {
        check(r#"{"anonymousId":"a-1","userId":"u-1","previousId":"p-1"}"#, "", |row| {
            row.previous_fp == Some(Fingerprint([3; 16]))
        });
        check(r#"{"previousId":7}"#, "", |row| row.previous_fp.is_none());
    }

    #[test]
    fn consent_is_read_out_of_the_context() {
        assert_eq!(consent_of(r#"{"ip":"1.2.3.0"}"#), None);
        assert_eq!(consent_of(r#"{"page":"consent"}"#), None);
        assert_eq!(consent_of(r#"{"consent":null}"#), None);
        assert_eq!(consent_of(r#"{"a":1,"consent":{"b":[]}}"#).as_deref(), Some(r#"{"b":[]}"#));
    }
}
