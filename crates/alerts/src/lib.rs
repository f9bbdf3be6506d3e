//! Alerts: rules of a workspace that are looked at every few seconds, and people who are told once when one begins to
//! hold, now and then while it does, and once when it is over.
//!
//! Read in this order: [`evaluate()`] (what a figure does to a state, a pure fold), `watch` (the one task that looks, keeps
//! and sends), `message` (what is said), `channel` (on which way: `post`, `mail`), [`Alerts`] (what the API sees of it).
//!
//! - **What was told is not told again after a restart, and what was not told is.** State and notice are stored in one
//!   transaction before anything is sent. At least once: who is killed between a receiver's answer and its note sends
//!   again, with the same id.
//! - **No person's data is in a notice.** It names a workspace, a rule and a destination or source, and figures.
//! - The figures come from the server, which counts them anyway ([`Figures`]); nothing on the path of an event knows of
//!   alerts.

mod channel;
mod desk;
mod evaluate;
mod mail;
mod message;
mod post;
mod watch;

pub use channel::check;
pub use desk::{Alerts, Figure, Figures, Options, Standing, Tried};
pub use evaluate::{State, evaluate};
pub use mail::{MailError, Mailer};
