//! The bytes of a segment file, version 2: pure encoding and parsing, no I/O. Version 1 is read too; it lacks the
//! time at which a segment was begun, and is the same otherwise. The layout is drawn in
//! [`super`](crate::file); numbers are little-endian.
//!
//! Two checksums per block rather than one: the header's lets the index of a segment be rebuilt without reading
//! bodies, and lets a rotten body be reported under the partition it belongs to. Every block carries its own offset,
//! so that stale bytes of another place are never taken for a block, and `synced_before`, which tells a torn tail
//! from damage (see [`super::recover`]).

use std::ops::Range;

use event::Millis;

use crate::{Partition, Position};

/// The version this code writes, and the newest it opens.
pub const VERSION: u32 = 2;
/// Opens every segment file. Magic and version keep their places in every future version.
pub const SEGMENT_MAGIC: [u8; 8] = *b"ASSENTLG";
/// Opens every block. Its bytes are no text and no UTF-8, so it does not occur in an event by chance.
pub const BLOCK_MAGIC: [u8; 4] = [0xA5, 0xB1, 0x0C, 0xFE];
/// The most uncompressed bytes in one block.
pub const RAW_BYTES_MAX: usize = 1024 * 1024;
/// The longest name of a stream or workspace.
pub const NAME_BYTES_MAX: usize = 255;

/// The flag of a body that is LZ4-compressed before it is sealed; without it the body is stored as it is.
pub const FLAG_LZ4: u16 = 1;

const SEGMENT_FIXED_BYTES: usize = 28;
/// The first version that has `begun_at`.
const VERSION_WITH_TIME: u32 = 2;
const TIME_BYTES: usize = 8;
const BLOCK_FIXED_BYTES: usize = 48;
const CRC_BYTES: usize = 4;
const TABLE_ROW_BYTES: usize = 12;
/// Nonce and tag around the sealed body.
pub const SEAL_BYTES: usize = vault::keys::NONCE_BYTES + vault::keys::TAG_BYTES;

/// What stands at the start of a segment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The stream's name.
    pub stream: String,
    /// The segment's first byte in the stream's whole history.
    pub base: u64,
    /// When it was created: nothing in it is older, everything in earlier segments is. `None` in version 1.
    pub begun_at: Option<Millis>,
    /// Per partition, the last position in any earlier segment: the watermark outlives trimming.
    pub before: Vec<Option<Position>>,
}

/// Why a segment header does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFault {
    /// The file is something else.
    #[error("it does not start with the magic of a segment")]
    Magic,
    /// Written by a later release.
    #[error("it has format version {0}, this release reads up to {VERSION}")]
    Newer(u32),
    /// A part of it is missing or changed.
    #[error("its header is damaged: {0}")]
    Damaged(&'static str),
}

impl SegmentHeader {
    /// The header's bytes: of version 1 when it has no time.
    pub fn encode(&self) -> Vec<u8> {
        let version = if self.begun_at.is_some() { VERSION } else { VERSION_WITH_TIME - 1 };
        let length = segment_header_bytes(version, self.stream.len(), self.before.len());
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&SEGMENT_MAGIC);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&u32_of(length).to_le_bytes());
        bytes.extend_from_slice(&self.base.to_le_bytes());
        bytes.extend_from_slice(&u16_of(self.before.len()).to_le_bytes());
        bytes.extend_from_slice(&u16_of(self.stream.len()).to_le_bytes());
        if let Some(begun_at) = self.begun_at {
            bytes.extend_from_slice(&begun_at.0.to_le_bytes());
        }
        bytes.extend_from_slice(self.stream.as_bytes());
        for position in &self.before {
            // No block starts at the last byte a u64 can name: it stands for "none".
            let (block, index) = position.map_or((u64::MAX, 0), |position| (position.block, position.index));
            bytes.extend_from_slice(&block.to_le_bytes());
            bytes.extend_from_slice(&index.to_le_bytes());
        }
        bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Parses the start of a segment file; returns the header and its length.
    pub fn parse(bytes: &[u8]) -> Result<(Self, usize), SegmentFault> {
        use SegmentFault::{Damaged, Magic, Newer};
        let mut fields = Fields(bytes);
        if fields.array::<8>() != Some(SEGMENT_MAGIC) {
            return Err(Magic);
        }
        let version = fields.u32().ok_or(Damaged("it ends in the version"))?;
        if version > VERSION {
            return Err(Newer(version));
        }
        let length = fields.u32().ok_or(Damaged("it ends in the length"))? as usize;
        let body = length.checked_sub(CRC_BYTES).and_then(|end| bytes.get(..end));
        let stored = body.and_then(|body| Fields(bytes.get(body.len()..)?).u32());
        if body.is_none() || body.map(crc32c::crc32c) != stored {
            return Err(Damaged("its checksum does not match"));
        }
        let header = Self::fields(&mut fields, version).ok_or(Damaged("its fields do not fit"))?;
        if length != segment_header_bytes(version, header.stream.len(), header.before.len()) {
            return Err(Damaged("its length does not fit its fields"));
        }
        Ok((header, length))
    }

    fn fields(fields: &mut Fields<'_>, version: u32) -> Option<Self> {
        let base = fields.u64()?;
        let partitions = fields.u16()?;
        let stream_bytes = usize::from(fields.u16()?);
        let begun_at = match version {
            VERSION_WITH_TIME.. => Some(Millis(i64::from_le_bytes(fields.array()?))),
            _ => None,
        };
        let stream = std::str::from_utf8(fields.take(stream_bytes)?).ok()?.to_owned();
        let mut before = Vec::with_capacity(usize::from(partitions));
        for _ in 0..partitions {
            let (block, index) = (fields.u64()?, fields.u32()?);
            before.push((block != u64::MAX).then_some(Position { block, index }));
        }
        Some(Self { stream, base, begun_at, before })
    }
}

