//! From identifiers to the random number that stands for their subject.
//!
//! The rule until the identity graph exists: the subject of the user id, else of the anonymous id, else of the earlier
//! id that an alias names; an identifier of the event that nobody has seen joins that subject; two subjects that are
//! both known are never merged here. Who was said to be whom is the graph's decision, with evidence, and one that can
//! be taken back; a table cannot.
//!
//! Each identifier is kept with the moment of its first sight, which nothing ever moves: where an anonymous id may only
//! be used for so long, a later event under it is [`Resolved::Expired`], gets no subject and joins nothing to one.
//!
//! A new pair is committed before the record that names the subject is appended: a surrogate in the lake whose
//! identifier is not in the vault could never be found for access or erasure.
//!
//! The vault's table is the one place where an identifier stands as it was sent, beside the logs that live for days.
//! It is not sealed by a key of its own: the key would have to lie in the same database, so a thief of one is a thief
//! of both. It is protected as that database is (see `control::sqlite`), and erased there by deleting the row.
//!
//! Several pipeline workers and the recorder of choices resolve at once. Each writes what it assigned only if none of
//! it has become known since ([`IdentifierTable::insert`]), else it learns and assigns again. So the outcome is
//! always that of some order of whole batches, and needs no lock over a disk write. (One exception: an alias whose
//! earlier id is a user's that another resolver makes known at this moment starts a subject of its own. Nothing that is
//! written would collide, and a graph that can be corrected is to come.)

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use event::{Fingerprint, Millis, Pii, SubjectId};
use hashbrown::HashMap;

use crate::IdentifierKind;

/// An identifier of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identifier<'a> {
    /// What was sent.
    pub value: Pii<&'a str>,
    /// Its fingerprint, which also tells the kinds apart.
    pub fingerprint: Fingerprint,
}

/// The earlier id that an alias names. The call does not say what it is: most often a browser's, so that it is kept as
/// one, but it may be a user's, so that it is looked up as both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Previous<'a> {
    /// As a browser's or device's.
    pub as_anonymous: Identifier<'a>,
    /// As a user's.
    pub as_user: Identifier<'a>,
}

/// The identifiers of one event: never two of a kind, and by the wire's rules at least one. An event with none would
/// get a subject that nothing else ever gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identifiers<'a> {
    /// The browser or device.
    pub anonymous: Option<Identifier<'a>>,
    /// The person known to the operator.
    pub user: Option<Identifier<'a>>,
    /// What an alias says the person was called before.
    pub previous: Option<Previous<'a>>,
}

impl<'a> Identifiers<'a> {
    /// The event's own with their kinds, the one whose subject counts first.
    fn preferred(&self) -> impl Iterator<Item = (IdentifierKind, Identifier<'a>)> {
        let user = self.user.map(|identifier| (IdentifierKind::UserId, identifier));
        let anonymous = self.anonymous.map(|identifier| (IdentifierKind::AnonymousId, identifier));
        user.into_iter().chain(anonymous)
    }

    /// All under which a subject may be known, in the order in which their subjects count.
    fn known_by(&self) -> impl Iterator<Item = Fingerprint> {
        let previous = self.previous.into_iter().flat_map(|previous| [previous.as_anonymous, previous.as_user]);
        self.preferred().map(|(_, identifier)| identifier).chain(previous).map(|identifier| identifier.fingerprint)
    }

    /// Their fingerprints: anonymous id, user id, then the earlier id of an alias in both its readings.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        let previous = self.previous.iter().flat_map(|previous| [&previous.as_anonymous, &previous.as_user]);
        self.anonymous.iter().chain(&self.user).chain(previous).map(|identifier| identifier.fingerprint).collect()
    }
}

/// An event or a choice that asks whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    /// What it carries.
    pub identifiers: Identifiers<'a>,
    /// When it arrived: the first sight of those of its identifiers that nobody has seen.
    pub at: Millis,
    /// An anonymous id that was first seen before this has ended; without it none ends.
    pub not_before: Option<Millis>,
}

