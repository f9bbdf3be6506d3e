//! Delivering to vendors on this machine, from a log in memory.

mod faults;
mod order;
mod rig;
mod state;
