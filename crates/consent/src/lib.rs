//! Consent as part of the data path: what a visitor said, what that permits, and the one door out.
//!
//! - [`Stamp`]: what held when an event was captured. Frozen into the record, never edited.
//! - [`Choice`]: what somebody says; [`Held`]: what is on record about an identifier, with the time at which grants end. A
//!   later choice can only narrow what earlier events permit.
//! - [`collect`]: may this event be stored at all? Asked once, at the edge.
//! - [`decide`]: may this event be used so? Asked for every use, at the last moment.
//! - [`Experience`]: what a visitor is asked: the regime of the region, the words of a language, what waits for a choice.
//! - [`Notice`], [`Declaration`]: what a visitor reads about it, generated from the same configuration.
//! - [`Gate`]: holds the choices in memory and is the only maker of [`Permitted`], which every egress function asks
//!   for; ungated egress does not compile (`tests/it/compile_fail`).
//! - [`Told`]: that somebody refuses, for who received under what is refused; the one thing about a person that goes out
//!   because it is refused, and the gate makes it too.
//!
//! Both decisions are pure functions with golden vectors in `vectors/`, run here and in the browser SDK.
//!
//! Not here yet, and therefore never assumed: suppression and transfer rules, and computed recipient roles (the
//! destination's `recipient` is a claim).

mod categories;
mod choice;
mod collect;
mod decide;
mod digest;
mod experience;
mod gate;
mod held;
mod notice;
mod reason;
mod signals;
mod stamp;
mod telling;

pub use categories::{Categories, CategorySet, TooManyCategories};
pub use choice::{Choice, Choices};
pub use collect::{Arrival, Collected, collect};
pub use decide::{Decision, Rules, UndeclaredUse, Use, Wishes, decide, off};
pub use experience::{Experience, Shown, everything_shown, hash_shown, words_shown};
pub use gate::{Gate, Generation, HasSubject, Permitted, Subject, Withheld};
pub use held::{Held, When, Words};
pub use notice::{Block, Declaration, Declared, Gets, Link, NOTICE_POLICY, Notice, Recipient, Section, recipients};
pub use reason::{Reason, ReasonKind};
pub use signals::Signals;
pub use stamp::{Origin, Preferences, Stamp};
pub use telling::{Refusal, Told, concerns};
