//! The index against a map, through flushes, merges and crashes.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

mod golden;

const PARTITIONS: u16 = 2;

fn options(directory: &Path) -> Options {
    Options { directory: directory.to_owned(), partitions: PARTITIONS, window_ms: 80_000, ids_max: 8_000 }
}

fn at(block: u64) -> Position {
    Position { block, index: 0 }
}

fn open(directory: &Path, mark: u64) -> Index {
    Index::open(options(directory), &[Some(at(mark)); 2]).expect("opens")
}

fn id_of(index: &Index, id: u16) -> MessageFingerprint {
    index.fingerprint("acme", &format!("m{id}"))
}

fn confirm(index: &Index, id: u16, place: u64, processed: u64, time: i64) {
    let through = Checkpoint { processed: at(processed), raw: at(place) };
    let ids = [(id_of(index, id), at(place))];
    index.confirm(&Confirmed { partition: Partition(0), ids: &ids, received: (Millis(time), Millis(time)), through });
}

#[derive(Debug, Clone)]
enum Step {
    Claim(u16),
    ConfirmAll,
    ReleaseAll,
    Flush,
    Restart,
    Lose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..200_u16).prop_map(Step::Claim),
        4 => Just(Step::ConfirmAll),
        1 => Just(Step::ReleaseAll),
        4 => Just(Step::Flush),
        1 => Just(Step::Restart),
        1 => Just(Step::Lose),
    ]
}

/// What the index is a copy of: the confirmed records, as `processed` would hold them.
#[derive(Debug, Default)]
struct Model {
    processed: Vec<(u16, u64)>,
    pending: Vec<(u16, u64)>,
    raw: u64,
}

impl Model {
    fn known(&self) -> HashMap<u16, u64> {
        self.processed.iter().chain(&self.pending).copied().collect()
    }

    fn mark(&self) -> u64 {
        self.processed.len() as u64
    }

    /// As `Worker::rebuild` does.
    fn reopen(&mut self, directory: &Path) -> Index {
        self.pending.clear();
        let index = open(directory, self.mark());
        let from = index.checkpoint(Partition(0)).map_or(0, |through| through.processed.block);
        for (processed, (id, place)) in (1..).zip(&self.processed).filter(|(processed, _)| *processed > from) {
            if index.claim(id_of(&index, *id), Place::new(Partition(0), at(*place))) == Seen::New {
                confirm(&index, *id, *place, processed, 0);
            }
        }
        index
    }

    fn apply(&mut self, index: Index, step: &Step, directory: &Path) -> Index {
        match step {
            Step::Claim(id) => {
                self.raw += 1;
                let seen = index.claim(id_of(&index, *id), Place::new(Partition(0), at(self.raw)));
                let expected = if self.known().contains_key(id) { Seen::Elsewhere } else { Seen::New };
                assert_eq!(seen, expected, "m{id}");
                if seen == Seen::New {
                    self.pending.push((*id, self.raw));
                }
            }
            Step::ConfirmAll => {
                for (id, place) in std::mem::take(&mut self.pending) {
                    self.processed.push((id, place));
                    confirm(&index, id, place, self.mark(), 0);
                }
            }
            Step::ReleaseAll => {
                for (id, place) in self.pending.drain(..) {
                    index.release(id_of(&index, id), Place::new(Partition(0), at(place)));
                }
            }
            Step::Flush => index.maintain(Millis(0), true).expect("writes"),
            Step::Restart => {
                drop(index);
                return self.reopen(directory);
            }
            Step::Lose => {
                drop(index);
                fs::remove_dir_all(directory).expect("the directory is ours");
                return self.reopen(directory);
            }
        }
        index
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is flushed, merged and lost: the index knows exactly what was confirmed and what is claimed.
    #[test]
    fn it_is_a_fold_over_processed(steps in proptest::collection::vec(step(), 1..300)) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("dedup");
        let mut model = Model::default();
        let mut index = open(&path, 0);
        for step in &steps {
            index = model.apply(index, step, &path);
        }
        for (id, place) in &model.processed {
            let own = Place::new(Partition(0), at(*place));
            prop_assert_eq!(index.claim(id_of(&index, *id), own), Seen::Done);
            let other = Place::new(Partition(1), at(*place));
            prop_assert_eq!(index.claim(id_of(&index, *id), other), Seen::Elsewhere);
        }
    }
}

#[test]
fn ids_are_forgotten_by_whole_runs_after_the_window_or_when_there_are_too_many() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let index = Index::open(Options { ids_max: 5, ..options(directory.path()) }, &[None; 2]).expect("opens");
    let claim = |id: u16| index.claim(id_of(&index, id), Place::new(Partition(1), at(1_000 + u64::from(id))));
    for id in 0..3 {
        confirm(&index, id, id.into(), id.into(), 10_000 * i64::from(id));
        index.maintain(Millis(10_000 * i64::from(id)), true).expect("writes");
    }
    assert_eq!(index.held(), Held { ids: 3, runs: 3, oldest: Some(Millis(0)), ..Held::default() });
    index.maintain(Millis(80_001), false).expect("writes");
    assert_eq!((index.held().ids, index.held().shrunk_ids), (2, 0));
    assert_eq!((claim(0), claim(1)), (Seen::New, Seen::Elsewhere));
    for id in 10..14 {
        confirm(&index, id, id.into(), id.into(), 80_002);
    }
    index.maintain(Millis(80_002), true).expect("writes");
    assert_eq!((index.held().ids, index.held().shrunk_ids), (5, 1));
    assert_eq!((claim(1), claim(2)), (Seen::New, Seen::Elsewhere));
}

/// A lost run, a damaged state and an index ahead of the log: opened, and read again from `processed`.
#[test]
fn what_is_damaged_or_ahead_of_the_log_is_rebuilt() {
    let check = |harm: fn(&Path), mark: u64, has_key: bool| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let index = open(directory.path(), 0);
        confirm(&index, 1, 1, 1, 0);
        index.maintain(Millis(0), true).expect("writes");
        let before = id_of(&index, 1);
        drop(index);
        harm(directory.path());
        let index = open(directory.path(), mark);
        assert_eq!(index.checkpoint(Partition(0)), None);
        assert_eq!(index.handled_at_open(Partition(0)).is_some(), has_key);
        assert_eq!(id_of(&index, 1) == before, has_key);
        assert_eq!(index.claim(id_of(&index, 1), Place::new(Partition(0), at(9))), Seen::New);
    };
    check(|directory| fs::remove_file(run::path_of(directory, 1)).expect("it was written"), 5, true);
    check(|directory| flip(&run::path_of(directory, 1)), 5, true);
    check(|directory| flip(&directory.join(state::FILE)), 5, false);
    check(|_| {}, 0, false);
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).expect("it was written");
    let near_end = bytes.len() - 5;
    bytes[near_end] ^= 1;
    fs::write(path, bytes).expect("the directory is ours");
}
