//! What happened to one event, at each output: the answer to the question that users of every such system ask.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use event::Millis;
use eventlog::Position;

use crate::Outcome;
use crate::replay::{Number, stream};
use crate::result_log::{Read, ResultLogError, attempts_of};
use crate::trace_index::{Found, TraceIndex, find_sorted};

/// What happened to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// When it was received, to the second; `None` when that is longer ago than results are kept, and only a replay of it
    /// is known.
    pub received_at: Option<Millis>,
    /// Where its record stands in `processed`, partition and position, when that is known.
    pub place: Option<(u16, Position)>,
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
    /// Of which replay it was.
    pub replay: Option<Number>,
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
        let live = self.find(&self.workspace, read)?.into_iter().min_by_key(|found| (found.second, found.place));
        let named = live.as_ref().map(named);
        let (mut outputs, mut is_known) = (Vec::new(), live.is_some());
        for (destination, directory) in &self.results {
            let mut all = live.as_ref().map_or(Ok(Vec::new()), |found| attempts(directory, found, None, read))?;
            // Ranges that were given up cover what was for others too.
            let is_named =
                named.as_ref().and_then(Option::as_ref).map(|named| named.iter().any(|name| **name == **destination));
            let mut is_output = is_named.unwrap_or(!all.is_empty());
            // It is made with the first replay, and stays.
            if directory.join(stream::DIRECTORY).is_dir() {
                for found in self.find(&replayed_at(&self.workspace, destination), read)? {
                    (is_output, is_known) = (true, true);
                    all.extend(attempts(directory, &found, Some(stream::number_of(found.place.1)), read)?);
                }
                all.sort_by_key(|attempt| attempt.at);
            }
            if is_output {
                outputs.push(OutputTrace { destination: Arc::clone(destination), attempts: all });
            }
        }
        let received_at = live.as_ref().map(received);
        let place = live.map(|found| (found.place.0.0, found.place.1));
        Ok(is_known.then_some(Trace { received_at, place, outputs }))
    }

    fn find(&self, of: &str, read: &mut Read) -> Result<Vec<Found>, TraceError> {
        let (mut found, sorted) = {
            let index = self.index.lock().expect("no holder of the index panics");
            (index.find_active(of, &self.message_id), index.sorted()?)
        };
        found.extend(find_sorted(&sorted, of, &self.message_id, read)?);
        Ok(found)
    }
}

/// Under what the index has the events that were replayed to a destination: no workspace is called so.
pub(crate) fn replayed_at(workspace: &str, destination: &str) -> String {
    format!("{workspace}/{destination}")
}

fn received(found: &Found) -> Millis {
    Millis(i64::from(found.second) * 1_000)
}

fn attempts(
    directory: &Path,
    found: &Found,
    replay: Option<Number>,
    read: &mut Read,
) -> Result<Vec<TracedAttempt>, TraceError> {
    let attempts = attempts_of(directory, found.place, received(found).0, read)?.into_iter();
    Ok(attempts
        .map(|(record, outcome, text)| TracedAttempt {
            at: Millis(record.at_ms),
            number: record.number,
            status: record.status,
            outcome,
            text,
            replay,
        })
        .collect())
}
