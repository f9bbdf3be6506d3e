//! The tree as static files, as C2SP `tlog-tiles` describes them: anybody can fetch them, cache them for ever, and
//! compute every proof.
//!
//! - [`path`]: the names. - [`edge`]: the unfinished right side of the tree, in memory. - [`files`]: reading, and
//!   writing durably.
//!
//! A tile holds up to 256 hashes of one level; each is the root over a full tile of the level below. A full tile never
//! changes. The unfinished one of each level is written anew under its width with every checkpoint, and deleted when
//! the full one is there. The hashes in a tile are enough for all levels of the tree in between.

pub mod edge;
pub mod files;
pub mod path;

pub use edge::Edge;
pub use files::{TileFault, TileFiles};
pub use path::{Kind, TilePath};

/// Hashes in a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree in a tile.
pub const HEIGHT: u32 = 8;
/// Bytes of an entry in its bundle: its length, and a commitment.
pub const ENTRY_BYTES: usize = 34;
