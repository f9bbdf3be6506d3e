//! The files of version 1, as the first release wrote them. They never change: a difference here is a new version.

use super::*;
use crate::dedup::run::Entry;

/// Under the test's key, so that the fingerprints are the same for ever.
const KEY: MessageKey = MessageKey([7; 16]);
/// In the first run: more than two pages. The ids behind it are in the second.
const FIRST_RUN: u16 = 300;
const ALL: u16 = 320;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/dedup-v1")
}

fn place(id: u16) -> Place {
    Place { block: u64::from(id) * 1_000 + 64, index: u32::from(id % 7), partition: id % PARTITIONS }
}

fn entries(ids: std::ops::Range<u16>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = ids.map(|id| (KEY.of("acme", &format!("m{id}")).0, place(id))).collect();
    entries.sort_unstable_by_key(|(id, _)| *id);
    entries
}

fn state() -> State {
    let raw = |id: u16| Position { block: place(id).block, index: place(id).index };
    let through = |id: u16| Checkpoint { processed: at(9_000 + u64::from(id)), raw: raw(id) };
    State { key: KEY, next_sequence: 12, checkpoints: vec![Some(through(318)), None], runs: vec![(9, 1), (11, 0)] }
}

fn write(directory: &Path) {
    for (sequence, ids, times) in [(9, 0..FIRST_RUN, (1_000, 61_000)), (11, FIRST_RUN..ALL, (61_001, 70_000))] {
        let mut writer = RunWriter::create(directory, sequence, ids.len()).expect("creates");
        for entry in entries(ids) {
            writer.push(entry).expect("writes");
        }
        writer.finish(Span { first: Millis(times.0), last: Millis(times.1) }).expect("is whole");
    }
    state().save(directory).expect("writes");
}

/// A copy, because opening writes.
fn copied() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(golden()).expect("the golden directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, directory.path().join(path.file_name().expect("a file"))).expect("copies");
    }
    directory
}

fn open_copied(directory: &Path) -> Result<Index, DedupError> {
    Index::open(Options { ids_max: 1_000_000, ..options(directory) }, &[Some(at(9_400)); 2])
}

#[test]
fn version_one_opens_and_knows_every_id() {
    let directory = copied();
    let index = open_copied(directory.path()).expect("version 1 opens for ever");
    assert_eq!(index.checkpoint(Partition(0)), state().checkpoints[0]);
    assert_eq!(index.checkpoint(Partition(1)), None);
    assert_eq!(index.held(), Held { ids: ALL.into(), runs: 2, oldest: Some(Millis(1_000)), ..Held::default() });
    for id in 0..ALL {
        assert_eq!(index.claim(id_of(&index, id), place(id)), Seen::Done, "m{id} at its place");
        assert_eq!(index.claim(id_of(&index, id), Place::new(Partition(0), at(5))), Seen::Elsewhere, "m{id}");
    }
    assert_eq!(index.claim(id_of(&index, ALL), place(ALL)), Seen::New);
    assert_eq!(index.claim(index.fingerprint("globex", "m1"), place(1)), Seen::New, "of another workspace");
    confirm(&index, ALL, 400_000, 9_400, 70_001);
    index.maintain(Millis(70_001), true).expect("goes on where it ended");
    fs::metadata(run::path_of(directory.path(), 12)).expect("written under the next number");
}

#[test]
fn this_release_writes_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    write(directory.path());
    let mut files = 0;
    for entry in fs::read_dir(golden()).expect("the golden directory") {
        let path = entry.expect("an entry").path();
        let written = fs::read(directory.path().join(path.file_name().expect("a file"))).expect("written");
        assert!(written == fs::read(&path).expect("a golden file"), "{} differs", path.display());
        files += 1;
    }
    assert_eq!(files, 3);
}

#[test]
fn a_newer_version_of_either_file_is_refused_with_a_way_out() {
    for name in [state::FILE, "00000000000000000009.run"] {
        let directory = copied();
        let path = directory.path().join(name);
        let mut bytes = fs::read(&path).expect("copied");
        bytes[8] = 2;
        fs::write(&path, bytes).expect("the directory is ours");
        let error = open_copied(directory.path()).expect_err("newer");
        assert!(matches!(error, DedupError::Newer { version: 2, .. }), "{name}: {error}");
        assert!(error.to_string().contains("delete the directory to have it rebuilt"), "{error}");
        fs::metadata(&path).expect("left where it was");
    }
}
