//! The resources, one file each: its operations, what they read and what they answer.

mod account;
mod alert;
mod audit;
mod beacon;
mod choice;
mod configured;
mod connection;
mod consent;
mod destination;
mod event;
mod health;
mod kind;
mod lake;
mod ledger;
mod letter;
mod live;
mod operate;
mod overview;
mod processing;
mod replay;
mod saved;
mod session;
mod setting;
mod simulation;
mod source;
mod token;
mod user;
mod workspace;

pub(crate) use self::ledger::file as ledger_file;
use crate::router::Operations;

/// All operations, path by path.
pub(crate) fn all() -> Vec<Operations> {
    [
        session::routes(),
        user::routes(),
        token::routes(),
        audit::routes(),
        setting::routes(),
        workspace::routes(),
        source::routes(),
        kind::routes(),
        destination::routes(),
        connection::routes(),
        operate::routes(),
        letter::routes(),
        alert::routes(),
        replay::routes(),
        consent::routes(),
        processing::routes(),
        simulation::routes(),
        choice::routes(),
        beacon::routes(),
        ledger::routes(),
        overview::routes(),
        live::routes(),
        event::routes(),
        lake::routes(),
        saved::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
