//! The destinations: one file, one row in [`registry::DESTINATIONS`] and one folder of fixtures each.
//!
//! A destination decides nothing and opens nothing. It turns events into a request and an answer into outcomes; who
//! may receive, when and how often is decided before it.

mod echo;
mod file;
pub mod registry;
mod settings;
mod webhook;
