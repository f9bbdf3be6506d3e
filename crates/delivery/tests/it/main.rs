//! Delivering to vendors on this machine, from a log in memory.

mod batches;
mod faults;
mod history;
mod lost;
mod operate;
mod order;
mod repair;
mod replays;
mod rig;
mod state;
mod telling;
mod waiting;
