//! The right side of the tree: for each level the hashes of the tile that is not full yet. That is all a log must hold
//! in memory to grow and to know its root: at most 255 hashes a level, five levels for a million million leaves.

use super::{ENTRY_BYTES, HEIGHT, Kind, TilePath, WIDTH};
use crate::commit::Commitment;
use crate::tree::{Hash, empty_root, full_subtrees, join, node_hash};

/// A finished tile and its bytes.
pub type TileBytes = (TilePath, Vec<u8>);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// By level, from the leaves on.
    levels: Vec<Vec<Hash>>,
    entries: Vec<Commitment>,
}

/// The root over a full tile's hashes.
fn tile_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row[0]
}

/// The root over `1 << height` hashes beside each other in a tile.
pub(crate) fn subtree(hashes: &[Hash]) -> Option<Hash> {
    hashes.len().is_power_of_two().then(|| tile_root(hashes))
}

/// The bytes of a tile of hashes.
pub(crate) fn hash_bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// The bytes of a bundle of entries.
pub(crate) fn entry_bytes(entries: &[Commitment]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&32_u16.to_be_bytes());
        bytes.extend_from_slice(&entry.0);
    }
    bytes
}

impl Edge {
    /// Of a tree without leaves.
    pub fn empty() -> Self {
        Self { size: 0, levels: Vec::new(), entries: Vec::new() }
    }

    /// From the unfinished tiles of a tree of `size` leaves, as [`Edge::unfinished`] names them. `None` when they are
    /// not as wide as they must be.
    pub(crate) fn of(size: u64, levels: Vec<Vec<Hash>>, entries: Vec<Commitment>) -> Option<Self> {
        let edge = Self { size, levels, entries };
        let widths = |kind, len: usize| Self::width(size, kind) == len as u64;
        let fits = edge.levels.len() == usize::from(Self::levels(size))
            && (0..).zip(&edge.levels).all(|(level, hashes)| widths(Kind::Hashes(level), hashes.len()))
            && widths(Kind::Entries, edge.entries.len());
        fits.then_some(edge)
    }

    /// Leaves in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Levels that have hashes.
    pub(crate) fn levels(size: u64) -> u8 {
        let levels = size.checked_ilog2().map_or(0, |log| log / HEIGHT + 1);
        u8::try_from(levels).expect("a tree of 2^64 leaves has eight levels of tiles")
    }

    /// How wide the unfinished tile of a kind is; 0 when there is none.
    pub(crate) fn width(size: u64, kind: Kind) -> u64 {
        match kind {
            Kind::Entries => size % WIDTH,
            Kind::Hashes(level) => (size >> (HEIGHT * u32::from(level))) % WIDTH,
        }
    }

    /// How many full tiles there are of a kind.
    pub(crate) fn full(size: u64, kind: Kind) -> u64 {
        match kind {
            Kind::Entries => size / WIDTH,
            // In two steps: a shift by all 64 bits at once is none.
            Kind::Hashes(level) => (size >> (HEIGHT * u32::from(level))) / WIDTH,
        }
    }

    /// The names of the unfinished tiles of a tree.
    pub(crate) fn unfinished(size: u64) -> Vec<TilePath> {
        let kinds = (0..Self::levels(size)).map(Kind::Hashes).chain([Kind::Entries]);
        kinds
            .map(|kind| TilePath { kind, index: Self::full(size, kind), width: Self::width(size, kind) })
            .filter(|path| path.width > 0)
            .collect()
    }

    /// The hashes of an unfinished tile.
    pub(crate) fn hashes(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// The entries of the unfinished bundle.
    pub(crate) fn entries(&self) -> &[Commitment] {
        &self.entries
    }

    /// Adds a leaf. What it finishes goes to `full`.
    pub fn push(&mut self, entry: Commitment, full: &mut Vec<TileBytes>) {
        self.size += 1;
        self.entries.push(entry);
        if self.entries.len() as u64 == WIDTH {
            let index = self.size / WIDTH - 1;
            full.push((TilePath::full(Kind::Entries, index), entry_bytes(&self.entries)));
            self.entries.clear();
        }
        let mut hash = entry.leaf();
        for level in 0..=u8::MAX {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[place];
            hashes.push(hash);
            if (hashes.len() as u64) < WIDTH {
                return;
            }
            let kind = Kind::Hashes(level);
            full.push((TilePath::full(kind, Self::full(self.size, kind) - 1), hash_bytes(hashes)));
            hash = tile_root(hashes);
            hashes.clear();
        }
    }

    /// The unfinished tiles as they are to be written.
    pub(crate) fn bytes(&self) -> Vec<TileBytes> {
        let bytes = |path: TilePath| match path.kind {
            Kind::Entries => (path, entry_bytes(&self.entries)),
            Kind::Hashes(level) => (path, hash_bytes(self.hashes(level))),
        };
        Self::unfinished(self.size).into_iter().map(bytes).collect()
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut parts = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = &hashes[..];
            for part in full_subtrees(0..hashes.len() as u64) {
                let (these, after) = rest.split_at(1 << part.height);
                parts.push(tile_root(these));
                rest = after;
            }
        }
        join(parts.into_iter()).unwrap_or_else(empty_root)
    }
}
