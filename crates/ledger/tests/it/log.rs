//! Appending, proving, and the files that others read.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use disk::RealDisk;
use insta::assert_snapshot;
use ledger::tree::{is_consistent, root_of_inclusion};
use ledger::{Commitment, Hash, Ledger, LogKey, Opening, Options, Receipt, Record, Salt, verify};
use serde_json::json;
use testkit::disk::FaultyDisk;

use crate::setup::{ORIGIN, key, leaf, leaves, open, root};

/// Sizes around everything that changes: a tile is full, a level begins.
const SIZES: [u64; 9] = [0, 1, 2, 255, 256, 257, 300, 511, 1000];

#[test]
fn it_knows_when_it_published_last_over_a_restart_and_not_when_it_was_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger");
    let open = || {
        let disk = Arc::new(RealDisk);
        Ledger::open(Options { directory: path.clone(), anchor: None, key: key(), disk }).expect("opens")
    };
    let yesterday = UNIX_EPOCH + Duration::from_secs(1_795_212_001);
    let log = open();
    log.append(0, &leaves(0..3)).expect("appends");
    let checkpoint = File::options().write(true).open(path.join("checkpoint")).expect("it is there");
    checkpoint.set_modified(yesterday).expect("it has a time");
    drop(log);
    let log = open();
    log.append(1, &leaves(1..3)).expect("has them already");
    assert_eq!(log.published_at(), Some(yesterday));
    log.append(3, &leaves(3..4)).expect("appends");
    assert_ne!(log.published_at().expect("the disk tells"), yesterday);
}

#[test]
fn every_leaf_is_proved_and_every_beginning_is_consistent() {
    let disk = FaultyDisk::new(1);
    let log = open(&disk).expect("opens");
    for (from, to) in SIZES.into_iter().zip(SIZES.into_iter().skip(1)) {
        let signed = log.append(from, &leaves(from..to)).expect("appends");
        let all = leaves(0..to);
        assert_eq!((signed.checkpoint().size, signed.checkpoint().root), (to, root(&all)));
        for index in (0..to).step_by(37).chain([to - 1]) {
            let proof = log.prove(index).expect("is there");
            assert_eq!(root_of_inclusion(index, to, leaf(index).leaf(), &proof.hashes), Some(signed.checkpoint().root));
        }
        for earlier in SIZES.into_iter().filter(|earlier| *earlier <= to) {
            let path = log.consistency(earlier, to).expect("was a size");
            let old = (earlier, root(&leaves(0..earlier)));
            assert!(is_consistent(old, (to, signed.checkpoint().root), &path), "{earlier} to {to}");
        }
    }
    assert_snapshot!(log.prove(1000).expect_err("no leaf"), @"the ledger has 1000 published leaves; 1000 is beyond it: what was recorded a moment ago is published within seconds");
    assert_snapshot!(log.consistency(5, 1001).expect_err("no size"), @"the ledger has 1000 published leaves; 1001 is beyond it: what was recorded a moment ago is published within seconds");
    assert_snapshot!(log.append(1001, &leaves(1001..1002)).expect_err("a gap"), @"the ledger ends at leaf 1000 and the next one given is 1001: those between are missing");
}

#[test]
fn what_is_there_already_is_compared_and_not_added() {
    let disk = FaultyDisk::new(2);
    let log = open(&disk).expect("opens");
    let first = log.append(0, &leaves(0..300)).expect("appends");
    assert_eq!(log.append(0, &leaves(0..300)).expect("is known"), first);
    assert_eq!(log.append(290, &leaves(290..310)).expect("appends").checkpoint().root, root(&leaves(0..310)));
    let mut other = leaves(250..320);
    other[8] = leaf(9999);
    let error = log.append(250, &other).expect_err("another leaf").to_string();
    assert!(error.starts_with("leaf 258 of the ledger was"), "{error}");
    assert_eq!(log.size(), 310);
}

/// Whoever has only the files computes the same root and finds every entry.
#[test]
fn the_served_files_are_the_tree() {
    let directory = tempfile::tempdir().expect("a directory");
    let options =
        Options { directory: directory.path().join("ledger"), anchor: None, key: key(), disk: Arc::new(RealDisk) };
    let log = Ledger::open(options).expect("opens");
    let steps = [1, 255, 256, 300, 700];
    for (from, to) in [0].into_iter().chain(steps).zip(steps) {
        log.append(from, &leaves(from..to)).expect("appends");
    }
    let served = |name: &str| log.served(name).expect("reads").map(|file| file.bytes);
    let hashes = |name: &str| -> Vec<Hash> {
        served(name).expect(name).chunks_exact(32).map(|hash| Hash(hash.try_into().expect("32 bytes"))).collect()
    };
    let entries = |name: &str| served(name).expect(name);
    for (tile, first, last) in
        [("000", 0, 256), ("001", 256, 512), ("002.p/188", 512, 700), ("002.p/1", 512, 513), ("000.p/7", 0, 7)]
    {
        let expected: Vec<Commitment> = leaves(first..last);
        assert_eq!(hashes(&format!("tile/0/{tile}")), expected.iter().map(Commitment::leaf).collect::<Vec<_>>());
        let bytes: Vec<u8> = expected.iter().flat_map(|entry| [&[0, 32][..], &entry.0].concat()).collect();
        assert_eq!(entries(&format!("tile/entries/{tile}")), bytes);
    }
    assert_eq!(hashes("tile/1/000.p/2"), [root(&leaves(0..256)), root(&leaves(256..512))]);
    for none in [
        "tile/0/003",
        "tile/0/002",
        "tile/0/002.p/189",
        "tile/1/000",
        "tile/1/000.p/3",
        "tile/2/000.p/1",
        "format",
        "../key",
        "",
    ] {
        assert_eq!(served(none), None, "{none}");
    }
    let checkpoint = log.served("checkpoint").expect("reads").expect("is there");
    assert_eq!(
        (checkpoint.bytes, checkpoint.is_immutable),
        (log.checkpoint().expect("is there").note().as_bytes().to_vec(), false)
    );
    // The same names lie in the directory, and no unfinished tile beside its full one.
    for there in
        ["checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/002.p/188"]
    {
        let bytes = std::fs::read(directory.path().join("ledger").join(there)).expect(there);
        assert_eq!(Some(bytes), served(there), "{there}");
    }
    let unfinished = std::fs::read_dir(directory.path().join("ledger/tile/0/000.p")).expect("was there").count();
    assert_eq!(unfinished, 0);
}

