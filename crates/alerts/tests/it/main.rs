//! Alerts from a figure to a receiver: a real store, a real HTTP receiver, a clock that stands.

mod rig;
mod telling;
