//! Dead letters: events that were rejected or given up, read from the result log. There is no second list of them, so
//! none can be forgotten, and a million of them cost nothing but their results.
//!
//! One is *open* until it is sent again; what becomes of it then is a result of its own, and may be another dead letter.
//! Segments in which nothing failed and nothing was sent again are passed over by the totals at their beginning.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use event::Millis;
use eventlog::Position;
use serde::{Deserialize, Serialize};

use crate::desk::Desk;
use crate::result_log::format::{AttemptRecord, Entry, Place};
use crate::result_log::{ResultLogError, scan_frames, segments};
use crate::{Cause, Outcome};

/// Which dead letters; what is not said does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LetterFilter {
    /// Only these, by partition and position.
    pub places: Vec<(u16, Position)>,
    /// The code of the reason.
    pub reason: Option<String>,
    /// Given up at or after.
    pub from: Option<Millis>,
    /// Given up before.
    pub to: Option<Millis>,
    /// A part of what was answered, in any case of letters.
    pub text: Option<String>,
}

impl LetterFilter {
    fn takes(&self, at: Millis, outcome: Outcome, text: &str) -> bool {
        self.from.is_none_or(|from| at >= from)
            && self.to.is_none_or(|to| at < to)
            && self.reason.as_ref().is_none_or(|reason| outcome.reason() == reason)
            && self.text.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
    }

    fn takes_place(&self, (partition, position): Place) -> bool {
        self.places.is_empty() || self.places.contains(&(partition.0, position))
    }

    /// Whether a segment of these times can hold one.
    fn reaches(&self, (begins, ends): (i64, i64)) -> bool {
        self.from.is_none_or(|from| ends >= from.0) && self.to.is_none_or(|to| begins < to.0)
    }
}

/// A place in the result log: the segment, and how far in it (bytes, and events of a record).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct LetterMark {
    /// The name of the segment.
    pub segment: i64,
    /// Where its frame begins.
    pub frame: u64,
    /// Which record of the frame, counted from 0.
    pub record: u32,
    /// Which event of the record, counted from 0.
    pub event: u32,
}

/// An event that was not delivered, or a stretch of the log that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stands in `processed`; `None` for a stretch.
    pub place: Option<(u16, Position)>,
    /// Its `messageId`; `None` for a stretch, and when the log does not have it any more.
    pub message_id: Option<String>,
    /// How many events; more than one for a stretch only.
    pub events: u64,
    /// When it was given up.
    pub at: Millis,
    /// How.
    pub outcome: Outcome,
    /// The status of the last answer; 0 without one.
    pub status: u16,
    /// What was answered; masked and cut.
    pub text: String,
    /// Which attempt it was; 0 without one.
    pub attempts: u32,
}

/// Some of them, latest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeadLetters {
    /// Those.
    pub letters: Vec<DeadLetter>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<LetterMark>,
}

/// What a record says about dead letters.
enum Told {
    Failed { text: String, attempt: AttemptRecord },
    Stretch { at: Millis, outcome: Outcome, events: u64 },
    Resent(AttemptRecord),
}

fn is_letter(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Rejected(_) | Outcome::DeadLettered(_))
}

/// Where a record stands in its segment: its frame, and its number there.
type Spot = (u64, u32);

/// What a segment says.
fn told(path: &Path) -> Result<Vec<(Spot, Told)>, ResultLogError> {
    let (mut all, mut desk) = (Vec::new(), Desk::default());
    scan_frames(path, |frame, entries| {
        for (record, entry) in (0..).zip(entries) {
            let told = match entry {
                Entry::Desk(now) => {
                    desk.groups = now.groups;
                    None
                }
                Entry::Text(text) => {
                    desk.groups.say(&text);
                    None
                }
                Entry::Failed { text, attempt } if attempt.has(is_letter) => {
                    Some(Told::Failed { text: desk.groups.text(text).to_owned(), attempt })
                }
                Entry::Attempt(attempt) if attempt.has(is_letter) => {
                    Some(Told::Failed { text: String::new(), attempt })
                }
                Entry::Dropped(range) => {
                    let outcome = Outcome::DeadLettered(Cause::BacklogOverBudget);
                    Some(Told::Stretch { at: Millis(range.at_ms), outcome, events: range.events })
                }
                Entry::Lost(range) => {
                    let (at, outcome) = (Millis(range.at_ms), range.outcome());
                    Some(Told::Stretch { at, outcome, events: range.records })
                }
                Entry::Resent(resent) => Some(Told::Resent(resent.was)),
                _ => None,
            };
            all.extend(told.map(|told| ((frame, record), told)));
        }
        true
    })?;
    Ok(all)
}

/// The same; nothing of one that is gone.
fn told_if_there(path: &Path) -> Result<Vec<(Spot, Told)>, ResultLogError> {
    Ok(if_there(told(path))?.unwrap_or_default())
}

