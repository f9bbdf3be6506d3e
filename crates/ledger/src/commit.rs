//! What stands in a leaf: a salted hash of a record and nothing else. Without the salt the 32 bytes say nothing about
//! the record, not even to somebody who guesses it: that is what makes erasing possible without touching the tree. With
//! salt and record ([`Opening`]) anybody can compute the leaf again, and no other record fits it.

use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::canonical::{NotCanonical, canonical};
use crate::tree::{Hash, leaf_hash};

/// Says what is hashed, so that no hash made for another end can pass for a commitment. Part of the format.
const PREFIX: &[u8] = b"cdp.ledger.commit.v1\0";
/// The longest record. An entry has a fixed size; this bounds what a receipt carries.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Why a text is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// No JSON, or no object.
    #[error("a record is a JSON object: {0}")]
    NoObject(String),
    /// A value in it has no spelling.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// It could be written differently, so two texts would be the same record.
    #[error("the record is not spelled as RFC 8785 says: spaces, the order of keys, an escape or a key written twice")]
    Spelling,
    /// Too long.
    #[error("the record has {0} bytes; at most {RECORD_BYTES_MAX}")]
    TooLong(usize),
}

/// 256 random bits that hide one record. Whoever has the record and not the salt can prove nothing and guess nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// From random bytes, used for one record only.
    pub fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The bits, to be kept beside the record and nowhere else.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Salt {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// A record: a JSON object in its one spelling.
#[derive(Clone, PartialEq, Eq)]
pub struct Record(String);

impl Record {
    /// From a value, which must be an object.
    pub fn new(value: &Value) -> Result<Self, NotARecord> {
        if !value.is_object() {
            return Err(NotARecord::NoObject("it is another value".to_owned()));
        }
        let text = canonical(value)?;
        if text.len() > RECORD_BYTES_MAX {
            return Err(NotARecord::TooLong(text.len()));
        }
        Ok(Self(text))
    }

    /// Reads one that must be spelled as [`Record::new`] spells it.
    pub fn parse(text: &str) -> Result<Self, NotARecord> {
        if text.len() > RECORD_BYTES_MAX {
            return Err(NotARecord::TooLong(text.len()));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| NotARecord::NoObject(error.to_string()))?;
        let record = Self::new(&value)?;
        if record.0 == text { Ok(record) } else { Err(NotARecord::Spelling) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("a record is JSON by construction")
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.0.len())
    }
}

/// What stands in a leaf.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// To a record under a salt.
    pub fn to(record: &Record, salt: &Salt) -> Self {
        let hash = Sha256::new().chain_update(PREFIX).chain_update(salt.0).chain_update(record.0.as_bytes());
        Self(hash.finalize().into())
    }

    /// Its leaf in the tree.
    pub fn leaf(&self) -> Hash {
        leaf_hash(&self.0)
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({})", Hash(self.0))
    }
}

/// What opens a leaf. Its holder can prove the record; when nobody holds it any more, nobody can link the leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The record.
    pub record: Record,
    /// Its salt.
    pub salt: Salt,
}

impl Opening {
    /// The leaf's content.
    pub fn commitment(&self) -> Commitment {
        Commitment::to(&self.record, &self.salt)
    }
}
