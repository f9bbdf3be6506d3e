//! The ledger as its users see it.

mod crash;
mod format;
mod log;
mod restore;
mod setup;
mod tree;
mod vectors;