/// `None` of a segment that was listed and is gone since: its week is over.
fn if_there<T>(read: Result<T, ResultLogError>) -> Result<Option<T>, ResultLogError> {
    match read {
        Err(ResultLogError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The totals at the beginning of a segment: failures, and events that were sent again; and whether some of the failures
/// are said there, with the state that has them already.
fn totals(path: &Path) -> Result<((u64, u64), bool), ResultLogError> {
    let (mut failed, mut resent, mut is_told) = (0, 0, false);
    scan_frames(path, |_, entries| {
        let mut is_there = false;
        for entry in &entries {
            match entry {
                Entry::Checkpoint(checkpoint) => {
                    let letters =
                        checkpoint.totals.iter().filter(|(of, _)| Outcome::from_bytes(*of).is_none_or(is_letter));
                    (failed, is_there) = (letters.map(|(_, count)| count).sum(), true);
                }
                Entry::Desk(desk) => resent = desk.resent,
                Entry::Lost(_) | Entry::Dropped(_) => is_told = true,
                _ => {}
            }
        }
        !is_there
    })?;
    Ok(((failed, resent), is_told))
}

/// Segments in which something failed or was sent again, oldest first, each with the time of the one after it.
fn telling(directory: &Path) -> Result<Vec<(i64, i64, PathBuf)>, ResultLogError> {
    let mut there = Vec::new();
    for (begins, path) in segments(directory)? {
        there.extend(if_there(totals(&path))?.map(|totals| (begins, path, totals)));
    }
    let next = |at: usize| there.get(at + 1);
    let ends = |at: usize| next(at).map_or(i64::MAX, |(begins, ..)| *begins);
    let is_telling = |at: usize| {
        let (_, _, (counts, is_told)) = &there[at];
        *is_told || next(at).is_none_or(|(_, _, (later, _))| later != counts)
    };
    let telling = (0..there.len()).filter(|at| is_telling(*at));
    Ok(telling.map(|at| (there[at].0, ends(at), there[at].1.clone())).collect())
}

/// A page of open dead letters, latest first, without their ids. Reads files.
pub(crate) fn page(
    directory: &Path,
    filter: &LetterFilter,
    before: Option<LetterMark>,
    letters_max: usize,
) -> Result<DeadLetters, ResultLogError> {
    let (mut page, mut resent) = (DeadLetters::default(), HashSet::new());
    for (begins, _, path) in telling(directory)?.into_iter().rev() {
        for ((frame, record), told) in told_if_there(&path)?.into_iter().rev() {
            let found = match told {
                Told::Resent(was) => {
                    resent.extend(was.events().map(|(place, _)| place));
                    continue;
                }
                Told::Stretch { at, outcome, events } => vec![(0, stretch(at, outcome, events))],
                Told::Failed { text, attempt } => {
                    let is_open = |place: &Place| !resent.contains(place) && filter.takes_place(*place);
                    of_record(&attempt, &text, is_open)
                }
            };
            for (event, letter) in found.into_iter().rev() {
                let mark = LetterMark { segment: begins, frame, record, event };
                let is_asked = filter.takes(letter.at, letter.outcome, &letter.text)
                    && (letter.place.is_some() || filter.places.is_empty());
                if !is_asked || before.is_some_and(|before| mark >= before) {
                    continue;
                }
                if page.letters.len() >= letters_max {
                    return Ok(page);
                }
                page.letters.push(letter);
                page.next = Some(mark);
            }
        }
    }
    page.next = None;
    Ok(page)
}

fn of_record(attempt: &AttemptRecord, text: &str, is_open: impl Fn(&Place) -> bool) -> Vec<(u32, DeadLetter)> {
    let letters = (0..).zip(attempt.events()).filter(|(_, (place, outcome))| is_letter(*outcome) && is_open(place));
    let letter = |(partition, position): Place, outcome| DeadLetter {
        place: Some((partition.0, position)),
        message_id: None,
        events: 1,
        at: Millis(attempt.at_ms),
        outcome,
        status: attempt.status,
        text: text.to_owned(),
        attempts: attempt.number,
    };
    letters.map(|(at, (place, outcome))| (at, letter(place, outcome))).collect()
}

fn stretch(at: Millis, outcome: Outcome, events: u64) -> DeadLetter {
    DeadLetter { place: None, message_id: None, events, at, outcome, status: 0, text: String::new(), attempts: 0 }
}

/// A walk over the open dead letters, oldest first, a piece at a time.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Where an event was last sent again: what failed before is not open.
    resent: HashMap<Place, (i64, u64)>,
    /// How many of the segments were asked for that.
    gathered: usize,
    /// The segments that are walked through.
    telling: Vec<(i64, i64, PathBuf)>,
}

/// Some of them.
#[derive(Debug, Default)]
pub(crate) struct Piece {
    pub(crate) found: Vec<(Place, Outcome)>,
    /// Events of stretches.
    pub(crate) in_stretches: u64,
    /// Where the next piece begins.
    pub(crate) next: LetterMark,
    pub(crate) is_last: bool,
}

impl Scan {
    /// Finds the segments. Reads the beginning of each.
    pub(crate) fn new(directory: &Path) -> Result<Self, ResultLogError> {
        Ok(Self { resent: HashMap::new(), gathered: 0, telling: telling(directory)? })
    }

    /// Learns from one segment more what was sent again; `false` when it knows all. What the filter takes failed at its
    /// `from` or later, so nothing before that sent it again.
    pub(crate) fn gather(&mut self, filter: &LetterFilter) -> Result<bool, ResultLogError> {
        while let Some((begins, ends, path)) = self.telling.get(self.gathered) {
            self.gathered += 1;
            if filter.from.is_some_and(|from| *ends < from.0) {
                continue;
            }
            for ((frame, _), told) in told_if_there(path)? {
                if let Told::Resent(was) = told {
                    self.resent.extend(was.events().map(|(place, _)| (place, (*begins, frame))));
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The next piece from `from` on and before `end`: of one segment, and whole frames, so a few more than asked.
    /// Reads that segment.
    pub(crate) fn piece(
        &self,
        filter: &LetterFilter,
        (from, end): (LetterMark, LetterMark),
        letters_max: usize,
    ) -> Result<Piece, ResultLogError> {
        let mut piece = Piece { next: from, ..Piece::default() };
        let mut asked = self.telling.iter().filter(|(begins, ends, _)| {
            (from.segment..=end.segment).contains(begins) && filter.reaches((*begins, *ends))
        });
        let Some((begins, _, path)) = asked.next() else {
            piece.is_last = true;
            return Ok(piece);
        };
        for ((frame, _), told) in told_if_there(path)? {
            let mark = LetterMark { segment: *begins, frame, ..LetterMark::default() };
            if mark < from || mark >= end {
                continue;
            }
            if mark > piece.next && piece.found.len() >= letters_max {
                piece.next = mark;
                return Ok(piece);
            }
            self.take(&mut piece, told, filter, mark);
            piece.next = mark;
        }
        match asked.next() {
            Some((begins, ..)) => piece.next = LetterMark { segment: *begins, ..LetterMark::default() },
            None => piece.is_last = true,
        }
        Ok(piece)
    }

    fn take(&self, piece: &mut Piece, told: Told, filter: &LetterFilter, mark: LetterMark) {
        match told {
            Told::Failed { text, attempt } => {
                let is_later =
                    |place: &Place| self.resent.get(place).is_some_and(|at| *at > (mark.segment, mark.frame));
                let letters = attempt.events().filter(|(place, outcome)| {
                    is_letter(*outcome)
                        && filter.takes(Millis(attempt.at_ms), *outcome, &text)
                        && filter.takes_place(*place)
                        && !is_later(place)
                });
                piece.found.extend(letters);
            }
            Told::Stretch { at, outcome, events } if filter.places.is_empty() && filter.takes(at, outcome, "") => {
                piece.in_stretches += events;
            }
            Told::Stretch { .. } | Told::Resent(..) => {}
        }
    }
}

impl DeadLetter {
    /// Its name; `None` for a stretch.
    pub fn id(&self) -> Option<String> {
        self.place.map(|(partition, position)| format!("{partition}-{}-{}", position.block, position.index))
    }

    /// The place that a name stands for.
    pub fn place_of(id: &str) -> Option<(u16, Position)> {
        let (partition, rest) = id.split_once('-')?;
        let (block, index) = rest.split_once('-')?;
        Some((partition.parse().ok()?, Position { block: block.parse().ok()?, index: index.parse().ok()? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result_log::ResultLog;
    use crate::result_log::format::{Checkpoint, Lost};
    use crate::spill::Spill;
    use eventlog::Partition;

    #[test]
    fn a_stretch_that_was_given_up_with_the_state_that_begins_a_segment_is_listed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (cause, spill) = (Cause::Unreadable, Spill::new(directory.path()));
        let lost = Lost::new(2, Partition(0), (None, Position { block: 1, index: 0 }), 7, cause);
        for (at_ms, events, with) in [(1, 0, Vec::new()), (2, 7, vec![Entry::Lost(lost)]), (3, 7, Vec::new())] {
            let (mut log, _) = ResultLog::open(directory.path()).expect("opens");
            log.end_segment();
            let totals = vec![(lost.outcome().to_bytes(), events)];
            log.checkpoint(Checkpoint { at_ms, totals, ..Checkpoint::default() }, with, &spill).expect("written");
        }
        assert_eq!(segments(directory.path()).expect("listed").len(), 3);
        let page = page(directory.path(), &LetterFilter::default(), None, 9).expect("read");
        assert_eq!(page.letters, [stretch(Millis(2), Outcome::DeadLettered(cause), 7)]);
    }
}
