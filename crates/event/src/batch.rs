//! Many calls in one body: `{batch: […], writeKey?, sentAt?, context?, integrations?}`.
//!
//! The items are cut out first and read one by one, so that a wrong item costs only itself.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::fields::{Fields, MalformedJson};
use crate::parts::BatchParts;
use crate::{Millis, limits};

/// What a batch lends to its items: fields of `context` and `integrations` that an item does not have.
#[derive(Debug, Clone, Default)]
pub struct Defaults<'a> {
    pub(crate) context: Fields<'a>,
    pub(crate) integrations: Fields<'a>,
}

impl Defaults<'_> {
    /// What they add to an item at most.
    pub(crate) fn bytes(&self) -> usize {
        let of = |fields: &Fields<'_>| fields.iter().map(|(key, value)| key.len() + value.len() + 4).sum::<usize>();
        of(&self.context) + of(&self.integrations)
    }
}

/// A batch, cut into items.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    /// The write key in the body.
    pub write_key: Option<String>,
    /// The moment the batch was sent, for the clock correction of its items.
    pub sent_at: Option<Millis>,
    /// The text of each item.
    pub items: Vec<&'a str>,
    /// What the items inherit.
    pub defaults: Defaults<'a>,
}

/// Why a body is not a batch at all.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Not JSON, or not an object.
    #[error(transparent)]
    Malformed(#[from] MalformedJson),
    /// `batch` is something other than an array.
    #[error("`batch` is not an array")]
    NotArray,
    /// A batch-level object is something else.
    #[error("`{0}` of the batch is not an object")]
    NotObject(&'static str),
    /// More than [`limits::BATCH_EVENTS_MAX`] items.
    #[error("{0} events in one batch, {max} at most", max = limits::BATCH_EVENTS_MAX)]
    TooLong(usize),
    /// Its items would borrow more than [`limits::LENT_BYTES_MAX`] together.
    #[error("{0} events borrow `context` and `integrations` of their batch, more than {max} bytes together",
        max = limits::LENT_BYTES_MAX)]
    LendsTooMuch(usize),
}

impl<'a> Batch<'a> {
    /// Cuts a body into items.
    pub fn parse(json: &'a str) -> Result<Self, BatchError> {
        let BatchParts { items, rest: mut fields } = serde_json::from_str(json).or_else(|_| parts(json))?;
        if items.len() > limits::BATCH_EVENTS_MAX {
            return Err(BatchError::TooLong(items.len()));
        }
        let defaults =
            Defaults { context: lent(&mut fields, "context")?, integrations: lent(&mut fields, "integrations")? };
        if items.len() * defaults.bytes() > limits::LENT_BYTES_MAX {
            return Err(BatchError::LendsTooMuch(items.len()));
        }
        Ok(Self {
            write_key: fields.get("writeKey").and_then(|text| serde_json::from_str(text).ok()),
            sent_at: fields
                .get("sentAt")
                .and_then(|text| serde_json::from_str::<Cow<'_, str>>(text).ok())
                .and_then(|text| Millis::parse(&text)),
            items: items.into_iter().map(RawValue::get).collect(),
            defaults,
        })
    }
}

/// The same with a second look, for a body that is no batch: it says why. Of a repeated `batch` the last counts.
fn parts(json: &str) -> Result<BatchParts<'_>, BatchError> {
    let mut rest = Fields::parse(json)?;
    let items = match rest.take("batch") {
        None | Some(Cow::Borrowed("null")) => Vec::new(),
        Some(Cow::Borrowed(text)) => serde_json::from_str(text).map_err(|_| BatchError::NotArray)?,
        Some(Cow::Owned(_)) => return Err(BatchError::NotArray),
    };
    Ok(BatchParts { items, rest })
}

