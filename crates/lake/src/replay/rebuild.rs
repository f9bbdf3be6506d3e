//! From rows back to records: what `encode` took apart, put together again.
//!
//! The text of the event has the same fields with the same values; their order is that of the edge for what stands in
//! front, and that of the columns for the rest. Identifiers come back from the vault. An event of which the vault does not
//! know an identifier any more is not made whole: without it, it would be an event of nobody.
//!
//! Two things of an event are not in the table and so not in what comes back: a `previousId` that names nobody the vault
//! knows (an alias with one is [`Replayed::Gone`]), and the way in which times and escapes were spelled.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use consent::Stamp;
use event::{Call, Fields, Fingerprint, Millis, SubjectId, push_string};
use eventlog::Position;
use eventlog::record::{Processed, Raw};

use super::{Mark, Page, Reading, Replayed};
use crate::query::QueryError;
use crate::schema::index_of;

/// The columns of some rows.
struct Rows<'b> {
    batch: &'b RecordBatch,
    reading: &'b Reading,
    /// What the vault has for the fingerprints among them.
    values: HashMap<Fingerprint, String>,
}

/// An identifier of a row.
enum Found<'r> {
    /// It has none.
    Absent,
    Known(Fingerprint, &'r str),
    /// The vault does not know it any more.
    Unknown,
}

fn fingerprint(bytes: &[u8]) -> Option<Fingerprint> {
    bytes.try_into().ok().map(Fingerprint)
}

/// The events of some rows of a day.
pub(super) fn page(batch: &RecordBatch, day: &str, reading: &Reading) -> Result<Page, QueryError> {
    let mut rows = Rows { batch, reading, values: HashMap::new() };
    rows.learn()?;
    let event = |at| Ok((rows.mark(day, at), rows.record(at)?.map_or(Replayed::Gone, Replayed::Record)));
    Ok(Page { events: (0..batch.num_rows()).map(event).collect::<Result<_, QueryError>>()? })
}

impl<'b> Rows<'b> {
    /// Asks the vault once for all identifiers of the rows.
    fn learn(&mut self) -> Result<(), QueryError> {
        let columns = ["anonymous_fp", "user_fp", "previous_fp"].map(|name| self.binary(name));
        let mut asked: Vec<Fingerprint> =
            columns.iter().flat_map(|column| column.iter()).flatten().filter_map(fingerprint).collect();
        asked.sort_unstable();
        asked.dedup();
        let values = self.reading.identity.values(&self.reading.workspace, &asked);
        let values = values.map_err(|error| QueryError::Sql(format!("the vault does not answer: {error}")))?;
        self.values = asked.into_iter().zip(values).filter_map(|(of, value)| Some((of, value?))).collect();
        Ok(())
    }

