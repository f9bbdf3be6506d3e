//! A run: an immutable sorted file of ids that arrived in one span of time. Dropping ids is deleting whole runs.
//!
//! # On disk (version 1, numbers little-endian unless said)
//!
//! ```text
//! header, 64 bytes                     pages, up to 128 entries each
//!   8  magic "ASSENTDR"                  per entry:
//!   4  version                            16  fingerprint, big-endian, ascending
//!   8  entries                             8  block of the raw position
//!   8  first receivedAt, ms                4  index of the raw position
//!   8  last receivedAt, ms                 2  partition
//!   4  blocks of the filter              4  CRC32C of the page's entries
//!  20  zeros                           behind the pages
//!   4  CRC32C of all before             16  per page, its first fingerprint
//!                                       64  per block of the filter
//!                                        4  CRC32C of both
//! ```
//!
//! First fingerprints and filter are held in memory (13 bits per id), so a question that passes the filter costs
//! one read of 4 KiB, from the page cache as a rule. Every page carries its checksum, because a flipped bit in a
//! fingerprint would let a duplicate through, and one in a position could turn an event into its own duplicate.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use event::Millis;

use super::bloom::{BLOCK_BYTES, Bloom};
use super::fingerprint::Place;

/// The version this code writes, and the newest it opens.
pub(super) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"ASSENTDR";
const HEADER_BYTES: usize = 64;
const ENTRY_BYTES: usize = 30;
const PAGE_ENTRIES: usize = 128;
const CRC_BYTES: usize = 4;
const FENCE_BYTES: usize = 16;

/// An id and where it stands.
pub(super) type Entry = (u128, Place);

/// The times between which ids arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Millis,
    pub(super) last: Millis,
}

impl Span {
    pub(super) fn with(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last) }
    }
}

/// Why a run does not open.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunFault {
    #[error("it has version {0}, this release reads up to {VERSION}")]
    Newer(u32),
    #[error("{0}")]
    Damaged(&'static str),
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for RunFault {
    fn from(error: io::Error) -> Self {
        // A file that is shorter than it says is damage, not a refusal of the system.
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Damaged("it is cut short") } else { Self::Io(error) }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sequence: u64,
    pub(super) entries: u64,
    pub(super) span: Span,
    file: File,
    fences: Vec<u128>,
    bloom: Bloom,
}

/// The file of a run.
pub(super) fn path_of(directory: &Path, sequence: u64) -> PathBuf {
    directory.join(format!("{sequence:020}.run"))
}

fn page_bytes(entries: usize) -> usize {
    entries * ENTRY_BYTES + CRC_BYTES
}

fn sealed(bytes: &[u8]) -> Option<&[u8]> {
    let (body, crc) = bytes.split_last_chunk::<CRC_BYTES>()?;
    (crc32c::crc32c(body) == u32::from_le_bytes(*crc)).then_some(body)
}

fn parse_entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let field = |at: usize, length: usize| &bytes[at..at + length];
    let id = u128::from_be_bytes(field(0, 16).try_into().expect("sixteen bytes"));
    let place = Place {
        block: u64::from_le_bytes(field(16, 8).try_into().expect("eight bytes")),
        index: u32::from_le_bytes(field(24, 4).try_into().expect("four bytes")),
        partition: u16::from_le_bytes(field(28, 2).try_into().expect("two bytes")),
    };
    (id, place)
}

impl Run {
    pub(super) fn open(directory: &Path, sequence: u64) -> Result<Self, RunFault> {
        let file = File::open(path_of(directory, sequence))?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
        let small = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        if header[..8] != MAGIC {
            return Err(RunFault::Damaged("it does not start with the magic of a run"));
        }
        if small(8) > VERSION {
            return Err(RunFault::Newer(small(8)));
        }
        sealed(&header).ok_or(RunFault::Damaged("the checksum of its header does not match"))?;
        let entries = number(12);
        let span = Span { first: Millis(number(20).cast_signed()), last: Millis(number(28).cast_signed()) };
        let count = usize::try_from(entries).map_err(|_| RunFault::Damaged("it has more entries than memory"))?;
        let pages = count.div_ceil(PAGE_ENTRIES);
        let tail_bytes = pages * FENCE_BYTES + small(36) as usize * BLOCK_BYTES + CRC_BYTES;
        let tail_at = HEADER_BYTES + count * ENTRY_BYTES + pages * CRC_BYTES;
        if file.metadata()?.len() != (tail_at + tail_bytes) as u64 {
            return Err(RunFault::Damaged("its length does not fit its header"));
        }
        let mut tail = vec![0; tail_bytes];
        file.read_exact_at(&mut tail, tail_at as u64)?;
        let tail = sealed(&tail).ok_or(RunFault::Damaged("the checksum of its filter does not match"))?;
        let (fences, bloom) = tail.split_at(pages * FENCE_BYTES);
        let fences = fences.as_chunks::<FENCE_BYTES>().0.iter().map(|bytes| u128::from_be_bytes(*bytes)).collect();
        let bloom = Bloom::read(bloom).ok_or(RunFault::Damaged("its filter is not whole blocks"))?;
        Ok(Self { sequence, entries, span, file, fences, bloom })
    }

