//! The live view: what just happened, to whoever is looking. Nobody looking costs one atomic load an event.
//!
//! Lines are JSON. What was refused appears without its content; nothing here is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use tokio::sync::broadcast;

/// Lines that a slow reader may be behind before it loses the oldest.
const LINES_MAX: usize = 4_096;

/// The fan-out of everything that is observed.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    lines: broadcast::Sender<Arc<str>>,
    watched: Arc<AtomicBool>,
}

/// Somebody who looks, until dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    lines: broadcast::Receiver<Arc<str>>,
    live: Live,
}

impl Watch {
    /// The next line.
    pub(crate) async fn next(&mut self) -> Result<Arc<str>, broadcast::error::RecvError> {
        self.lines.recv().await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // This one still counts. A reader that comes at this moment sets the flag again in `watch`.
        if self.live.lines.receiver_count() <= 1 {
            self.live.watched.store(false, Ordering::Relaxed);
        }
    }
}

impl Live {
    /// Without readers.
    pub(crate) fn new() -> Self {
        Self { lines: broadcast::Sender::new(LINES_MAX), watched: Arc::default() }
    }

    /// Whether somebody looks, for those who would have to prepare what they show.
    pub(crate) fn watched(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.watched)
    }

    /// Shows one observation.
    pub(crate) fn show(&self, observation: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(observation) {
            // An error means that the last reader left in between.
            drop(self.lines.send(line.into()));
        }
    }

    /// Looks from now on.
    pub(crate) fn watch(&self) -> Watch {
        let lines = self.lines.subscribe();
        self.watched.store(true, Ordering::Relaxed);
        Watch { lines, live: self.clone() }
    }
}