#[test]
fn a_receipt_from_the_log_verifies_and_keeps_verifying_as_it_grows() {
    let disk = FaultyDisk::new(3);
    let log = open(&disk).expect("opens");
    let record = Record::new(&json!({ "kind": "choice", "id": "1" })).expect("a record");
    let opening = Opening { record, salt: Salt::new([9; 32]) };
    let mut all = leaves(0..400);
    all[123] = opening.commitment();
    log.append(0, &all).expect("appends");
    let receipt = Receipt::new(opening.clone(), None, log.prove(123).expect("is there")).to_text();
    log.append(400, &leaves(400..600)).expect("appends");
    let later = Receipt::new(opening, None, log.prove(123).expect("is there")).to_text();
    for receipt in [receipt, later] {
        assert_eq!(verify(&receipt, key().verifier()).expect("verifies").index, 123);
    }
}

#[test]
fn a_damaged_tile_is_told_and_never_proved_from() {
    let disk = FaultyDisk::new(4);
    let log = open(&disk).expect("opens");
    log.append(0, &leaves(0..600)).expect("appends");
    disk.rot("/ledger/tile/0/000".as_ref(), 40);
    assert_snapshot!(log.prove(3).expect_err("damaged"), @"the ledger's `/ledger/tile/0/000` is damaged: leaf 3 does not lead to the root of the checkpoint; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
    assert!(log.prove(300).is_ok(), "its path has the root of the damaged tile only, which is in the level above");
    disk.replace("/ledger/tile/0/000".as_ref(), vec![0; 100]);
    assert_snapshot!(log.prove(3).expect_err("damaged"), @"the ledger's `/ledger/tile/0/000` is damaged: it has 100 bytes instead of 8192; restore the directory from a backup, or remove it (not the anchor): it is built again from the state");
}

#[test]
fn only_one_process_signs() {
    let disk = FaultyDisk::new(5);
    let _log = open(&disk).expect("opens");
    assert_snapshot!(open(&disk).expect_err("is locked"), @"the ledger `/ledger` is in use by another process: only one may sign");
}

#[test]
fn a_key_is_made_once_private_and_of_one_log() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("keys/acme.key");
    let made = LogKey::open(&path, ORIGIN, &[3; 32]).expect("is made");
    let mode = std::fs::metadata(&path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let again = LogKey::open(&path, ORIGIN, &[4; 32]).expect("is read");
    assert_eq!(made.verifier(), again.verifier());
    assert_eq!(std::fs::read_dir(directory.path().join("keys")).expect("readable").count(), 1);
    let say = |error: ledger::key::KeyFault| error.to_string().replace(&directory.path().display().to_string(), "DIR");
    assert_snapshot!(say(LogKey::open(&path, "example.com/other", &[3; 32]).expect_err("another log")), @"the key `DIR/keys/acme.key` is the one of the log `example.com/ledger/acme`, not of `example.com/other`: each log has its own");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changes");
    assert_snapshot!(say(LogKey::open(&path, ORIGIN, &[3; 32]).expect_err("is open")), @"the ledger's key `DIR/keys/acme.key` can be read by others: `chmod 600` it, and if somebody may have read it, begin a new log under a new origin");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changes");
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, text.replace("acme", "acne")).expect("writes");
    assert_snapshot!(say(LogKey::open(&path, "example.com/ledger/acne", &[3; 32]).expect_err("changed")), @"the ledger's key `DIR/keys/acme.key` is not one: a part of it was changed; restore it from your copy, receipts are checked against it");
    std::fs::write(&path, "").expect("writes");
    assert_snapshot!(say(LogKey::open(&path, ORIGIN, &[3; 32]).expect_err("empty")), @"the ledger's key `DIR/keys/acme.key` is not one: it does not begin with `PRIVATE+KEY+`; restore it from your copy, receipts are checked against it");
    assert_eq!(format!("{made:?}"), format!("LogKey({})", made.verifier()));
}
