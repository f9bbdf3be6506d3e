//! What an engine of the control store must do. Few and whole operations, each one transaction: an engine cannot get
//! the order of two half-steps wrong, and none of them decides anything.

use std::fmt;

use async_trait::async_trait;
use event::{Fingerprint, Millis, Pii, SubjectId};
use vault::{Epoch, IdentifierKind, KeyError, Pair, Sighting, VaultError};
use zeroize::Zeroizing;

use crate::accounts::AccountStore;
use crate::alerts::AlertStore;
use crate::audit::AuditStore;
use crate::configuration::ConfigurationStore;
use crate::evidence::EvidenceStore;
use crate::hex::hex;
use crate::rates::RateStore;
use crate::retention::{Forgotten, Look};
use crate::saved::SavedQueryStore;
use crate::telling::{Tell, TellingStore};
use crate::{Presented, Standing};

/// Why the store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be opened.
    #[error("the control store `{place}` cannot be opened: {reason}")]
    Open {
        /// File or address.
        place: String,
        /// The engine's words.
        reason: String,
    },
    /// A newer Assent wrote it; reading it as if it were old could lose what only the newer one knows.
    #[error(
        "the control store `{place}` was written by a newer version of Assent (schema {found}, this one knows \
         {known}): start that version, or restore a backup made before it"
    )]
    Newer {
        /// File or address.
        place: String,
        /// The schema version in it.
        found: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// An operation failed and changed nothing.
    #[error("the control store could not {doing}: {reason}")]
    Failed {
        /// What was asked, as in "record choices".
        doing: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// A key cannot be destroyed.
    #[error("epoch {} of workspace `{workspace}` cannot be destroyed: {reason}", epoch.0)]
    KeepsKey {
        /// The workspace.
        workspace: String,
        /// The epoch asked for.
        epoch: Epoch,
        /// Why, and what to do.
        reason: &'static str,
    },
    /// No randomness for a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The vault's part of the store failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// One key epoch as stored.
#[derive(Clone)]
pub struct StoredEpoch {
    /// Its number.
    pub epoch: Epoch,
    /// Its key; `None` when it was destroyed.
    pub key: Option<Zeroizing<[u8; 32]>>,
    /// When it began.
    pub created_at: Millis,
    /// When its key was destroyed.
    pub destroyed_at: Option<Millis>,
}

impl fmt::Debug for StoredEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredEpoch({}, destroyed at {:?})", self.epoch.0, self.destroyed_at)
    }
}

/// All keys of one workspace.
#[derive(Clone)]
pub struct StoredKeys {
    /// For [`vault::Fingerprints`].
    pub fingerprint: Zeroizing<[u8; 32]>,
    /// At least one, ascending; the last one seals.
    pub epochs: Vec<StoredEpoch>,
}

impl fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKeys").field("epochs", &self.epochs).finish_non_exhaustive()
    }
}

/// An identifier in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIdentifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// As it was sent.
    pub value: Pii<String>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
}

/// The random number of a recorded choice. Its maker can name it; it names nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt(pub [u8; 16]);

impl Receipt {
    /// A fresh one.
    pub fn random() -> Result<Self, KeyError> {
        let mut bytes = [0; 16];
        vault::keys::fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl Receipt {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex =
            text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({self})")
    }
}

/// How a choice reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// As the reserved consent event.
    Event,
    /// As traits of an `identify` that the workspace maps to categories.
    Traits,
    /// Taken over from another consent platform.
    Import,
    /// Global Privacy Control, or Do Not Track where it counts, in a request of somebody known.
    Gpc,
    /// A field of an event that says who is a child.
    Age,
    /// Given by a parent whom the operator has verified.
    ParentVerified,
}

impl Method {
    /// All of them.
    const ALL: [Self; 6] = [Self::Event, Self::Traits, Self::Import, Self::Gpc, Self::Age, Self::ParentVerified];

    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Traits => "traits",
            Self::Import => "import",
            Self::Gpc => "gpc",
            Self::Age => "age",
            Self::ParentVerified => "parent_verified",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// Whose choice it is, when that may be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maker {
    /// The subject.
    pub subject: SubjectId,
    /// The identifiers that came with it; it counts under all of the subject. Not kept with the history: the vault has
    /// them.
    pub identifiers: Vec<Fingerprint>,
    /// The event that carried it.
    pub message_id: Option<String>,
}

/// A choice as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceRow {
    /// Its number.
    pub receipt: Receipt,
    /// `None` for a refusal from somebody unknown: such a row has nothing that leads to a person.
    pub maker: Option<Maker>,
    /// Names of categories granted, and of what choices name beside them (`use:sale_and_sharing`).
    pub granted: Vec<String>,
    /// Names of categories refused.
    pub refused: Vec<String>,
    /// How it came.
    pub method: Method,
    /// The source that it came through.
    pub source: String,
    /// When it was made.
    pub made_at: Millis,
    /// When it arrived.
    pub received_at: Millis,
    /// What was shown; `None` where nobody said.
    pub presented: Option<Presented>,
}

/// The words that were shown, under the hash that choices name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedWords {
    /// SHA-256 of `words`, in hex.
    pub hash: String,
    /// The version of the words.
    pub version: u32,
    /// BCP 47.
    pub language: String,
    /// The words as JSON.
    pub words: String,
    /// Since when.
    pub since: Millis,
}

