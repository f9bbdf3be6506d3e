//! The power goes at every step, writes and syncs fail. Whatever was published stays, and the same leaves given again
//! give the same log.

use ledger::tree::is_consistent;
use ledger::{Ledger, LedgerError, SignedCheckpoint};
use proptest::prelude::*;
use testkit::disk::FaultyDisk;

use crate::setup::{leaves, open_anchored, root};

/// Steps of a log's life, across a full tile.
const SIZES: [u64; 6] = [3, 200, 255, 256, 259, 600];

/// Publishes all that a table of `size` leaves has, as the publisher does: from where the tree is.
fn publish(log: &Ledger, size: u64) -> Result<SignedCheckpoint, LedgerError> {
    log.append(log.size(), &leaves(log.size()..size))
}

fn check_holds(log: &Ledger, published: &[SignedCheckpoint]) {
    let now = log.checkpoint().expect("is published");
    for earlier in published {
        let [old, new] = [earlier, &now].map(|signed| (signed.checkpoint().size, signed.checkpoint().root));
        let path = log.consistency(old.0, new.0).expect("nothing published is lost");
        assert!(is_consistent(old, new, &path), "{} to {}", old.0, new.0);
    }
}

/// A server's life: everything is published, step by step, until something fails.
fn live(disk: &FaultyDisk, published: &mut Vec<SignedCheckpoint>) -> Result<Ledger, LedgerError> {
    let log = open_anchored(disk)?;
    for size in SIZES.into_iter().filter(|size| *size >= log.held_size().max(1)) {
        published.push(publish(&log, size)?);
    }
    Ok(log)
}

/// A life with a fault at a call, then lives without until all is published. How many lives did not end well.
fn lives(seed: u64, call: u64, fault: fn(&FaultyDisk, u64)) -> usize {
    let disk = FaultyDisk::new(seed);
    let mut published = Vec::new();
    fault(&disk, call);
    for life in 0..4 {
        match live(&disk, &mut published) {
            // The power may also have gone while what nobody needs was deleted.
            Ok(log) if disk.has_power() => {
                check_holds(&log, &published);
                assert_eq!(log.checkpoint().expect("is published").checkpoint().root, root(&leaves(0..600)));
                assert_eq!(log.prove(255).expect("is there").hashes.len(), 10);
                return life;
            }
            Ok(_) | Err(LedgerError::Io { .. }) => disk.power_on(),
            Err(error) => assert_eq!(error.to_string(), "", "seed {seed}, call {call}: a fault became another error"),
        }
    }
    unreachable!("seed {seed}, call {call}: the log did not come back")
}

#[test]
fn a_power_failure_at_any_call_loses_nothing_that_was_published() {
    let mut hit = 0;
    for call in 1..260 {
        hit += lives(call, call, FaultyDisk::cut_power_in);
    }
    assert!(hit > 100, "the power went {hit} times only: the calls are counted wrongly");
}

#[test]
fn a_failed_write_or_sync_is_told_and_made_up_for() {
    for nth in 1..60 {
        lives(nth, nth, FaultyDisk::fail_write);
        lives(nth, nth, FaultyDisk::fail_sync);
    }
}

/// A log goes on in the same life after its disk failed once.
#[test]
fn an_append_that_failed_is_repeated() {
    for nth in 1..12 {
        let disk = FaultyDisk::new(nth);
        let log = open_anchored(&disk).expect("opens");
        let before = publish(&log, 10).expect("publishes");
        disk.fail_sync(nth);
        let first = publish(&log, 20);
        if first.is_err() {
            assert_eq!(log.checkpoint().expect("the old one stands"), before);
        }
        // The fault may hit this call only; the next one is spared.
        let again = publish(&log, 25).or_else(|_| publish(&log, 25)).expect("publishes");
        assert_eq!(again.checkpoint().root, root(&leaves(0..25)));
        check_holds(&log, &[before]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_two_faults_in_any_order(seed: u64, first in 1..120_u64, second in 1..60_u64) {
        let disk = FaultyDisk::new(seed);
        let mut published = Vec::new();
        for cut in [Some(first), Some(second), None] {
            if let Some(cut) = cut {
                disk.cut_power_in(cut);
            }
            let ended = live(&disk, &mut published).map(drop);
            prop_assert!(matches!(ended, Ok(()) | Err(LedgerError::Io { .. })), "{:?}", ended);
            disk.power_on();
        }
        let log = live(&disk, &mut published).expect("comes back");
        check_holds(&log, &published);
    }
}
