//! What only the SQLite engine promises: the file, its mode, its schema, and that wiped bytes are gone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use control::{ChoiceRow, Maker, Method, Presented, Receipt, Sqlite, Store as _};
use event::{Millis, Pii};
use insta::assert_snapshot;
use sqlx::Connection as _;
use vault::{Epoch, Identifier, IdentifierKind, Pair, Sighting};

use crate::setup::{NOW, Place, fingerprint, run, subject};

/// The store's file, its write-ahead log and its index, as they lie on disk.
fn raw(place: &Place) -> Vec<u8> {
    let directory = place.file().parent().expect("in a directory").to_owned();
    let files = std::fs::read_dir(directory).expect("readable");
    files.flat_map(|file| std::fs::read(file.expect("readable").path()).expect("readable")).collect()
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn only_its_owner_reads_it() {
    run(async {
        let place = Place::new();
        let store = place.sqlite().await;
        store.keys("acme", NOW).await.expect("writes");
        for file in std::fs::read_dir(place.file().parent().expect("in a directory")).expect("readable") {
            let file = file.expect("readable");
            let mode = file.metadata().expect("readable").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.path().display());
        }
    });
}

#[test]
fn a_destroyed_key_is_nowhere_on_disk() {
    run(async {
        let place = Place::new();
        let store = place.sqlite().await;
        let key = store.keys("acme", NOW).await.expect("opens").epochs[0].key.clone().expect("live");
        store.add_epoch("acme", NOW).await.expect("adds");
        assert!(holds(&raw(&place), &key[..]), "the test looks at the wrong bytes");
        store.destroy_epoch("acme", Epoch(1), NOW).await.expect("destroys");
        assert!(!holds(&raw(&place), &key[..]));
    });
}

#[test]
fn what_was_written_is_there_after_an_end_without_goodbye() {
    run(async {
        let place = Place::new();
        let first = place.sqlite().await;
        let keys = first.keys("acme", NOW).await.expect("opens");
        // Copies, because the first store still has the files open: what a crash would leave.
        let copy = tempfile::tempdir().expect("a directory");
        for name in ["state.db", "state.db-wal"] {
            std::fs::copy(place.file().with_file_name(name), copy.path().join(name)).expect("copies");
        }
        let second = Sqlite::open(&copy.path().join("state.db")).await.expect("opens");
        assert_eq!(second.keys("acme", NOW).await.expect("opens").fingerprint, keys.fingerprint);
    });
}

#[test]
fn a_grant_of_before_gets_the_words_that_it_was_given_to() {
    run(async {
        let place = Place::new();
        let store = place.sqlite().await;
        let (identifier, whose) = (Identifier { value: Pii::new("u-1"), fingerprint: fingerprint(1) }, subject(1));
        let pair =
            Pair { kind: IdentifierKind::UserId, identifier, sighting: Sighting { subject: whose, first_seen: NOW } };
        store.join("acme", &[pair]).await.expect("joins");
        let shown =
            |version| Presented { version: Some(version), method: Some("choose".to_owned()), ..Presented::default() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let said = |at, words: Option<u32>, granted: &[&str], refused: &[&str]| ChoiceRow {
            receipt: Receipt::random().expect("randomness"),
            maker: Some(Maker { subject: whose, identifiers: vec![fingerprint(1)], message_id: None }),
            granted: names(granted),
            refused: names(refused),
            method: Method::Event,
            source: "web".to_owned(),
            made_at: Millis(at),
            received_at: Millis(at),
            presented: words.map(shown),
        };
        let first = said(10, Some(2), &["performance", "targeting"], &["functionality"]);
        store.record("acme", &[first, said(20, None, &["targeting"], &[])]).await.expect("records");
        let expected = store.standings("acme", None, 9).await.expect("reads");
        let url = format!("sqlite://{}", place.file().display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        let forget = "update choice set standing = replace(standing, ',2]', ']')";
        sqlx::query(forget).execute(&mut connection).await.expect("writes");
        assert_ne!(store.standings("acme", None, 9).await.expect("reads"), expected, "the versions are gone");
        let migration = include_str!("../../migrations/0009_words_of_grants.sql");
        sqlx::raw_sql(migration).execute(&mut connection).await.expect("migrates");
        assert_eq!(store.standings("acme", None, 9).await.expect("reads"), expected);
    });
}

#[test]
fn a_newer_schema_is_refused() {
    run(async {
        let place = Place::new();
        place.sqlite().await.close().await;
        let url = format!("sqlite://{}", place.file().display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        let later = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (99, 'later', true, x'00', 0)";
        sqlx::query(later).execute(&mut connection).await.expect("writes");
        connection.close().await.expect("closes");
        let error = Sqlite::open(&place.file()).await.expect_err("refused").to_string();
        let directory = place.file().parent().expect("in a directory").display().to_string();
        assert_snapshot!(error.replace(&directory, "DIR"), @"the control store `DIR/state.db` was written by a newer version of Assent (schema 99, this one knows 14): start that version, or restore a backup made before it");
    });
}

#[test]
fn what_is_no_store_is_refused() {
    run(async {
        let error = Sqlite::open(Path::new("/dev/null/state.db")).await.expect_err("refused");
        assert_snapshot!(error, @"the control store `/dev/null/state.db` cannot be opened: Not a directory (os error 20)");
        let place = Place::new();
        std::fs::write(place.file(), "not a database, but long enough to be read as one").expect("writes");
        let error = Sqlite::open(&place.file()).await.expect_err("refused").to_string();
        assert!(error.contains("not a database"), "{error}");
    });
}
