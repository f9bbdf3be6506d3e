//! The live view: what just happened, to whoever is looking. Nobody looking costs one atomic load an event.
//!
//! Lines are JSON. What was refused appears without its content; nothing here is kept.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

/// Lines that a slow reader may be behind before it loses the oldest.
const LINES_MAX: usize = 4_096;

/// The fan-out of everything that is observed.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    lines: broadcast::Sender<Arc<str>>,
}

impl Live {
    /// Without readers.
    pub(crate) fn new() -> Self {
        Self { lines: broadcast::Sender::new(LINES_MAX) }
    }

    /// Whether somebody is looking.
    pub(crate) fn is_watched(&self) -> bool {
        self.lines.receiver_count() > 0
    }

    /// Shows one observation.
    pub(crate) fn show(&self, observation: &impl Serialize) {
        if self.is_watched()
            && let Ok(line) = serde_json::to_string(observation)
        {
            // An error means that the last reader left in between.
            drop(self.lines.send(line.into()));
        }
    }

    /// Looks from now on.
    pub(crate) fn watch(&self) -> broadcast::Receiver<Arc<str>> {
        self.lines.subscribe()
    }
}
