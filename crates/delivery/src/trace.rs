//! What happened to one event, at each output: the answer to the question that users of every such system ask.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use event::Millis;
use eventlog::Position;

use crate::Outcome;
use crate::result_log::{Read, ResultLogError, attempts_of};
use crate::trace_index::{Found, TraceIndex, find_sorted};

/// What happened to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When it was received, to the second.
    pub received_at: Millis,
    /// Where its record stands in `processed`: partition and position.
    pub place: (u16, Position),
    /// Its outputs, by name.
    pub outputs: Vec<OutputTrace>,
}

/// What happened to it at one output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputTrace {
    /// The destination.
    pub destination: Arc<str>,
    /// Its attempts, oldest first. None yet: it waits for its turn.
    pub attempts: Vec<TracedAttempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedAttempt {
    /// When it ended.
    pub at: Millis,
    /// Counted from 1; 0 when it was given up without one.
    pub number: u32,
    /// The status of the answer, 0 without one.
    pub status: u16,
    /// What became of the event.
    pub outcome: Outcome,
    /// What was answered, or why nothing was, when it failed; masked and cut.
    pub text: String,
}

/// Why there is no trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The index could not be read.
    #[error("cannot read the trace index: {0}")]
    Index(#[from] std::io::Error),
    /// The results could not be read.
    #[error(transparent)]
    Results(#[from] ResultLogError),
    /// The reading was broken off.
    #[error("the trace was broken off")]
    Ended,
}

/// What to look through: the destinations of a workspace with their directories.
pub(crate) struct Search {
    pub(crate) workspace: Arc<str>,
    pub(crate) message_id: String,
    pub(crate) index: Arc<Mutex<TraceIndex>>,
    pub(crate) results: Vec<(Arc<str>, PathBuf)>,
}

impl Search {
    /// Reads files; runs on a thread for that. An event that came twice is traced by its first record: the second
    /// was taken out before.
    pub(crate) fn run(
        self,
        named: impl Fn(&Found) -> Option<Vec<String>>,
        read: &mut Read,
    ) -> Result<Option<Trace>, TraceError> {
        let (mut found, sorted) = {
            let index = self.index.lock().expect("no holder of the index panics");
            (index.find_active(&self.workspace, &self.message_id), index.sorted()?)
        };
        found.extend(find_sorted(&sorted, &self.workspace, &self.message_id, read)?);
        let Some(found) = found.into_iter().min_by_key(|found| (found.second, found.place)) else { return Ok(None) };
        let received_at = Millis(i64::from(found.second) * 1_000);
        let named = named(&found);
        let mut outputs = Vec::new();
        for (destination, directory) in &self.results {
            let attempts = attempts(directory, &found, received_at, read)?;
            // Ranges that were given up cover what was for others too.
            let is_named = named.as_ref().map(|named| named.iter().any(|name| **name == **destination));
            if is_named.unwrap_or(!attempts.is_empty()) {
                outputs.push(OutputTrace { destination: Arc::clone(destination), attempts });
            }
        }
        Ok(Some(Trace { received_at, place: (found.place.0.0, found.place.1), outputs }))
    }
}

fn attempts(directory: &Path, found: &Found, since: Millis, read: &mut Read) -> Result<Vec<TracedAttempt>, TraceError> {
    let attempts = attempts_of(directory, found.place, since.0, read)?.into_iter();
    Ok(attempts
        .map(|(record, outcome, text)| TracedAttempt {
            at: Millis(record.at_ms),
            number: record.number,
            status: record.status,
            outcome,
            text,
        })
        .collect())
}
