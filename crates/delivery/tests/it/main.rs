//! Delivering to vendors on this machine.
