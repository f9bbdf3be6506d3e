//! Logs on a disk whose power can be cut, and leaves to put into them.

use std::path::PathBuf;
use std::sync::Arc;

use ledger::tiles::Edge;
use ledger::{Commitment, Hash, Ledger, LedgerError, LogKey, Options};
use testkit::disk::FaultyDisk;

pub(crate) const ORIGIN: &str = "example.com/ledger/acme";

pub(crate) fn key() -> LogKey {
    LogKey::new(ORIGIN, &[7; 32]).expect("a key")
}

/// The leaf at a place; `line` tells logs apart that parted.
pub(crate) fn leaf_of(line: u8, index: u64) -> Commitment {
    let mut bytes = [line; 32];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    Commitment(bytes)
}

pub(crate) fn leaf(index: u64) -> Commitment {
    leaf_of(1, index)
}

pub(crate) fn leaves(range: std::ops::Range<u64>) -> Vec<Commitment> {
    range.map(leaf).collect()
}

pub(crate) fn options(disk: &FaultyDisk, anchor: Option<&str>) -> Options {
    Options { directory: "/ledger".into(), anchor: anchor.map(PathBuf::from), key: key(), disk: Arc::new(disk.clone()) }
}

pub(crate) fn open(disk: &FaultyDisk) -> Result<Ledger, LedgerError> {
    Ledger::open(options(disk, None))
}

pub(crate) fn open_anchored(disk: &FaultyDisk) -> Result<Ledger, LedgerError> {
    Ledger::open(options(disk, Some("/elsewhere/anchor")))
}

/// The root over some leaves, without any file.
pub(crate) fn root(leaves: &[Commitment]) -> Hash {
    let mut edge = Edge::empty();
    for leaf in leaves {
        edge.push(*leaf, &mut Vec::new());
    }
    edge.root()
}
