//! The bytes on disk: round trips, goldens, and any bytes at all.

use std::path::{Path, PathBuf};

use event::Millis;
use eventlog::file::OpenError;
use eventlog::file::format::{
    BlockFault, BlockHeader, FLAG_LZ4, SEAL_BYTES, SegmentFault, SegmentHeader, VERSION, payload_ranges,
};
use eventlog::file::scan::{Tail, scan};
use eventlog::{Append, EventLog, Partition, Position};
use proptest::prelude::*;
use testkit::disk::FaultyDisk;
use tokio::runtime::Runtime;

use crate::setup::{DIRECTORY, PARTITIONS, append, noise, open, read_all};

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn position() -> impl Strategy<Value = Option<Position>> {
    proptest::option::of((0..u64::MAX, any::<u32>()).prop_map(|(block, index)| Position { block, index }))
}

fn segment_path(base: u64) -> PathBuf {
    Path::new(DIRECTORY).join(format!("{base:020}.seg"))
}

/// The first segment after a few commits, and where each block starts.
fn sample_segment() -> (Vec<u8>, Vec<u64>) {
    let disk = FaultyDisk::new(1);
    let blocks = runtime().block_on(async {
        let log = open(&disk).expect("opens");
        let mut blocks = Vec::new();
        for number in 0..8_u16 {
            let batch = vec![append(number % PARTITIONS, "acme", noise(number.into(), 300)); 2];
            blocks.push(log.append(batch).await.expect("appends")[0].block);
        }
        blocks
    });
    (disk.bytes(&segment_path(0)), blocks)
}

proptest! {
    #[test]
    fn a_segment_header_reads_back(
        stream in "[a-zö]{0,40}",
        base in any::<u64>(),
        begun_at in proptest::option::of(any::<i64>().prop_map(Millis)),
        before in proptest::collection::vec(position(), 1..20),
        behind in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let header = SegmentHeader { stream, base, begun_at, before };
        let mut bytes = header.encode();
        let length = bytes.len();
        bytes.extend(behind);
        prop_assert_eq!(SegmentHeader::parse(&bytes), Ok((header, length)));
    }

    #[test]
    fn a_block_header_reads_back_only_at_its_place(
        (offset, synced_before) in (0..u64::MAX / 2).prop_flat_map(|offset| (Just(offset), 0..=offset)),
        partition in any::<u16>(),
        workspace in "[a-z-]{0,60}",
        epoch in any::<u32>(),
        records in 1..1000_u32,
        body_crc in any::<u32>(),
        flags in 0..=FLAG_LZ4,
    ) {
        let raw_bytes = records * 9;
        let seal_bytes = u32::try_from(SEAL_BYTES).expect("small");
        let header = BlockHeader {
            offset, synced_before, partition: Partition(partition), workspace: &workspace, epoch, records, raw_bytes,
            body_bytes: raw_bytes + seal_bytes, body_crc, flags,
        };
        let mut bytes = vec![0; header.header_bytes()];
        header.write(&mut bytes);
        prop_assert_eq!(BlockHeader::parse(&bytes, offset), Ok(header));
        prop_assert_eq!(BlockHeader::parse(&bytes, offset + 1), Err(BlockFault::Place));
        for at in 4..bytes.len() {
            bytes[at] ^= 1;
            prop_assert!(BlockHeader::parse(&bytes, offset).is_err(), "byte {} changed", at);
            bytes[at] ^= 1;
        }
    }

    #[test]
    fn payloads_fill_the_body_or_nothing_is_read(raw in proptest::collection::vec(0..4_u8, 0..60), records in 0..9_u32) {
        if let Some(ranges) = payload_ranges(&raw, records) {
            prop_assert_eq!(ranges.len(), records as usize);
            let mut end = ranges.len() * 4;
            for range in ranges {
                prop_assert_eq!(range.start, end);
                end = range.end;
            }
            prop_assert_eq!(end, raw.len());
        }
    }

    #[test]
    fn any_bytes_scan_to_something(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(scan(&bytes).is_err(), "no magic, no segment");
        let header = SegmentHeader { stream: "raw".into(), base: 0, begun_at: None, before: vec![None; 3] };
        let with_header = [&header.encode()[..], &bytes].concat();
        let found = scan(&with_header).expect("a whole header");
        prop_assert_eq!(found.blocks.len(), 0);
        prop_assert_eq!(found.end, header.encode().len() as u64);
    }

    #[test]
    fn what_was_not_changed_is_found_again(changes in proptest::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4)) {
        let (bytes, blocks) = sample_segment();
        let end = usize::try_from(scan(&bytes).expect("whole").end).expect("small");
        let start = usize::try_from(blocks[0]).expect("small");
        let mut changed = bytes.clone();
        for (at, flip) in &changes {
            changed[start + at.index(end - start)] ^= flip;
        }
        let found = scan(&changed).expect("the segment header is whole");
        prop_assert!(found.end <= end as u64);
        let whole: Vec<u64> = blocks
            .iter()
            .enumerate()
            .filter(|(at, block)| {
                let from = usize::try_from(**block).expect("small");
                let to = blocks.get(at + 1).map_or(end, |next| usize::try_from(*next).expect("small"));
                bytes[from..to] == changed[from..to]
            })
            .map(|(_, block)| *block)
            .collect();
        let listed: Vec<u64> = found.blocks.iter().map(|(_, entry)| entry.at.into()).collect();
        // Every commit here is one block, so a whole block behind the damage proves that the damaged one was synced.
        for block in &whole {
            prop_assert!(listed.contains(block), "block {} of {:?} is missing in {:?}", block, whole, listed);
        }
    }

    #[test]
    fn a_file_cut_anywhere_keeps_what_stands_before_the_cut(at in any::<prop::sample::Index>()) {
        let (bytes, blocks) = sample_segment();
        let end = usize::try_from(scan(&bytes).expect("whole").end).expect("small");
        let start = usize::try_from(blocks[0]).expect("small");
        let cut = start + at.index(end - start + 1);
        let found = scan(&bytes[..cut]).expect("the segment header is whole");
        let ends = blocks[1..].iter().copied().chain([end as u64]);
        let whole = ends.filter(|end| *end <= cut as u64).count();
        prop_assert_eq!(found.blocks.len(), whole);
        prop_assert!(found.damaged.is_empty());
        prop_assert_eq!(found.tail == Tail::Clean, found.end == cut as u64);
    }
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = SegmentHeader { stream: "raw".into(), base: 0, begun_at: None, before: vec![None; 3] }.encode();
    bytes[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
    assert_eq!(scan(&bytes), Err(SegmentFault::Newer(VERSION + 1)));
    let disk = FaultyDisk::new(2);
    disk.replace(&segment_path(0), bytes);
    let error = open(&disk).expect_err("newer");
    assert!(matches!(error, OpenError::Newer { version: 3, .. }));
    insta::assert_snapshot!(error, @"the log segment `/log/00000000000000000000.seg` has format version 3, this release reads up to 2; use the release that wrote it, or a newer one");
}

