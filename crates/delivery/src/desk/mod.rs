//! What operators see of a destination beside its totals, and what they did: a pause, errors by what was answered, and
//! dead letters that are being sent again.
//!
//! It is a part of the fold over the result log (`crate::cursor`): every change is in a record, and a whole state holds
//! all of it ([`Desk`] is written as it stands here), so a crash forgets nothing that was answered. Bounded: so many
//! groups, texts and events that are being sent again; what is kept per dead letter is a count for its stretch of the
//! log.

mod errors;
mod kept;
mod letters;
mod look;
mod operate;
mod resend;

use std::collections::BTreeMap;

use event::Millis;
use eventlog::{Partition, Position};
use serde::{Deserialize, Serialize};

use crate::result_log::KEPT_MS;
use crate::result_log::format::{AttemptRecord, Place};
use crate::{Cause, Outcome};

pub use errors::ErrorGroup;
pub(crate) use errors::{Failure, Groups};
pub(crate) use kept::Kept;
pub(crate) use letters::Scan;
pub use letters::{DeadLetter, DeadLetters, LetterFilter, LetterMark};
pub use operate::OperateError;
pub(crate) use operate::{Command, Wishes};
pub use resend::Resend;

/// A pause that a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// When.
    pub since: Millis,
    /// By whom.
    pub by: String,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// Nothing is sent while it is there.
    pub(crate) held: Option<Held>,
    /// Errors by what was answered.
    pub(crate) groups: Groups,
    /// Stretches of the log that dead letters stand in.
    pub(crate) kept: Kept,
    /// What was asked to be sent again, oldest first; those that ended stay for a while.
    pub(crate) resends: Vec<Resend>,
    /// Events that are being sent again, with the number of their request.
    pub(crate) resending: BTreeMap<(u16, Position), u64>,
    /// Events that were ever taken up again: a segment in which it does not grow has none.
    pub(crate) resent: u64,
    /// When the newest event that arrived was received.
    pub(crate) newest_delivered: Option<Millis>,
}

impl Desk {
    /// An event has its result.
    pub(crate) fn settled(&mut self, (partition, position): Place, outcome: Outcome, at: Millis) {
        if outcome.leaves_letter() {
            self.kept.add((partition, position), at);
        }
        if self.resending.is_empty() || !outcome.is_final() {
            return;
        }
        let Some(number) = self.resending.remove(&(partition.0, position)) else { return };
        if let Some(resend) = self.resends.iter_mut().find(|resend| resend.number == number) {
            resend.settled(outcome);
        }
    }

    /// A request failed for some of its events.
    pub(crate) fn failed(&mut self, attempt: &AttemptRecord, text: u32) {
        let text = self.groups.text(text).to_owned();
        for (outcome, events) in attempt.counts() {
            if outcome.is_failure() {
                let (status, at) = (attempt.status, Millis(attempt.at_ms));
                self.groups.count(Failure { outcome, status, text: &text, at }, events, None);
            }
        }
    }

    /// A range was given up, with what was being sent again in it.
    pub(crate) fn given_up(&mut self, is_in: impl Fn(Place) -> bool) {
        let at = |(partition, position): &(u16, Position)| (Partition(*partition), *position);
        let gone: Vec<Place> = self.resending.keys().map(at).filter(|place| is_in(*place)).collect();
        for place in gone {
            self.settled(place, Outcome::DeadLettered(Cause::BacklogOverBudget), Millis(0));
        }
    }

    /// Forgets what nobody asks for any more.
    pub(crate) fn expire(&mut self, now: Millis) {
        const RESENDS_KEPT: usize = 20;
        self.groups.expire(Millis(now.0 - KEPT_MS));
        let over = self.resends.iter().filter(|resend| resend.is_over()).count();
        let mut surplus = over.saturating_sub(RESENDS_KEPT);
        self.resends.retain(|resend| {
            let goes = surplus > 0 && resend.is_over();
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Whether an event is being sent again.
    pub(crate) fn is_resending(&self, (partition, position): Place) -> bool {
        !self.resending.is_empty() && self.resending.contains_key(&(partition.0, position))
    }
}
