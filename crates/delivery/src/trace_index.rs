//! From a message id to the place of its record: which results to look for.
//!
//! One entry of 26 bytes per event (hash of workspace and message id, partition, position, second), appended to
//! `active.idx`. When that has a quarter of a million entries it is sorted by hash and left alone as
//! `idx-<last second>.sorted`; a look-up reads one piece of each sorted file where the hash must stand, because
//! hashes are spread evenly. Kept for seven days.
//!
//! It is an aid, not a record: not synced, and a lost tail means that some events have no trace.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use eventlog::{Partition, Position};

use crate::result_log::Read;
use crate::result_log::format::Place;

const ENTRY_BYTES: usize = 26;
/// Entries of the active file; 6 MB in memory.
const ACTIVE_MAX: usize = 1 << 18;
const KEPT_SECONDS: u32 = 7 * 24 * 3_600;
/// Entries read around the place where a hash should stand.
const PIECE: u64 = 1_024;

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    hash: u64,
    pub(crate) place: Place,
    /// When the event was received, Unix seconds.
    pub(crate) second: u32,
}

impl Found {
    pub(crate) fn new(workspace: &str, message_id: &str, place: Place, second: u32) -> Self {
        Self { hash: hash(workspace, message_id), place, second }
    }

    fn to_bytes(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.hash.to_be_bytes());
        bytes[8..10].copy_from_slice(&self.place.0.0.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.place.1.block.to_be_bytes());
        bytes[18..22].copy_from_slice(&self.place.1.index.to_be_bytes());
        bytes[22..].copy_from_slice(&self.second.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hash, rest) = bytes.split_first_chunk::<8>()?;
        let (partition, rest) = rest.split_first_chunk::<2>()?;
        let (block, rest) = rest.split_first_chunk::<8>()?;
        let (index, rest) = rest.split_first_chunk::<4>()?;
        let (second, _) = rest.split_first_chunk::<4>()?;
        let position = Position { block: u64::from_be_bytes(*block), index: u32::from_be_bytes(*index) };
        let place = (Partition(u16::from_be_bytes(*partition)), position);
        Some(Self { hash: u64::from_be_bytes(*hash), place, second: u32::from_be_bytes(*second) })
    }
}

fn hash(workspace: &str, message_id: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let mut digest = Sha256::new();
    digest.update(workspace.as_bytes());
    digest.update([0]);
    digest.update(message_id.as_bytes());
    let full = digest.finalize();
    let (half, _) = full.split_first_chunk::<8>().expect("SHA-256 gives 32 bytes");
    u64::from_be_bytes(*half)
}

/// The index.
#[derive(Debug)]
pub(crate) struct TraceIndex {
    directory: PathBuf,
    active: Vec<Found>,
    /// Entries of `active` that are in the file.
    written: usize,
    file: File,
}

