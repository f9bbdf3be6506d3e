//! Finding the blocks in the bytes of a segment: the heart of recovery, as a pure function over any bytes.
//!
//! The scan walks from block to block. Where none stands it has to tell two things apart:
//! - *a torn tail*: the power went while a commit was being written. Any of its sectors may be there or not, in any
//!   order, so even a whole block behind the hole proves nothing. Nobody was answered: the tail is cut.
//! - *damage*: bytes that were synced, and perhaps acknowledged, changed afterwards. They must be reported.
//!
//! A commit starts only after the sync of the one before it, and each of its blocks says so: `synced_before` is the
//! stream's synced length at that time. So a block behind the hole whose `synced_before` is past the hole's start
//! proves that the hole was synced once: damage. Without one it is a torn tail. (Damage to the very last commit is
//! taken for a torn tail; no log can know better without a second place that remembers what was synced.)

use std::ops::Range;

use memchr::memmem::Finder;

use super::format::{BLOCK_MAGIC, BlockFault, BlockHeader, SegmentFault, SegmentHeader};
use super::segment::Entry;
use crate::Partition;

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The segment's header.
    pub header: SegmentHeader,
    /// The blocks in order of place. A block with a rotten body is among them: reading it says so.
    pub blocks: Vec<(Partition, Entry)>,
    /// Synced bytes in which no block can be recognised.
    pub damaged: Vec<Range<u64>>,
    /// The offset in the file behind the last block.
    pub end: u64,
    /// What is behind `end`.
    pub tail: Tail,
}

/// What is behind the last block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// Nothing, or only preallocated zeros.
    Clean,
    /// Bytes of a commit that was never answered: to be cut.
    Torn(BlockFault),
}

/// Scans the bytes of one segment file; for fuzzing too: any bytes give an answer, in linear time.
pub fn scan(bytes: &[u8]) -> Result<Scan, SegmentFault> {
    let (header, header_bytes) = SegmentHeader::parse(bytes)?;
    let mut walk = Walk { bytes, base: header.base, partitions: header.before.len(), later: None };
    let mut blocks = Vec::new();
    let mut damaged = Vec::new();
    let mut at = header_bytes;
    let tail = loop {
        let fault = match walk.whole_at(at) {
            Ok((partition, entry)) => {
                at += entry.length as usize;
                blocks.push((partition, entry));
                continue;
            }
            Err(fault) => fault,
        };
        // A block with a good header and a bad body still says whose it is and how long.
        let rotten = walk.header_at(at).ok().filter(|_| fault == BlockFault::BodyChecksum);
        let hole = at + rotten.as_ref().map_or(0, |(_, entry)| entry.length as usize);
        let Some(next) = walk.next_if_synced(at, hole.max(at + 1)) else { break walk.tail(at, fault) };
        blocks.extend(rotten);
        if hole < next {
            damaged.push(hole as u64..next as u64);
        }
        at = next;
    };
    Ok(Scan { header, blocks, damaged, end: at as u64, tail })
}

struct Walk<'a> {
    bytes: &'a [u8],
    base: u64,
    partitions: usize,
    /// All block headers behind the first hole; collected once, so that many holes stay linear.
    later: Option<Vec<Later>>,
}

struct Later {
    at: usize,
    /// The largest `synced_before` of this block and those behind it.
    synced_before: u64,
}

impl<'a> Walk<'a> {
    fn parse_at<T>(
        &self,
        at: usize,
        parse: impl FnOnce(&'a [u8], u64) -> Result<T, BlockFault>,
    ) -> Result<T, BlockFault> {
        let offset = self.base.checked_add(at as u64).ok_or(BlockFault::Place)?;
        parse(self.bytes.get(at..).unwrap_or_default(), offset)
    }

    fn header_at(&self, at: usize) -> Result<(Partition, Entry), BlockFault> {
        self.entry(at, &self.parse_at(at, BlockHeader::parse)?)
    }

    fn whole_at(&self, at: usize) -> Result<(Partition, Entry), BlockFault> {
        self.entry(at, &self.parse_at(at, BlockHeader::parse_whole)?.0)
    }

    fn entry(&self, at: usize, header: &BlockHeader<'_>) -> Result<(Partition, Entry), BlockFault> {
        if usize::from(header.partition.0) >= self.partitions {
            return Err(BlockFault::Field);
        }
        let at = u32::try_from(at).map_err(|_| BlockFault::Place)?;
        let length = u32::try_from(header.block_bytes()).map_err(|_| BlockFault::Field)?;
        Ok((header.partition, Entry { at, length, records: header.records }))
    }

    /// The first block from `from` on, if it or one behind it proves that the bytes at `hole` were synced.
    fn next_if_synced(&mut self, hole: usize, from: usize) -> Option<usize> {
        let later = match self.later.take() {
            Some(later) => later,
            None => self.headers_from(from),
        };
        let next = later.partition_point(|later| later.at < from);
        let found = later.get(next).filter(|later| later.synced_before > self.base + hole as u64).map(|later| later.at);
        self.later = Some(later);
        found
    }

    fn headers_from(&self, from: usize) -> Vec<Later> {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let mut later: Vec<Later> = Vec::new();
        for at in Finder::new(&BLOCK_MAGIC).find_iter(rest).map(|found| from + found) {
            let Ok(header) = self.parse_at(at, BlockHeader::parse) else { continue };
            if self.entry(at, &header).is_ok() {
                later.push(Later { at, synced_before: header.synced_before });
            }
        }
        let mut largest = 0;
        for later in later.iter_mut().rev() {
            largest = largest.max(later.synced_before);
            later.synced_before = largest;
        }
        later
    }

    fn tail(&self, at: usize, fault: BlockFault) -> Tail {
        let rest = self.bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) { Tail::Clean } else { Tail::Torn(fault) }
    }
}