    /// Where an id stands.
    pub(super) fn find(&self, id: u128) -> io::Result<Option<Place>> {
        if !self.bloom.may_hold(id) {
            return Ok(None);
        }
        let Some(page) = self.fences.partition_point(|fence| *fence <= id).checked_sub(1) else { return Ok(None) };
        let mut bytes = [0; PAGE_ENTRIES * ENTRY_BYTES + CRC_BYTES];
        let entries = self.page(page, &mut bytes)?;
        let found = entries.binary_search_by_key(&id, |bytes| parse_entry(bytes).0);
        Ok(found.ok().map(|at| parse_entry(&entries[at]).1))
    }

    fn page<'b>(&self, page: usize, bytes: &'b mut [u8]) -> io::Result<&'b [[u8; ENTRY_BYTES]]> {
        let before = page * PAGE_ENTRIES;
        let total = usize::try_from(self.entries).expect("a run was opened whole");
        let count = (total - before).min(PAGE_ENTRIES);
        let bytes = &mut bytes[..page_bytes(count)];
        self.file.read_exact_at(bytes, (HEADER_BYTES + page * page_bytes(PAGE_ENTRIES)) as u64)?;
        let body = sealed(bytes).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("page {page} of run {} is damaged", self.sequence))
        })?;
        Ok(body.as_chunks::<ENTRY_BYTES>().0)
    }

    /// All entries in order, page by page.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { run: self, page: 0, bytes: Box::new([0; PAGE_ENTRIES * ENTRY_BYTES + CRC_BYTES]), at: 0, held: 0 }
    }
}

/// A run being read from end to end, for merging.
#[derive(Debug)]
pub(super) struct Walk<'r> {
    run: &'r Run,
    page: usize,
    bytes: Box<[u8; PAGE_ENTRIES * ENTRY_BYTES + CRC_BYTES]>,
    at: usize,
    held: usize,
}

impl Walk<'_> {
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.at == self.held {
            if self.page == self.run.fences.len() {
                return Ok(None);
            }
            self.held = self.run.page(self.page, &mut self.bytes[..])?.len();
            self.page += 1;
            self.at = 0;
        }
        let entry = &self.bytes.as_chunks::<ENTRY_BYTES>().0[self.at];
        self.at += 1;
        Ok(Some(parse_entry(entry)))
    }
}

/// A run being written.
#[derive(Debug)]
pub(super) struct RunWriter {
    directory: PathBuf,
    sequence: u64,
    out: BufWriter<File>,
    page: Vec<u8>,
    entries: u64,
    last: Option<u128>,
    fences: Vec<u128>,
    bloom: Bloom,
}

impl RunWriter {
    /// For up to `entries` entries.
    pub(super) fn create(directory: &Path, sequence: u64, entries: usize) -> io::Result<Self> {
        let file = File::create(path_of(directory, sequence).with_extension("new"))?;
        let mut out = BufWriter::with_capacity(256 * 1024, file);
        out.write_all(&[0; HEADER_BYTES])?;
        Ok(Self {
            directory: directory.to_owned(),
            sequence,
            out,
            page: Vec::with_capacity(page_bytes(PAGE_ENTRIES)),
            entries: 0,
            last: None,
            fences: Vec::with_capacity(entries.div_ceil(PAGE_ENTRIES)),
            bloom: Bloom::new(entries),
        })
    }

    /// Takes entries in ascending order; of a repeated id the first counts.
    pub(super) fn push(&mut self, (id, place): Entry) -> io::Result<()> {
        if self.last == Some(id) {
            return Ok(());
        }
        debug_assert!(self.last < Some(id), "a run is sorted");
        self.last = Some(id);
        if self.page.is_empty() {
            self.fences.push(id);
        }
        self.page.extend_from_slice(&id.to_be_bytes());
        self.page.extend_from_slice(&place.block.to_le_bytes());
        self.page.extend_from_slice(&place.index.to_le_bytes());
        self.page.extend_from_slice(&place.partition.to_le_bytes());
        self.bloom.insert(id);
        self.entries += 1;
        if self.page.len() == PAGE_ENTRIES * ENTRY_BYTES { self.end_page() } else { Ok(()) }
    }

    fn end_page(&mut self) -> io::Result<()> {
        let crc = crc32c::crc32c(&self.page);
        self.page.extend_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.page)?;
        self.page.clear();
        Ok(())
    }

    /// Makes the run durable under its name and opens it.
    pub(super) fn finish(mut self, span: Span) -> Result<Run, RunFault> {
        if !self.page.is_empty() {
            self.end_page()?;
        }
        let mut tail: Vec<u8> = self.fences.iter().flat_map(|fence| fence.to_be_bytes()).collect();
        self.bloom.write(&mut tail);
        tail.extend_from_slice(&crc32c::crc32c(&tail).to_le_bytes());
        self.out.write_all(&tail)?;
        let blocks = u32::try_from(self.bloom.blocks()).map_err(|_| RunFault::Damaged("its filter is too large"))?;
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&self.entries.to_le_bytes());
        header.extend_from_slice(&span.first.0.to_le_bytes());
        header.extend_from_slice(&span.last.0.to_le_bytes());
        header.extend_from_slice(&blocks.to_le_bytes());
        header.resize(HEADER_BYTES - CRC_BYTES, 0);
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header)?;
        let file = self.out.into_inner().map_err(|error| RunFault::Io(error.into_error()))?;
        file.sync_all()?;
        let path = path_of(&self.directory, self.sequence);
        std::fs::rename(path.with_extension("new"), &path)?;
        File::open(&self.directory)?.sync_all()?;
        Run::open(&self.directory, self.sequence)
    }
}