impl TraceIndex {
    /// Opens a directory; made when absent.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join("active.idx");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let active: Vec<Found> = bytes.chunks_exact(ENTRY_BYTES).filter_map(Found::from_bytes).collect();
        file.set_len((active.len() * ENTRY_BYTES) as u64)?;
        Ok(Self { directory: directory.to_owned(), written: active.len(), active, file })
    }

    /// The last place of each partition that is in it, as far as the newest files tell.
    pub(crate) fn ends(&self, partitions: u16) -> io::Result<Vec<Option<Position>>> {
        let mut ends = vec![None; usize::from(partitions)];
        let newest = self.sorted()?.pop();
        let older = newest.map(fs::read).transpose()?.unwrap_or_default();
        let older = older.chunks_exact(ENTRY_BYTES).filter_map(Found::from_bytes);
        for found in self.active.iter().copied().chain(older) {
            if let Some(end) = ends.get_mut(usize::from(found.place.0.0)) {
                *end = (*end).max(Some(found.place.1));
            }
        }
        Ok(ends)
    }

    pub(crate) fn add(&mut self, found: Found) {
        self.active.push(found);
    }

    /// Writes what was added; sorts the file when it is full.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let fresh: Vec<u8> = self.active[self.written..].iter().flat_map(|found| found.to_bytes()).collect();
        self.file.write_all(&fresh)?;
        self.written = self.active.len();
        if self.active.len() >= ACTIVE_MAX {
            self.seal()?;
        }
        Ok(())
    }

    fn seal(&mut self) -> io::Result<()> {
        let last = self.active.iter().map(|found| found.second).max().unwrap_or_default();
        self.active.sort_unstable();
        let bytes: Vec<u8> = self.active.iter().flat_map(|found| found.to_bytes()).collect();
        // Two files may end in the same second.
        let mut number = 0;
        let path = loop {
            let path = self.directory.join(format!("idx-{last:010}-{number:03}.sorted"));
            if !path.try_exists()? {
                break path;
            }
            number += 1;
        };
        let begun = path.with_extension("begun");
        fs::write(&begun, bytes)?;
        fs::rename(begun, path)?;
        self.file.set_len(0)?;
        (self.active, self.written) = (Vec::new(), 0);
        for old in self.sorted()? {
            let end = old.file_name().and_then(|name| name.to_str()?.strip_prefix("idx-")?.get(..10)?.parse().ok());
            if end.is_some_and(|end: u32| end < last.saturating_sub(KEPT_SECONDS)) {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }

    /// The sorted files, oldest first.
    pub(crate) fn sorted(&self) -> io::Result<Vec<PathBuf>> {
        sorted_files(&self.directory)
    }

    /// What is not sorted yet.
    pub(crate) fn find_active(&self, workspace: &str, message_id: &str) -> Vec<Found> {
        let hash = hash(workspace, message_id);
        self.active.iter().filter(|found| found.hash == hash).copied().collect()
    }
}

fn sorted_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sorted") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Looks in sorted files. One that is gone was too old.
pub(crate) fn find_sorted(
    files: &[PathBuf],
    workspace: &str,
    message_id: &str,
    read: &mut Read,
) -> io::Result<Vec<Found>> {
    let hash = hash(workspace, message_id);
    let mut found = Vec::new();
    for path in files {
        match File::open(path) {
            Ok(file) => find_in(&file, hash, &mut found, read)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        read.files += 1;
    }
    Ok(found)
}

fn find_in(file: &File, hash: u64, found: &mut Vec<Found>, read: &mut Read) -> io::Result<()> {
    let entries = file.metadata()?.len() / ENTRY_BYTES as u64;
    let (mut low, mut high) = (0, entries);
    // Where an even spread puts it; then halves, until it lies within a piece.
    let mut guess = u64::try_from((u128::from(hash) * u128::from(entries)) >> 64).unwrap_or(0);
    loop {
        let first = guess.saturating_sub(PIECE / 2).clamp(low, high);
        let last = (first + PIECE).min(high);
        let piece = read_entries(file, first, last)?;
        read.bytes += (last - first) * ENTRY_BYTES as u64;
        let (Some(begins), Some(ends)) = (piece.first(), piece.last()) else { return Ok(()) };
        if begins.hash >= hash && first > low {
            high = first + 1;
        } else if ends.hash < hash && last < high {
            low = last;
        } else {
            found.extend(piece.into_iter().filter(|entry| entry.hash == hash));
            return Ok(());
        }
        guess = low + (high - low) / 2;
    }
}

fn read_entries(file: &File, first: u64, last: u64) -> io::Result<Vec<Found>> {
    let length = usize::try_from(last.saturating_sub(first)).unwrap_or(0) * ENTRY_BYTES;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, first * ENTRY_BYTES as u64)?;
    Ok(bytes.chunks_exact(ENTRY_BYTES).filter_map(Found::from_bytes).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look-up reads a piece of each file, rarely two, however long the files are.
    fn find(index: &TraceIndex, message_id: &str) -> Vec<Found> {
        let (files, mut read) = (index.sorted().expect("listed"), Read::default());
        let found = find_sorted(&files, "acme", message_id, &mut read).expect("read");
        let piece = PIECE * ENTRY_BYTES as u64;
        assert!(read.files == files.len() as u64 && read.bytes <= 2 * piece * read.files, "{read:?}");
        found
    }

    #[test]
    fn every_event_is_found_before_and_after_sorting_and_after_a_restart() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |index| (Partition(1), Position { block: 7, index });
        let mut index = TraceIndex::open(directory.path()).expect("opens");
        let events = u32::try_from(ACTIVE_MAX).expect("fits") + 10;
        for number in 0..events {
            index.add(Found::new("acme", &format!("m{number}"), at(number), 1_000));
            if number == events - 11 {
                index.flush().expect("sorted");
            }
        }
        index.flush().expect("written");
        for number in [0, 1, 99_999, 200_000, events - 11] {
            let found = find(&index, &format!("m{number}"));
            assert_eq!(found.iter().map(|found| found.place).collect::<Vec<_>>(), [at(number)], "{number}");
        }
        drop(index);
        let index = TraceIndex::open(directory.path()).expect("opens");
        assert_eq!(index.find_active("acme", &format!("m{}", events - 1)).len(), 1);
        assert!(index.find_active("other", &format!("m{}", events - 1)).is_empty());
        assert!(find(&index, "nobody").is_empty());
        assert_eq!(index.ends(2).expect("read"), [None, Some(at(events - 1).1)]);
    }
}
