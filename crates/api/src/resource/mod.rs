//! The resources, one file each: its operations, what they read and what they answer.

pub(crate) mod account;
mod kind;
mod session;
mod source;
mod token;
mod user;
mod workspace;

use crate::router::Operations;

/// All operations, path by path.
pub(crate) fn all() -> Vec<Operations> {
    [session::routes(), user::routes(), token::routes(), workspace::routes(), source::routes(), kind::routes()]
        .into_iter()
        .flatten()
        .collect()
}
