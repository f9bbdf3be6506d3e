//! What choices leave in the ledger: with the choice or not at all, provable from the receipt alone, erasable without a
//! trace in anybody else's proof.

use std::path::Path;
use std::sync::Arc;

use control::retention::Look;
use control::{ChoiceRow, Evidence, EvidenceError, Issued, Maker, Method, Presented, Published, Receipt, Store};
use disk::RealDisk;
use event::Millis;
use insta::assert_snapshot;
use ledger::{Ledger, LogKey, Options, VerifierKey, verify};

use sqlx::Connection as _;

use crate::setup::{ACME, NOW, Place, apply_text, fingerprint, run, subject};

fn key() -> LogKey {
    LogKey::new("example.com/ledger/acme", &[7; 32]).expect("a key")
}

fn verifier() -> VerifierKey {
    key().verifier().clone()
}

/// A choice of somebody known, or of nobody.
fn row(number: u8, of: Option<u8>) -> ChoiceRow {
    let identifiers = vec![fingerprint(number)];
    let maker = |of| Maker { subject: subject(of), identifiers, message_id: Some("the-message".to_owned()) };
    ChoiceRow {
        receipt: Receipt([number; 16]),
        maker: of.map(maker),
        granted: of.map(|_| "targeting".to_owned()).into_iter().collect(),
        refused: vec!["performance".to_owned()],
        method: Method::Event,
        source: "web".to_owned(),
        made_at: NOW,
        received_at: Millis(NOW.0 + 5),
        presented: None,
    }
}

/// Rows 1 to `count`; every third one is of nobody.
fn rows(count: u8) -> Vec<ChoiceRow> {
    (1..=count).map(|number| row(number, (number % 3 != 0).then_some(number % 2))).collect()
}

fn log(directory: &Path) -> Arc<Ledger> {
    let options = Options { directory: directory.join("ledger"), anchor: None, key: key(), disk: Arc::new(RealDisk) };
    Arc::new(Ledger::open(options).expect("opens"))
}

struct Scene {
    place: Place,
    files: tempfile::TempDir,
    store: Arc<dyn Store>,
}

impl Scene {
    async fn with(rows: &[ChoiceRow]) -> Self {
        let place = Place::new();
        let store = place.store().await;
        store.record("acme", rows).await.expect("records");
        Self { place, files: tempfile::tempdir().expect("a directory"), store }
    }

    fn evidence(&self) -> Evidence {
        Evidence::new(Arc::clone(&self.store), log(self.files.path()), "acme")
    }
}

async fn receipt(evidence: &Evidence, number: u8) -> String {
    match evidence.receipt(Receipt([number; 16])).await.expect("answers") {
        Issued::Receipt(text) => text,
        Issued::Unknown => unreachable!("choice {number} is recorded"),
    }
}

