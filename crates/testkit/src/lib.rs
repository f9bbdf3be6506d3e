//! Doubles of what a test cannot have for real: a disk whose power can be cut, a clock moved by hand, a vendor, an object store, and
//! numbers from a seed. For tests only; no other crate depends on it otherwise.

pub mod clock;
pub mod disk;
pub mod random;
pub mod seaweed;
pub mod vendor;
pub mod write_back;
