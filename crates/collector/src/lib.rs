//! The HTTP edge: everything that a Segment SDK sends or asks, answered as Segment answers, except that 200 means
//! durable and that what consent does not permit is never stored.
//!
//! Built on plain hyper, without a router or middleware: this is the hot path, and a table is the router
//! (`src/routes.rs`). Read in this order: `routes` and `reject` (the two tables), [`Collector::handle`], `accept` (the
//! path of an event), `choice` (the path of a consent choice), `visitor` (choices and receipts over HTTP), then the parts: `body`, `write_key`, `address`, `geo`,
//! `cors`, `pixel`, `settings`, `notice`, `sdk`, `serve`.
//!
//! What it promises, each with its test in `tests/it`:
//! - An event that was answered 200 and is not in a counter of refusals or discards is durable.
//! - A choice is durable and in force before its 200.
//! - An address is cut before anything is stored or looked up.
//! - Memory is bounded: bodies together, connections, heads, what a body unpacks to.

mod accept;
mod address;
mod answer;
mod beside;
mod body;
mod choice;
mod cors;
mod geo;
mod handle;
mod metrics;
mod notice;
mod noticed;
mod observe;
mod page;
mod patience;
mod pixel;
mod records;
mod reject;
mod routes;
mod sdk;
mod serve;
mod settings;
pub mod untrusted;
mod visitor;
mod write_key;

pub use accept::UnknownKey;
pub use address::{InvalidNetwork, Network, TrustedProxies};
pub use answer::{Answer, AnswerBody};
pub use beside::{Answering, Beside};
pub use choice::ChoiceRecorder;
pub use geo::{Geo, InvalidGeo};
pub use handle::{Collector, Edge, Options, Probes};
pub use metrics::Metrics;
pub use observe::{Observation, Observer, Seen};
pub use page::Page;
pub use serve::{ServeLimits, serve};
pub use settings::{InvalidPublicUrl, PublicUrl};
pub use visitor::ReceiptDesk;
