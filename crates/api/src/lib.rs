//! The admin API and the console: what people and their programs see and change of a running server.
//!
//! Read in this order: [`authorise`] (who may do what), [`error`] (what can go wrong), `router` (how the two are held
//! against the operations), `access` (who asks), then `resource`, one file for each resource.
//!
//! What it promises, each with its test:
//! - An operation without a row in the table of [`authorise`] keeps the server from starting (`router`).
//! - Personal data is masked for whoever lacks the right to see it; a secret never comes back out.
//! - Bodies, lists, queries and streams are bounded.
//!
//! The lake is asked through a function that the server hands in ([`LakeDesk`]), so that this crate compiles without
//! arrow.

mod access;
mod assets;
pub mod authorise;
mod door;
pub mod error;
mod extract;
mod history;
mod lake;
mod live;
mod resource;
mod router;
mod schema;
mod server_facts;
mod simulation;
mod state;
mod time;

pub use door::{Door, from_peer};
pub use history::{Counter, History};
pub use lake::{LakeColumn, LakeDesk, LakeQuestion, LakeRows};
pub use live::{Seen, Window};
pub use router::{Unauthorised, document};
pub use server_facts::{SettingFact, Storage};
pub use state::{Api, EvidenceDesk, Options};

/// The router of API and console.
pub fn router(api: &Api) -> Result<axum::Router, Unauthorised> {
    router::build(api)
}