#[test]
fn a_damaged_segment_header_is_refused_and_never_recreated() {
    let (mut bytes, _) = sample_segment();
    bytes[30] ^= 1;
    let disk = FaultyDisk::new(3);
    disk.replace(&segment_path(0), bytes.clone());
    let error = open(&disk).expect_err("damaged");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(disk.bytes(&segment_path(0)), bytes, "left as it was");
}

/// What the golden directory of version 1 holds.
fn golden_batches() -> Vec<Vec<Append>> {
    (0..40_u64)
        .map(|number| {
            let partition = u16::try_from(number % 3).expect("small");
            let text = format!("event {number}, und mit Umlaut: schön. {}", "compressible ".repeat(20));
            vec![
                append(partition, "acme", text),
                append(partition, if number.is_multiple_of(4) { "globex" } else { "acme" }, noise(number, 500)),
                append(2, "acme", ""),
            ]
        })
        .collect()
}

/// What the clock showed while version 2's directory was written.
const GOLDEN_TIME: Millis = Millis(1_763_762_400_000);

/// A disk with the golden directory of a version.
fn golden_disk(version: u32) -> FaultyDisk {
    let disk = FaultyDisk::new(4);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"));
    for entry in std::fs::read_dir(directory).expect("the golden directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a file").to_owned();
        disk.replace(&Path::new(DIRECTORY).join(name), std::fs::read(&path).expect("a golden file"));
    }
    disk
}

async fn check_golden(log: &dyn EventLog) {
    for partition in 0..PARTITIONS {
        let expected = golden_batches().into_iter().flat_map(|batch| {
            // The blocks of a commit are in the order in which their first records came.
            let (acme, globex): (Vec<_>, Vec<_>) = batch.into_iter().partition(|one| &*one.workspace == "acme");
            acme.into_iter().chain(globex)
        });
        let expected: Vec<_> = expected
            .filter(|one| one.partition == Partition(partition))
            .map(|one| (one.workspace.to_string(), one.payload))
            .collect();
        let read = read_all(log, partition, None, 2000).await;
        let read: Vec<_> = read.into_iter().map(|one| (one.workspace.to_string(), one.payload)).collect();
        assert_eq!(read, expected, "partition {partition}");
    }
}

/// Every release opens every earlier directory. The files were written by the first release that had the format
/// (`golden_batches`, one append after the other, with the keys and options of `setup`) and never change.
#[test]
fn the_golden_directory_of_every_version_reads_the_same() {
    for version in 1..=VERSION {
        let disk = golden_disk(version);
        runtime().block_on(async {
            let log = open(&disk).expect("opens");
            assert!(log.usage().segments >= 2, "a finished segment and the last one");
            check_golden(&log).await;
            let told = [0, 1].map(|later| log.older_than(Partition(0), Millis(GOLDEN_TIME.0 + later)).is_some());
            assert_eq!(told, [false, version > 1], "version 1 knows no times");
            log.append(vec![append(0, "acme", "written by this release")]).await.expect("goes on where it ended");
        });
    }
}

/// Nobody knows how old a segment of version 1 is: it counts as older than anything asked for.
#[test]
fn a_segment_of_version_1_is_sealed_when_first_asked() {
    runtime().block_on(async {
        let log = open(&golden_disk(1)).expect("opens");
        let segments = log.usage().segments;
        log.seal(Millis(i64::MIN)).await.expect("seals");
        assert_eq!(log.usage().segments, segments + 1);
        assert_eq!(log.older_than(Partition(0), Millis(0)), None, "its successor was begun at 0");
        assert_eq!(log.older_than(Partition(0), Millis(1)), log.watermark(Partition(0)));
        check_golden(&log).await;
    });
}