impl ChoiceRow {
    /// Whether both are one import: of one subject, through one source, saying the same of the same time. One that does not
    /// say when it was made has the time of its arrival, which is another one each time.
    pub(crate) fn is_same_import(&self, other: &Self) -> bool {
        let subject = |row: &Self| row.maker.as_ref().map(|maker| maker.subject);
        let made_at = |row: &Self| Some(row.made_at).filter(|at| *at != row.received_at);
        self.method == Method::Import
            && other.method == Method::Import
            && (subject(self), &self.source, made_at(self)) == (subject(other), &other.source, made_at(other))
            && (&self.granted, &self.refused, &self.presented) == (&other.granted, &other.refused, &other.presented)
    }

    /// What it says by itself.
    pub fn standing(&self) -> Standing {
        let presented = self.presented.as_ref();
        let is_imported = matches!(self.method, Method::Import | Method::ParentVerified);
        let words = presented.filter(|presented| presented.is_banners() || presented.is_imported() || is_imported);
        let words = words.and_then(|presented| presented.version);
        let mut standing = Standing::of(&self.granted, &self.refused, self.made_at, words);
        if let Some(presented) = presented.filter(|presented| presented.is_banners()) {
            standing.add_vendors(&presented.refused_vendors, self.made_at);
        }
        if self.method == Method::ParentVerified {
            standing.add_parent(self.made_at);
        }
        standing
    }
}

/// What became of new identifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// All are committed. The standings of those that took over refusals from their subject.
    All(Vec<(Fingerprint, Standing)>),
    /// None is: these fingerprints had become known meanwhile.
    Known(Vec<(Fingerprint, Sighting)>),
}

/// The control store. Everything that a method writes is durable when it returns.
#[async_trait]
pub trait Store:
    AccountStore
    + AlertStore
    + AuditStore
    + ConfigurationStore
    + EvidenceStore
    + RateStore
    + SavedQueryStore
    + TellingStore
    + fmt::Debug
    + Send
    + Sync
{
    /// What the vault knows of some fingerprints, in their order.
    async fn sightings(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError>;

    /// Commits new identifiers with their subjects, all or, when one of their fingerprints is known already, none. What
    /// the subject of each refuses today is put on record for it in the same transaction: see [`Joined`].
    async fn join(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Joined, VaultError>;

    /// The keys of a workspace. Missing ones (all, for a new workspace) are made and stored first.
    async fn keys(&self, workspace: &str, now: Millis) -> Result<StoredKeys, StoreError>;

    /// Begins a new key epoch and returns it.
    async fn add_epoch(&self, workspace: &str, now: Millis) -> Result<StoredEpoch, StoreError>;

    /// Wipes the key of an epoch from the store for good. Nothing happens to one that is destroyed already.
    async fn destroy_epoch(&self, workspace: &str, epoch: Epoch, now: Millis) -> Result<(), StoreError>;

    /// What the vault knows of a subject, in the order of the fingerprints.
    async fn identifiers(&self, workspace: &str, of: SubjectId) -> Result<Vec<StoredIdentifier>, StoreError>;

    /// The values behind some fingerprints, in their order; `None` for what the vault does not (or no longer) know.
    async fn identifier_values(
        &self,
        workspace: &str,
        of: &[Fingerprint],
    ) -> Result<Vec<Option<Pii<String>>>, StoreError>;

    /// Appends choices to the history, merges them into the standings of their makers' identifiers (those that came with
    /// them, and all that the vault has of the subject), and returns what these now are. In the same transaction each
    /// gets a leaf of the ledger, in their order, with what opens it, and is counted ([`RateStore`]).
    async fn record(&self, workspace: &str, made: &[ChoiceRow]) -> Result<Vec<(Fingerprint, Standing)>, StoreError> {
        self.record_and_tell(workspace, made, None).await
    }

    /// Does as [`Store::record`], and puts on record in the same transaction what is to be told of each choice that newly
    /// refuses something under an identifier: what `tell` says.
    async fn record_and_tell(
        &self,
        workspace: &str,
        made: &[ChoiceRow],
        tell: Option<Tell<'_>>,
    ) -> Result<Vec<(Fingerprint, Standing)>, StoreError>;

    /// For each row the number of an import on record that is the same ([`ChoiceRow`], by subject, source, content and
    /// time); `None` for what is new, or no import.
    async fn imported(&self, workspace: &str, rows: &[ChoiceRow]) -> Result<Vec<Option<Receipt>>, StoreError>;

    /// A page of standings in the order of the fingerprints, after the given one.
    async fn standings(
        &self,
        workspace: &str,
        after: Option<Fingerprint>,
        rows_max: u32,
    ) -> Result<Vec<(Fingerprint, Standing)>, StoreError>;

    /// What is on record under the identifiers of some subjects: a subject comes once for each.
    async fn standings_of(
        &self,
        workspace: &str,
        subjects: &[SubjectId],
    ) -> Result<Vec<(SubjectId, Standing)>, StoreError>;

    /// The choices of a subject, or of all unknown ones, oldest first. Their makers come without identifiers.
    async fn history(&self, workspace: &str, of: Option<SubjectId>) -> Result<Vec<ChoiceRow>, StoreError>;

    /// Looks at so many records of choices that arrived before a time, the oldest first and after the one it looked at last,
    /// and deletes those that nothing of today rests on, with what opens their leaves of the ledger: [`crate::retention`].
    async fn forget_choices(&self, workspace: &str, before: Millis, look: Look) -> Result<Forgotten, StoreError>;

    /// Keeps words that are about to be shown; what is kept already stays as it is.
    async fn publish_words(&self, workspace: &str, words: &[PublishedWords]) -> Result<(), StoreError>;

    /// The words of a hash.
    async fn published_words(&self, workspace: &str, hash: &str) -> Result<Option<PublishedWords>, StoreError>;
}
