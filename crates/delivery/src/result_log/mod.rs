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
//! A segment begins with a checkpoint, so opening reads one segment; later in it, progress says what was read since.
//! A checkpoint lists every event that waits. When hundreds of thousands wait, that is megabytes, and a segment is
//! allowed to grow to eight times its checkpoint: the lists are a small part of what is written, however many wait.
//!
//! The tail that a crash tore is cut. Records are not synced one by one: after a power loss the log may have
//! forgotten the latest results, and those events are sent again. What may be trimmed from the event log is derived
//! from *synced* checkpoints and progress only, so the cursor lags and never leads. Segments older than seven days
//! are deleted.
//!
//! A segment of an older version is read and never written on: the next start begins a new one.

pub mod format;
mod read;
mod write;

pub(crate) use read::{Read, attempts_of, fold_directory, scan_frames, segments};
pub(crate) use write::{KEPT_MS, ResultLog};

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
    /// Another courier has it.
    #[error("the result log `{path}` is in use: another process has this data directory, or a disk does not answer")]
    Busy {
        /// Which directory.
        path: String,
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

impl From<std::io::Error> for ResultLogError {
    /// Of the scratch file beside it.
    fn from(error: std::io::Error) -> Self {
        Self::Io { path: "waiting.spill".to_owned(), error }
    }
}
