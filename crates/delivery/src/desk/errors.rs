//! Errors by what was answered: reason, status and a text in which whatever names somebody is masked.
//!
//! A receiver that fails says one of a few things, thousands of times; a person wants those few, how often, since when,
//! and an event of each to look at. There is room for so many; when another comes, the one that is longest ago goes.

use event::Millis;
use serde::{Deserialize, Serialize};

use crate::Outcome;

/// Groups of a destination.
const GROUPS_MAX: usize = 48;
/// Texts of a segment of the result log.
const TEXTS_MAX: usize = 200;
/// Events to look at: the first of a group and the latest.
const SAMPLES_MAX: usize = 5;

/// Errors that are the same to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// What became of the events: result and reason bytes.
    outcome: [u8; 2],
    /// The status of the answer; 0 without one.
    pub status: u16,
    /// What was answered, or why nothing was; masked and cut.
    pub text: String,
    /// Events, an event once for each attempt.
    pub count: u64,
    /// When it was first seen.
    pub first: Millis,
    /// When it was last seen.
    pub last: Millis,
    /// `messageId`s of some of them: the first, then the latest.
    pub samples: Vec<String>,
}

impl ErrorGroup {
    /// What became of the events. A result of a newer release counts as a refusal.
    pub fn outcome(&self) -> Outcome {
        Outcome::from_bytes(self.outcome).unwrap_or(Outcome::Rejected(crate::Cause::Refused))
    }
}

/// An outcome that is no success, with what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) text: &'a str,
    pub(crate) at: Millis,
}

/// The groups, latest last, and the texts that records of this segment name by number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Groups {
    known: Vec<ErrorGroup>,
    texts: Vec<String>,
    /// The log did not take a text: until the next whole state its numbers and these differ.
    #[serde(skip)]
    is_out_of_step: bool,
}

impl Groups {
    /// Counts events of one failure; `sample` is one of them.
    pub(crate) fn count(&mut self, failure: Failure<'_>, events: u64, sample: Option<&str>) {
        let Failure { outcome, status, text, at } = failure;
        let bytes = outcome.to_bytes();
        let known =
            self.known.iter().position(|group| group.outcome == bytes && group.status == status && group.text == text);
        let mut group = match known {
            Some(known) => self.known.remove(known),
            None => {
                if self.known.len() >= GROUPS_MAX {
                    self.known.remove(0);
                }
                let text = text.to_owned();
                ErrorGroup { outcome: bytes, status, text, count: 0, first: at, last: at, samples: Vec::new() }
            }
        };
        group.count += events;
        group.last = group.last.max(at);
        if let Some(sample) = sample
            && group.samples.iter().all(|known| known != sample)
        {
            if group.samples.len() >= SAMPLES_MAX {
                group.samples.remove(1);
            }
            group.samples.push(sample.to_owned());
        }
        self.known.push(group);
    }

    /// Forgets what was last seen before a moment.
    pub(crate) fn expire(&mut self, before: Millis) {
        self.known.retain(|group| group.last >= before);
    }

    /// The number of a text, and whether it has to be said in the log first. `None`: there is no room for more.
    pub(crate) fn number(&mut self, text: &str) -> Option<(u32, bool)> {
        if self.is_out_of_step {
            return None;
        }
        let known = self.texts.iter().position(|known| known == text);
        let (at, is_new) = match known {
            Some(at) => (at, false),
            None if self.texts.len() >= TEXTS_MAX => return None,
            None => {
                self.texts.push(text.to_owned());
                (self.texts.len() - 1, true)
            }
        };
        Some((u32::try_from(at).ok()?, is_new))
    }

    /// A text was said in the log.
    pub(crate) fn say(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    /// A new segment begins: it has its own numbers.
    pub(crate) fn forget_texts(&mut self) {
        self.texts.clear();
        self.is_out_of_step = false;
    }

    /// The log did not take what was written.
    pub(crate) fn lose_step(&mut self) {
        self.is_out_of_step = true;
    }

    /// The text of a number; empty for one that nothing says.
    pub(crate) fn text(&self, number: u32) -> &str {
        usize::try_from(number).ok().and_then(|at| self.texts.get(at)).map_or("", String::as_str)
    }

    /// The groups, latest first.
    pub(crate) fn shown(&self) -> Vec<ErrorGroup> {
        self.known.iter().rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    fn count(groups: &mut Groups, status: u16, text: &str, at: i64, sample: &str) {
        let outcome = Outcome::Rejected(Cause::Refused);
        groups.count(Failure { outcome, status, text, at: Millis(at) }, 2, Some(sample));
    }

    #[test]
    fn what_is_the_same_to_a_person_is_one_group() {
        let mut groups = Groups::default();
        for at in 0..9 {
            count(&mut groups, 400, "no such field", at, &format!("e{at}"));
        }
        count(&mut groups, 404, "no such field", 3, "other");
        let shown = groups.shown();
        let figures: Vec<_> =
            shown.iter().map(|group| (group.status, group.count, group.first.0, group.last.0)).collect();
        assert_eq!(figures, [(404, 2, 3, 3), (400, 18, 0, 8)]);
        assert_eq!(shown[1].samples, ["e0", "e5", "e6", "e7", "e8"], "the first and the latest");
        groups.expire(Millis(4));
        assert_eq!(groups.shown().len(), 1);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut groups = Groups::default();
        for at in 0..1_000 {
            count(&mut groups, 400, &format!("text {at}"), at, "e");
        }
        assert_eq!(groups.shown().len(), GROUPS_MAX);
        assert_eq!(groups.shown()[0].text, "text 999");
        let numbers = (0..1_000).filter_map(|at| groups.number(&at.to_string())).count();
        assert_eq!((numbers, groups.number("7"), groups.number("new")), (TEXTS_MAX, Some((7, false)), None));
        assert_eq!((groups.text(7), groups.text(900)), ("7", ""));
    }
}
