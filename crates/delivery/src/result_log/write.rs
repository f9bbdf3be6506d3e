//! Writing: append frames, checkpoint, begin a new segment, delete old ones.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use event::Millis;

use super::format::{Checkpoint, Entry, MAGIC, encode};
use super::read::segments;
use super::{ResultLogError, fold_directory};
use crate::cursor::Folded;

/// A segment that has reached this size is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// How long results are kept.
const KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// The log of one destination, open for writing.
#[derive(Debug)]
pub(crate) struct ResultLog {
    directory: PathBuf,
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    first_ms: i64,
}

impl ResultLog {
    /// Opens a directory (made when absent), cuts a torn tail, and says where it ended.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Option<Folded>), ResultLogError> {
        let failed = |error| ResultLogError::Io { path: directory.display().to_string(), error };
        fs::create_dir_all(directory).map_err(failed)?;
        let first_ms = segments(directory)?.last().map_or(0, |(first, _)| *first);
        let mut log = Self { directory: directory.to_owned(), path: PathBuf::new(), file: None, bytes: 0, first_ms };
        let Some((folded, path, whole)) = fold_directory(directory)? else { return Ok((log, None)) };
        let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
        file.set_len(whole).map_err(failed)?;
        (log.path, log.file, log.bytes) = (path, Some(file), whole);
        Ok((log, Some(folded)))
    }

    /// Appends records as one frame; not synced.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), ResultLogError> {
        let frame = encode(entries);
        let file = self.file.as_mut().ok_or_else(|| ResultLogError::Io {
            path: self.directory.display().to_string(),
            error: std::io::Error::other("no checkpoint was written yet"),
        })?;
        if let Err(error) = file.write_all(&frame) {
            // Half a frame would hide everything after it: go back to what was whole.
            let cut = file.set_len(self.bytes);
            let error = cut.err().unwrap_or(error);
            return Err(ResultLogError::Io { path: self.path.display().to_string(), error });
        }
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// Writes the state, in a new segment when it is time, and syncs. When this returns, what the state no longer
    /// needs may be trimmed.
    pub(crate) fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), ResultLogError> {
        if self.file.is_none() || self.bytes >= SEGMENT_BYTES_MAX {
            self.begin(Millis(checkpoint.at_ms))?;
        }
        self.append(&[Entry::Checkpoint(checkpoint)])?;
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
        synced.map_err(|error| ResultLogError::Io { path: self.path.display().to_string(), error })
    }

    fn begin(&mut self, now: Millis) -> Result<(), ResultLogError> {
        // Names grow even when the clock went back.
        self.first_ms = now.0.max(self.first_ms + 1);
        self.path = self.directory.join(format!("results-{:013}.log", self.first_ms));
        let failed = |error| ResultLogError::Io { path: self.path.display().to_string(), error };
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        file.write_all(&MAGIC).map_err(failed)?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        (self.file, self.bytes) = (Some(file), MAGIC.len() as u64);
        self.prune(now)
    }

    /// Deletes segments whose last record is older than the window: those followed by one that is.
    fn prune(&self, now: Millis) -> Result<(), ResultLogError> {
        let segments = segments(&self.directory)?;
        for pair in segments.windows(2) {
            if pair[1].0 < now.0 - KEPT_MS {
                let path = &pair[0].1;
                let failed = |error| ResultLogError::Io { path: path.display().to_string(), error };
                fs::remove_file(path).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;
    use crate::result_log::format::AttemptRecord;
    use eventlog::{Partition, Position};

    fn delivered(index: u32) -> Entry {
        let place = (Partition(0), Position { block: 1, index });
        Entry::Attempt(AttemptRecord::new(2, 1, 200, vec![(place, Outcome::Delivered)]))
    }

    #[test]
    fn a_torn_tail_is_cut_and_written_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert!(folded.is_none());
        log.checkpoint(Checkpoint { at_ms: 1, ..Checkpoint::default() }).expect("written");
        log.append(&[delivered(0)]).expect("written");
        let whole = log.bytes;
        log.append(&[delivered(1)]).expect("written");
        let path = log.path.clone();
        drop(log);
        let torn = OpenOptions::new().write(true).open(&path).expect("opens");
        torn.set_len(whole + 5).expect("cut");
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").totals[&Outcome::Delivered], 1);
        log.append(&[delivered(2)]).expect("written");
        let (_, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").totals[&Outcome::Delivered], 2);
    }

    #[test]
    fn a_segment_that_was_only_begun_does_not_hide_the_one_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        log.checkpoint(Checkpoint { at_ms: 1, ..Checkpoint::default() }).expect("written");
        log.append(&[delivered(0)]).expect("written");
        fs::write(directory.path().join("results-0000000000009.log"), &MAGIC[..5]).expect("written");
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").totals[&Outcome::Delivered], 1);
        log.append(&[delivered(1)]).expect("written");
    }

    #[test]
    fn a_newer_version_is_refused_and_old_segments_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        for day in 0..10 {
            log.bytes = SEGMENT_BYTES_MAX;
            log.checkpoint(Checkpoint { at_ms: 1 + day * 24 * 3_600_000, ..Checkpoint::default() }).expect("written");
        }
        assert_eq!(segments(directory.path()).expect("listed").len(), 9);
        fs::write(directory.path().join("results-9999999999999.log"), b"ASNTRES\x02").expect("written");
        assert!(matches!(ResultLog::open(directory.path()), Err(ResultLogError::Newer { found: 2, .. })));
    }
}