#[test]
fn every_choice_has_a_leaf_in_its_order_and_a_record_without_identifiers() {
    run(async {
        let scene = Scene::with(&rows(3)).await;
        scene.store.record("other", &rows(1)).await.expect("records");
        scene.store.record("acme", &[row(4, Some(9))]).await.expect("records");
        let leaves = scene.store.leaves_from("acme", 0, 10).await.expect("reads");
        assert_eq!((leaves.len(), scene.store.leaves_from("other", 0, 10).await.expect("reads").len()), (4, 1));
        for (leaf, commitment) in (0..).zip(&leaves) {
            let opening = scene.store.opening("acme", leaf).await.expect("reads").expect("is there");
            assert_eq!(opening.commitment(), *commitment);
            let number = Receipt([u8::try_from(leaf + 1).expect("small"); 16]);
            assert_eq!(scene.store.leaf_of("acme", number).await.expect("reads"), Some(leaf));
            assert!(opening.record.as_str().contains(&number.to_string()));
            assert!(!opening.record.as_str().contains("the-message"));
        }
        assert_eq!(scene.store.leaves_from("acme", 1, 2).await.expect("reads"), leaves[1..3]);
        assert_eq!(scene.store.leaves_of("acme", subject(1)).await.expect("reads"), [0]);
        assert_eq!(scene.store.leaves_of("acme", subject(9)).await.expect("reads"), [3]);
        let record = async |leaf| scene.store.opening("acme", leaf).await.expect("reads").expect("is there").record;
        assert_snapshot!(record(0).await.as_str(), @r#"{"choices":[{"purpose":"performance","state":"refused"},{"purpose":"targeting","state":"given"}],"id":"01010101010101010101010101010101","kind":"choice","made_at":"2025-11-21T22:00:00.000Z","method":"event","received_at":"2025-11-21T22:00:00.005Z","schema":"assent-choice-1","source":"web","subject":"s-c98693b66e388405e86abf0082d76452"}"#);
        assert_snapshot!(record(2).await.as_str(), @r#"{"choices":[{"purpose":"performance","state":"refused"}],"id":"03030303030303030303030303030303","kind":"choice","made_at":"2025-11-21T22:00:00.000Z","method":"event","received_at":"2025-11-21T22:00:00.005Z","schema":"assent-choice-1","source":"web"}"#);
    });
}

#[test]
fn a_choice_that_was_not_recorded_has_no_leaf() {
    run(async {
        let scene = Scene::with(&rows(1)).await;
        // The vault's part of the transaction fails after the leaves were written.
        let url = format!("sqlite://{}", scene.place.file().display());
        let mut beside = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        sqlx::query("drop table identifier").execute(&mut beside).await.expect("drops");
        assert!(scene.store.record("acme", &rows(2)).await.is_err());
        assert!(scene.store.history("acme", None).await.expect("reads").is_empty());
        assert_eq!(scene.store.leaves_from("acme", 0, 9).await.expect("reads").len(), 1);
    });
}

// Obligation 6.
#[test]
fn receipts_verify_and_erasing_one_record_leaves_every_other_proof() {
    run(async {
        let scene = Scene::with(&rows(30)).await;
        let evidence = scene.evidence();
        let checkpoint = evidence.publish().await.expect("publishes");
        let mut receipts = Vec::new();
        for number in 1..=30 {
            receipts.push(receipt(&evidence, number).await);
        }
        let salt = scene.store.opening("acme", 6).await.expect("reads").expect("is there").salt;
        assert_eq!(scene.store.erase_openings("acme", &[6, 99]).await.expect("erases"), 1);
        assert_eq!(scene.store.opening("acme", 6).await.expect("reads"), None);
        assert_eq!(evidence.receipt(Receipt([7; 16])).await.expect("answers"), Issued::Unknown);
        assert!(!scene.store.leaves_of("acme", subject(1)).await.expect("reads").contains(&6));
        for file in std::fs::read_dir(scene.place.file().parent().expect("in a directory")).expect("readable") {
            let bytes = std::fs::read(file.expect("readable").path()).expect("readable");
            assert!(!bytes.windows(32).any(|window| window == salt.expose()), "the salt is still on disk");
        }
        // The tree is the same, new proofs of the others and all old receipts verify, the one of the erased too.
        assert_eq!(evidence.publish().await.expect("publishes"), checkpoint);
        for number in (1..=30).filter(|number| *number != 7) {
            receipts.push(receipt(&evidence, number).await);
        }
        for receipt in receipts {
            verify(&receipt, &verifier()).expect("verifies");
        }
    });
}

/// Number, day of arrival, whose, granted, refused with vendors.
type Kept = (u8, i64, Option<u8>, &'static [&'static str], &'static [&'static str]);