impl Arrival<'_> {
    /// Whether its anonymous id, or the one that its alias names, has ended. `first_seen` says what is known of one.
    fn has_ended(&self, mut first_seen: impl FnMut(Fingerprint) -> Option<Millis>) -> bool {
        let Some(not_before) = self.not_before else { return false };
        let previous = self.identifiers.previous.map(|previous| previous.as_anonymous);
        let anonymous = self.identifiers.anonymous.into_iter().chain(previous);
        anonymous.into_iter().any(|one| first_seen(one.fingerprint).is_some_and(|seen| seen < not_before))
    }
}

/// Whose an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// This subject's.
    Subject(SubjectId),
    /// Nobody's: its anonymous id has ended. None of its identifiers became known or joined a subject.
    Expired,
}

impl Resolved {
    /// The subject, if it is somebody's.
    pub fn subject(self) -> Option<SubjectId> {
        match self {
            Self::Subject(subject) => Some(subject),
            Self::Expired => None,
        }
    }
}

/// What the table says of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Whose it is.
    pub subject: SubjectId,
    /// When it was seen first.
    pub first_seen: Millis,
}

/// A row of the vault's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What the identifier is.
    pub kind: IdentifierKind,
    /// The identifier.
    pub identifier: Identifier<'a>,
    /// Whose it is, and since when it is known.
    pub sighting: Sighting,
}

/// The vault's table could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the vault's table does not answer: {0}")]
pub struct VaultError(pub String);

/// What became of new pairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// All are committed.
    All,
    /// None is: these fingerprints had become known meanwhile.
    Known(Vec<(Fingerprint, Sighting)>),
}

/// The table of identifiers of all workspaces; `control` has it. A pair in it never changes; erasure removes it.
#[async_trait]
pub trait IdentifierTable: fmt::Debug + Send + Sync {
    /// What is known of some fingerprints, in their order.
    async fn sightings(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError>;

    /// Commits new pairs, all or, when one of their fingerprints is in the table already, none.
    async fn insert(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Inserted, VaultError>;
}

/// Resolves the subjects of a workspace's events, with the latest pairs in memory. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Surrogates {
    workspace: Arc<str>,
    table: Arc<dyn IdentifierTable>,
    recent: Arc<Mutex<Recent>>,
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
    young: HashMap<Fingerprint, Sighting>,
    old: HashMap<Fingerprint, Sighting>,
}

/// Pairs of one generation; two generations of 16 + 24 bytes and overhead are about 11 MB.
const GENERATION_PAIRS_MAX: usize = 100_000;

impl Recent {
    fn get(&mut self, fingerprint: Fingerprint) -> Option<Sighting> {
        if let Some(sighting) = self.young.get(&fingerprint) {
            return Some(*sighting);
        }
        let sighting = self.old.remove(&fingerprint)?;
        self.put(fingerprint, sighting);
        Some(sighting)
    }

    fn put(&mut self, fingerprint: Fingerprint, sighting: Sighting) {
        if self.young.len() >= GENERATION_PAIRS_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, sighting);
    }
}

/// What a batch knows of its identifiers.
type Known = HashMap<Fingerprint, Sighting>;

impl Surrogates {
    /// For one workspace.
    pub fn new(workspace: Arc<str>, table: Arc<dyn IdentifierTable>) -> Self {
        Self { workspace, table, recent: Arc::default() }
    }

