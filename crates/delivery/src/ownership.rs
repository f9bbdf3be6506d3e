//! What is kept of a destination in its directory, beyond its results: whose they are, and what becomes of them when it
//! goes or is switched off.
//!
//! A directory is found by names, and a name may come again: a destination that is deleted and made anew is another
//! one, perhaps somebody else's, and must not get what waited for the first. Deleting the directory with the destination
//! is not enough, since a crash may come between the two. So the directory says which making of the name it belongs to.
//!
//! A destination that is switched off keeps no backlog: what waits for it gets its result then, not when it is switched
//! on again, which may be never. It begins at the tail when it is.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use event::{Millis, Slug};
use eventlog::{Partition, Position};

use crate::Cause;
use crate::cursor::{Folded, before};
use crate::result_log::format::{Checkpoint, Entry, Lost};

/// Where the trace index is: a name that no workspace can have, because workspaces have their directories beside it.
const TRACES: &str = "_trace";
/// Where it was first.
const TRACES_BEFORE: &str = "trace";
/// The file that says of which making of its name a destination the directory is. Absent: of the one made in 0.
const MADE_IN: &str = "made_in";
/// It, while it is written.
const MADE_IN_SCRATCH: &str = "made_in.new";

/// Makes a directory one of the destination made in this revision: what another one left in it goes.
pub(crate) fn claim(directory: &Path, made_in: i64) -> io::Result<()> {
    if is_of(directory, made_in)? {
        return Ok(());
    }
    remove(directory)?;
    fs::create_dir_all(directory)?;
    // Before any result: a directory without it is nobody's, or of one made before this was noted. Its bytes are on the
    // disk before its name is, or a loss of power would leave a file that says nothing.
    let scratch = directory.join(MADE_IN_SCRATCH);
    let mut file = File::create(&scratch)?;
    file.write_all(made_in.to_string().as_bytes())?;
    file.sync_all()?;
    fs::rename(scratch, directory.join(MADE_IN))?;
    // The destination's directory, the workspace's and the one they are in: each may be new.
    directory.ancestors().take(3).try_for_each(|path| File::open(path)?.sync_all())
}

/// Whether a directory is of the destination made in this revision. One that does not say so in a number is an error:
/// what waits in it may be its own, and is not to be removed on a guess.
pub(crate) fn is_of(directory: &Path, made_in: i64) -> io::Result<bool> {
    let text = match fs::read_to_string(directory.join(MADE_IN)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(made_in == 0),
        text => text?,
    };
    text.trim().parse::<i64>().map(|found| found == made_in).map_err(|_| {
        io::Error::other(format!(
            "its file `{MADE_IN}` holds no number: write `{made_in}` into it to keep what waits there, or delete the \
             directory to begin at the newest event"
        ))
    })
}

/// Removes a directory with all that is in it.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what a workspace's directory has of destinations that are none any more. That they go is known from their
/// deletion while the process runs; this is for what a crash left.
pub(crate) fn sweep(directory: &Path, is_configured: impl Fn(&str) -> bool) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // What is no name is none of ours.
        let name = name.to_str().filter(|name| name.parse::<Slug>().is_ok());
        if name.is_some_and(|name| !is_configured(name)) && entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The directory of the trace index. Earlier releases had it where a workspace of that name has its destinations; its
/// files come from there.
pub(crate) fn traces(data_dir: &Path) -> io::Result<PathBuf> {
    let (path, before) = (data_dir.join(TRACES), data_dir.join(TRACES_BEFORE));
    fs::create_dir_all(&path)?;
    let entries = match fs::read_dir(&before) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::rename(entry.path(), path.join(entry.file_name()))?;
        }
    }
    match fs::remove_dir(&before) {
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(error),
        Ok(()) | Err(_) => Ok(path),
    }
}

/// Up to where a destination in this state needs nothing of the log.
pub(crate) fn released(folded: &Folded, partition: Partition, cursor: Option<Position>) -> Option<Position> {
    folded.desk.kept.released(partition, waited_for(folded, partition, cursor))
}

/// Up to where everything has its result.
fn waited_for(folded: &Folded, partition: Partition, cursor: Option<Position>) -> Option<Position> {
    let mut pending = folded.pending.range((partition, Position { block: 0, index: 0 })..);
    let lowest = pending.next().filter(|((found, _), _)| *found == partition);
    lowest.map_or(cursor, |((_, position), _)| cursor.min(before(*position)))
}

/// Where a destination in this state goes on: `None` when nothing is kept, or when it was switched off.
pub(crate) fn place(folded: &Folded, partitions: u16) -> Option<Vec<Option<Position>>> {
    let known = &folded.read_through;
    let cursors = (0..partitions).map(|partition| known.get(&Partition(partition)).copied().flatten());
    (!known.is_empty()).then(|| cursors.collect())
}

/// A destination that is switched off.
pub(crate) struct SwitchedOff {
    /// Its state: without a place.
    pub(crate) checkpoint: Checkpoint,
    /// What it leaves behind: one range for each partition, up to the tail. How many of what it has not read were for
    /// it is not counted, because that would mean reading a backlog only to give it up.
    pub(crate) ranges: Vec<Lost>,
    /// What comes with the state.
    pub(crate) with: Vec<Entry>,
}

