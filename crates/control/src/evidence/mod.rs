//! What a choice leaves in the ledger: a record of it, its salt, and their commitment, written in the transaction that
//! records the choice. A choice that was answered is in the ledger, whatever happens next; the tree of files is made
//! from the table afterwards ([`Evidence::publish`]).
//!
//! A record names its subject by a name of its own, made of the surrogate, and holds no identifier. One of somebody unknown names nobody.
//!
//! A change of the configuration leaves one too, for each workspace that it touches: who, when, which version, and the
//! hash of the text that the workspace then was. So the rules of any day are provable beside what was chosen under them.

mod publish;

use async_trait::async_trait;
use event::{Millis, SubjectId};
use ledger::{Commitment, Opening, Record, Salt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use self::publish::{Evidence, EvidenceError, Issued, Published};
use crate::hex::hex;
use crate::{ChoiceRow, ConfigurationVersion, Receipt, StoreError};

/// The form of the records of choices; a reader who knows it knows the members.
const SCHEMA: &str = "assent-choice-1";
/// The same of configurations.
const CONFIGURATION_SCHEMA: &str = "assent-configuration-1";

/// Whose a leaf is, beside what opens it.
pub(crate) struct Side {
    pub(crate) receipt: Receipt,
    pub(crate) subject: Option<SubjectId>,
    pub(crate) opening: Opening,
}

/// The store's part for the ledger. Leaves are numbered from 0 without gaps in the order of their transactions.
#[async_trait]
pub trait EvidenceStore {
    /// The leaves of a workspace from `first` on, in their order.
    async fn leaves_from(&self, workspace: &str, first: u64, leaves_max: u32) -> Result<Vec<Commitment>, StoreError>;

    /// What opens a leaf; `None` when there is none any more, or no such leaf.
    async fn opening(&self, workspace: &str, leaf: u64) -> Result<Option<Opening>, StoreError>;

    /// The leaf of a choice, while it can be opened.
    async fn leaf_of(&self, workspace: &str, receipt: Receipt) -> Result<Option<u64>, StoreError>;

    /// The leaves of a subject that can be opened, ascending.
    async fn leaves_of(&self, workspace: &str, subject: SubjectId) -> Result<Vec<u64>, StoreError>;

    /// Erases what opens some leaves, so that nothing of it stays in the store's files, and says how many could be
    /// opened before. The leaves stay, and so does every proof of the others.
    async fn erase_openings(&self, workspace: &str, leaves: &[u64]) -> Result<u64, StoreError>;
}

/// What a choice leaves.
pub(crate) fn of_choice(row: &ChoiceRow) -> Result<Side, StoreError> {
    let subject = row.maker.as_ref().map(|maker| maker.subject);
    Ok(Side { receipt: row.receipt, subject, opening: opening(&record(row))? })
}

/// What a version of a configuration leaves.
pub(crate) fn of_configuration(made: &ConfigurationVersion, version: i64, at: Millis) -> Result<Side, StoreError> {
    let receipt = Receipt::random()?;
    let record = json!({
        "schema": CONFIGURATION_SCHEMA,
        "kind": "configuration",
        "id": receipt.to_string(),
        "version": version,
        "actor": made.actor,
        "at": at.to_string(),
        "configuration": format!("sha256:{}", made.sha256),
    });
    Ok(Side { receipt, subject: None, opening: opening(&record)? })
}

/// A record under a fresh salt.
fn opening(record: &Value) -> Result<Opening, StoreError> {
    let unrecordable = |reason: String| StoreError::Failed { doing: "make a record for the ledger", reason };
    let record = Record::new(record).map_err(|error| unrecordable(error.to_string()))?;
    let mut salt = [0; 32];
    vault::keys::fill_random(&mut salt)?;
    Ok(Opening { record, salt: Salt::new(salt) })
}

fn record(row: &ChoiceRow) -> Value {
    let state =
        |names: &[String], state: &'static str| names.iter().map(move |name| (name.clone(), state)).collect::<Vec<_>>();
    let mut choices = [state(&row.granted, "given"), state(&row.refused, "refused")].concat();
    choices.sort();
    let choices: Vec<Value> =
        choices.into_iter().map(|(purpose, state)| json!({ "purpose": purpose, "state": state })).collect();
    let mut record = json!({
        "schema": SCHEMA,
        "kind": "choice",
        "id": row.receipt.to_string(),
        "choices": choices,
        "method": row.method.name(),
        "source": row.source,
        "made_at": row.made_at.to_string(),
        "received_at": row.received_at.to_string(),
    });
    if let Some(presented) = &row.presented {
        record["presented"] = json!(presented);
        if let Some(hash) = presented.text_hash.as_ref().filter(|hash| hash.len() == 64) {
            record["notice"] = json!(format!("sha256:{hash}"));
        }
    }
    if let Some(maker) = &row.maker {
        record["subject"] = json!(pseudonym(maker.subject, row.receipt));
    }
    record
}

/// Whose record it is, in a name that no other record has: a receipt goes to whoever made the choice, and choices may be
/// made about anybody. The surrogate itself would tell two identifiers of one person from those of two. Who has the
/// surrogate (the operator, as long as it was not erased) can make the name again.
fn pseudonym(subject: SubjectId, receipt: Receipt) -> String {
    let hash =
        Sha256::new().chain_update(b"assent subject of receipt\0").chain_update(subject.0).chain_update(receipt.0);
    format!("s-{}", hex(&hash.finalize()[..16]))
}
