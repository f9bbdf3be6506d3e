//! Any bytes as a segment file, and whole segments with any damage: recovery answers, finds every block in front of
//! the damage, and passes over no byte in silence.
#![no_main]

use std::ops::Range;

use event::Millis;
use eventlog::Partition;
use eventlog::file::format::{BlockHeader, SEAL_BYTES, SegmentHeader, block_header_bytes};
use eventlog::file::scan::{Scan, scan};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const PARTITIONS: u16 = 4;
const BASE: u64 = 1 << 20;
const WORKSPACE: &str = "acme";

#[derive(Debug, Arbitrary)]
enum Case {
    /// A file of these bytes.
    Bytes(Vec<u8>),
    /// A segment as the log writes it, then damaged.
    Segment { bodies: Vec<Vec<u8>>, flips: Vec<(u16, u8)>, cut: Option<u16>, tail: Vec<u8> },
}

fuzz_target!(|case: Case| match case {
    Case::Bytes(bytes) => {
        if let Ok(found) = scan(&bytes) {
            check_tiled(&found, &bytes);
        }
    }
    Case::Segment { bodies, flips, cut, tail } => {
        let (mut bytes, blocks) = segment(&bodies);
        bytes.extend(tail);
        let damaged_from = damage(&mut bytes, &flips, cut);
        if let Ok(found) = scan(&bytes) {
            check_tiled(&found, &bytes);
            check_found(&found, &blocks, damaged_from);
        } else {
            assert!(damaged_from < header().len(), "only a damaged header makes a segment unreadable");
        }
    }
});

fn header() -> Vec<u8> {
    let before = vec![None; usize::from(PARTITIONS)];
    SegmentHeader { stream: "raw".to_owned(), base: BASE, begun_at: Some(Millis(1)), before }.encode()
}

/// A segment of one block per body, each synced before the next, and where the blocks lie.
fn segment(bodies: &[Vec<u8>]) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut bytes = header();
    let mut blocks = Vec::new();
    for (number, body) in bodies.iter().take(64).enumerate() {
        let mut body = body.clone();
        body.resize(body.len().max(SEAL_BYTES + 4), 0);
        let at = bytes.len();
        let offset = BASE + at as u64;
        let block = BlockHeader {
            offset,
            synced_before: offset,
            partition: Partition((number % usize::from(PARTITIONS)) as u16),
            workspace: WORKSPACE,
            epoch: 1,
            records: 1,
            raw_bytes: (body.len() - SEAL_BYTES) as u32,
            body_bytes: body.len() as u32,
            body_crc: crc32c::crc32c(&body),
            flags: 0,
        };
        bytes.resize(at + block_header_bytes(WORKSPACE.len()), 0);
        block.write(&mut bytes[at..]);
        bytes.extend(body);
        blocks.push(at..bytes.len());
    }
    (bytes, blocks)
}

/// Flips bits and cuts the end off; returns the first offset that may have changed.
fn damage(bytes: &mut Vec<u8>, flips: &[(u16, u8)], cut: Option<u16>) -> usize {
    let mut from = bytes.len();
    for (at, bits) in flips {
        let at = usize::from(*at) % bytes.len();
        bytes[at] ^= bits;
        from = from.min(at);
    }
    if let Some(cut) = cut {
        let keep = usize::from(cut) % (bytes.len() + 1);
        bytes.truncate(keep);
        from = from.min(keep);
    }
    from
}

/// Blocks and reported damage cover the file from its header to its end without a gap.
fn check_tiled(found: &Scan, bytes: &[u8]) {
    let blocks =
        found.blocks.iter().map(|(_, entry)| u64::from(entry.at)..u64::from(entry.at) + u64::from(entry.length));
    let mut parts: Vec<Range<u64>> = blocks.chain(found.damaged.iter().cloned()).collect();
    parts.sort_by_key(|part| part.start);
    assert!(found.end <= bytes.len() as u64, "the end is inside the file");
    for pair in parts.windows(2) {
        assert_eq!(pair[0].end, pair[1].start, "a gap between what was found");
    }
    if let Some(last) = parts.last() {
        assert_eq!(last.end, found.end, "a gap before the end");
    }
}

/// Every block that lies wholly in front of the damage is found in its place.
fn check_found(found: &Scan, blocks: &[Range<usize>], damaged_from: usize) {
    for block in blocks.iter().filter(|block| block.end <= damaged_from) {
        let there = found
            .blocks
            .iter()
            .any(|(_, entry)| entry.at as usize == block.start && entry.length as usize == block.len());
        assert!(there, "the block at {} was lost; damage starts at {damaged_from}", block.start);
    }
}