    fn binary(&self, name: &str) -> &'b BinaryArray {
        self.batch.column(index_of(name)).as_binary::<i32>()
    }

    fn text(&self, name: &str, at: usize) -> Option<&'b str> {
        let column: &'b StringArray = self.batch.column(index_of(name)).as_string::<i32>();
        column.is_valid(at).then(|| column.value(at))
    }

    fn required(&self, name: &'static str, at: usize) -> Result<&'b str, QueryError> {
        self.text(name, at).ok_or_else(|| damaged(name, at))
    }

    fn time(&self, name: &str, at: usize) -> Option<Millis> {
        let column = self.batch.column(index_of(name)).as_primitive::<TimestampMicrosecondType>();
        column.is_valid(at).then(|| Millis(column.value(at).div_euclid(1_000)))
    }

    fn long(&self, name: &str, at: usize) -> i64 {
        self.batch.column(index_of(name)).as_primitive::<Int64Type>().value(at)
    }

    fn mark(&self, day: &str, at: usize) -> Mark {
        Mark {
            day: day.to_owned(),
            subject: self.text("subject_id", at).unwrap_or_default().to_owned(),
            received_us: self.time("received_at", at).map_or(0, |received| received.0.saturating_mul(1_000)),
            partition: self.batch.column(index_of("partition")).as_primitive::<Int32Type>().value(at),
            block: self.long("block", at),
            index: self.long("index", at),
        }
    }

    fn identifier(&self, name: &str, at: usize) -> Found<'_> {
        let column = self.binary(name);
        if column.is_null(at) {
            return Found::Absent;
        }
        let known = fingerprint(column.value(at)).and_then(|key| Some((key, self.values.get(&key)?.as_str())));
        known.map_or(Found::Unknown, |(key, value)| Found::Known(key, value))
    }

    /// The record of a row; `None` when it cannot be made whole.
    fn record(&self, at: usize) -> Result<Option<Vec<u8>>, QueryError> {
        let call = Call::from_name(self.required("type", at)?).ok_or_else(|| damaged("type", at))?;
        let mut identifiers = Vec::with_capacity(2);
        let mut own = [None, None];
        for (slot, name) in own.iter_mut().zip(["anonymous_fp", "user_fp"]) {
            match self.identifier(name, at) {
                Found::Absent => {}
                Found::Known(key, value) => {
                    identifiers.push(key);
                    *slot = Some(value);
                }
                Found::Unknown => return Ok(None),
            }
        }
        let previous_id = match (self.identifier("previous_fp", at), call) {
            (Found::Known(_, value), _) => Some(value),
            (Found::Unknown, Call::Alias) => return Ok(None),
            (Found::Absent | Found::Unknown, _) => None,
        };
        if let (Some(value), Call::Alias) = (previous_id, call) {
            let previous = self.reading.identity.of_previous(&self.reading.workspace, value);
            let Some(previous) = previous else { return Ok(None) };
            identifiers.extend(previous);
        }
        let [anonymous_id, user_id] = own;
        let json = self.json(at, &[("anonymousId", anonymous_id), ("userId", user_id), ("previousId", previous_id)])?;
        let stamp: Stamp<'_> = serde_json::from_str(self.required("stamp", at)?).map_err(|_| damaged("stamp", at))?;
        // Not passed over: what was wished in `_metadata` keeps an event from where it must not go.
        let extra = self.text("extra", at).map(Fields::parse).transpose().map_err(|_| damaged("extra", at))?;
        let metadata = extra.as_ref().and_then(|extra| extra.get("_metadata")).filter(|text| *text != "null");
        let name = if call == Call::Track { self.text("event", at) } else { self.text("name", at) };
        let event = Raw {
            source: self.required("source", at)?,
            received_at: self.time("received_at", at).ok_or_else(|| damaged("received_at", at))?,
            call,
            message_id: self.required("message_id", at)?,
            anonymous_id,
            user_id,
            region: self.text("region", at),
            stamp,
            json: &json,
        };
        let position = |name| u64::try_from(self.long(name, at)).map_err(|_| damaged("block", at));
        let index = u32::try_from(position("index")?).map_err(|_| damaged("index", at))?;
        let processed = Processed {
            raw_position: Position { block: position("block")?, index },
            subject: subject(self.required("subject_id", at)?).ok_or_else(|| damaged("subject_id", at))?,
            identifiers,
            outputs: vec![&self.reading.output],
            name: name.filter(|_| matches!(call, Call::Track | Call::Page | Call::Screen)),
            event,
            integrations: self.text("integrations", at).filter(|text| *text != "null"),
            metadata,
        };
        Ok(Some(processed.encode()))
    }

    /// The event as text.
    fn json(&self, at: usize, ids: &[(&str, Option<&str>)]) -> Result<String, QueryError> {
        let mut out = String::with_capacity(1_536);
        let texts = [("type", Some(self.required("type", at)?)), ("messageId", Some(self.required("message_id", at)?))];
        let named = ["event", "name", "groupId", "channel"];
        let named = named.into_iter().zip(["event", "name", "group_id", "channel"]);
        let named = named.map(|(key, column)| (key, self.text(column, at)));
        for (key, value) in texts.into_iter().chain(ids.iter().copied()).chain(named) {
            if let Some(value) = value {
                begin(&mut out, key);
                push_string(&mut out, value);
            }
        }
        let times = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];
        for (key, column) in times.into_iter().zip(["timestamp", "original_timestamp", "sent_at", "received_at"]) {
            if let Some(value) = self.time(column, at) {
                begin(&mut out, key);
                push_string(&mut out, &value.to_string());
            }
        }
        for column in ["properties", "traits"] {
            if let Some(json) = self.text(column, at) {
                begin(&mut out, column);
                out.push_str(json);
            }
        }
        if let Some(inner) = self.text("extra", at).and_then(|extra| extra.strip_prefix('{')?.strip_suffix('}')) {
            out.push(',');
            out.push_str(inner);
        }
        for column in ["integrations", "context"] {
            if let Some(json) = self.text(column, at) {
                begin(&mut out, column);
                out.push_str(json);
            }
        }
        out.push('}');
        Ok(out)
    }
}

/// Begins a field of an object that is being written.
fn begin(out: &mut String, key: &str) {
    out.push(if out.is_empty() { '{' } else { ',' });
    push_string(out, key);
    out.push(':');
}

fn subject(text: &str) -> Option<SubjectId> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(SubjectId(bytes))
}

/// A row that this release did not write.
fn damaged(column: &str, at: usize) -> QueryError {
    QueryError::Sql(format!("row {at} of a page has no `{column}` that can be read: a file of the lake is damaged"))
}
