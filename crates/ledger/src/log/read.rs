//! Reading a log: proofs, and its files as they are served.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::time::SystemTime;

use super::{Ledger, LedgerError};
use crate::checkpoint::SignedCheckpoint;
use crate::commit::Commitment;
use crate::tiles::edge::{entry_bytes, hash_bytes, subtree};
use crate::tiles::{Edge, HEIGHT, Kind, TilePath, WIDTH};
use crate::tree::{Hash, consistency, empty_root, full_subtrees, inclusion, join, root_of_inclusion};

/// That a leaf is in the tree of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// The leaf.
    pub index: u64,
    /// From the leaf to the root.
    pub hashes: Vec<Hash>,
    /// The tree.
    pub checkpoint: SignedCheckpoint,
}

/// A file of the log, to be answered over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
    /// Whether it never changes, so that it may be cached for ever.
    pub is_immutable: bool,
}

/// Tiles that one proof has read: most of its hashes lie in the same few.
type Seen = HashMap<(u8, u64), Vec<Hash>>;

impl Ledger {
    /// The last published checkpoint.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, LedgerError> {
        Ok(self.published()?.signed.clone())
    }

    /// When the last checkpoint was published, by the time of its file; `None` where the disk does not tell. Nothing rests on
    /// it: a checkpoint itself has no time, and whoever copies the directory may give its files another.
    pub fn published_at(&self) -> Option<SystemTime> {
        self.checkpoint.written_at().ok()
    }

    /// Proves that a leaf is in the tree of the last checkpoint.
    pub fn prove(&self, index: u64) -> Result<Inclusion, LedgerError> {
        let published = self.published()?;
        let size = published.edge.size();
        let path = inclusion(index, size).ok_or(LedgerError::Beyond { asked: index, size })?;
        let seen = &mut Seen::new();
        let hashes =
            path.into_iter().map(|range| self.hash(&published.edge, range, seen)).collect::<Result<Vec<_>, _>>()?;
        let leaf = self.hash(&published.edge, index..index + 1, seen)?;
        // A tile that was changed on disk makes a proof that nobody could verify: say so here and not there.
        let root = published.signed.checkpoint().root;
        if root_of_inclusion(index, size, leaf, &hashes) != Some(root) {
            let path = self.tiles.place(TilePath::full(Kind::Hashes(0), index / WIDTH));
            let detail = format!("leaf {index} does not lead to the root of the checkpoint");
            return Err(LedgerError::Damaged { path, detail });
        }
        Ok(Inclusion { index, hashes, checkpoint: published.signed.clone() })
    }

    /// Proves that the tree of `from` leaves is the beginning of the one of `to`.
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, LedgerError> {
        let published = self.published()?;
        let size = published.edge.size();
        let asked = if to > size { to } else { from };
        let beyond = LedgerError::Beyond { asked, size: to.min(size) };
        let path = consistency(from, to).filter(|_| to <= size).ok_or(beyond)?;
        let seen = &mut Seen::new();
        path.into_iter().map(|range| self.hash(&published.edge, range, seen)).collect()
    }

    /// A file of the log by its name in C2SP `tlog-tiles`: `checkpoint` or `tile/…`. `None` when the published tree has
    /// no such file. Earlier widths of a tile are there for ever: they are the beginning of the later ones.
    pub fn served(&self, name: &str) -> Result<Option<Served>, LedgerError> {
        let published = self.published()?;
        if name == "checkpoint" {
            let bytes = published.signed.note().as_bytes().to_vec();
            return Ok(Some(Served { bytes, content_type: "text/plain; charset=utf-8", is_immutable: false }));
        }
        let Ok(path) = name.parse::<TilePath>() else { return Ok(None) };
        let edge = &published.edge;
        let full = Edge::full(edge.size(), path.kind);
        let there = if path.index < full { WIDTH } else { Edge::width(edge.size(), path.kind) };
        if path.index > full || path.width > there {
            return Ok(None);
        }
        let width = usize::try_from(path.width).expect("a tile has at most 256 hashes");
        let bytes = match path.kind {
            Kind::Hashes(level) => hash_bytes(&self.tile(edge, level, path.index)?[..width]),
            Kind::Entries => entry_bytes(&self.bundle(edge, path.index)?[..width]),
        };
        Ok(Some(Served { bytes, content_type: "application/octet-stream", is_immutable: true }))
    }

    /// The hashes of a tile, from the disk when it is full.
    fn tile(&self, edge: &Edge, level: u8, index: u64) -> Result<Vec<Hash>, LedgerError> {
        if index >= Edge::full(edge.size(), Kind::Hashes(level)) {
            return Ok(edge.hashes(level).to_vec());
        }
        let place = || self.tiles.place(TilePath::full(Kind::Hashes(level), index));
        self.tiles.hashes(level, index, WIDTH).map_err(|fault| LedgerError::tile(place(), fault))
    }

    fn bundle(&self, edge: &Edge, index: u64) -> Result<Vec<Commitment>, LedgerError> {
        if index >= Edge::full(edge.size(), Kind::Entries) {
            return Ok(edge.entries().to_vec());
        }
        let place = || self.tiles.place(TilePath::full(Kind::Entries, index));
        self.tiles.entries(index, WIDTH).map_err(|fault| LedgerError::tile(place(), fault))
    }

    /// The hash of a subtree of the tree.
    fn hash(&self, edge: &Edge, range: Range<u64>, seen: &mut Seen) -> Result<Hash, LedgerError> {
        let mut parts = Vec::new();
        for part in full_subtrees(range) {
            let level = u8::try_from(part.height / HEIGHT).expect("a tree has at most eight levels of tiles");
            let width = 1 << (part.height % HEIGHT);
            let first = part.index * width;
            let tile = (level, first / WIDTH);
            let hashes = match seen.entry(tile) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(self.tile(edge, level, tile.1)?),
            };
            let at = usize::try_from(first % WIDTH).expect("below 256");
            let hashes = hashes.get(at..).and_then(|rest| rest.get(..usize::try_from(width).expect("below 256")));
            let hash = hashes.and_then(subtree).ok_or_else(|| LedgerError::Damaged {
                path: self.tiles.place(TilePath::full(Kind::Hashes(level), tile.1)),
                detail: "it ends too early".to_owned(),
            })?;
            parts.push(hash);
        }
        Ok(join(parts.into_iter()).unwrap_or_else(empty_root))
    }

    /// The root that the tree had at an earlier size.
    pub(super) fn root_at(&self, edge: &Edge, size: u64) -> Result<Hash, LedgerError> {
        self.hash(edge, 0..size, &mut Seen::new())
    }

    /// Whether leaves that are in the tree are the given ones.
    pub(super) fn compare(&self, edge: &Edge, first: u64, leaves: &[Commitment]) -> Result<(), LedgerError> {
        let mut bundle = (u64::MAX, Vec::new());
        for (index, leaf) in (first..).zip(leaves) {
            if bundle.0 != index / WIDTH {
                bundle = (index / WIDTH, self.bundle(edge, index / WIDTH)?);
            }
            let place = usize::try_from(index % WIDTH).expect("below 256");
            let known = bundle.1.get(place).ok_or_else(|| LedgerError::Damaged {
                path: self.tiles.place(TilePath::full(Kind::Entries, index / WIDTH)),
                detail: "it ends too early".to_owned(),
            })?;
            if known != leaf {
                return Err(LedgerError::Diverged { index, known: Hash(known.0), given: Hash(leaf.0) });
            }
        }
        Ok(())
    }
}
