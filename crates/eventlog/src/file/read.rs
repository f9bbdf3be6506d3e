//! Reading: by position, concurrent with the writer, from the cache where it can.
//!
//! A read first runs in the caller's task against memory only. When a block or an index must come from the disk, it
//! starts again on a blocking thread: the common reader, who follows the tail, never pays for a thread.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use vault::keys::{Epoch, KeyError};

use super::Shared;
use super::cache::Block;
use super::disk::DiskFile;
use super::format::{BlockHeader, FLAG_LZ4, place};
use super::recover::{ScanFault, scan_sealed};
use super::segment::{Blocks, Entry, Sealed, read_index, segment_path, write_index};
use crate::{Partition, Position, ReadError, Record};

/// Sealed segments whose index is kept in memory: two readers each in the middle of two streams' worth of history.
const LOADED_SEGMENTS_MAX: usize = 8;
/// Blocks of the active segment looked up under one lock.
const PLANNED_BLOCKS_MAX: usize = 256;

/// A sealed segment that is being read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) blocks: Blocks,
}

/// The most recently used at the back.
pub(super) type LoadedSegments = Mutex<VecDeque<(u64, Arc<Loaded>)>>;

/// Why a read stops.
enum Stop {
    /// Memory does not hold it.
    Miss,
    Failed(ReadError),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

/// One call of `read`.
pub(super) struct Reading<'a> {
    pub(super) shared: &'a Shared,
    pub(super) partition: Partition,
    pub(super) after: Option<Position>,
    pub(super) bytes_max: usize,
}

/// Where the next records are.
enum Next {
    End,
    Sealed(Arc<Sealed>),
    Active { base: u64, file: Arc<dyn DiskFile>, entries: Vec<Entry> },
}

/// The next record wanted: block and index in it.
type Cursor = (u64, u32);

