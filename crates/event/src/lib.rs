//! The vocabulary: Segment's calls as they travel, their limits, their times, and why one is refused. No I/O.
//!
//! An event is never turned into a tree of values and back. It stays the text that came, cut into top-level fields
//! ([`Fields`]); only what a rule of the specification names is read. That keeps unknown fields, number spelling and
//! order as they were sent, and costs a fifth of a full parse.
//!
//! Read in this order: [`Call`], [`Fields`], [`Event`] (one call), [`Batch`] (many), [`timestamp`], [`limits`],
//! [`Discard`].

mod batch;
mod call;
mod clock;
mod discard;
mod event;
mod fields;
mod ids;
pub mod ip;
pub mod limits;
mod parts;
mod redact;
pub mod timestamp;
mod trace;

pub use batch::{Batch, BatchError};
pub use call::Call;
pub use clock::Clock;
pub use discard::Discard;
pub use event::{CONSENT_EVENT, Event, Received};
pub use fields::{Fields, MalformedJson, push_string};
pub use ids::{ByFingerprint, Fingerprint, FingerprintHasher, InvalidSlug, Slug, SubjectId, day_of_id, new_message_id};
pub use redact::{Pii, Secret};
pub use timestamp::Millis;
pub use trace::{Done, Fact, Tracer, Work};
