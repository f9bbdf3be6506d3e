//! What moves through the stages: records of one workspace and partition, in the order of `raw`.
//!
//! The state of a record is its type: `Logged → Valid → Identified → Routed`. A stage turns one into the next or
//! drops it with a reason; there is no third way out of [`Batch::judge`].

use std::borrow::Cow;
use std::sync::Arc;

use control::Tenant;
use event::{Fingerprint, Slug, SubjectId};
use eventlog::record::{Processed, Raw};
use eventlog::{Partition, Position};

use crate::dedup::MessageFingerprint;

/// Why a record goes no further. Each is counted, and shown by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Another record with its message id was there before.
    Duplicate,
    /// It is in `processed` already: read again after the cursor had been lost.
    AlreadyProcessed,
    /// It does not decode, or its event is not a JSON object.
    Malformed,
    /// With what was added it is larger than the log takes.
    TooLarge,
    /// Its workspace is served no more.
    UnknownWorkspace,
    /// It is a browser's, and its anonymous id is in use for longer than identifiers may be.
    AnonymousIdExpired,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Duplicate,
        Self::AlreadyProcessed,
        Self::Malformed,
        Self::TooLarge,
        Self::UnknownWorkspace,
        Self::AnonymousIdExpired,
    ];

    /// The name in metrics and in `assent tail`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::AlreadyProcessed => "already_processed",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnknownWorkspace => "unknown_workspace",
            Self::AnonymousIdExpired => "anonymous_id_expired",
        }
    }
}

/// A record as it was read.
#[derive(Debug)]
pub struct Logged<'r> {
    /// Where it stands in `raw`.
    pub position: Position,
    /// What it holds.
    pub raw: Raw<'r>,
    /// Its message id as a number.
    pub id: MessageFingerprint,
}

/// A record whose event was looked into.
#[derive(Debug)]
pub struct Valid<'r> {
    /// The record.
    pub logged: Logged<'r>,
    /// The event name of a track call, the name of a page or screen.
    pub name: Option<Cow<'r, str>>,
    /// The text of `integrations`.
    pub integrations: Option<&'r str>,
    /// The text of `_metadata`.
    pub metadata: Option<&'r str>,
}

/// A record whose subject is known.
#[derive(Debug)]
pub struct Identified<'r> {
    /// The record.
    pub valid: Valid<'r>,
    /// The fingerprints of its identifiers.
    pub identifiers: Vec<Fingerprint>,
    /// Its subject.
    pub subject: SubjectId,
}

/// A record with the outputs it may be for.
#[derive(Debug)]
pub struct Routed<'r> {
    /// The record.
    pub identified: Identified<'r>,
    /// The destinations, by name; shared by all records of a source.
    pub outputs: Arc<[Slug]>,
}

impl<'r> Routed<'r> {
    /// The record as it was read.
    pub fn logged(&self) -> &Logged<'r> {
        &self.identified.valid.logged
    }

    pub(crate) fn into_logged(self) -> Logged<'r> {
        self.identified.valid.logged
    }

    /// The payload for `processed`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Identified { valid, identifiers, subject } = &self.identified;
        let processed = Processed {
            raw_position: valid.logged.position,
            subject: *subject,
            identifiers: identifiers.clone(),
            outputs: self.outputs.iter().map(Slug::as_str).collect(),
            name: valid.name.as_deref(),
            event: valid.logged.raw.clone(),
            integrations: valid.integrations,
            metadata: valid.metadata,
        };
        processed.encode()
    }
}

/// A record that goes no further.
#[derive(Debug)]
pub struct Dropped<'r> {
    /// The record.
    pub logged: Logged<'r>,
    /// Why.
    pub reason: Reason,
}

/// What a stage says about a record: exactly one of two things.
#[derive(Debug)]
pub enum Verdict<'r, T> {
    /// It goes on as this.
    Continue(T),
    /// It goes no further.
    Drop(Logged<'r>, Reason),
}

/// Records on their way, and those that fell out.
#[derive(Debug)]
pub struct Batch<'r, T> {
    /// Their workspace.
    pub tenant: Arc<Tenant>,
    /// Their partition.
    pub partition: Partition,
    /// Those that go on, in the order of `raw`.
    pub items: Vec<T>,
    /// Those that do not.
    pub dropped: Vec<Dropped<'r>>,
}

impl<'r, T> Batch<'r, T> {
    /// Judges every record that is still on its way.
    pub fn judge<U>(self, mut judge: impl FnMut(T) -> Verdict<'r, U>) -> Batch<'r, U> {
        let Self { tenant, partition, items, mut dropped } = self;
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            match judge(item) {
                Verdict::Continue(item) => kept.push(item),
                Verdict::Drop(logged, reason) => dropped.push(Dropped { logged, reason }),
            }
        }
        Batch { tenant, partition, items: kept, dropped }
    }
}
