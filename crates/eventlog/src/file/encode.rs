//! From a group of batches to the bytes of one commit: records are gathered per (partition, workspace), laid out,
//! compressed and sealed as blocks, back to back in one buffer.
//!
//! In two steps, because a seal is bound to the block's offset, and the offset is known only after the size has
//! decided whether the commit still fits into the segment. All buffers are kept from commit to commit except the
//! uncompressed bodies, which go to the cache for the readers of the tail.

use std::sync::Arc;

use bytes::Bytes;
use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use vault::keys::{KeyError, Keys, NONCE_BYTES, TAG_BYTES, fill_random};

use super::cache::Block;
use super::format::{BlockHeader, FLAG_LZ4, LENGTH_BYTES, RAW_BYTES_MAX, block_header_bytes, place, u32_of};
use super::queue::Waiting;
use crate::{Append, Partition, Position};

/// See the module.
pub(super) struct Encoder {
    stream: Arc<str>,
    keys: Keys,
    /// Per partition, the blocks still open in this group: one per workspace.
    open: Vec<Vec<usize>>,
    blocks: Vec<Planned>,
    bytes: Vec<u8>,
    compressed: Vec<u8>,
    table: CompressTable,
    nonces: Vec<u8>,
}

/// A block of the group being written.
pub(super) struct Planned {
    pub(super) partition: Partition,
    workspace: Arc<str>,
    /// Batch and index in the batch of each record.
    members: Vec<(u32, u32)>,
    raw_bytes: usize,
    raw: Bytes,
    /// Where the block lies in the buffer.
    start: usize,
    length: usize,
    flags: u16,
}

/// The workspace that cannot be sealed for.
#[derive(Debug)]
pub(super) struct SealFault {
    pub(super) workspace: Arc<str>,
    pub(super) error: KeyError,
}

impl Encoder {
    pub(super) fn new(stream: Arc<str>, keys: Keys, partitions: u16) -> Self {
        Self {
            stream,
            keys,
            open: vec![Vec::new(); usize::from(partitions)],
            blocks: Vec::new(),
            bytes: Vec::new(),
            compressed: Vec::new(),
            table: CompressTable::default(),
            nonces: Vec::new(),
        }
    }

    /// First step: gathers and compresses. Returns how many bytes the commit will have.
    pub(super) fn pack(&mut self, group: &[Waiting]) -> usize {
        self.gather(group);
        self.bytes.clear();
        for block in &mut self.blocks {
            block.lay_out(group);
            let length = compress(&block.raw, &mut self.compressed, &mut self.table);
            let packed = length < block.raw.len();
            block.flags = if packed { FLAG_LZ4 } else { 0 };
            let body = if packed { &self.compressed[..length] } else { &block.raw[..] };
            block.start = self.bytes.len();
            self.bytes.resize(block.start + block_header_bytes(block.workspace.len()) + NONCE_BYTES, 0);
            self.bytes.extend_from_slice(body);
            self.bytes.resize(self.bytes.len() + TAG_BYTES, 0);
            block.length = self.bytes.len() - block.start;
        }
        self.bytes.len()
    }

    /// Second step: seals every block for its place and writes the headers. `offset` is where the commit starts,
    /// which is also how much of the stream is synced.
    pub(super) fn seal(&mut self, offset: u64) -> Result<&[u8], SealFault> {
        self.nonces.resize(self.blocks.len() * NONCE_BYTES, 0);
        let Some(first) = self.blocks.first() else { return Ok(&[]) };
        fill_random(&mut self.nonces).map_err(|error| first.fault(error))?;
        for (block, nonce) in self.blocks.iter().zip(self.nonces.as_chunks::<NONCE_BYTES>().0) {
            let bytes = &mut self.bytes[block.start..block.start + block.length];
            let (header_bytes, sealed) = bytes.split_at_mut(block_header_bytes(block.workspace.len()));
            let mut header = block.header(offset);
            let body_end = sealed.len() - TAG_BYTES;
            let place = place(&self.stream, &header);
            let (epoch, tag) = self
                .keys
                .seal_in_place(&block.workspace, &place, nonce, &mut sealed[NONCE_BYTES..body_end])
                .map_err(|error| block.fault(error))?;
            sealed[..NONCE_BYTES].copy_from_slice(nonce);
            sealed[body_end..].copy_from_slice(&tag);
            header.epoch = epoch.0;
            header.body_crc = crc32c::crc32c(sealed);
            header.write(header_bytes);
        }
        Ok(&self.bytes)
    }

