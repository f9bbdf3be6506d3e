//! Tiles on a disk. A tile is durable before a checkpoint names it: its bytes are synced, then the names in all
//! directories that got one. What a crash leaves beyond the last checkpoint counts as not there and is written again.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use disk::Disk;

use super::edge::{Edge, TileBytes};
use super::{ENTRY_BYTES, Kind, TilePath};
use crate::commit::Commitment;
use crate::tree::Hash;

/// Directories that are remembered as durable; more only cost a sync each to make sure again.
const MADE_MAX: usize = 1024;

/// Why a tile cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TileFault {
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is there and cannot be what was written.
    #[error("it has {found} bytes instead of {expected}")]
    Length {
        /// Bytes in it.
        found: u64,
        /// Bytes that a tile of its width has.
        expected: u64,
    },
    /// It has the right length and other bytes between its entries.
    #[error("it is no bundle of entries")]
    Entries,
}

/// The directory of a log's tiles.
#[derive(Debug)]
pub struct TileFiles {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Directories that were made durable since the start.
    made: Mutex<HashSet<PathBuf>>,
}

impl TileFiles {
    /// Below `root`, which exists.
    pub fn new(disk: Arc<dyn Disk>, root: PathBuf) -> Self {
        Self { disk, root, made: Mutex::default() }
    }

    /// Where a tile lies.
    pub fn place(&self, path: TilePath) -> PathBuf {
        self.root.join(path.to_string())
    }

    fn read(&self, path: TilePath, each: usize) -> Result<Vec<u8>, TileFault> {
        let file = self.disk.open(&self.place(path))?;
        let expected = path.width * each as u64;
        let found = file.length()?;
        let mut bytes = vec![0; usize::try_from(expected).expect("a tile has at most 8,704 bytes")];
        if found != expected {
            return Err(TileFault::Length { found, expected });
        }
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// The hashes of a tile.
    pub fn hashes(&self, level: u8, index: u64, width: u64) -> Result<Vec<Hash>, TileFault> {
        let bytes = self.read(TilePath { kind: Kind::Hashes(level), index, width }, 32)?;
        Ok(bytes.as_chunks().0.iter().map(|hash| Hash(*hash)).collect())
    }

    /// The entries of a bundle.
    pub fn entries(&self, index: u64, width: u64) -> Result<Vec<Commitment>, TileFault> {
        let bytes = self.read(TilePath { kind: Kind::Entries, index, width }, ENTRY_BYTES)?;
        let entries = bytes.as_chunks::<ENTRY_BYTES>().0.iter().map(|entry| {
            let (stated, entry) = entry.split_first_chunk::<2>()?;
            let entry: &[u8; 32] = entry.try_into().ok()?;
            (u16::from_be_bytes(*stated) == 32).then_some(Commitment(*entry))
        });
        entries.collect::<Option<_>>().ok_or(TileFault::Entries)
    }

    /// The right side of a tree of `size` leaves; the fault comes with the tile that has it.
    pub fn edge(&self, size: u64) -> Result<Edge, (PathBuf, TileFault)> {
        let mut levels = vec![Vec::new(); usize::from(Edge::levels(size))];
        let mut entries = Vec::new();
        for path in Edge::unfinished(size) {
            let at = |fault| (self.place(path), fault);
            match path.kind {
                Kind::Entries => entries = self.entries(path.index, path.width).map_err(at)?,
                Kind::Hashes(level) => {
                    levels[usize::from(level)] = self.hashes(level, path.index, path.width).map_err(at)?;
                }
            }
        }
        Ok(Edge::of(size, levels, entries).expect("each tile was read with the width that its size gives"))
    }

    /// Writes tiles. They are durable when it returns.
    pub fn write(&self, tiles: &[TileBytes]) -> io::Result<()> {
        let mut directories = BTreeSet::new();
        for (path, bytes) in tiles {
            let place = self.place(*path);
            let directory = place.parent().expect("a tile lies in a directory").to_owned();
            self.make(&directory)?;
            let file = self.disk.create(&place)?;
            file.write_all_at(bytes, 0)?;
            file.sync_all()?;
            directories.insert(directory);
        }
        directories.iter().try_for_each(|directory| self.disk.sync_dir(directory))
    }

    /// Makes a directory with all its parents below the root, each name durable in its parent.
    fn make(&self, directory: &Path) -> io::Result<()> {
        let is_made = |one: &Path| self.made.lock().expect("no holder of the set panics").contains(one);
        let missing: Vec<&Path> =
            directory.ancestors().take_while(|one| **one != *self.root).filter(|one| !is_made(one)).collect();
        for one in missing.into_iter().rev() {
            self.disk.create_dir(one)?;
            let mut made = self.made.lock().expect("no holder of the set panics");
            if made.len() == MADE_MAX {
                made.clear();
            }
            made.insert(one.to_owned());
        }
        Ok(())
    }

    /// Deletes the unfinished forms of full tiles. Nothing depends on it: what stays because of a crash or a fault is
    /// a prefix of what is there.
    pub fn drop_unfinished(&self, full: &[TileBytes]) {
        for (path, _) in full {
            let mut directory = self.place(*path).into_os_string();
            directory.push(".p");
            let directory = PathBuf::from(directory);
            let Ok(names) = self.disk.list(&directory) else { continue };
            for name in names {
                if let Err(error) = self.disk.remove(&directory.join(name)) {
                    tracing::debug!(directory = %directory.display(), %error, "an unfinished tile stays beside the full one");
                }
            }
        }
    }
}
