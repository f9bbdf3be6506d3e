//! Reading segments: the fold at start, and the attempts of one event.

use std::fs;
use std::path::{Path, PathBuf};

use super::ResultLogError;
use super::format::{AttemptRecord, Entry, MAGIC, Place, VERSION, decode};
use crate::Outcome;
use crate::cursor::Folded;

/// The segments of a directory with the time of their first record, oldest first.
pub(super) fn segments(directory: &Path) -> Result<Vec<(i64, PathBuf)>, ResultLogError> {
    let failed = |error| ResultLogError::Io { path: directory.display().to_string(), error };
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let first = name.strip_prefix("results-").and_then(|rest| rest.strip_suffix(".log")?.parse().ok());
        segments.extend(first.map(|first| (first, path)));
    }
    segments.sort();
    Ok(segments)
}

/// Hands every record of a segment to `each` until it says stop (`false`); returns the length of what is whole.
pub(super) fn scan(path: &Path, mut each: impl FnMut(Entry) -> bool) -> Result<u64, ResultLogError> {
    let failed = |error| ResultLogError::Io { path: path.display().to_string(), error };
    let bytes = fs::read(path).map_err(failed)?;
    let Some((magic, _)) = bytes.split_first_chunk::<8>() else { return Ok(0) };
    if magic[..7] != MAGIC[..7] {
        return Ok(0);
    }
    if magic[7] > VERSION {
        return Err(ResultLogError::Newer { path: path.display().to_string(), found: magic[7] });
    }
    let mut at = MAGIC.len();
    while let Some((entries, length)) = decode(&bytes[at..]) {
        at += length;
        if !entries.into_iter().all(&mut each) {
            break;
        }
    }
    Ok(at as u64)
}

/// The state at the end of the log, the segment that holds it and its whole length. `None` when there is none.
pub(crate) fn fold_directory(directory: &Path) -> Result<Option<(Folded, PathBuf, u64)>, ResultLogError> {
    for (_, path) in segments(directory)?.into_iter().rev() {
        let mut folded = None;
        let whole = scan(&path, |entry| {
            match (&mut folded, entry) {
                (state, Entry::Checkpoint(checkpoint)) => *state = Some(Folded::at(&checkpoint)),
                (Some(state), entry) => state.apply(&entry),
                (None, _) => {}
            }
            true
        })?;
        if let Some(folded) = folded {
            return Ok(Some((folded, path, whole)));
        }
        // Its first record is torn: it was being begun, and the segment before it has everything.
    }
    Ok(None)
}

/// The attempts that held an event, oldest first, from `since_ms` on, up to its final result.
pub(crate) fn attempts_of(
    directory: &Path,
    place: Place,
    since_ms: i64,
) -> Result<Vec<(AttemptRecord, Outcome)>, ResultLogError> {
    let segments = segments(directory)?;
    let first = segments.partition_point(|(begins, _)| *begins <= since_ms).saturating_sub(1);
    let mut found: Vec<(AttemptRecord, Outcome)> = Vec::new();
    for (_, path) in &segments[first..] {
        scan(path, |entry| {
            let hit = match entry {
                Entry::Attempt(attempt) => attempt.outcome_of(place).map(|outcome| (attempt, outcome)),
                Entry::Dropped(dropped) => {
                    let within = dropped.partition == place.0.0
                        && dropped.after.is_none_or(|after| place.1 > after)
                        && place.1 <= dropped.through;
                    let outcome = Outcome::DeadLettered(crate::Cause::BacklogOverBudget);
                    within.then(|| (AttemptRecord::new(dropped.at_ms, 0, 0, vec![(place, outcome)]), outcome))
                }
                Entry::Checkpoint(_) => None,
            };
            found.extend(hit);
            !found.last().is_some_and(|(_, outcome)| outcome.is_final())
        })?;
        if found.last().is_some_and(|(_, outcome)| outcome.is_final()) {
            break;
        }
    }
    Ok(found)
}
