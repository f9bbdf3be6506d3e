//! What the API is made of: handed in by the server, shared by all operations.

use std::fmt;
use std::sync::Arc;

use alerts::Alerts;
use control::{Accounts, Configuration, Directory, Evidence, Recorder, Store};
use delivery::{Delivery, Kind};
use event::Clock;
use eventlog::EventLog;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::history::History;
use crate::lake::LakeDesk;
use crate::live::Window;
use crate::server_facts::{SettingFact, Storage};

/// Finds the ledger of a workspace; `None` until it is open, or when it cannot be. Must not block.
pub type EvidenceDesk = Arc<dyn Fn(&str) -> Option<Evidence> + Send + Sync>;

/// What the server hands in.
pub struct Options {
    /// People, sessions, tokens.
    pub accounts: Accounts,
    /// Sources, destinations, consent.
    pub configuration: Arc<Configuration>,
    /// The audit log.
    pub store: Arc<dyn Store>,
    /// Puts choices on record; the one that the collector uses, so that they keep one order.
    pub recorder: Recorder,
    /// The ledger of a workspace, when it can be opened.
    pub evidence: EvidenceDesk,
    /// What is served now.
    pub directory: Arc<Directory>,
    /// What is delivered.
    pub delivery: Arc<Delivery>,
    /// Who is told of what.
    pub alerts: Alerts,
    /// Accepted events.
    pub raw: Arc<dyn EventLog>,
    /// Processed events.
    pub processed: Arc<dyn EventLog>,
    /// The kinds of destination.
    pub kinds: &'static [&'static Kind],
    /// What happens now.
    pub window: Window,
    /// What happened in the last hours.
    pub history: Arc<History>,
    /// Answers SQL.
    pub lake: LakeDesk,
    /// The settings in force.
    pub settings: Vec<SettingFact>,
    /// Looks at the disk; may block.
    pub storage: Arc<dyn Fn() -> Option<Storage> + Send + Sync>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Set when the server begins to end: streams end with it.
    pub stopping: CancellationToken,
    /// Whether browsers reach this server by https, so that the cookie must not travel otherwise.
    pub is_https: bool,
    /// The version of the binary.
    pub version: &'static str,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Options(…)")
    }
}

/// How much of what costs much may run at a time.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) viewers: Arc<Semaphore>,
    pub(crate) queries: Arc<Semaphore>,
    pub(crate) tests: Arc<Semaphore>,
    pub(crate) letters: Arc<Semaphore>,
}

struct Shared {
    options: Options,
    bounds: Bounds,
}

/// The state behind all operations. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

impl Api {
    /// From what the server hands in.
    pub fn new(options: Options) -> Self {
        // A viewer costs a core's percent at 10,000 events a second, a query up to two threads and its memory.
        let bounds = Bounds {
            viewers: Arc::new(Semaphore::new(32)),
            queries: Arc::new(Semaphore::new(2)),
            tests: Arc::new(Semaphore::new(4)),
            // Each reads results of up to a week.
            letters: Arc::new(Semaphore::new(4)),
        };
        Self(Arc::new(Shared { options, bounds }))
    }

    pub(crate) fn bounds(&self) -> &Bounds {
        &self.0.bounds
    }
}

impl std::ops::Deref for Api {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.0.options
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api(…)")
    }
}
