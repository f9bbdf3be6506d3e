//! What every engine must do. A new one adds a row to [`engines`].

use std::sync::Arc;

use control::{
    Action, AuditQuery, ChoiceRow, Entry, Joined, Maker, Method, Presented, PublishedWords, Receipt, SAVED_QUERIES_MAX,
    Said, SavedQuery, Saving, Standing, Store,
};
use event::{Millis, Pii};
use vault::{Epoch, Identifier, IdentifierKind, Pair, Sighting};

use crate::setup::{ACME, NOW, Place, apply_text, fingerprint, run, subject};

/// Runs a test on a fresh store of every engine.
fn check<F: Future<Output = ()>>(test: impl Fn(Arc<dyn Store>) -> F) {
    run(async {
        let place = Place::new();
        test(place.store().await).await;
    });
}

/// Each subject of the tests was seen at a moment of its own.
fn sighting(of: u8) -> Sighting {
    Sighting { subject: subject(of), first_seen: Millis(1_000 + i64::from(of)) }
}

fn pair(number: u8, value: &str, of: u8) -> Pair<'_> {
    let identifier = Identifier { value: Pii::new(value), fingerprint: fingerprint(number) };
    Pair { kind: IdentifierKind::UserId, identifier, sighting: sighting(of) }
}

#[test]
fn saved_queries_are_of_their_workspace_and_in_the_audit_log() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, ACME, false).await.expect("applied");
        let entry = |action| Entry {
            actor: "ada".to_owned(),
            action,
            workspace: Some("acme".to_owned()),
            kind: "saved_query",
            object: "days".to_owned(),
            before: None,
            after: None,
        };
        let query = |name: &str| SavedQuery {
            id: 0,
            name: name.to_owned(),
            sql: "select 1".to_owned(),
            by: "ada".to_owned(),
            at: NOW,
        };
        let save =
            async |name: &str| store.save_query("acme", &query(name), &entry(Action::Create)).await.expect("answers");
        let Saving::Saved(first) = save("days").await else { unreachable!("it is the first") };
        assert_eq!(save("days").await, Saving::Taken);
        assert_eq!(store.saved_queries("acme").await.expect("reads"), [SavedQuery { id: first.id, ..query("days") }]);
        assert_eq!(store.saved_queries("other").await.expect("reads"), []);
        assert!(!store.delete_query("other", first.id, &entry(Action::Delete), NOW).await.expect("answers"));
        assert!(store.delete_query("acme", first.id, &entry(Action::Delete), NOW).await.expect("answers"));
        let told = store.audit(&AuditQuery { kind: Some("saved_query".to_owned()), ..AuditQuery::default() }).await;
        let told: Vec<_> = told.expect("reads").into_iter().map(|one| one.action).collect();
        assert_eq!(told, ["delete", "create"], "what changed nothing is not told");
        for at in 0..SAVED_QUERIES_MAX {
            assert!(matches!(save(&at.to_string()).await, Saving::Saved(kept) if kept.id > first.id));
        }
        assert_eq!(save("one more").await, Saving::Full);
    });
}

#[test]
fn missing_keys_are_made_once() {
    check(|store| async move {
        let first = store.keys("acme", NOW).await.expect("opens");
        let again = store.keys("acme", Millis(NOW.0 + 1)).await.expect("opens");
        let other = store.keys("other", NOW).await.expect("opens");
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_ne!(first.fingerprint, other.fingerprint);
        assert_eq!(again.epochs.len(), 1);
        assert_eq!((again.epochs[0].epoch, again.epochs[0].created_at), (Epoch(1), NOW));
        assert_eq!(first.epochs[0].key, again.epochs[0].key);
        assert_ne!(first.epochs[0].key, other.epochs[0].key);
    });
}

#[test]
fn a_destroyed_epoch_keeps_its_row_and_loses_its_key() {
    check(|store| async move {
        store.keys("acme", NOW).await.expect("opens");
        let second = store.add_epoch("acme", NOW).await.expect("adds");
        assert_eq!(second.epoch, Epoch(2));
        let later = Millis(NOW.0 + 5);
        store.destroy_epoch("acme", Epoch(1), later).await.expect("destroys");
        store.destroy_epoch("acme", Epoch(1), Millis(NOW.0 + 9)).await.expect("twice is once");
        let epochs = store.keys("acme", NOW).await.expect("opens").epochs;
        assert_eq!((epochs[0].key.is_none(), epochs[0].destroyed_at), (true, Some(later)));
        assert_eq!((epochs[1].key == second.key, epochs[1].destroyed_at), (true, None));
    });
}

#[test]
fn pairs_are_inserted_all_or_none_and_never_changed() {
    check(|store| async move {
        let first = [pair(1, "ada", 1), pair(2, "grace\0\u{e9}\"", 1)];
        assert_eq!(store.join("acme", &first).await.expect("answers"), Joined::All(vec![]));
        let late = [pair(3, "new", 9), pair(2, "grace", 9)];
        let known = Joined::Known(vec![(fingerprint(2), sighting(1))]);
        assert_eq!(store.join("acme", &late).await.expect("answers"), known);
        let asked = [fingerprint(3), fingerprint(2), fingerprint(1), fingerprint(2)];
        let found = store.sightings("acme", &asked).await.expect("answers");
        assert_eq!(found, [None, Some(sighting(1)), Some(sighting(1)), Some(sighting(1))]);
        assert_eq!(store.sightings("other", &asked).await.expect("answers"), [None; 4]);
        let kept = store.identifiers("acme", subject(1)).await.expect("answers");
        let values: Vec<&str> = kept.iter().map(|one| one.value.expose().as_str()).collect();
        assert_eq!(values, ["ada", "grace\0\u{e9}\""]);
    });
}

