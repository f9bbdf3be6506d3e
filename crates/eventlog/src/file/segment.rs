//! Segments on disk and what is known about them in memory.
//!
//! Of a sealed segment only the last position of each partition stays in memory; its index of blocks is loaded when a reader
//! comes that far back. So memory does not grow with the length of the log: 50 GB are 800 segments, a few hundred
//! bytes each. The index of the active segment is in memory, at 12 bytes per block.
//!
//! The index of a sealed segment also lies beside it (`….idx`), so that opening 1 GB reads kilobytes. It is written
//! only after the next segment exists durably, that is, when the segment can never change again, so it cannot be
//! stale; it is not synced, because a torn one fails its checksum and is rebuilt by scanning.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use event::Millis;

use super::disk::{Disk, DiskFile};
use super::format::{Fields, SegmentHeader, u32_of};
use super::scan::Scan;
use crate::{Partition, Position};

/// A block in a segment. `records` is 0 for bytes that were synced once and hold no recognisable block: the reader
/// of any partition has to hear of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Offset in the file.
    pub at: u32,
    /// Bytes, header included.
    pub length: u32,
    /// Records in it.
    pub records: u32,
}

/// The blocks of one segment, per partition, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Blocks(pub(super) Vec<Vec<Entry>>);

/// A segment that is written no more.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) base: u64,
    pub(super) end: u64,
    /// From its header.
    pub(super) begun_at: Option<Millis>,
    /// Per partition, see [`Blocks::last`].
    pub(super) last: Vec<Option<Position>>,
}

/// The segment that is written.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) base: u64,
    /// The synced length of the stream.
    pub(super) end: u64,
    /// From its header.
    pub(super) begun_at: Option<Millis>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) blocks: Blocks,
}

impl Blocks {
    pub(super) fn new(partitions: u16) -> Self {
        Self(vec![Vec::new(); usize::from(partitions)])
    }

    pub(super) fn from_scan(scan: &Scan) -> Self {
        let mut blocks = Self(vec![Vec::new(); scan.header.before.len()]);
        for (partition, entry) in &scan.blocks {
            blocks.0[usize::from(partition.0)].push(*entry);
        }
        for hole in &scan.damaged {
            blocks.damage(hole.start, hole.end);
        }
        blocks
    }

