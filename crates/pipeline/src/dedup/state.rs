//! The one small file that says what the index consists of: key, runs and checkpoints. It is replaced as a whole, so
//! it is always one that was true; a run that it does not name does not exist.
//!
//! # On disk (version 1, numbers little-endian)
//!
//! ```text
//!   8  magic "ASSENTDS"        per partition            per run, oldest first
//!   4  version                   1  1 = checkpointed       8  its number
//!  16  key                      12  processed position     1  its level
//!   8  next run's number        12  raw position         behind them
//!   2  partitions                                          4  CRC32C of all before
//!   4  runs
//! ```

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use eventlog::Position;

use super::fingerprint::MessageKey;

/// The version this code writes, and the newest it opens.
pub(super) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"ASSENTDS";
/// The file's name.
pub(super) const FILE: &str = "state";

/// How far the runs reach in one partition: every id of `processed` up to `processed` is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The record of `processed`.
    pub processed: Position,
    /// The raw position that it carries.
    pub raw: Position,
}

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) key: MessageKey,
    pub(super) next_sequence: u64,
    pub(super) checkpoints: Vec<Option<Checkpoint>>,
    pub(super) runs: Vec<(u64, u8)>,
}

/// Why a state does not read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StateFault {
    Newer(u32),
    Damaged,
}

impl State {
    pub(super) fn new(key: MessageKey, partitions: u16) -> Self {
        Self { key, next_sequence: 1, checkpoints: vec![None; usize::from(partitions)], runs: Vec::new() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.next_sequence.to_le_bytes());
        let partitions = u16::try_from(self.checkpoints.len()).expect("partitions are numbered by a u16");
        out.extend_from_slice(&partitions.to_le_bytes());
        out.extend_from_slice(&u32::try_from(self.runs.len()).expect("runs are few").to_le_bytes());
        for checkpoint in &self.checkpoints {
            out.push(u8::from(checkpoint.is_some()));
            let nowhere = Position { block: 0, index: 0 };
            let checkpoint = checkpoint.unwrap_or(Checkpoint { processed: nowhere, raw: nowhere });
            for position in [checkpoint.processed, checkpoint.raw] {
                out.extend_from_slice(&position.block.to_le_bytes());
                out.extend_from_slice(&position.index.to_le_bytes());
            }
        }
        for (sequence, level) in &self.runs {
            out.extend_from_slice(&sequence.to_le_bytes());
            out.push(*level);
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, StateFault> {
        let mut fields = Fields(bytes);
        if fields.array() != Some(MAGIC) {
            return Err(StateFault::Damaged);
        }
        let version = fields.u32().ok_or(StateFault::Damaged)?;
        if version > VERSION {
            return Err(StateFault::Newer(version));
        }
        let whole =
            bytes.split_last_chunk::<4>().filter(|(body, crc)| crc32c::crc32c(body) == u32::from_le_bytes(**crc));
        whole.and_then(|_| Self::fields(&mut fields)).ok_or(StateFault::Damaged)
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        let key = MessageKey(fields.array()?);
        let next_sequence = fields.u64()?;
        let partitions = u16::from_le_bytes(fields.array()?);
        let runs = fields.u32()?;
        let mut state = Self::new(key, 0);
        state.next_sequence = next_sequence;
        for _ in 0..partitions {
            let [is_there] = fields.array()?;
            let checkpoint = Checkpoint { processed: fields.position()?, raw: fields.position()? };
            state.checkpoints.push((is_there == 1).then_some(checkpoint));
        }
        for _ in 0..runs {
            let sequence = fields.u64()?;
            let [level] = fields.array()?;
            state.runs.push((sequence, level));
        }
        Some(state)
    }

    /// Replaces the file durably.
    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let path = directory.join(FILE);
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&self.encode())?;
        file.sync_all()?;
        std::fs::rename(&fresh, &path)?;
        File::open(directory)?.sync_all()
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn position(&mut self) -> Option<Position> {
        Some(Position { block: self.u64()?, index: self.u32()? })
    }
}