#[test]
fn a_large_batch_of_pairs_is_found_again() {
    check(|store| async move {
        let numbers: Vec<u128> = (0..5_000).collect();
        let print = |number: &u128| event::Fingerprint(number.to_be_bytes());
        let pairs: Vec<Pair<'_>> = numbers
            .iter()
            .map(|number| Pair {
                identifier: Identifier { value: Pii::new("x"), fingerprint: print(number) },
                ..pair(0, "x", 7)
            })
            .collect();
        assert_eq!(store.join("acme", &pairs).await.expect("answers"), Joined::All(vec![]));
        let asked: Vec<_> = numbers.iter().map(print).collect();
        let found = store.sightings("acme", &asked).await.expect("answers");
        assert!(found.iter().all(|one| *one == Some(sighting(7))));
        let unknown = event::Fingerprint([0xFF; 16]);
        let values = store.identifier_values("acme", &[asked[4_999], unknown]).await.expect("answers");
        assert_eq!(values, [Some(Pii::new("x".to_owned())), None]);
    });
}

fn choice(maker: Option<Maker>, granted: &[&str], refused: &[&str], at: i64) -> ChoiceRow {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ChoiceRow {
        receipt: Receipt::random().expect("randomness"),
        maker,
        granted: owned(granted),
        refused: owned(refused),
        method: Method::Event,
        source: "web".to_owned(),
        made_at: Millis(at),
        received_at: Millis(at + 1),
        presented: Some(Presented { version: Some(3), text_hash: Some("0f34".to_owned()), ..Presented::default() }),
    }
}

fn maker(identifiers: &[u8]) -> Maker {
    let identifiers = identifiers.iter().map(|number| fingerprint(*number)).collect();
    Maker { subject: subject(1), identifiers, message_id: Some("m-1".to_owned()) }
}

#[test]
fn choices_are_merged_under_every_identifier_and_kept_in_order() {
    check(|store| async move {
        let grant = choice(Some(maker(&[1, 2])), &["performance", "targeting"], &[], 10);
        let nameless = choice(None, &[], &["performance"], 11);
        let withdrawal = choice(Some(maker(&[2])), &[], &["performance"], 20);
        store.record("acme", &[grant.clone(), nameless.clone()]).await.expect("records");
        let now = store.record("acme", std::slice::from_ref(&withdrawal)).await.expect("records");
        let said = |granted, at| Said(granted, Millis(at), None);
        let withdrawn = [("performance".to_owned(), said(false, 20)), ("targeting".to_owned(), said(true, 10))];
        assert_eq!(now, [(fingerprint(2), Standing(withdrawn.into()))]);
        let all = store.standings("acme", None, 10).await.expect("reads");
        assert_eq!(all, [(fingerprint(1), grant.standing()), now[0].clone()]);

        // The history has no fingerprints: the vault leads from the subject to them.
        let kept = |row: ChoiceRow| {
            let maker = row.maker.map(|maker| Maker { identifiers: Vec::new(), ..maker });
            ChoiceRow { maker, ..row }
        };
        let history = store.history("acme", Some(subject(1))).await.expect("reads");
        assert_eq!(history, [kept(grant), kept(withdrawal)]);
        assert_eq!(store.history("acme", None).await.expect("reads"), [nameless]);
        assert!(store.history("other", None).await.expect("reads").is_empty());
    });
}

#[test]
fn words_are_kept_once_under_their_hash() {
    check(|store| async move {
        let words = |text: &str, since| PublishedWords {
            hash: "0f34".to_owned(),
            version: 3,
            language: "en".to_owned(),
            words: text.to_owned(),
            since: Millis(since),
        };
        store.publish_words("acme", &[words(r#"{"title":"Hello"}"#, 1)]).await.expect("keeps");
        store.publish_words("acme", &[words("{}", 2)]).await.expect("keeps");
        let kept = store.published_words("acme", "0f34").await.expect("reads");
        assert_eq!(kept, Some(words(r#"{"title":"Hello"}"#, 1)));
        assert_eq!(store.published_words("other", "0f34").await.expect("reads"), None);
        store.publish_words("acme", &[]).await.expect("nothing to keep");
    });
}

#[test]
fn standings_come_in_pages() {
    check(|store| async move {
        let numbers: Vec<u8> = (1..=7).collect();
        let row = choice(Some(maker(&numbers)), &["performance"], &[], 10);
        store.record("acme", &[row]).await.expect("records");
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = store.standings("acme", after, 3).await.expect("reads");
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            seen.extend(page.iter().map(|(one, _)| one.0[0]));
        }
        assert_eq!(seen, numbers);
    });
}