    /// The blocks of the last group.
    pub(super) fn blocks(&self) -> &[Planned] {
        &self.blocks
    }

    /// The positions of each batch, in the order of the batch.
    pub(super) fn positions(&self, group: &[Waiting], offset: u64) -> Vec<Vec<Position>> {
        let nowhere = Position { block: 0, index: 0 };
        let mut positions: Vec<Vec<Position>> =
            group.iter().map(|waiting| vec![nowhere; waiting.batch.len()]).collect();
        for block in &self.blocks {
            let offset = block.offset(offset);
            for (index, (batch, item)) in (0..).zip(&block.members) {
                positions[*batch as usize][*item as usize] = Position { block: offset, index };
            }
        }
        positions
    }

    fn gather(&mut self, group: &[Waiting]) {
        self.blocks.clear();
        for (batch, waiting) in (0..).zip(group) {
            for (item, append) in (0..).zip(&waiting.batch) {
                let block = self.block_for(append);
                block.members.push((batch, item));
                block.raw_bytes += LENGTH_BYTES + append.payload.len();
            }
        }
        for block in &self.blocks {
            self.open[usize::from(block.partition.0)].clear();
        }
    }

    fn block_for(&mut self, append: &Append) -> &mut Planned {
        let open = &mut self.open[usize::from(append.partition.0)];
        let blocks = &mut self.blocks;
        let found = open.iter().position(|index| {
            let workspace = &blocks[*index].workspace;
            Arc::ptr_eq(workspace, &append.workspace) || *workspace == append.workspace
        });
        let fits = |block: &Planned| block.raw_bytes + LENGTH_BYTES + append.payload.len() <= RAW_BYTES_MAX;
        let index = match found {
            Some(slot) if fits(&blocks[open[slot]]) => open[slot],
            _ => {
                let index = blocks.len();
                blocks.push(Planned::new(append));
                match found {
                    Some(slot) => open[slot] = index,
                    None => open.push(index),
                }
                index
            }
        };
        &mut self.blocks[index]
    }
}

impl Planned {
    fn new(append: &Append) -> Self {
        Self {
            partition: append.partition,
            workspace: Arc::clone(&append.workspace),
            members: Vec::new(),
            raw_bytes: 0,
            raw: Bytes::new(),
            start: 0,
            length: 0,
            flags: 0,
        }
    }

    fn lay_out(&mut self, group: &[Waiting]) {
        let mut raw = Vec::with_capacity(self.raw_bytes);
        let payload = |(batch, item): &(u32, u32)| &group[*batch as usize].batch[*item as usize].payload;
        for member in &self.members {
            raw.extend_from_slice(&u32_of(payload(member).len()).to_le_bytes());
        }
        for member in &self.members {
            raw.extend_from_slice(payload(member));
        }
        self.raw = raw.into();
    }

    fn header(&self, commit: u64) -> BlockHeader<'_> {
        BlockHeader {
            offset: self.offset(commit),
            synced_before: commit,
            partition: self.partition,
            workspace: &self.workspace,
            epoch: 0,
            records: self.records(),
            raw_bytes: u32_of(self.raw.len()),
            body_bytes: u32_of(self.length - block_header_bytes(self.workspace.len())),
            body_crc: 0,
            flags: self.flags,
        }
    }

    fn fault(&self, error: KeyError) -> SealFault {
        SealFault { workspace: Arc::clone(&self.workspace), error }
    }

    pub(super) fn records(&self) -> u32 {
        u32_of(self.members.len())
    }

    pub(super) fn length(&self) -> u32 {
        u32_of(self.length)
    }

    /// Its offset in the stream's history when the commit starts at `commit`.
    pub(super) fn offset(&self, commit: u64) -> u64 {
        commit + self.start as u64
    }

    /// For the cache.
    pub(super) fn block(&self, commit: u64) -> Arc<Block> {
        let workspace = Arc::clone(&self.workspace);
        Arc::new(Block::trusted(self.offset(commit), workspace, self.raw.clone(), self.records()))
    }
}

/// Compresses into the front of `out`, which only ever grows; returns the length.
fn compress(raw: &[u8], out: &mut Vec<u8>, table: &mut CompressTable) -> usize {
    // The small table is faster to clear, and never chosen again by the library once it was exchanged.
    if raw.len() < usize::from(u16::MAX) && matches!(table, CompressTable::Large(_)) {
        *table = CompressTable::small();
    }
    let largest = get_maximum_output_size(raw.len());
    if out.len() < largest {
        out.resize(largest, 0);
    }
    compress_into_with_table(raw, out, table).expect("the output has the largest size needed")
}
