//! What the edge shows to those who watch it live. A refused event is shown without its content: what may not be
//! stored may not be looked at either.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use consent::Reason;
use event::{Call, Discard, Millis};

/// Something that happened to an event at the edge.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When its request arrived.
    pub at: Millis,
    /// Its workspace.
    pub workspace: Arc<str>,
    /// Its source.
    pub source: Arc<str>,
    /// What happened.
    pub what: Seen,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Durable in the log.
    Accepted {
        /// Its call.
        call: Call,
        /// Its id, given or generated.
        message_id: String,
        /// The event name of a track call, the name of a page or screen.
        name: Option<String>,
    },
    /// Not stored, because consent does not permit it. Nothing of its content.
    Refused {
        /// Its call.
        call: Call,
        /// Why.
        reason: Reason,
    },
    /// Not kept because of what it is.
    Discarded {
        /// Why.
        code: Discard,
        /// How many events; more than one only for a batch refused whole.
        events: u64,
    },
    /// A visitor's explicit choice was recorded.
    Chosen,
}

/// Where observations go, and whether anyone wants them. Cheap to clone.
#[derive(Clone)]
pub struct Observer {
    wanted: Arc<AtomicBool>,
    tell: Arc<dyn Fn(Observation) + Send + Sync>,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Observer(wanted: {})", self.wanted())
    }
}

impl Observer {
    /// `tell` is called while `wanted` is set. It must not block: it runs before the answer.
    pub fn new(wanted: Arc<AtomicBool>, tell: Arc<dyn Fn(Observation) + Send + Sync>) -> Self {
        Self { wanted, tell }
    }

    /// Nobody watches.
    pub fn nobody() -> Self {
        Self { wanted: Arc::default(), tell: Arc::new(drop) }
    }

    pub(crate) fn wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, observation: Observation) {
        (self.tell)(observation);
    }
}
