//! What the payloads of the two streams hold, and their versions.
//!
//! A payload is one version byte and the [postcard](https://docs.rs/postcard) encoding of [`Raw`] or [`Processed`].
//! Both borrow from the block they are read from: nothing is copied to look at a record. The event itself is its JSON
//! text; what is needed to route, to decide and to place it stands in front, so that nobody parses JSON for that.
//!
//! Fields are never reordered or removed: a new version gets a new number, and `tests/golden` keeps every old one
//! readable.

use event::{Call, Fingerprint, Millis, SubjectId};
use serde::{Deserialize, Serialize};

use crate::Position;

/// The version of both payloads.
pub const VERSION: u8 = 1;

/// What most payloads fit into.
const PAYLOAD_BYTES: usize = 2048;

/// A payload that does not decode.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer release.
    #[error(
        "record version {found} is newer than {VERSION}, which this release reads: upgrade, or restore the data directory of before"
    )]
    Newer {
        /// The version byte.
        found: u8,
    },
    /// Not a record.
    #[error("record does not decode: {0}")]
    Malformed(String),
}

/// An accepted event, as the collector appends it to `raw`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw<'a> {
    /// The source's name.
    pub source: &'a str,
    /// When its request arrived.
    pub received_at: Millis,
    /// Which call.
    pub call: Call,
    /// Its id, given or generated.
    pub message_id: &'a str,
    /// The ids it carries.
    pub anonymous_id: Option<&'a str>,
    /// The ids it carries.
    pub user_id: Option<&'a str>,
    /// Its region, when known.
    pub region: Option<&'a str>,
    /// What held at capture.
    #[serde(borrow)]
    pub stamp: consent::Stamp<'a>,
    /// The event, as `event::Event::write` wrote it.
    pub json: &'a str,
}

/// An event after the pipeline, as `processed` holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processed<'a> {
    /// Where it stood in `raw`: its identity for deduplication and resumption.
    pub raw_position: Position,
    /// Who it is about.
    pub subject: SubjectId,
    /// The fingerprints of its identifiers, by which choices are found.
    pub identifiers: Vec<Fingerprint>,
    /// The destinations it may be for, by name. Named, not decided.
    #[serde(borrow)]
    pub outputs: Vec<&'a str>,
    /// The event name of a track call, the name of a page or screen.
    pub name: Option<&'a str>,
    /// The record it was made from; `json` may have been enriched.
    #[serde(borrow)]
    pub event: Raw<'a>,
    /// The text of `integrations`, when the event has it.
    pub integrations: Option<&'a str>,
    /// The text of `_metadata`, when the event has it.
    pub metadata: Option<&'a str>,
}

fn encode(value: &impl Serialize, out: Vec<u8>) -> Vec<u8> {
    let out = postcard::to_extend(&VERSION, out).and_then(|out| postcard::to_extend(value, out));
    out.expect("a record of numbers, strings and lists always encodes")
}

fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, RecordError> {
    match payload.split_first() {
        Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|error| RecordError::Malformed(error.to_string())),
        Some((&found, _)) if found > VERSION => Err(RecordError::Newer { found }),
        Some((found, _)) => Err(RecordError::Malformed(format!("version {found} never existed"))),
        None => Err(RecordError::Malformed("it is empty".to_owned())),
    }
}

impl<'a> Raw<'a> {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        self.append_to(Vec::with_capacity(PAYLOAD_BYTES))
    }

    /// The payload, behind what `out` holds: a batch's records share one buffer.
    pub fn append_to(&self, out: Vec<u8>) -> Vec<u8> {
        encode(self, out)
    }

    /// Reads a payload.
    pub fn decode(payload: &'a [u8]) -> Result<Self, RecordError> {
        decode(payload)
    }

    /// The key by which order is kept: `anonymousId`, else `userId`.
    pub fn subject_key(&self) -> &'a str {
        self.anonymous_id.or(self.user_id).unwrap_or(self.message_id)
    }
}

impl<'a> Processed<'a> {
    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        encode(self, Vec::with_capacity(PAYLOAD_BYTES))
    }

    /// Reads a payload.
    pub fn decode(payload: &'a [u8]) -> Result<Self, RecordError> {
        decode(payload)
    }
}

impl consent::HasSubject for Processed<'_> {
    fn subject(&self) -> consent::Subject<'_> {
        consent::Subject {
            identifiers: &self.identifiers,
            stamp: &self.event.stamp,
            wishes: consent::Wishes { integrations: self.integrations, metadata: self.metadata },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consent::{Origin, Preferences, Signals, Stamp};
    use workspace::{Basis, Regime};

    fn raw() -> Raw<'static> {
        Raw {
            source: "web",
            received_at: Millis(1_763_762_400_000),
            call: Call::Track,
            message_id: "m1",
            anonymous_id: Some("a1"),
            user_id: None,
            region: Some("DE"),
            stamp: Stamp {
                origin: Origin::Sent,
                preferences: Preferences(vec![("performance".into(), true)]),
                signals: Signals { gpc: true, dnt: false },
                regime: Regime::OPT_IN,
                basis: Basis::Consent,
            },
            json: r#"{"type":"track"}"#,
        }
    }

    #[test]
    fn records_come_back_as_they_were() {
        assert_eq!(Raw::decode(&raw().encode()).expect("decodes"), raw());
        let processed = Processed {
            raw_position: Position { block: 4096, index: 7 },
            subject: SubjectId([9; 16]),
            identifiers: vec![Fingerprint([1; 16])],
            outputs: vec!["echo"],
            name: Some("Order"),
            event: raw(),
            integrations: Some("{}"),
            metadata: None,
        };
        assert_eq!(Processed::decode(&processed.encode()).expect("decodes"), processed);
    }

    #[test]
    fn a_newer_version_is_refused_with_a_way_out() {
        let mut payload = raw().encode();
        payload[0] = VERSION + 1;
        assert!(matches!(Raw::decode(&payload), Err(RecordError::Newer { found: 2 })));
        assert!(Raw::decode(&[]).is_err());
        assert!(Raw::decode(&[0]).is_err());
    }

    /// The bytes of version 1. A change here is a new version, not a new snapshot.
    #[test]
    fn version_one_reads_as_it_was_written() {
        let golden: Vec<u8> = include_str!("golden_raw_v1.hex")
            .split_ascii_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
            .collect();
        assert_eq!(Raw::decode(&golden).expect("version 1 is readable for ever"), raw());
        assert_eq!(raw().encode(), golden);
    }
}
