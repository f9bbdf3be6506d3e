//! The stages, in flow order: [`Deduplicate`] first, since the rest must not see repeats; [`Validate`]; [`Identify`],
//! identifiers → subject before anything is stored for long; [`Route`] last: it names the outputs, decides nothing.
//!
//! A stage is an associated pair of types (what it takes, what it makes), so that an order that makes no sense does
//! not compile; see [`Pipeline::reading`](crate::Pipeline::reading).

mod deduplicate;
mod identify;
mod route;
mod validate;

pub use deduplicate::Deduplicate;
pub use identify::Identify;
pub(crate) use identify::previous_id;
pub use route::Route;
pub use validate::Validate;

use crate::Batch;

/// A stage that needs nothing but the batch and memory, and so never fails: each record gets its verdict.
///
/// [`Identify`] is not one of these: it asks the vault, which may not answer; then the batch is held, never dropped.
pub trait Stage {
    /// What it takes.
    type From<'r>;
    /// What it makes.
    type To<'r>;

    /// Judges every record of the batch.
    fn run<'r>(&self, batch: Batch<'r, Self::From<'r>>) -> Batch<'r, Self::To<'r>>;
}