/// The length of a segment header of a version.
pub fn segment_header_bytes(version: u32, stream_bytes: usize, partitions: usize) -> usize {
    let time_bytes = if version >= VERSION_WITH_TIME { TIME_BYTES } else { 0 };
    SEGMENT_FIXED_BYTES + time_bytes + stream_bytes + partitions * TABLE_ROW_BYTES + CRC_BYTES
}

/// What stands in front of a block's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader<'a> {
    /// The block's own offset in the stream's history.
    pub offset: u64,
    /// When the block was written, everything before this offset was synced.
    pub synced_before: u64,
    /// The partition of all its records.
    pub partition: Partition,
    /// The workspace whose key seals it.
    pub workspace: &'a str,
    /// The key's epoch.
    pub epoch: u32,
    /// How many records it holds, at least one.
    pub records: u32,
    /// The body's length before compression.
    pub raw_bytes: u32,
    /// The sealed body's length.
    pub body_bytes: u32,
    /// The CRC32C of the sealed body.
    pub body_crc: u32,
    /// Known flags only.
    pub flags: u16,
}

/// Why bytes are not a whole block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// The bytes end before the block does.
    #[error("the file ends inside the block")]
    Short,
    /// There is no block here.
    #[error("no block starts here")]
    Magic,
    /// The header is not what was written.
    #[error("the checksum of the block's header does not match")]
    HeaderChecksum,
    /// A whole header, but of another place.
    #[error("the block belongs to another place")]
    Place,
    /// A field has a value that this version never writes.
    #[error("a field of the block's header is out of range")]
    Field,
    /// The body is not what was written.
    #[error("the checksum of the block's body does not match")]
    BodyChecksum,
}

impl<'a> BlockHeader<'a> {
    /// The header's length with its workspace name and checksum.
    pub fn header_bytes(&self) -> usize {
        block_header_bytes(self.workspace.len())
    }

    /// The whole block's length.
    pub fn block_bytes(&self) -> usize {
        self.header_bytes() + self.body_bytes as usize
    }

