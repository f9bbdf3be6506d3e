//! The commands beside `serve`, one file each.

pub(crate) mod apply;
pub(crate) mod export;
pub(crate) mod ledger;
pub(crate) mod local;
pub(crate) mod password;
pub(crate) mod query;
pub(crate) mod send;
