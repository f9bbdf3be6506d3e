//! Writing: append frames, checkpoint, begin a new segment, delete old ones.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use event::Millis;

use super::format::{Checkpoint, Entry, MAGIC, Progress, encode};
use super::read::{Newest, segments};
use super::{ResultLogError, fold_directory};
use crate::cursor::Folded;
use crate::desk::LetterMark;
use crate::spill::Spill;

/// A segment that has reached this size is followed by a new one.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// … or so many times its checkpoint, if that is more.
const CHECKPOINT_SHARE: u64 = 8;
/// Events that wait in one frame.
const PENDING_PER_FRAME: usize = 10_000;
/// How long results are kept.
pub(crate) const KEPT_MS: i64 = 7 * 24 * 3_600_000;

/// The log of one destination, open for writing.
#[derive(Debug)]
pub(crate) struct ResultLog {
    directory: PathBuf,
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    /// Bytes of its last checkpoint.
    checkpoint_bytes: u64,
    first_ms: i64,
    /// While it is held, nobody else opens the directory.
    _lock: File,
}

/// The segment that was written before a new one was begun.
#[derive(Debug)]
struct Before {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    first_ms: i64,
    checkpoint_bytes: u64,
}

impl ResultLog {
    /// Opens a directory (made when absent), cuts a torn tail, and says where it ended.
    pub(crate) fn open(directory: &Path) -> Result<(Self, Option<Folded>), ResultLogError> {
        let failed = |error| ResultLogError::Io { path: directory.display().to_string(), error };
        fs::create_dir_all(directory).map_err(failed)?;
        let lock = File::open(directory).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ResultLogError::Busy { path: directory.display().to_string() });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let first_ms = segments(directory)?.last().map_or(0, |(first, _)| *first);
        let (directory, path) = (directory.to_owned(), PathBuf::new());
        let mut log = Self { directory, path, file: None, bytes: 0, checkpoint_bytes: 0, first_ms, _lock: lock };
        let Some(Newest { folded, path, whole, is_current }) = fold_directory(&log.directory)? else {
            return Ok((log, None));
        };
        if is_current {
            let failed = |error| ResultLogError::Io { path: path.display().to_string(), error };
            let file = OpenOptions::new().append(true).open(&path).map_err(failed)?;
            file.set_len(whole).map_err(failed)?;
            // One that was only begun may be newer.
            let first = segments(&log.directory)?.into_iter().find(|(_, known)| *known == path);
            log.first_ms = first.map_or(log.first_ms, |(first_ms, _)| first_ms);
            (log.path, log.file, log.bytes) = (path, Some(file), whole);
        }
        Ok((log, Some(folded)))
    }

    /// Whether the next state must be a whole one: there is no segment yet, or it is time for a new one.
    pub(crate) fn is_checkpoint_due(&self) -> bool {
        self.file.is_none() || self.bytes >= SEGMENT_BYTES_MAX.max(self.checkpoint_bytes * CHECKPOINT_SHARE)
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

    /// Writes the whole state, with what waits in the spill, in a new segment when it is time, and syncs. When this
    /// returns, what the state no longer needs may be trimmed. `with` comes into the same frame: all or nothing.
    pub(crate) fn checkpoint(
        &mut self,
        checkpoint: Checkpoint,
        with: Vec<Entry>,
        spill: &Spill,
    ) -> Result<(), ResultLogError> {
        let at = Millis(checkpoint.at_ms);
        let begun = if self.is_checkpoint_due() { Some(self.begin(at)?) } else { None };
        let written = self.write_checkpoint(checkpoint, with, spill);
        match (begun, &written) {
            // The state is whole in the new segment: what it replaces may go. That it does not is no loss.
            (Some(_), Ok(())) => {
                if let Err(error) = self.prune(at) {
                    tracing::warn!(%error, "old results were not deleted");
                }
            }
            (Some(before), Err(_)) => self.go_back(before),
            (None, _) => {}
        }
        written
    }

    fn write_checkpoint(
        &mut self,
        mut checkpoint: Checkpoint,
        mut with: Vec<Entry>,
        spill: &Spill,
    ) -> Result<(), ResultLogError> {
        let begins = self.bytes;
        self.append(&[Entry::Pending(Vec::new())])?;
        let rest = checkpoint.pending.split_off(checkpoint.pending.len().min(PENDING_PER_FRAME));
        for piece in rest.chunks(PENDING_PER_FRAME) {
            self.append(&[Entry::Pending(piece.to_vec())])?;
        }
        spill.pieces(PENDING_PER_FRAME, |piece| self.append(&[Entry::Pending(piece)]))?;
        // Last: until it is there, the state before holds.
        with.push(Entry::Checkpoint(checkpoint));
        self.append(&with)?;
        self.checkpoint_bytes = self.bytes - begins;
        self.sync()
    }

    /// Writes what changed since the last state, and syncs. It means the same as a checkpoint.
    pub(crate) fn progress(&mut self, progress: Progress, mut with: Vec<Entry>) -> Result<(), ResultLogError> {
        with.push(Entry::Progress(progress));
        self.append(&with)?;
        self.sync()
    }

    /// Where the next record will stand.
    pub(crate) fn mark(&self) -> LetterMark {
        LetterMark { segment: self.first_ms, frame: self.bytes, ..LetterMark::default() }
    }

    /// The directory, for reading.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends records that must not be forgotten. When it fails they are not there: nobody was told that they are.
    pub(crate) fn append_synced(&mut self, entries: &[Entry]) -> Result<(), ResultLogError> {
        let before = self.bytes;
        self.append(entries)?;
        let synced = self.sync();
        if synced.is_err()
            && let Some(file) = &self.file
            && file.set_len(before).is_ok()
        {
            self.bytes = before;
        }
        synced
    }

    fn sync(&self) -> Result<(), ResultLogError> {
        let synced = self.file.as_ref().map_or(Ok(()), File::sync_data);
        synced.map_err(|error| ResultLogError::Io { path: self.path.display().to_string(), error })
    }

    /// Goes on in a new segment; returns the one before, to go back to.
    fn begin(&mut self, now: Millis) -> Result<Before, ResultLogError> {
        // Names grow even when the clock went back.
        let first_ms = now.0.max(self.first_ms + 1);
        let path = self.directory.join(format!("results-{first_ms:013}.log"));
        let failed = |error| ResultLogError::Io { path: path.display().to_string(), error };
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        file.write_all(&MAGIC).map_err(failed)?;
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok(Before {
            path: std::mem::replace(&mut self.path, path),
            file: self.file.replace(file),
            bytes: std::mem::replace(&mut self.bytes, MAGIC.len() as u64),
            first_ms: std::mem::replace(&mut self.first_ms, first_ms),
            checkpoint_bytes: self.checkpoint_bytes,
        })
    }

    /// Goes on in the segment before. The one that was begun goes: when only its sync failed its state may be whole, and
    /// would hide what comes later in the one before. If it cannot go, nothing is written until a newer one is begun.
    fn go_back(&mut self, before: Before) {
        let removed = fs::remove_file(&self.path).and_then(|()| File::open(&self.directory)?.sync_all());
        if let Err(error) = removed {
            let path = self.path.display();
            tracing::error!(%error, %path, "a segment that is not whole was not removed; results wait for the next");
            self.file = None;
            return;
        }
        let Before { path, file, bytes, first_ms, checkpoint_bytes } = before;
        (self.path, self.file, self.bytes) = (path, file, bytes);
        (self.first_ms, self.checkpoint_bytes) = (first_ms, checkpoint_bytes);
    }

    /// Makes the next state a whole one, in a segment of its own.
    #[cfg(test)]
    pub(crate) fn end_segment(&mut self) {
        self.bytes = SEGMENT_BYTES_MAX.max(self.checkpoint_bytes * CHECKPOINT_SHARE);
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
    use crate::lane::Item;
    use crate::result_log::format::{self, AttemptRecord, PendingEvent};
    use crate::result_log::{Read, attempts_of};
    use eventlog::{Partition, Position};

    fn at(at_ms: i64) -> Checkpoint {
        Checkpoint { at_ms, ..Checkpoint::default() }
    }

    fn spill(directory: &tempfile::TempDir) -> Spill {
        Spill::new(directory.path())
    }

    fn delivered(index: u32) -> Entry {
        let place = (Partition(0), Position { block: 1, index });
        Entry::Attempt(AttemptRecord::new(2, 1, 200, vec![(place, Outcome::Delivered)]))
    }

    #[test]
    fn a_torn_tail_is_cut_and_written_over() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert!(folded.is_none());
        log.checkpoint(at(1), Vec::new(), &spill(&directory)).expect("written");
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
        assert!(matches!(ResultLog::open(directory.path()), Err(ResultLogError::Busy { .. })), "one at a time");
        drop(log);
        let (_, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").totals[&Outcome::Delivered], 2);
    }

    #[test]
    fn a_segment_that_was_only_begun_does_not_hide_the_one_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        log.checkpoint(at(1), Vec::new(), &spill(&directory)).expect("written");
        log.append(&[delivered(0)]).expect("written");
        drop(log);
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
            log.checkpoint(at(1 + day * 24 * 3_600_000), Vec::new(), &spill(&directory)).expect("written");
        }
        assert_eq!(segments(directory.path()).expect("listed").len(), 9);
        drop(log);
        let newer = [&format::MAGIC[..7], &[format::VERSION + 1]].concat();
        fs::write(directory.path().join("results-9999999999999.log"), newer).expect("written");
        let opened = ResultLog::open(directory.path());
        assert!(matches!(opened, Err(ResultLogError::Newer { found, .. }) if found == format::VERSION + 1));
    }

    #[test]
    fn many_that_wait_come_back_and_a_list_that_broke_off_does_not_count() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        let event = |index| PendingEvent {
            partition: 0,
            position: Position { block: 1, index },
            lane: 3,
            failures: 0,
            first_failed_ms: None,
        };
        let pending: Vec<_> = (0..25_000).map(event).collect();
        log.checkpoint(Checkpoint { pending, ..at(1) }, Vec::new(), &spill(&directory)).expect("written");
        // The next checkpoint breaks off after its first piece, then one event gets its result.
        log.append(&[Entry::Pending(Vec::new()), Entry::Pending(vec![event(7)])]).expect("written");
        drop(log);
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").pending.len(), 25_000);
        log.append(&[delivered(7)]).expect("written");
        let mut scratch = spill(&directory);
        scratch.store(vec![Item::waiting(1, &event(9))]).expect("stored");
        log.checkpoint(Checkpoint { pending: vec![event(8)], ..at(2) }, Vec::new(), &scratch).expect("written");
        drop(log);
        let (_, folded) = ResultLog::open(directory.path()).expect("opens");
        let places: Vec<_> = folded.expect("a state").pending.into_values().collect();
        assert_eq!(places, [event(8), event(9)]);
    }

    /// The disk fails in the middle of a new segment's first state: what waits cannot be read back from the spill.
    #[test]
    fn a_whole_state_that_fails_halfway_goes_back_to_the_segment_before() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        log.checkpoint(at(1), Vec::new(), &spill(&directory)).expect("written");
        log.append(&[delivered(0)]).expect("written");
        let (path, mark) = (log.path.clone(), log.mark());
        let mut scratch = spill(&directory);
        let position = Position { block: 1, index: 9 };
        let waits = PendingEvent { partition: 0, position, lane: 3, failures: 0, first_failed_ms: None };
        scratch.store(vec![Item::waiting(1, &waits)]).expect("stored");
        let whole = fs::read(directory.path().join("waiting.spill")).expect("there");
        fs::write(directory.path().join("waiting.spill"), b"").expect("damaged");

        let bytes = log.bytes;
        log.bytes = SEGMENT_BYTES_MAX;
        let many = (0..25_000).map(|index| PendingEvent { position: Position { block: 2, index }, ..waits });
        let state = Checkpoint { pending: many.collect(), ..at(2) };
        log.checkpoint(state, Vec::new(), &scratch).expect_err("the disk fails");
        assert_eq!(segments(directory.path()).expect("listed").len(), 1, "what had begun is gone");
        log.bytes = bytes;
        assert_eq!((&log.path, log.mark()), (&path, mark));
        log.append(&[delivered(1)]).expect("written");
        drop(log);
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        let folded = folded.expect("a state");
        assert_eq!((folded.totals[&Outcome::Delivered], folded.pending.len()), (2, 0), "of the segment before");
        assert_eq!(log.mark().segment, mark.segment);

        // The disk is well again: the next state is whole, in a segment of its own.
        fs::write(directory.path().join("waiting.spill"), whole).expect("mended");
        log.bytes = SEGMENT_BYTES_MAX;
        log.checkpoint(at(3), Vec::new(), &scratch).expect("written");
        assert!(log.path > path);
        drop(log);
        let (_, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").pending.into_values().collect::<Vec<_>>(), [waits]);
    }

    #[test]
    fn a_segment_of_an_older_version_is_read_and_not_written_on() {
        let directory = tempfile::tempdir().expect("a directory");
        let old = directory.path().join("results-0000000000001.log");
        fs::write(&old, include_bytes!("golden_v1.bin")).expect("written");
        let (mut log, folded) = ResultLog::open(directory.path()).expect("opens");
        assert_eq!(folded.expect("a state").totals[&Outcome::Delivered], 9);
        assert!(log.is_checkpoint_due() && log.append(&[delivered(1)]).is_err());
        log.checkpoint(at(5), Vec::new(), &spill(&directory)).expect("written");
        log.append(&[delivered(1)]).expect("written");
        assert_eq!(fs::read(&old).expect("there"), include_bytes!("golden_v1.bin"));
    }

    #[test]
    fn a_trace_reads_from_the_segment_of_its_event_to_its_result() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
        for hour in 0..24 {
            log.bytes = SEGMENT_BYTES_MAX;
            log.checkpoint(at(hour * 3_600_000), Vec::new(), &spill(&directory)).expect("written");
            log.append(&[delivered(u32::try_from(hour).expect("small"))]).expect("written");
        }
        let (place, mut read) = ((Partition(0), Position { block: 1, index: 7 }), Read::default());
        let found = attempts_of(directory.path(), place, 7 * 3_600_000 + 5, &mut read).expect("read");
        assert_eq!(found.iter().map(|(_, outcome, _)| *outcome).collect::<Vec<_>>(), [Outcome::Delivered]);
        assert_eq!(read.files, 1);
    }
}