#[test]
fn records_go_by_age_and_the_last_word_of_a_refusal_stays() {
    const DAY_MS: i64 = 86_400_000;
    let said: [Kept; 13] = [
        (1, 0, Some(1), &["performance"], &[]),
        (2, 1, Some(2), &[], &["targeting"]),
        (3, 2, Some(3), &[], &["targeting"]),
        (4, 3, None, &[], &["performance", "targeting"]),
        (5, 4, Some(4), &["performance"], &["targeting"]),
        (8, 5, Some(5), &["performance"], &["vendor:ga"]),
        (9, 6, Some(6), &["performance"], &["vendor:ga"]),
        (11, 7, Some(7), &[], &["targeting"]),
        (12, 7, Some(7), &["targeting"], &[]),
        (13, 8, Some(8), &["performance"], &[]),
        (6, 50, Some(3), &["targeting"], &[]),
        (7, 60, Some(4), &["performance"], &["functionality"]),
        (10, 61, Some(6), &["performance"], &[]),
    ];
    run(async {
        let template = rows(1).remove(0);
        let made = said.map(|(number, day, of, granted, refused)| {
            let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let at = Millis(day * DAY_MS);
            let maker = of.map(|of| Maker { subject: subject(of), message_id: None, identifiers: Vec::new() });
            let (vendors, refused): (Vec<_>, Vec<_>) =
                names(refused).into_iter().partition(|name| name.starts_with("vendor:"));
            let refused_vendors = vendors.iter().map(|name| name.replace("vendor:", "")).collect();
            let method = Some("choose".to_owned());
            ChoiceRow {
                receipt: Receipt([number; 16]),
                maker,
                granted: names(granted),
                refused,
                method: if number == 13 { Method::Import } else { template.method },
                made_at: at,
                received_at: at,
                presented: Some(Presented { method, refused_vendors, ..Presented::default() }),
                ..template.clone()
            }
        });
        let scene = Scene::with(&made).await;
        let evidence = scene.evidence();
        evidence.publish().await.expect("publishes");
        let (mut look, mut gone) = (Some(Look::first(2)), Vec::new());
        while let Some(rows) = look {
            let forgotten = scene.store.forget_choices("acme", Millis(40 * DAY_MS), rows).await.expect("deletes");
            gone.push(forgotten.gone);
            look = forgotten.next;
        }
        assert_eq!(
            gone,
            [1, 2, 0, 1, 1, 0],
            "1; 3 and 4; neither 5 nor 8; 9; 12, said at the time of 11, and no import"
        );
        let mut left = Vec::new();
        for of in [None].into_iter().chain((1..=8).map(Some)) {
            let rows = scene.store.history("acme", of.map(subject)).await.expect("reads");
            left.extend(rows.iter().map(|row| row.receipt.0[0]));
        }
        left.sort_unstable();
        assert_eq!(left, [2, 5, 6, 7, 8, 10, 11, 13]);
        for number in 1..=13 {
            let is_there = left.contains(&number);
            assert_eq!(evidence.receipt(Receipt([number; 16])).await.expect("answers") == Issued::Unknown, !is_there);
            assert_eq!(scene.store.leaf_of("acme", Receipt([number; 16])).await.expect("reads").is_some(), is_there);
        }
        verify(&receipt(&evidence, 2).await, &verifier()).expect("verifies");
    });
}

#[test]
fn who_asks_for_what_is_published_makes_nothing_be_written() {
    run(async {
        let scene = Scene::with(&rows(2)).await;
        let evidence = scene.evidence();
        let published = async |number| evidence.published(Receipt([number; 16])).await.expect("answers");
        assert_eq!((published(1).await, evidence.log().size()), (Published::Waiting, 0));
        assert_eq!(published(9).await, Published::Unknown);
        evidence.publish().await.expect("publishes");
        assert_eq!(published(1).await, Published::Receipt(receipt(&evidence, 1).await));
        scene.store.erase_openings("acme", &[0]).await.expect("erases");
        assert_eq!(published(1).await, Published::Unknown);
    });
}

