//! Whether there is space for the next commit, for those who ask without appending (probes of readiness).
//!
//! The last refusal alone must not answer: while a server is not ready nobody sends to it, so nothing would ever be
//! appended that could show that there is space again. So the writer leaves behind how much has to be free before it
//! can succeed, and the disk is asked each time.

use std::sync::{Mutex, MutexGuard};

use super::Options;
use crate::AppendError;

/// What the last refused commit lacked.
#[derive(Debug)]
struct Shortage {
    detail: String,
    free_bytes_needed: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Room {
    shortage: Mutex<Option<Shortage>>,
}

impl Room {
    fn shortage(&self) -> MutexGuard<'_, Option<Shortage>> {
        self.shortage.lock().expect("no holder of the shortage panics")
    }

    /// A commit found no space. `needed_bytes` is what would have to be free, when that is known; else more than was
    /// free when it failed.
    pub(super) fn lost(&self, options: &Options, detail: &str, needed_bytes: Option<u64>) {
        let free = options.disk.free_bytes(&options.directory).unwrap_or(0);
        let free_bytes_needed = needed_bytes.unwrap_or(free.saturating_add(1));
        *self.shortage() = Some(Shortage { detail: detail.to_owned(), free_bytes_needed });
    }

    /// A commit found space again.
    pub(super) fn regained(&self) {
        *self.shortage() = None;
    }

    /// Whether the next commit finds space, as far as the disk can tell.
    pub(super) fn check(&self, options: &Options) -> Result<(), AppendError> {
        let shortage = self.shortage();
        let lacked = shortage.as_ref().map_or(0, |shortage| shortage.free_bytes_needed);
        let needed = lacked.max(options.disk_reserve_bytes);
        let detail = match options.disk.free_bytes(&options.directory) {
            Ok(free) if free >= needed => return Ok(()),
            Ok(free) => format!("{free} bytes are free, {needed} have to be"),
            Err(error) => format!("cannot ask for free space: {error}"),
        };
        let last = shortage.as_ref().map_or_else(String::new, |shortage| format!("; {}", shortage.detail));
        Err(AppendError::Full { detail: format!("`{}`: {detail}{last}", options.directory.display()) })
    }
}
