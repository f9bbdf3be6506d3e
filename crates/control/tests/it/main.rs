//! The store's contract over every engine, what only the SQLite engine promises, and the way from files and choices
//! through the store to tenants and their gates.

mod apply;
mod conformance;
mod linking;
mod load;
mod recorder;
mod setup;
mod sqlite;