    /// The subjects of some events, in their order; an event sees the pairs that earlier ones of the batch made. New
    /// pairs are committed when this returns. Without new or long unseen identifiers it does not touch the table.
    pub async fn resolve(&self, events: &[Arrival<'_>]) -> Result<Vec<Resolved>, VaultError> {
        if let Some(subjects) = self.all_recent(events) {
            return Ok(subjects);
        }
        let fingerprints: Vec<Fingerprint> = events.iter().flat_map(|event| event.identifiers.fingerprints()).collect();
        let mut known = self.known(&fingerprints).await?;
        loop {
            let (subjects, fresh) = assign(events, &mut known.clone());
            if fresh.is_empty() {
                return Ok(subjects);
            }
            match self.table.insert(&self.workspace, &fresh).await? {
                Inserted::All => {
                    self.remember(fresh.iter().map(|pair| (pair.identifier.fingerprint, pair.sighting)));
                    return Ok(subjects);
                }
                // Every round adds to what is known, so there are at most as many rounds as new identifiers.
                Inserted::Known(pairs) => {
                    self.remember(pairs.iter().copied());
                    known.extend(pairs);
                }
            }
        }
    }

    /// Which of some identifiers are known, in their order. Makes nothing known.
    pub async fn knows(&self, identifiers: &[Fingerprint]) -> Result<Vec<bool>, VaultError> {
        let known = self.known(identifiers).await?;
        Ok(identifiers.iter().map(|identifier| known.contains_key(identifier)).collect())
    }

    /// The subjects, when every identifier is in memory: the usual case, under one lock and with one allocation.
    fn all_recent(&self, events: &[Arrival<'_>]) -> Option<Vec<Resolved>> {
        let mut recent = self.recent();
        let mut subjects = Vec::with_capacity(events.len());
        for event in events {
            if event.identifiers.previous.is_some() {
                // Rare, and one of its two readings is never known.
                return None;
            }
            let (mut subject, mut anonymous_since) = (None, None);
            for (kind, identifier) in event.identifiers.preferred() {
                let its = recent.get(identifier.fingerprint)?;
                subject = subject.or(Some(its.subject));
                anonymous_since = anonymous_since.or((kind == IdentifierKind::AnonymousId).then_some(its.first_seen));
            }
            let has_ended = event.has_ended(|_| anonymous_since);
            subjects.push(if has_ended { Resolved::Expired } else { Resolved::Subject(subject?) });
        }
        Some(subjects)
    }

    /// What memory knows, and for the rest the table.
    async fn known(&self, fingerprints: &[Fingerprint]) -> Result<Known, VaultError> {
        let mut known = Known::new();
        let mut missing = Vec::new();
        {
            let mut recent = self.recent();
            for fingerprint in fingerprints {
                match recent.get(*fingerprint) {
                    Some(sighting) => _ = known.insert(*fingerprint, sighting),
                    None => missing.push(*fingerprint),
                }
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(known);
        }
        let answers = self.table.sightings(&self.workspace, &missing).await?;
        let found = missing.iter().zip(answers).filter_map(|(fingerprint, sighting)| Some((*fingerprint, sighting?)));
        let found: Vec<(Fingerprint, Sighting)> = found.collect();
        self.remember(found.iter().copied());
        known.extend(found);
        Ok(known)
    }

    fn remember(&self, pairs: impl Iterator<Item = (Fingerprint, Sighting)>) {
        let mut recent = self.recent();
        pairs.for_each(|(fingerprint, sighting)| recent.put(fingerprint, sighting));
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().expect("no holder of the recent pairs panics")
    }
}

/// The rule itself, without table and time: the subjects of the events, and the pairs that are new. `known` grows by
/// them, so that later events of the batch see them.
fn assign<'a>(events: &[Arrival<'a>], known: &mut Known) -> (Vec<Resolved>, Vec<Pair<'a>>) {
    let mut fresh = Vec::new();
    let subjects = events.iter().map(|event| {
        let Arrival { identifiers, at, .. } = event;
        if event.has_ended(|fingerprint| Some(known.get(&fingerprint)?.first_seen)) {
            return Resolved::Expired;
        }
        let subject = identifiers.known_by().find_map(|fingerprint| Some(known.get(&fingerprint)?.subject));
        let sighting = Sighting { subject: subject.unwrap_or_else(SubjectId::random), first_seen: *at };
        let earlier = identifiers.previous.filter(|previous| !known.contains_key(&previous.as_user.fingerprint));
        let earlier = earlier.map(|previous| (IdentifierKind::AnonymousId, previous.as_anonymous));
        for (kind, identifier) in identifiers.preferred().chain(earlier) {
            known.entry(identifier.fingerprint).or_insert_with(|| {
                fresh.push(Pair { kind, identifier, sighting });
                sighting
            });
        }
        Resolved::Subject(sighting.subject)
    });
    let subjects = subjects.collect();
    (subjects, fresh)
}

#[cfg(test)]
mod tests;