/// Switches a destination in this state off; `None` when nothing is kept of it, or it is off already.
pub(crate) fn switch_off(folded: &Folded, at: Millis, tails: &[Option<Position>]) -> Option<SwitchedOff> {
    let cursors = place(folded, u16::try_from(tails.len()).ok()?)?;
    let mut totals = folded.totals.clone();
    let mut ranges = Vec::new();
    for ((partition, cursor), tail) in (0..).map(Partition).zip(cursors).zip(tails) {
        let (after, through) = (waited_for(folded, partition, cursor), cursor.max(*tail));
        let waiting = folded.pending.keys().filter(|(of, _)| *of == partition).count() as u64;
        if let Some(through) = through.filter(|through| Some(*through) > after) {
            let range = Lost::new(at.0, partition, (after, through), waiting, Cause::SwitchedOff);
            *totals.entry(range.outcome()).or_default() += range.records;
            ranges.push(range);
        }
    }
    let totals = totals.into_iter().map(|(outcome, count)| (outcome.to_bytes(), count)).collect();
    let mut desk = folded.desk.clone();
    desk.given_up(|_| true);
    // What was still to be searched out would otherwise go out when it is on again.
    desk.resends.iter_mut().for_each(|resend| resend.next = None);
    desk.groups.forget_texts();
    let mut replays = folded.replays.clone();
    for range in &ranges {
        replays.lost(range);
    }
    replays.end("the destination was switched off", at);
    let with = ranges.iter().copied().map(Entry::Lost);
    let with = with.chain([Entry::Desk(Box::new(desk)), Entry::Replays(replays)]).collect();
    Some(SwitchedOff { checkpoint: Checkpoint { at_ms: at.0, totals, ..Checkpoint::default() }, ranges, with })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::{LetterFilter, LetterMark, Resend};

    fn place_of(directory: &tempfile::TempDir) -> PathBuf {
        directory.path().join("acme").join("hook")
    }

    #[test]
    fn what_one_making_of_a_name_left_is_not_the_next_ones() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = place_of(&directory);
        fs::create_dir_all(&place).expect("made");
        fs::write(place.join("results-0000000000001.log"), "").expect("written");
        let is_kept = || place.join("results-0000000000001.log").is_file();
        claim(&place, 0).expect("claimed");
        assert!(is_kept(), "of one made before that was noted");
        claim(&place, 7).expect("claimed");
        assert!(!is_kept());
        fs::write(place.join("results-0000000000001.log"), "").expect("written");
        claim(&place, 7).expect("claimed");
        assert!(is_kept(), "it is its own");
    }

    #[test]
    fn what_does_not_say_whose_it_is_is_kept_until_somebody_does() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = place_of(&directory);
        claim(&place, 7).expect("claimed");
        fs::write(place.join("results-0000000000001.log"), "").expect("written");
        for torn in ["", "7x"] {
            fs::write(place.join(MADE_IN), torn).expect("written");
            let error = claim(&place, 7).expect_err("nobody knows whose").to_string();
            assert!(error.contains("write `7` into it"), "{error}");
        }
        fs::write(place.join(MADE_IN), "7\n").expect("written");
        claim(&place, 7).expect("claimed");
        assert!(place.join("results-0000000000001.log").is_file() && !place.join(MADE_IN_SCRATCH).is_file());
    }

    #[test]
    fn nothing_is_sent_again_by_what_was_asked_before_it_was_switched_off() {
        let asked = Resend {
            number: 3,
            at: Millis(1),
            by: "ada".to_owned(),
            filter: LetterFilter::default(),
            next: Some(LetterMark::default()),
            end: LetterMark::default(),
            taken: 0,
            delivered: 0,
            withheld: 0,
            failed: 0,
            gone: 0,
        };
        let mut folded = Folded::default();
        folded.read_through.insert(Partition(0), None);
        folded.desk.asked(asked);
        let off = switch_off(&folded, Millis(9), &[None]).expect("it has a place");
        let desk = off.with.into_iter().find_map(|entry| if let Entry::Desk(desk) = entry { Some(desk) } else { None });
        assert!(desk.expect("comes with the state").resends.iter().all(Resend::is_over));
    }

    #[test]
    fn a_crash_after_a_deletion_leaves_nothing_beyond_the_next_start() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["hook", "gone", "_not_a_name"] {
            fs::create_dir_all(directory.path().join(name)).expect("made");
        }
        sweep(directory.path(), |name| name == "hook").expect("swept");
        let is_there = |name: &str| directory.path().join(name).is_dir();
        assert!(is_there("hook") && !is_there("gone") && is_there("_not_a_name"));
        sweep(&directory.path().join("nowhere"), |_| false).expect("nothing to do");
    }

    #[test]
    fn the_trace_index_comes_from_where_a_workspace_called_trace_has_its_destinations() {
        let directory = tempfile::tempdir().expect("a directory");
        let before = directory.path().join(TRACES_BEFORE);
        fs::create_dir_all(before.join("hook")).expect("made");
        fs::write(before.join("active.idx"), "entries").expect("written");
        for _ in 0..2 {
            let path = traces(directory.path()).expect("moved");
            assert_eq!(fs::read(path.join("active.idx")).expect("there"), b"entries");
            assert!(path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<Slug>().is_err()));
        }
        assert!(before.join("hook").is_dir() && !before.join("active.idx").is_file());
    }
}
