//! The model of a workspace: its sources, destinations, alerts, categories and consent rules, as a file says them.
//! Parsing and validation only; no I/O. `control` stores it, `consent` decides by it, `collector` serves it.
//!
//! Read in this order: [`Workspace`], [`Source`], [`Destination`], [`Category`], [`Purpose`], [`Alert`], [`parse`]; then
//! [`ObjectKind`] and [`Document`]: the same as it was written, object by object, for storing, editing and exporting.

mod alert;
mod category;
mod destination;
mod document;
mod model;
mod object;
mod parse;
mod purpose;
mod source;
mod validate;

pub use alert::{Alert, Channel, Condition, ConditionKind, WebhookChannel};
pub use category::{Category, CategoryRule, REQUIRED};
pub use destination::{Destination, RecipientRole, Switch};
pub use document::Document;
pub use model::{ConsentRules, DoNotTrack, Regime, Workspace};
pub use object::{Body, ObjectKind, UnknownKind};
pub use parse::{ParseError, env_reference, fill_secrets, parse, with_hint};
pub use purpose::Purpose;
pub use source::{Basis, Compat, Source, SourceKind};
pub use validate::Invalid;