#[test]
fn a_receipt_asked_for_at_once_is_published_first() {
    run(async {
        let scene = Scene::with(&rows(3)).await;
        let evidence = scene.evidence();
        assert_eq!(evidence.log().size(), 0);
        let verified = verify(&receipt(&evidence, 3).await, &verifier()).expect("verifies");
        assert_eq!((verified.index, verified.checkpoint.size), (2, 3));
        assert_eq!(verified.record.value().get("subject"), None, "it is the refusal of somebody unknown");
        assert_eq!(evidence.receipt(Receipt([99; 16])).await.expect("answers"), Issued::Unknown);
    });
}

#[test]
fn what_a_crash_kept_from_the_log_is_made_up_for() {
    run(async {
        let scene = Scene::with(&rows(5)).await;
        let first = scene.evidence().publish().await.expect("publishes");
        // Recorded, answered, and the server ended before the log knew.
        scene.store.record("acme", &rows(9)[5..]).await.expect("records");
        let evidence = scene.evidence();
        assert_eq!(evidence.log().checkpoint().expect("is there"), first);
        let second = evidence.publish().await.expect("publishes");
        assert_eq!(second.checkpoint().size, 9);
        // Whoever publishes at the same time finds the same.
        let (one, other) = futures::join!(evidence.publish(), evidence.publish());
        assert_eq!((one.expect("publishes"), other.expect("publishes")), (second.clone(), second.clone()));
        // The whole directory can be lost: it is made from the table.
        drop(evidence);
        std::fs::remove_dir_all(scene.files.path().join("ledger")).expect("removes");
        assert_eq!(scene.evidence().publish().await.expect("publishes"), second);
    });
}

#[test]
fn a_state_of_another_log_or_an_older_one_publishes_nothing() {
    run(async {
        let scene = Scene::with(&rows(5)).await;
        scene.evidence().publish().await.expect("publishes");
        let beside = |store| Evidence::new(store, log(scene.files.path()), "acme");
        let empty = Place::new();
        let error = beside(empty.store().await).publish().await.expect_err("refused");
        assert_snapshot!(error, @"the state has no leaf 4 of workspace `acme`, and the ledger has published it: an older `state.db` was restored beside a newer ledger. Restore the state that belongs to it");
        let other = Scene::with(&rows(9)).await;
        let error = beside(Arc::clone(&other.store)).publish().await.expect_err("refused");
        assert!(matches!(error, EvidenceError::Ledger(ledger::LedgerError::Diverged { index: 4, .. })), "{error}");
    });
}

#[test]
fn a_change_of_the_configuration_leaves_who_when_and_what() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applies");
        apply_text(&*store, ACME, false).await.expect("says the same");
        let changed = ACME.replace("categories: [performance]", "categories: [targeting]");
        apply_text(&*store, &changed, false).await.expect("applies");
        let versions = store.configuration_versions("acme", None, 9).await.expect("reads");
        assert_eq!(
            versions.iter().map(|one| one.version).collect::<Vec<_>>(),
            [2, 1],
            "what says the same leaves nothing"
        );
        assert_eq!(store.configuration_versions("acme", Some(2), 9).await.expect("reads"), versions[1..]);
        let text = store.configuration_text("acme", 2).await.expect("reads").expect("is there");
        assert!(text.contains("- targeting") && !text.contains("wk_server"), "{text}");
        let sha256 = <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
        let sha256 = sha256.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(versions[0].sha256, sha256);
        let opening = store.opening("acme", 1).await.expect("reads").expect("is there");
        let (number, hash) = (versions[0].receipt.to_string(), versions[0].sha256.clone());
        let record = opening.record.as_str().replace(&number, "NUMBER").replace(&hash, "HASH");
        assert_snapshot!(record, @r#"{"actor":"test","at":"2025-11-21T22:00:00.000Z","configuration":"sha256:HASH","id":"NUMBER","kind":"configuration","schema":"assent-configuration-1","version":2}"#);
        assert_eq!(store.leaf_of("acme", versions[0].receipt).await.expect("reads"), Some(1));
        assert_eq!(store.leaves_from("acme", 0, 9).await.expect("reads").len(), 2);
    });
}