impl Reading<'_> {
    /// Reads from memory only; `None` when that is not enough.
    pub(super) fn in_memory(&self) -> Option<Result<Vec<Record>, ReadError>> {
        match self.run(false) {
            Ok(records) => Some(Ok(records)),
            Err(Stop::Failed(error)) => Some(Err(error)),
            Err(Stop::Miss) => None,
        }
    }

    /// Reads, from the disk too.
    pub(super) fn on_disk(&self) -> Result<Vec<Record>, ReadError> {
        self.run(true).map_err(|stop| match stop {
            Stop::Failed(error) => error,
            Stop::Miss => ReadError::Io(io::Error::other("a read from the disk asked for the disk")),
        })
    }

    fn run(&self, with_disk: bool) -> Result<Vec<Record>, Stop> {
        let mut records = Vec::new();
        let mut cursor = self.after.map_or((0, 0), |after| (after.block, after.index.saturating_add(1)));
        let mut bytes = 0;
        loop {
            let step = self.step(&mut cursor, &mut records, bytes, with_disk);
            match step {
                Ok(Some(taken)) => bytes += taken,
                Ok(None) => return Ok(records),
                // What was read before the fault is good; the next read meets the fault first.
                Err(Stop::Failed(_)) if !records.is_empty() => return Ok(records),
                Err(stop) => return Err(stop),
            }
            if bytes >= self.bytes_max && !records.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Reads on in one segment; `None` at the end of the log.
    fn step(
        &self,
        cursor: &mut Cursor,
        records: &mut Vec<Record>,
        bytes: usize,
        with_disk: bool,
    ) -> Result<Option<usize>, Stop> {
        let (base, file, entries, end) = match self.next(*cursor)? {
            Next::End => return Ok(None),
            Next::Active { base, file, entries } => (base, file, entries, None),
            Next::Sealed(sealed) => {
                let Some(loaded) = self.load(&sealed, with_disk)? else { return Ok(Some(0)) };
                let entries = from_cursor(loaded.blocks.of(self.partition), sealed.base, *cursor).to_vec();
                (sealed.base, Arc::clone(&loaded.file), entries, Some(sealed.end))
            }
        };
        let mut taken = 0;
        for entry in entries {
            let offset = base + u64::from(entry.at);
            let block = self.block(offset, &*file, entry, with_disk)?;
            let from = if cursor.0 == offset { cursor.1 } else { 0 };
            taken += block.records_from(from, records);
            *cursor = (offset, entry.records);
            if bytes + taken >= self.bytes_max {
                return Ok(Some(taken));
            }
        }
        if let Some(end) = end {
            *cursor = (end, 0);
        }
        Ok(Some(taken))
    }

    fn next(&self, cursor: Cursor) -> Result<Next, ReadError> {
        let index = self.shared.index();
        let partition = usize::from(self.partition.0);
        let trimmed = index.trimmed.get(partition).copied().flatten();
        if let (Some(after), Some(through)) = (self.after, trimmed)
            && after < through
        {
            return Err(ReadError::Trimmed { through });
        }
        let wanted = Position { block: cursor.0, index: cursor.1 };
        let first = index.sealed.partition_point(|sealed| sealed.end <= cursor.0);
        let has_more = |sealed: &&Arc<Sealed>| sealed.last[partition].is_some_and(|last| last >= wanted);
        if let Some(sealed) = index.sealed[first..].iter().find(has_more) {
            return Ok(Next::Sealed(Arc::clone(sealed)));
        }
        let active = &index.active;
        let entries = from_cursor(active.blocks.of(self.partition), active.base, cursor);
        if entries.is_empty() {
            return Ok(Next::End);
        }
        let entries = entries[..entries.len().min(PLANNED_BLOCKS_MAX)].to_vec();
        Ok(Next::Active { base: active.base, file: Arc::clone(&active.file), entries })
    }

    /// `None` when the segment was trimmed in the meantime.
    fn load(&self, sealed: &Sealed, with_disk: bool) -> Result<Option<Arc<Loaded>>, Stop> {
        if let Some(loaded) = self.shared.loaded(sealed.base) {
            return Ok(Some(loaded));
        }
        if !with_disk {
            return Err(Stop::Miss);
        }
        match self.load_from_disk(sealed) {
            Ok(loaded) => {
                let loaded = Arc::new(loaded);
                self.shared.keep_loaded(sealed.base, Arc::clone(&loaded));
                Ok(Some(loaded))
            }
            Err(_) if !self.shared.index().sealed.iter().any(|other| other.base == sealed.base) => Ok(None),
            Err(ScanFault::Io(error)) => Err(Stop::Failed(ReadError::Io(error))),
            Err(ScanFault::Segment(fault)) => {
                Err(Stop::Failed(ReadError::Damaged { block: sealed.base, detail: fault.to_string() }))
            }
        }
    }

    fn load_from_disk(&self, sealed: &Sealed) -> Result<Loaded, ScanFault> {
        let options = &self.shared.options;
        let (disk, directory, range) = (&*options.disk, &options.directory, (sealed.base, sealed.end));
        let file = disk.open(&segment_path(directory, sealed.base)).map_err(ScanFault::Io)?;
        let blocks = match read_index(disk, directory, range, options.partitions) {
            Some(blocks) => blocks,
            None => {
                let blocks = scan_sealed(disk, directory, range)?;
                if let Err(error) = write_index(disk, directory, sealed, &blocks) {
                    tracing::warn!(base = sealed.base, %error, "cannot write the index of a log segment");
                }
                blocks
            }
        };
        Ok(Loaded { file, blocks })
    }

    fn block(&self, offset: u64, file: &dyn DiskFile, entry: Entry, with_disk: bool) -> Result<Arc<Block>, Stop> {
        let damaged = |detail: &dyn ToString| ReadError::Damaged { block: offset, detail: detail.to_string() };
        if entry.records == 0 {
            return Err(damaged(&format!("{} synced bytes hold no block that can be recognised", entry.length)).into());
        }
        if let Some(block) = self.shared.cache.get(offset) {
            return Ok(block);
        }
        if !with_disk {
            return Err(Stop::Miss);
        }
        let turn = self.shared.cache.turn();
        let mut bytes = vec![0; entry.length as usize];
        file.read_exact_at(&mut bytes, entry.at.into()).map_err(ReadError::Io)?;
        let (header, body) = BlockHeader::parse_whole(&bytes, offset).map_err(|fault| damaged(&fault))?;
        if header.partition != self.partition || header.records != entry.records {
            return Err(damaged(&"the block is not the one in the index").into());
        }
        let block = Arc::new(self.decode(&header, body)?);
        self.shared.cache.extend(turn, [Arc::clone(&block)]);
        Ok(block)
    }

    fn decode(&self, header: &BlockHeader<'_>, body: &[u8]) -> Result<Block, ReadError> {
        let options = &self.shared.options;
        let damaged = |detail: String| ReadError::Damaged { block: header.offset, detail };
        let place = place(&options.stream, header);
        let body = options.keys.open(header.workspace, Epoch(header.epoch), &place, body).map_err(|error| {
            let next = Position { block: header.offset, index: header.records - 1 };
            match error {
                KeyError::Destroyed(_) => ReadError::Shredded { block: header.offset, next },
                other => damaged(other.to_string()),
            }
        })?;
        let raw = if header.flags & FLAG_LZ4 == 0 {
            body
        } else {
            // Bounded: the header was refused if it named more than a block may hold.
            lz4_flex::block::decompress(&body, header.raw_bytes as usize).map_err(|error| damaged(error.to_string()))?
        };
        if raw.len() != header.raw_bytes as usize {
            return Err(damaged(format!("{} bytes instead of {}", raw.len(), header.raw_bytes)));
        }
        Block::new(header.offset, header.workspace.into(), Bytes::from(raw), header.records)
            .ok_or_else(|| damaged("the lengths of its records do not add up".to_owned()))
    }
}

/// The blocks that hold the cursor or lie behind it.
fn from_cursor(entries: &[Entry], base: u64, (block, index): Cursor) -> &[Entry] {
    let first = entries.partition_point(|entry| {
        let offset = base + u64::from(entry.at);
        // Damage has no records: a cursor past its start is past it.
        offset < block || (offset == block && index > 0 && index >= entry.records)
    });
    &entries[first..]
}

impl Shared {
    fn loaded(&self, base: u64) -> Option<Arc<Loaded>> {
        let mut segments = self.loaded.lock().expect("no holder of the loaded segments panics");
        let at = segments.iter().position(|(other, _)| *other == base)?;
        let found = segments.remove(at)?;
        segments.push_back(found.clone());
        Some(found.1)
    }

    /// Keeps a segment's index in memory while it is among the most recently used.
    pub(super) fn keep_loaded(&self, base: u64, loaded: Arc<Loaded>) {
        let mut segments = self.loaded.lock().expect("no holder of the loaded segments panics");
        segments.retain(|(other, _)| *other != base);
        segments.push_back((base, loaded));
        if segments.len() > LOADED_SEGMENTS_MAX {
            segments.pop_front();
        }
    }

    /// A trimmed segment frees its space only when nobody holds it open.
    pub(super) fn drop_loaded(&self, base: u64) {
        self.loaded.lock().expect("no holder of the loaded segments panics").retain(|(other, _)| *other != base);
    }
}
