//! Time as something that is handed in, so that tests and simulations own it.

use std::fmt;

use crate::Millis;

/// The wall clock. `server` has the real one, `testkit` one that is moved by hand.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now, in Unix milliseconds.
    fn now(&self) -> Millis;
}
