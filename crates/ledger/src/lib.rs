//! The ledger: proof that a record existed, in a form and at a place in an order that nobody can change later, and that
//! can be checked without trusting whoever runs the server. It holds nothing about a person.
//!
//! ```text
//! record, salt ─▶ Commitment ─▶ leaf of the tree ─▶ tiles (static files) ─▶ signed Checkpoint
//!      └────────────── Receipt: record, salt, path to the root, checkpoint ──────────┘
//! ```
//!
//! Read in this order: [`canonical`] (one spelling of a record), [`commit`] (what stands in a leaf), [`tree`] (RFC 6962),
//! [`tiles`] (its files), [`note`] and [`checkpoint`] (what is signed), [`key`], [`log`] (all of it: [`Ledger`]),
//! [`receipt`] (what its holder checks, and the verifier).
//!
//! Everything blocks and nothing reads a clock or makes a random number: salts and the key's seed are passed in.

pub mod canonical;
pub mod checkpoint;
pub mod commit;
pub mod key;
pub mod log;
pub mod note;
pub mod receipt;
pub mod tiles;
pub mod tree;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use commit::{Commitment, Opening, Record, Salt};
pub use key::LogKey;
pub use log::{Inclusion, Ledger, LedgerError, Options, Served};
pub use note::VerifierKey;
pub use receipt::{Receipt, Verified, WhyNot, verify};
pub use tree::Hash;
