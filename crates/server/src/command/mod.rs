//! The commands beside `serve`, one file each.

pub(crate) mod local;
pub(crate) mod query;
pub(crate) mod send;
