//! Receipts: what somebody keeps of a record of theirs, and the verifier, which needs the log's public key and nothing
//! else: no network, no server, no trust in who made the receipt.
//!
//! A receipt is one line of JSON-LD: the fields of ISO/IEC TS 27560 under the words of the Data Privacy Vocabulary.
//!
//! ```text
//! @context, version             fixed
//! @type                         ConsentReceipt, or ConfigurationReceipt of a record of that kind
//! record                        what the leaf commits to
//! notice                        what the record names by its hash: controllers, recipients, retention, rights …
//! proof                         salt, index, hashes from the leaf to the root, signed checkpoint
//! ```
//!
//! Every byte counts. The text has exactly one spelling, and each part is bound to the signature: the record and its
//! salt by the commitment, the notice by its hash in the record, index and hashes by the root, the root by the
//! signature. So a receipt with any byte changed, added or taken away does not verify.

#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::canonical::canonical;
use crate::checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint};
use crate::commit::{NotARecord, Opening, Record, Salt};
use crate::log::Inclusion;
use crate::note::{Note, VerifierKey};
use crate::tree::{Hash, root_of_inclusion};

/// The version of the receipts that are made here.
const VERSION: u64 = 1;
/// The longest receipt that is read.
pub const RECEIPT_BYTES_MAX: usize = 256 * 1024;
/// A proof in the largest tree there can be.
const HASHES_MAX: usize = 64;

/// Why a receipt proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// It has not the form of a receipt.
    #[error("this is no receipt: {0}")]
    NoReceipt(String),
    /// A newer Assent made it.
    #[error("this receipt has version {0}, this program reads version {VERSION}: use a newer one")]
    Newer(u64),
    /// It reads as a receipt and is not written as one is.
    #[error("the receipt was changed: it is not written byte by byte as receipts are (white space counts too)")]
    Spelling,
    /// The record or the notice is none.
    #[error("the receipt's {0} is not one: {1}")]
    Record(&'static str, NotARecord),
    /// The notice is not the one that the record names.
    #[error("the notice in the receipt is not the one that was recorded: its hash is another one")]
    Notice,
    /// The checkpoint is not the log's.
    #[error("the receipt's checkpoint proves nothing: {0}")]
    Checkpoint(CheckpointError),
    /// The record is not in the checkpoint's tree.
    #[error("the record is not in the log at this place: record, salt, index or path was changed")]
    NotIncluded,
}

/// What a good receipt proves: the log had this record at this place when it signed the checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The record.
    pub record: Record,
    /// What the record names as shown, when the receipt carries it.
    pub notice: Option<Record>,
    /// The leaf.
    pub index: u64,
    /// The log, and how large it was then.
    pub checkpoint: Checkpoint,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    record: Record,
    salt: Salt,
    notice: Option<Record>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: String,
}

/// How a record names a notice, in its member `notice`.
pub fn notice_reference(notice: &Record) -> String {
    let hash = Sha256::digest(notice.as_str().as_bytes());
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

fn context() -> &'static Value {
    static CONTEXT: OnceLock<Value> = OnceLock::new();
    CONTEXT.get_or_init(|| serde_json::from_str(include_str!("context.json")).expect("the context is JSON"))
}

impl Receipt {
    /// Of a record whose leaf is proved. `notice` must be the one that the record names, if it names one.
    pub fn new(opening: Opening, notice: Option<Record>, proof: Inclusion) -> Self {
        let Opening { record, salt } = opening;
        let checkpoint = proof.checkpoint.note().to_owned();
        Self { record, salt, notice, index: proof.index, hashes: proof.hashes, checkpoint }
    }

    /// As it is given to its owner.
    pub fn to_text(&self) -> String {
        let record = self.record.value();
        let kind = if record["kind"] == "configuration" { "ConfigurationReceipt" } else { "ConsentReceipt" };
        let mut receipt = json!({
            "@context": context(),
            "@type": kind,
            "version": VERSION,
            "record": record,
            "proof": {
                "salt": STANDARD.encode(self.salt.expose()),
                "index": self.index,
                "hashes": self.hashes.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "checkpoint": self.checkpoint,
            },
        });
        if let Some(notice) = &self.notice {
            receipt["notice"] = notice.value();
        }
        canonical(&receipt).expect("records have a spelling, and a log has fewer than 2^53 leaves")
    }

    /// Reads the form; believes nothing.
    fn parse(text: &str) -> Result<Self, WhyNot> {
        let no = |what: &str| WhyNot::NoReceipt(what.to_owned());
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(no("it is too long"));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| WhyNot::NoReceipt(error.to_string()))?;
        match value["version"].as_u64() {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => return Err(WhyNot::Newer(newer)),
            _ => return Err(no("it has no version")),
        }
        let proof = &value["proof"];
        let salt = proof["salt"].as_str().and_then(|salt| STANDARD.decode(salt).ok()?.try_into().ok());
        let hashes = proof["hashes"].as_array().filter(|hashes| hashes.len() <= HASHES_MAX);
        let hashes = hashes.and_then(|all| all.iter().map(|hash| Hash::parse(hash.as_str()?)).collect());
        let record = |name, value| Record::new(value).map_err(|error| WhyNot::Record(name, error));
        let receipt = Self {
            record: record("record", &value["record"])?,
            notice: value.get("notice").map(|notice| record("notice", notice)).transpose()?,
            salt: Salt::new(salt.ok_or_else(|| no("its salt is not base64 of 32 bytes"))?),
            index: proof["index"].as_u64().ok_or_else(|| no("it has no index"))?,
            hashes: hashes.ok_or_else(|| no("its hashes are not base64 of 32 bytes each"))?,
            checkpoint: proof["checkpoint"].as_str().ok_or_else(|| no("it has no checkpoint"))?.to_owned(),
        };
        // What is not part of a receipt, or is spelled otherwise, does not come back.
        if receipt.index <= crate::canonical::WHOLE_MAX && receipt.to_text() == text {
            Ok(receipt)
        } else {
            Err(WhyNot::Spelling)
        }
    }
}

/// Checks a receipt with the public key of its log, offline.
pub fn verify(receipt: &str, key: &VerifierKey) -> Result<Verified, WhyNot> {
    let receipt = Receipt::parse(receipt)?;
    if let Some(notice) = &receipt.notice
        && receipt.record.value()["notice"].as_str() != Some(&notice_reference(notice))
    {
        return Err(WhyNot::Notice);
    }
    let signed = SignedCheckpoint::verify(&receipt.checkpoint, key).map_err(WhyNot::Checkpoint)?;
    // Lines of other keys would be bytes that nothing is bound to.
    if Note::parse(&receipt.checkpoint).is_ok_and(|note| note.signatures() > 1) {
        return Err(WhyNot::Spelling);
    }
    let checkpoint = signed.checkpoint().clone();
    let Receipt { record, salt, notice, index, hashes, .. } = receipt;
    let opening = Opening { record, salt };
    let root = root_of_inclusion(index, checkpoint.size, opening.commitment().leaf(), &hashes);
    if root != Some(checkpoint.root) {
        return Err(WhyNot::NotIncluded);
    }
    Ok(Verified { record: opening.record, notice, index, checkpoint })
}
