//! What a destination is: values in, values out. It makes a request of events and reads an answer; it opens no
//! connection, waits for nothing and decides nothing. `destinations` holds one file for each.

use std::fmt;
use std::sync::Arc;

use consent::{Permitted, Told};
use egress::{Answer, Request};
use event::{Call, Fingerprint, Millis, Slug};
use serde_json::{Map, Value};
use workspace::Purpose;

use crate::Cause;
use crate::response::{Verdict, Verdicts, classify};

/// What is the same for all instances of a destination: the source of its form, its schema and its page.
pub struct Kind {
    /// The name in `workspace.yaml`.
    pub slug: &'static str,
    /// The name for people, and the one that Segment's `integrations` object uses.
    pub title: &'static str,
    /// What it does, in Markdown.
    pub docs: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
    /// The purposes that it is usually used for; the first is suggested.
    pub purposes: &'static [Purpose],
    /// Reads settings and makes an instance.
    pub open: Open,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.slug)
    }
}

/// Makes an instance from its name and settings.
pub type Open = fn(&Slug, &Map<String, Value>) -> Result<Box<dyn Destination>, SettingsError>;

/// One setting of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key, with dots for inner ones.
    pub key: &'static str,
    /// What may stand there, in a few words.
    pub shape: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is never shown.
    pub secret: bool,
    /// Whether it says where requests go or whom to believe there: with another one, secrets are typed anew.
    pub address: bool,
    /// What it does, and what holds without it.
    pub docs: &'static str,
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

/// An event as a destination gets it, after its mapping.
#[derive(Debug, Clone, Copy)]
pub struct Mapped<'a> {
    /// Its id.
    pub message_id: &'a str,
    /// Which call.
    pub call: Call,
    /// When it was received.
    pub received_at: Millis,
    /// The Segment-spec event as JSON.
    pub json: &'a str,
}

/// Which attempt a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it is made.
    pub now: Millis,
}

/// How events are put together to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batching {
    /// The most events of a request.
    pub events_max: usize,
    /// The most bytes of events of a request; one event alone may be larger.
    pub bytes_max: usize,
    /// How long an event waits for others.
    pub wait_ms: u64,
}

impl Batching {
    /// One event, one request.
    pub const SINGLE: Self = Self { events_max: 1, bytes_max: usize::MAX, wait_ms: 0 };
}

/// The events cannot be expressed as a request of this destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Inexpressible(pub String);

/// What a person to be deleted is known by.
#[derive(Debug)]
pub struct SubjectKeys {
    /// Fingerprints of the identifiers.
    pub identifiers: Vec<Fingerprint>,
    /// The user ids.
    pub user_ids: Vec<String>,
    /// The anonymous ids.
    pub anonymous_ids: Vec<String>,
}

/// How a destination forgets a person.
#[derive(Debug)]
pub enum Deletion {
    /// By this request.
    Request(Box<Request>),
    /// Not by a machine; the certificate says so.
    Unsupported {
        /// Why, and what the operator has to do.
        reason: &'static str,
    },
}

/// A destination with its settings.
pub trait Destination: fmt::Debug + Send + Sync {
    /// What it is an instance of.
    fn kind(&self) -> &'static Kind;

    /// How events are put together.
    fn batching(&self) -> Batching;

    /// The limits of its way out.
    fn egress(&self) -> egress::Options;

    /// Makes the request for some events, at least one.
    fn request(&self, events: &[Permitted<Mapped<'_>>], attempt: Attempt) -> Result<Request, Inexpressible>;

    /// Makes the request that tells of a refusal, as a Segment-spec `track` event.
    fn withdrawal(&self, told: &Permitted<Told>, attempt: Attempt) -> Request;

    /// Reads an answer. The default is the one table; override it where a vendor answers otherwise.
    fn classify(&self, answer: &Answer, now: Millis) -> Verdicts {
        Verdicts::All(classify(answer, now))
    }

    /// How it forgets a person.
    fn deletion(&self, subject: &Permitted<SubjectKeys>) -> Deletion;
}

/// Finds the kind of a name; `destinations::registry` has it.
pub type Registry = Arc<dyn Fn(&str) -> Option<&'static Kind> + Send + Sync>;

/// The verdict for one of several events; a list that is too short leaves the rest to be tried again.
pub(crate) fn verdict_of(verdicts: &Verdicts, index: usize) -> Verdict {
    match verdicts {
        Verdicts::All(verdict) => *verdict,
        Verdicts::Each(each) => {
            each.get(index).copied().unwrap_or(Verdict::Retry { cause: Cause::ReceiverFailed, after: None })
        }
    }
}
