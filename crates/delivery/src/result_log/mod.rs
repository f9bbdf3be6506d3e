//! The result log of one destination: what became of each event, one record per request.
//!
//! Everything else that is known about deliveries is a fold over it: the cursor, what waits, the overview, the trace
//! of one event. Nothing is kept per event anywhere else, so a destination that is down for hours costs a file that
//! grows by a few bytes per event.
//!
//! ```text
//! results-<13 digits: Unix ms of its first record>.log
//!   magic "ASNTRES" + version byte
//!   frame*:  length u32 LE · CRC32C of the body u32 LE · body = postcard of [Entry]
//! ```
//!
//! A segment begins with a checkpoint, so opening reads one segment. The tail that a crash tore is cut. Records are
//! not synced one by one: after a power loss the log may have forgotten the latest results, and those events are sent
//! again. What may be trimmed from the event log is derived from *synced* checkpoints only, so the cursor lags and
//! never leads. Segments older than seven days are deleted.

pub mod format;
mod read;
mod write;

pub(crate) use read::{attempts_of, fold_directory};
pub(crate) use write::ResultLog;

/// Why a result log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResultLogError {
    /// The operating system refused.
    #[error("cannot use the result log `{path}`: {error}")]
    Io {
        /// Which file or directory.
        path: String,
        /// What it said.
        error: std::io::Error,
    },
    /// Written by a newer release.
    #[error("the result log `{path}` has version {found}, this release reads {VERSION}: upgrade, or restore the data directory of before", VERSION = format::VERSION)]
    Newer {
        /// Which file.
        path: String,
        /// Its version.
        found: u8,
    },
}