fn lent<'a>(fields: &mut Fields<'a>, key: &'static str) -> Result<Fields<'a>, BatchError> {
    match fields.take(key) {
        None | Some(Cow::Borrowed("null")) => Ok(Fields::default()),
        Some(Cow::Borrowed(text)) => Fields::parse(text).map_err(|_| BatchError::NotObject(key)),
        Some(Cow::Owned(_)) => Err(BatchError::NotObject(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discard, Event};

    #[test]
    fn a_wrong_item_costs_only_itself() {
        let body = r#"{"writeKey":"wk","sentAt":"2026-01-01T00:00:00Z","context":{"a":1,"b":2},
            "batch":[{"type":"track","event":"E","userId":"u","context":{"a":9}}, 7, {"type":"track"}]}"#;
        let batch = Batch::parse(body).expect("a batch");
        assert_eq!(batch.write_key.as_deref(), Some("wk"));
        assert_eq!(batch.sent_at, Millis::parse("2026-01-01T00:00:00Z"));
        let read: Vec<_> =
            batch.items.iter().map(|item| Event::parse_with(item, None, &batch.defaults).map(|_| ())).collect();
        insta::assert_debug_snapshot!(read, @r"
        [
            Ok(
                (),
            ),
            Err(
                BadRequest,
            ),
            Err(
                EventNotDefined,
            ),
        ]
        ");
        let first = Event::parse_with(batch.items[0], None, &batch.defaults).expect("valid");
        assert_eq!((first.context("a"), first.context("b")), (Some("9"), Some("2")));
    }

    #[test]
    fn of_a_repeated_batch_the_last_counts() {
        let batch = Batch::parse(r#"{"batch":7,"batch":[1,2],"sentAt":null,"batch":[3]}"#).expect("a batch");
        assert_eq!(batch.items, ["3"]);
        assert!(Batch::parse(r#"{"batch":null}"#).expect("an empty batch").items.is_empty());
    }

    #[test]
    fn what_is_not_a_batch_says_why() {
        for (body, expected) in [
            (r#"{"batch":5}"#, "`batch` is not an array"),
            (r#"{"batch":[],"context":[]}"#, "`context` of the batch is not an object"),
        ] {
            assert_eq!(Batch::parse(body).expect_err("refused").to_string(), expected);
        }
        assert!(Batch::parse("{").is_err());
        assert!(Batch::parse("{}").expect("an empty batch").items.is_empty());
        let long = format!(r#"{{"batch":[{}1]}}"#, "1,".repeat(limits::BATCH_EVENTS_MAX));
        assert!(matches!(Batch::parse(&long), Err(BatchError::TooLong(2_501))));
    }

    #[test]
    fn an_item_counts_what_it_borrows_and_a_batch_what_it_lends() {
        let check = |own: usize, lent: &str, expected: Option<Discard>| {
            let item =
                |pad: usize| format!(r#"{{"type":"page","userId":"u","context":{{"a":1}},"p":"{}"}}"#, "x".repeat(pad));
            let body = format!(r#"{{"context":{lent},"batch":[{}]}}"#, item(own - item(0).len()));
            let batch = Batch::parse(&body).expect("a batch");
            let read = Event::parse_with(batch.items[0], None, &batch.defaults);
            assert_eq!(read.err(), expected, "{own} {lent}");
        };
        check(limits::EVENT_BYTES_MAX, r#"{"a":2}"#, None); // it has its own
        check(limits::EVENT_BYTES_MAX, r#"{"b":2}"#, Some(Discard::EventTooLarge));
        check(limits::EVENT_BYTES_MAX - 6, r#"{"b":2}"#, None);
        let lending = |bytes: usize| {
            let items = vec![r#"{"type":"page","userId":"u"}"#; limits::BATCH_EVENTS_MAX].join(",");
            Batch::parse(&format!(r#"{{"context":{{"k":"{}"}},"batch":[{items}]}}"#, "x".repeat(bytes))).map(drop)
        };
        let each = limits::LENT_BYTES_MAX / limits::BATCH_EVENTS_MAX - 7;
        assert!(lending(each).is_ok());
        assert!(matches!(lending(each + 1), Err(BatchError::LendsTooMuch(limits::BATCH_EVENTS_MAX))));
    }
}
