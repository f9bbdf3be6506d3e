//! After a backup was restored: a log that published more than is here signs nothing that contradicts it.

use std::path::Path;

use insta::assert_snapshot;
use ledger::{Commitment, LedgerError};
use testkit::disk::FaultyDisk;

use crate::setup::{leaf_of, leaves, open, open_anchored, options, root};

const FILES: [&str; 3] = ["/ledger/checkpoint", "/ledger/tile/0/000.p/100", "/ledger/tile/entries/000.p/100"];
const ANCHOR: &str = "/elsewhere/anchor";

/// A log of 130 leaves whose directory was put back to 100. The anchor was not.
fn restored() -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    let log = open_anchored(&disk).expect("opens");
    log.append(0, &leaves(0..100)).expect("appends");
    let backup = FILES.map(|file| disk.bytes(file.as_ref()));
    log.append(100, &leaves(100..130)).expect("appends");
    drop(log);
    for (file, bytes) in FILES.iter().zip(backup) {
        disk.replace(Path::new(file), bytes);
    }
    disk
}

#[test]
fn it_refuses_to_sign_and_says_what_was_held_and_what_is_here() {
    let disk = restored();
    let held = disk.bytes(ANCHOR.as_ref());
    let log = open_anchored(&disk).expect("opens");
    assert_eq!((log.size(), log.held_size()), (100, 130));
    let told = "the ledger is behind what it published: a checkpoint over 130 leaves was given out, here are 100";
    for refused in [
        log.checkpoint().expect_err("refused"),
        log.prove(3).expect_err("refused"),
        log.served("checkpoint").expect_err("refused"),
        log.append(100, &[]).expect_err("refused"),
    ] {
        assert!(refused.to_string().starts_with(told), "{refused}");
    }
    assert_snapshot!(log.append(100, &leaves(100..120)).expect_err("still behind"), @"the ledger is behind what it published: a checkpoint over 130 leaves was given out, here are 120, as after a backup was restored. Nothing is signed until the missing choices are back: restore the newest state (`state.db`); when they are lost for good, begin a new log under a new origin and say so to those who hold receipts");
    assert_eq!(disk.bytes(ANCHOR.as_ref()), held);
}

#[test]
fn with_the_same_leaves_it_goes_on_where_it_was() {
    let log = open_anchored(&restored()).expect("opens");
    let signed = log.append(100, &leaves(100..150)).expect("has what was published");
    assert_eq!(signed.checkpoint().root, root(&leaves(0..150)));
    assert_eq!((log.size(), log.held_size()), (150, 150));
}

#[test]
fn with_other_leaves_it_would_fork_and_never_signs() {
    let disk = restored();
    let others: Vec<Commitment> = (100..150).map(|index| leaf_of(2, index)).collect();
    let log = open_anchored(&disk).expect("opens");
    for count in [30, 50] {
        let error = log.append(100, &others[..count]).expect_err("refused");
        assert!(matches!(&error, LedgerError::Fork { held, .. } if held.size == 130), "{error}");
    }
    assert_snapshot!(log.append(100, &others).expect_err("refused"), @"the ledger would fork: over 130 leaves it published the root `yMDK70HwOyLkMDm5U3fhYHYNOF5bUPjfqDlcjuQOG9w=`, here it is `g2817v9O37fQrdKsFWlrUKo4ktWXvnnaklbc6hESbfI=`. It signs nothing: whoever holds the published checkpoint could prove that choices were changed or lost. Restore the state that the checkpoint is of; when it is lost for good, begin a new log under a new origin");
    // A directory that has parted already is refused when it is opened.
    drop(log);
    let other_disk = FaultyDisk::new(2);
    let log = open(&other_disk).expect("opens");
    log.append(0, &leaves(0..100)).expect("appends");
    log.append(100, &others).expect("nobody holds the first log here");
    drop(log);
    other_disk.replace(ANCHOR.as_ref(), disk.bytes(ANCHOR.as_ref()));
    assert!(matches!(open_anchored(&other_disk), Err(LedgerError::Fork { .. })));
}

#[test]
fn without_an_anchor_a_restored_backup_is_not_noticed() {
    let log = open(&restored()).expect("opens");
    assert!(log.append(100, &[leaf_of(2, 100)]).is_ok(), "the documentation says so: configure an anchor");
}

#[test]
fn a_lost_directory_is_built_again_from_the_same_leaves() {
    let (old, new) = (restored(), FaultyDisk::new(3));
    new.replace(ANCHOR.as_ref(), old.bytes(ANCHOR.as_ref()));
    let log = open_anchored(&new).expect("opens");
    assert_eq!((log.size(), log.held_size()), (0, 130));
    assert_eq!(log.append(0, &leaves(0..130)).expect("appends").checkpoint().root, root(&leaves(0..130)));
}

#[test]
fn an_anchor_that_is_gone_is_missed_and_a_new_one_is_taken_up() {
    let disk = FaultyDisk::new(4);
    open(&disk).expect("opens").append(0, &leaves(0..10)).expect("appends");
    // From now on there is an anchor.
    drop(open_anchored(&disk).expect("opens"));
    let held = disk.bytes(ANCHOR.as_ref());
    assert_eq!(held, disk.bytes("/ledger/checkpoint".as_ref()));
    let elsewhere = ledger::Options { anchor: Some("/other/anchor".into()), ..options(&disk, None) };
    assert_snapshot!(ledger::Ledger::open(elsewhere).expect_err("is missed"), @"the ledger's anchor `/other/anchor` is gone: mount the disk that it was on. If it is lost for good and `/ledger/checkpoint` was not restored from a backup, copy that file there");
    disk.replace("/other/anchor".as_ref(), held);
    let elsewhere = ledger::Options { anchor: Some("/other/anchor".into()), ..options(&disk, None) };
    assert!(ledger::Ledger::open(elsewhere).is_ok(), "copied there, as the error says");
}

#[test]
fn a_checkpoint_that_was_changed_is_not_believed() {
    let disk = restored();
    let changed = String::from_utf8(disk.bytes(ANCHOR.as_ref())).expect("text").replace("\n130\n", "\n100\n");
    disk.replace(ANCHOR.as_ref(), changed.into_bytes());
    assert_snapshot!(open_anchored(&disk).expect_err("forged"), @"the checkpoint `/elsewhere/anchor` cannot be believed: the signature of `example.com/ledger/acme` does not fit the text: it was changed after it was signed");
}
