//! The directory's format: every earlier one opens, newer ones and other logs are refused.

use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use testkit::disk::FaultyDisk;

use crate::setup::{leaves, open, open_anchored, options, root};

const GOLDEN_LEAVES: u64 = 300;

/// All files below a golden directory, with their names in the log.
fn golden(version: u32) -> Vec<(PathBuf, Vec<u8>)> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{version}"));
    let mut files = Vec::new();
    let mut open = vec![base.clone()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).expect("a golden directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&base).expect("is below").to_owned();
                files.push((Path::new("/ledger").join(name), std::fs::read(&path).expect("a golden file")));
            }
        }
    }
    files
}

/// The files were written by the first release that had the format (`examples/golden.rs`) and never change.
#[test]
fn the_golden_directory_of_every_version_reads_and_goes_on() {
    let disk = FaultyDisk::new(1);
    for (path, bytes) in golden(1) {
        disk.replace(&path, bytes);
    }
    let log = open(&disk).expect("opens");
    assert_eq!(log.checkpoint().expect("is there").checkpoint().root, root(&leaves(0..GOLDEN_LEAVES)));
    for index in [0, 255, 256, 299] {
        assert!(log.prove(index).is_ok());
    }
    log.append(GOLDEN_LEAVES, &leaves(GOLDEN_LEAVES..310)).expect("goes on");
}

/// The same leaves make the same bytes: what is on disk depends on nothing but the leaves and the key.
#[test]
fn the_golden_directory_is_what_is_written_today() {
    let disk = FaultyDisk::new(2);
    let log = open(&disk).expect("opens");
    log.append(0, &leaves(0..GOLDEN_LEAVES)).expect("appends");
    let files = golden(1);
    assert_eq!(files.len(), 7);
    for (path, bytes) in files {
        assert_eq!(disk.bytes(&path), bytes, "{}", path.display());
    }
}

fn refused(file: &str, text: &str) -> String {
    let disk = FaultyDisk::new(3);
    open(&disk).expect("opens").append(0, &leaves(0..5)).expect("appends");
    disk.replace(file.as_ref(), text.as_bytes().to_vec());
    open(&disk).expect_err("refused").to_string()
}

#[test]
fn newer_foreign_and_broken_directories_are_refused() {
    assert_snapshot!(refused("/ledger/format", "assent ledger 2\nexample.com/ledger/acme\n"), @"the ledger `/ledger/format` was written by a newer version of Assent (format 2, this one knows 1): start that version");
    assert_snapshot!(refused("/ledger/format", "assent ledger 1\nexample.com/ledger/globex\n"), @"the ledger `/ledger/format` is the log `example.com/ledger/globex`, not `example.com/ledger/acme`: its origin is fixed when it is made");
    assert_snapshot!(refused("/ledger/format", ""), @"the ledger's `/ledger/format` is damaged: it does not begin with `assent ledger `; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
    assert_snapshot!(refused("/ledger/checkpoint", "none"), @"the checkpoint `/ledger/checkpoint` cannot be believed: this is no signed note: no empty line parts text and signatures");
    assert_snapshot!(refused("/ledger/tile/0/000.p/5", ""), @"the ledger's `/ledger/tile/0/000.p/5` is damaged: it has 0 bytes instead of 160; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
    assert_snapshot!(refused("/ledger/tile/0/000.p/5", &"x".repeat(160)), @"the ledger's `/ledger/tile` is damaged: its tiles do not have the root of `/ledger/checkpoint`, 5 leaves; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
    assert_snapshot!(refused("/ledger/tile/entries/000.p/5", &"x".repeat(170)), @"the ledger's `/ledger/tile/entries/000.p/5` is damaged: it is no bundle of entries; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
}

#[test]
fn a_log_with_an_anchor_says_so_in_its_format() {
    let disk = FaultyDisk::new(4);
    drop(open_anchored(&disk).expect("opens"));
    let text = String::from_utf8(disk.bytes("/ledger/format".as_ref())).expect("text");
    assert_snapshot!(text, @r"
    assent ledger 1
    example.com/ledger/acme
    anchored
    ");
    // Who takes the anchor away by not naming it goes without one, knowingly.
    assert!(ledger::Ledger::open(options(&disk, None)).is_ok());
}