    /// Marks synced bytes without a block: every partition may have lost records there.
    pub(super) fn damage(&mut self, start: u64, end: u64) {
        let at = u32::try_from(start).expect("segments are shorter than 4 GiB");
        let length = u32::try_from(end - start).unwrap_or(u32::MAX);
        for entries in &mut self.0 {
            let place = entries.partition_point(|entry| entry.at < at);
            entries.insert(place, Entry { at, length, records: 0 });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    pub(super) fn of(&self, partition: Partition) -> &[Entry] {
        self.0.get(usize::from(partition.0)).map_or(&[], Vec::as_slice)
    }

    /// Per partition, its last position in the segment, `None` when it has nothing here. Damage ends at index
    /// `u32::MAX`, as for the reader who goes on behind it.
    pub(super) fn last(&self, base: u64) -> Vec<Option<Position>> {
        let position =
            |entry: &Entry| Position { block: base + u64::from(entry.at), index: entry.records.wrapping_sub(1) };
        self.0.iter().map(|entries| entries.last().map(position)).collect()
    }
}

pub(super) const SEGMENT_SUFFIX: &str = ".seg";
/// A segment being created: removed at the next start.
pub(super) const NEW_SUFFIX: &str = ".new";

/// Twenty digits hold every u64, so names sort as numbers.
pub(super) fn segment_path(directory: &Path, base: u64) -> PathBuf {
    directory.join(format!("{base:020}{SEGMENT_SUFFIX}"))
}

pub(super) fn index_path(directory: &Path, base: u64) -> PathBuf {
    directory.join(format!("{base:020}.idx"))
}

/// The base in a segment's file name.
pub(super) fn base_of(name: &str) -> Option<u64> {
    name.strip_suffix(SEGMENT_SUFFIX).filter(|digits| digits.len() == 20)?.parse().ok()
}

/// Creates a segment under a temporary name, syncs it and gives it its name: a file with the name of a segment always
/// has a whole header. Returns the file and its length so far. The directory is not yet synced: see
/// [`super::commit`], which must know whether the name may exist.
pub(super) fn prepare(
    disk: &dyn Disk,
    directory: &Path,
    header: &SegmentHeader,
    segment_bytes: u64,
) -> io::Result<(Arc<dyn DiskFile>, PathBuf)> {
    let path = segment_path(directory, header.base).with_extension("new");
    let file = disk.create(&path)?;
    let written = file
        .allocate(segment_bytes)
        .and_then(|()| file.write_all_at(&header.encode(), 0))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Its space is what a full disk needs most. If this fails too, the next creation or start empties it.
        drop(disk.remove(&path));
        return Err(error);
    }
    Ok((file, path))
}

const INDEX_MAGIC: [u8; 8] = *b"ASSENTIX";
const INDEX_VERSION: u32 = 1;

/// Writes the index of a sealed segment beside it. Best effort: without it the segment is scanned again.
pub(super) fn write_index(disk: &dyn Disk, directory: &Path, segment: &Sealed, blocks: &Blocks) -> io::Result<()> {
    let file = disk.create(&index_path(directory, segment.base))?;
    file.write_all_at(&encode_index(segment.base, segment.end, blocks), 0)
}

/// Reads the index of the segment `base..end`; `None` when there is none that fits.
pub(super) fn read_index(
    disk: &dyn Disk,
    directory: &Path,
    (base, end): (u64, u64),
    partitions: u16,
) -> Option<Blocks> {
    let file = disk.open(&index_path(directory, base)).ok()?;
    let mut bytes = vec![0; usize::try_from(file.length().ok()?).ok()?];
    file.read_exact_at(&mut bytes, 0).ok()?;
    decode_index(&bytes, (base, end), partitions)
}

fn encode_index(base: u64, end: u64, blocks: &Blocks) -> Vec<u8> {
    let mut bytes = INDEX_MAGIC.to_vec();
    bytes.extend_from_slice(&INDEX_VERSION.to_le_bytes());
    bytes.extend_from_slice(&base.to_le_bytes());
    bytes.extend_from_slice(&end.to_le_bytes());
    bytes.extend_from_slice(&u32_of(blocks.0.len()).to_le_bytes());
    for entries in &blocks.0 {
        bytes.extend_from_slice(&u32_of(entries.len()).to_le_bytes());
        for entry in entries {
            for field in [entry.at, entry.length, entry.records] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
        }
    }
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

fn decode_index(bytes: &[u8], (base, end): (u64, u64), partitions: u16) -> Option<Blocks> {
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*crc) {
        return None;
    }
    let mut fields = Fields(body);
    let fits = fields.array::<8>()? == INDEX_MAGIC
        && fields.u32()? == INDEX_VERSION
        && fields.u64()? == base
        && fields.u64()? == end
        && fields.u32()? == u32::from(partitions);
    if !fits {
        return None;
    }
    let mut blocks = Blocks::new(partitions);
    for entries in &mut blocks.0 {
        let count = fields.u32()? as usize;
        // A count that the bytes cannot hold must not allocate.
        entries.reserve_exact(count.min(fields.0.len() / 12));
        for _ in 0..count {
            entries.push(Entry { at: fields.u32()?, length: fields.u32()?, records: fields.u32()? });
        }
    }
    fields.0.is_empty().then_some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Blocks {
        let mut blocks = Blocks::new(2);
        blocks.0[1].push(Entry { at: 64, length: 100, records: 3 });
        blocks.0[1].push(Entry { at: 164, length: 50, records: 1 });
        blocks
    }

    #[test]
    fn an_index_reads_back_only_for_its_segment() {
        let bytes = encode_index(1000, 1214, &sample());
        assert_eq!(decode_index(&bytes, (1000, 1214), 2), Some(sample()));
        assert_eq!(decode_index(&bytes, (1000, 1213), 2), None);
        assert_eq!(decode_index(&bytes, (1000, 1214), 3), None);
    }

    #[test]
    fn a_changed_index_is_not_used() {
        let bytes = encode_index(1000, 1214, &sample());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            assert_eq!(decode_index(&changed, (1000, 1214), 2), None, "byte {at}");
        }
    }

    #[test]
    fn damage_stands_in_every_partition_in_order() {
        let mut blocks = sample();
        blocks.damage(164, 214);
        blocks.0[1].remove(2);
        let hole = Entry { at: 164, length: 50, records: 0 };
        assert_eq!(blocks.0, vec![vec![hole], vec![Entry { at: 64, length: 100, records: 3 }, hole]]);
        assert_eq!(blocks.last(1000), vec![Some(Position { block: 1164, index: u32::MAX }); 2]);
    }

    #[test]
    fn the_last_position_is_the_last_record() {
        assert_eq!(sample().last(1000), vec![None, Some(Position { block: 1164, index: 0 })]);
    }

    #[test]
    fn names_sort_as_numbers_and_others_are_left_alone() {
        assert_eq!(segment_path(Path::new("d"), 7), PathBuf::from("d/00000000000000000007.seg"));
        assert_eq!(base_of("00000000000000000007.seg"), Some(7));
        assert_eq!(base_of("7.seg"), None);
        assert_eq!(base_of("00000000000000000007.idx"), None);
    }
}
