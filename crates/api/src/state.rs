//! What the API is made of: handed in by the server, shared by all operations.

use std::fmt;
use std::sync::Arc;

use control::{Accounts, Directory, Store};
use delivery::Kind;
use event::Clock;

/// What the server hands in.
pub struct Options {
    /// People, sessions, tokens.
    pub accounts: Accounts,
    /// Configuration and audit log.
    pub store: Arc<dyn Store>,
    /// What is served now.
    pub directory: Arc<Directory>,
    /// The kinds of destination.
    pub kinds: &'static [&'static Kind],
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Whether browsers reach this server by https, so that the cookie must not travel otherwise.
    pub is_https: bool,
    /// The version of the binary.
    pub version: &'static str,
}

/// The state behind all operations. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Options>);

impl Api {
    /// From what the server hands in.
    pub fn new(options: Options) -> Self {
        Self(Arc::new(options))
    }
}

impl std::ops::Deref for Api {
    type Target = Options;

    fn deref(&self) -> &Options {
        &self.0
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api(…)")
    }
}
