//! The Merkle tree of RFC 6962 (SHA-256) as pure functions: hashes, which subtrees make a proof, and the verification of
//! proofs as RFC 9162 §2.1.3 and §2.1.4 describe it.
//!
//! A proof is first a list of ranges of leaves ([`inclusion`], [`consistency`]); whoever has the tree looks the hash of
//! each range up. So this file holds the mathematics and no storage.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// A SHA-256 hash in the tree. Prints as base64, as checkpoints write it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads base64 of exactly 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of a node over two others.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// The root over subtrees that stand side by side, none larger than the one before it: what a tree of any size is
/// made of. `None` of none.
pub fn join(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    subtrees.rev().reduce(|right, left| node_hash(&left, &right))
}

/// A full subtree: its height, and its place among those of its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// 0 is a leaf.
    pub height: u32,
    /// It covers the leaves from `index << height` on.
    pub index: u64,
}

/// The full subtrees that a subtree of the proof is made of, from left to right, each smaller than the one before.
pub fn full_subtrees(range: Range<u64>) -> Vec<Full> {
    let mut parts = Vec::new();
    let mut at = range.start;
    while let Some(largest) = (range.end.saturating_sub(at)).checked_ilog2() {
        let height = largest.min(at.trailing_zeros());
        parts.push(Full { height, index: at >> height });
        at += 1 << height;
    }
    parts
}

/// Where a tree of more than one leaf parts: the largest power of two below its size.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The subtrees whose hashes prove that leaf `index` is in the tree of `size` leaves, from the leaf upwards. `None` when
/// there is no such leaf.
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(middle..high);
            high = middle;
        } else {
            path.push(low..middle);
            low = middle;
        }
    }
    path.reverse();
    Some(path)
}

/// The subtrees whose hashes prove that the tree of `from` leaves is the beginning of the one of `to`. `None` when `to`
/// is the smaller one.
pub fn consistency(from: u64, to: u64) -> Option<Vec<Range<u64>>> {
    if from > to {
        return None;
    }
    if from == 0 {
        return Some(Vec::new());
    }
    let (mut low, mut high) = (0, to);
    let mut path = Vec::new();
    // Until the old tree's end is the end of the subtree that is looked at.
    while high != from {
        let middle = low + split(high - low);
        if from <= middle {
            path.push(middle..high);
            high = middle;
        } else {
            path.push(low..middle);
            low = middle;
        }
    }
    // The whole old tree need not be told: who verifies has its root.
    if low > 0 {
        path.push(low..high);
    }
    path.reverse();
    Some(path)
}

/// Walks from a leaf or subtree to the root: which side each hash of a proof stands on.
struct Climb {
    /// The place of the node among those of its height, and that of the last node.
    node: u64,
    last: u64,
}

enum Side {
    Left,
    Right,
}

impl Climb {
    /// The side of the next hash; `None` above the root.
    fn next(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // A node at the end without a sibling is its own parent, until it is a right one.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.up();
        Some(side)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}

/// The root that a proof of inclusion leads to. `None` when it is too long, too short, or about no leaf of the tree.
pub fn root_of_inclusion(index: u64, size: u64, leaf: Hash, path: &[Hash]) -> Option<Hash> {
    let last = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut climb = Climb { node: index, last };
    let mut root = leaf;
    for hash in path {
        root = match climb.next()? {
            Side::Left => node_hash(hash, &root),
            Side::Right => node_hash(&root, hash),
        };
    }
    (climb.last == 0).then_some(root)
}

/// Whether a proof shows that the tree with the first size and root is the beginning of the one with the second.
pub fn is_consistent(from: (u64, Hash), to: (u64, Hash), path: &[Hash]) -> bool {
    let ((from, from_root), (to, to_root)) = (from, to);
    if from == to {
        return path.is_empty() && from_root == to_root;
    }
    if from == 0 {
        return path.is_empty() && from_root == empty_root();
    }
    if from > to {
        return false;
    }
    let mut climb = Climb { node: from - 1, last: to - 1 };
    while climb.node & 1 == 1 {
        climb.up();
    }
    // A full old tree is itself the first subtree.
    let (first, rest) = if from.is_power_of_two() {
        (from_root, path)
    } else {
        let Some((first, rest)) = path.split_first() else { return false };
        (*first, rest)
    };
    let (mut old, mut new) = (first, first);
    for hash in rest {
        match climb.next() {
            None => return false,
            Some(Side::Left) => {
                old = node_hash(hash, &old);
                new = node_hash(hash, &new);
            }
            Some(Side::Right) => new = node_hash(&new, hash),
        }
    }
    climb.last == 0 && old == from_root && new == to_root
}
