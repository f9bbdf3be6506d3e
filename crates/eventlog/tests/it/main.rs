//! The log's contract, over every engine, and what only the file engine promises: crashes, faults, formats.

mod age;
mod conformance;
mod crash;
mod faults;
mod format;
mod setup;
