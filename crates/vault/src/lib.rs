//! What turns people into random numbers and back: key epochs that seal the log, fingerprints that look identifiers
//! up, surrogates that stand for subjects everywhere else, tokens that leave and come back, and proofs of who is signed in.
//!
//! Read in this order: [`keys`] (epochs and sealing), [`fingerprint`] (keyed hashes of identifiers), [`surrogate`]
//! (identifiers → subject ids). The tables behind it are `control`'s; this crate says what they must do.

pub mod fingerprint;
pub mod keys;
mod proof;
pub mod surrogate;
mod token;

pub use fingerprint::{Fingerprints, IdentifierKind};
pub use keys::{Epoch, KeyError, Keys};
pub use surrogate::{
    Arrival, Identifier, IdentifierTable, Identifiers, Inserted, Pair, Previous, Resolved, Sighting, Surrogates,
    VaultError,
};
