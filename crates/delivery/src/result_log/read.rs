//! Reading segments: the fold at start, and the attempts of one event.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use super::ResultLogError;
use super::format::{AttemptRecord, Entry, FRAME_HEADER_BYTES, MAGIC, Place, VERSION, body_bytes, decode};
use crate::Outcome;
use crate::cursor::Folded;
use crate::desk::Groups;

/// Bytes asked of the disk at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// The segments of a directory with the time of their first record, oldest first.
pub(crate) fn segments(directory: &Path) -> Result<Vec<(i64, PathBuf)>, ResultLogError> {
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

/// What reading cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Read {
    /// Files that were opened.
    pub(crate) files: u64,
    /// Bytes of what was looked at.
    pub(crate) bytes: u64,
}

/// A segment as far as it is whole.
struct Whole {
    bytes: u64,
    is_current: bool,
}

/// Hands every record of a segment to `each` until it says stop (`false`). One frame is in memory at a time.
fn scan(path: &Path, mut each: impl FnMut(Entry) -> bool) -> Result<Whole, ResultLogError> {
    scan_whole(path, |_, entries| entries.into_iter().all(&mut each))
}

/// Hands every frame of a segment, with the byte at which it begins, to `each` until it says stop (`false`).
pub(crate) fn scan_frames(path: &Path, each: impl FnMut(u64, Vec<Entry>) -> bool) -> Result<(), ResultLogError> {
    scan_whole(path, each).map(drop)
}

fn scan_whole(path: &Path, mut each: impl FnMut(u64, Vec<Entry>) -> bool) -> Result<Whole, ResultLogError> {
    let failed = |error| ResultLogError::Io { path: path.display().to_string(), error };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(failed)?);
    let mut magic = [0; MAGIC.len()];
    if !fill(&mut reader, &mut magic).map_err(failed)? || magic[..7] != MAGIC[..7] {
        return Ok(Whole { bytes: 0, is_current: false });
    }
    if magic[7] > VERSION {
        return Err(ResultLogError::Newer { path: path.display().to_string(), found: magic[7] });
    }
    let (mut bytes, mut frame) = (MAGIC.len() as u64, Vec::new());
    while let Some(entries) = next_frame(&mut reader, &mut frame).map_err(failed)? {
        let begins = bytes;
        bytes += frame.len() as u64;
        if !each(begins, entries) {
            break;
        }
    }
    Ok(Whole { bytes, is_current: magic[7] == VERSION })
}

/// The next whole frame; `None` at the end and at what a crash tore.
fn next_frame(reader: &mut impl io::Read, frame: &mut Vec<u8>) -> io::Result<Option<Vec<Entry>>> {
    frame.resize(FRAME_HEADER_BYTES, 0);
    if !fill(reader, frame)? {
        return Ok(None);
    }
    let Some(body) = body_bytes(frame) else { return Ok(None) };
    frame.resize(FRAME_HEADER_BYTES + body, 0);
    if !fill(reader, &mut frame[FRAME_HEADER_BYTES..])? {
        return Ok(None);
    }
    Ok(decode(frame).map(|(entries, _)| entries))
}

/// `false` when the file ends before.
fn fill(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The state at the end of a log.
#[derive(Debug)]
pub(crate) struct Newest {
    pub(crate) folded: Folded,
    /// The segment that holds it.
    pub(crate) path: PathBuf,
    /// Bytes of it that are whole.
    pub(crate) whole: u64,
    /// Whether it has this release's version, and may be written on.
    pub(crate) is_current: bool,
}

/// The state at the end of the log; `None` when there is none.
pub(crate) fn fold_directory(directory: &Path) -> Result<Option<Newest>, ResultLogError> {
    for (_, path) in segments(directory)?.into_iter().rev() {
        let (mut folded, mut has_state) = (Folded::default(), false);
        let whole = scan(&path, |entry| {
            has_state |= matches!(entry, Entry::Checkpoint(_));
            // Before its first checkpoint a segment has only what belongs to it.
            if has_state || matches!(entry, Entry::Pending(_) | Entry::Desk(_) | Entry::Replays(_)) {
                folded.apply(&entry);
            }
            true
        })?;
        if has_state {
            return Ok(Some(Newest { folded, path, whole: whole.bytes, is_current: whole.is_current }));
        }
        // Its first checkpoint is torn: it was being begun, and the segment before it has everything.
    }
    Ok(None)
}

/// An attempt of an event: its record, what became of the event, and what was answered.
pub(crate) type Tried = (AttemptRecord, Outcome, String);

/// The attempts that held an event, oldest first, from `since_ms` on, up to its final result; of one that was given up
/// and sent again, up to the last.
pub(crate) fn attempts_of(
    directory: &Path,
    place: Place,
    since_ms: i64,
    read: &mut Read,
) -> Result<Vec<Tried>, ResultLogError> {
    let segments = segments(directory)?;
    let first = segments.partition_point(|(begins, _)| *begins <= since_ms).saturating_sub(1);
    let mut found: Vec<Tried> = Vec::new();
    // Given up so far. It is over only when nothing sends it again, which the rest of the log says.
    let mut is_letter = false;
    let is_over =
        |found: &[Tried]| found.last().is_some_and(|(_, outcome, _)| outcome.is_final() && !outcome.leaves_letter());
    for (_, path) in &segments[first..] {
        let mut groups = Groups::default();
        let whole = scan(path, |entry| {
            let given_up =
                |at_ms, outcome| (AttemptRecord::new(at_ms, 0, 0, vec![(place, outcome)]), outcome, String::new());
            let hit = match entry {
                Entry::Desk(desk) => {
                    groups = desk.groups;
                    None
                }
                Entry::Text(text) => {
                    groups.say(&text);
                    None
                }
                Entry::Resent(resent) => {
                    is_letter &= resent.was.outcome_of(place).is_none();
                    None
                }
                Entry::Attempt(attempt) => attempt.outcome_of(place).map(|outcome| (attempt, outcome, String::new())),
                // What was answered is about those that failed.
                Entry::Failed { text, attempt } => attempt.outcome_of(place).map(|outcome| {
                    let text = if outcome.is_failure() { groups.text(text).to_owned() } else { String::new() };
                    (attempt, outcome, text)
                }),
                // What was settled one by one before is in no range that was given up later.
                Entry::Dropped(dropped) if !is_letter => dropped
                    .covers(place)
                    .then(|| given_up(dropped.at_ms, Outcome::DeadLettered(crate::Cause::BacklogOverBudget))),
                Entry::Lost(lost) if !is_letter => lost.covers(place).then(|| given_up(lost.at_ms, lost.outcome())),
                _ => None,
            };
            if let Some((_, outcome, _)) = &hit {
                is_letter = outcome.leaves_letter();
            }
            found.extend(hit);
            !is_over(&found)
        })?;
        read.files += 1;
        read.bytes += whole.bytes;
        if is_over(&found) {
            break;
        }
    }
    Ok(found)
}