    /// Writes the header into `out`, which has exactly [`Self::header_bytes`].
    pub fn write(&self, out: &mut [u8]) {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&BLOCK_MAGIC);
        put(&self.flags.to_le_bytes());
        put(&self.partition.0.to_le_bytes());
        put(&self.offset.to_le_bytes());
        put(&self.synced_before.to_le_bytes());
        put(&self.epoch.to_le_bytes());
        put(&self.records.to_le_bytes());
        put(&self.raw_bytes.to_le_bytes());
        put(&self.body_bytes.to_le_bytes());
        put(&self.body_crc.to_le_bytes());
        put(&u32_of(self.workspace.len()).to_le_bytes());
        put(self.workspace.as_bytes());
        let end = out.len() - CRC_BYTES;
        let crc = crc32c::crc32c(&out[..end]);
        out[end..].copy_from_slice(&crc.to_le_bytes());
    }

    /// Parses the header at the start of `bytes`, which must be the one of the block at `offset`.
    pub fn parse(bytes: &'a [u8], offset: u64) -> Result<Self, BlockFault> {
        let mut fields = Fields(bytes);
        match fields.array::<4>() {
            None => return Err(BlockFault::Short),
            Some(magic) if magic != BLOCK_MAGIC => return Err(BlockFault::Magic),
            Some(_) => {}
        }
        let header = Self::fields(&mut fields).ok_or(BlockFault::Short)?;
        let (name_bytes, mut header) = header;
        // Before the checksum: it bounds what the checksum is taken over.
        if name_bytes > NAME_BYTES_MAX {
            return Err(BlockFault::HeaderChecksum);
        }
        let name = fields.take(name_bytes).ok_or(BlockFault::Short)?;
        let stored = fields.u32().ok_or(BlockFault::Short)?;
        if crc32c::crc32c(&bytes[..BLOCK_FIXED_BYTES + name_bytes]) != stored {
            return Err(BlockFault::HeaderChecksum);
        }
        header.workspace = std::str::from_utf8(name).map_err(|_| BlockFault::Field)?;
        if header.offset != offset {
            return Err(BlockFault::Place);
        }
        if header.is_in_range() { Ok(header) } else { Err(BlockFault::Field) }
    }

    /// Parses a whole block: header, and a body whose checksum matches.
    pub fn parse_whole(bytes: &'a [u8], offset: u64) -> Result<(Self, &'a [u8]), BlockFault> {
        let header = Self::parse(bytes, offset)?;
        let body = bytes.get(header.header_bytes()..header.block_bytes()).ok_or(BlockFault::Short)?;
        if crc32c::crc32c(body) == header.body_crc { Ok((header, body)) } else { Err(BlockFault::BodyChecksum) }
    }

    fn fields(fields: &mut Fields<'_>) -> Option<(usize, BlockHeader<'a>)> {
        let header = BlockHeader {
            flags: fields.u16()?,
            partition: Partition(fields.u16()?),
            offset: fields.u64()?,
            synced_before: fields.u64()?,
            epoch: fields.u32()?,
            records: fields.u32()?,
            raw_bytes: fields.u32()?,
            body_bytes: fields.u32()?,
            body_crc: fields.u32()?,
            workspace: "",
        };
        Some((fields.u32()? as usize, header))
    }

    fn is_in_range(&self) -> bool {
        let raw = self.raw_bytes as usize;
        self.flags & !FLAG_LZ4 == 0
            && self.records > 0
            && self.records as usize <= raw / LENGTH_BYTES
            && raw <= RAW_BYTES_MAX
            && (self.body_bytes as usize) >= SEAL_BYTES
            // The writer stores a body uncompressed when compression does not make it smaller.
            && self.body_bytes as usize <= raw + SEAL_BYTES
            && self.synced_before <= self.offset
    }
}

/// The length of a block header.
pub fn block_header_bytes(workspace_bytes: usize) -> usize {
    BLOCK_FIXED_BYTES + workspace_bytes + CRC_BYTES
}

/// Bytes of one record length in a body.
pub const LENGTH_BYTES: usize = 4;

/// Where the payloads lie in an uncompressed body of `records` records; `None` when the lengths do not add up.
pub fn payload_ranges(raw: &[u8], records: u32) -> Option<Vec<Range<usize>>> {
    let records = records as usize;
    let mut at = records.checked_mul(LENGTH_BYTES).filter(|table| *table <= raw.len())?;
    let mut ranges = Vec::with_capacity(records);
    for length in raw[..at].chunks_exact(LENGTH_BYTES) {
        let length = u32::from_le_bytes(length.try_into().expect("chunks are this long")) as usize;
        let end = at.checked_add(length).filter(|end| *end <= raw.len())?;
        ranges.push(at..end);
        at = end;
    }
    (at == raw.len()).then_some(ranges)
}

/// What a block's seal is bound to: it opens nowhere else, and not with another count of records.
pub fn place(stream: &str, header: &BlockHeader<'_>) -> Vec<u8> {
    let mut place = Vec::with_capacity(stream.len() + 16);
    place.extend_from_slice(stream.as_bytes());
    place.push(0);
    place.extend_from_slice(&header.partition.0.to_le_bytes());
    place.extend_from_slice(&header.offset.to_le_bytes());
    place.extend_from_slice(&header.records.to_le_bytes());
    place
}

/// A length that the limits of this module keep below 4 GiB.
pub(super) fn u32_of(length: usize) -> u32 {
    u32::try_from(length).expect("lengths are bounded far below 4 GiB")
}

fn u16_of(length: usize) -> u16 {
    u16::try_from(length).expect("names and partition counts are bounded by 65 535")
}

/// Reads fields off the front; `None` when the bytes end.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
