//! How visitors answered, counted while choices are written.

use std::collections::BTreeMap;

use control::{ChoiceRow, Method, Presented, Rate, RateKey, Receipt, Store, day_of};
use event::Millis;
use sqlx::Connection as _;

use crate::setup::{NOW, Place, run};

const DAY_MS: i64 = 86_400_000;

/// A choice with what its page said about it: regime, method.
fn row(number: u8, said: Option<(&str, &str)>, granted: &[&str], refused: &[&str]) -> ChoiceRow {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let presented = said.map(|(regime, method)| Presented {
        version: Some(2),
        language: Some("de".to_owned()),
        regime: Some(regime.to_owned()),
        method: Some(method.to_owned()),
        ..Presented::default()
    });
    ChoiceRow {
        receipt: Receipt([number; 16]),
        maker: None,
        granted: names(granted),
        refused: names(refused),
        method: Method::Event,
        source: "web".to_owned(),
        made_at: NOW,
        received_at: NOW,
        presented,
    }
}

fn rows() -> Vec<ChoiceRow> {
    vec![
        row(1, Some(("eu", "accept_all")), &["performance", "targeting"], &[]),
        row(2, Some(("eu", "reject_all")), &[], &["performance", "targeting"]),
        row(3, Some(("eu", "choose")), &["performance"], &["targeting"]),
        row(4, Some(("eu", "withdraw")), &[], &["performance", "targeting"]),
        row(5, Some(("us", "choose")), &["performance", "targeting"], &[]),
        row(6, None, &[], &["performance"]),
        row(7, None, &[], &[]),
        ChoiceRow { method: Method::Import, ..row(8, None, &["performance"], &[]) },
        ChoiceRow { received_at: Millis(NOW.0 - DAY_MS), ..row(9, Some(("eu", "choose")), &[], &["targeting"]) },
    ]
}

async fn rates(store: &dyn Store, since: i64) -> BTreeMap<RateKey, Rate> {
    store.rates("acme", since).await.expect("reads")
}

fn key(regime: &str, version: u32, language: &str) -> RateKey {
    RateKey { regime: regime.to_owned(), version, language: language.to_owned() }
}

#[test]
fn choices_are_counted_by_what_was_shown_and_how_it_was_answered() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        // In two commits, so that the second adds to the first.
        let (first, second) = (rows()[..4].to_vec(), rows()[4..].to_vec());
        for group in [first, second] {
            store.record("acme", &group).await.expect("records");
        }
        let today = rates(&*store, day_of(NOW)).await;
        let granted =
            |counts: &[(&str, u64)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let eu = Rate {
            accepted_all: 1,
            rejected_all: 1,
            partial: 1,
            withdrawn: 1,
            granted: granted(&[("performance", 2), ("targeting", 1)]),
        };
        let us = Rate { accepted_all: 1, granted: granted(&[("performance", 1), ("targeting", 1)]), ..Rate::default() };
        let unsaid = Rate { rejected_all: 1, partial: 1, ..Rate::default() };
        let expected = [(key("", 0, ""), unsaid), (key("eu", 2, "de"), eu.clone()), (key("us", 2, "de"), us)];
        assert_eq!(today, BTreeMap::from(expected));
        assert_eq!(eu.choices(), 4);
        let both = rates(&*store, day_of(NOW) - 1).await;
        assert_eq!(both[&key("eu", 2, "de")].rejected_all, 2, "the day before counts when it is asked for");
        assert!(store.rates("other", 0).await.expect("reads").is_empty());
    });
}

#[test]
fn what_was_recorded_before_is_counted_the_same_way() {
    run(async {
        let place = Place::new();
        let store = place.sqlite().await;
        store.record("acme", &rows()).await.expect("records");
        let counted = rates(&*store, 0).await;
        let url = format!("sqlite://{}", place.file().display());
        let mut beside = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        sqlx::raw_sql("drop table choice_rate").execute(&mut beside).await.expect("drops");
        let migration = include_str!("../../migrations/0010_rates.sql");
        sqlx::raw_sql(migration).execute(&mut beside).await.expect("migrates");
        assert_eq!(rates(&*store, 0).await, counted);
    });
}

#[test]
fn claims_of_pages_do_not_fill_the_store() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let claimed = |version: u32, number: u8| {
            let presented =
                Presented { version: Some(version), method: Some("choose".to_owned()), ..Presented::default() };
            ChoiceRow { presented: Some(presented), ..row(number, None, &[], &["performance"]) }
        };
        // A number of a choice may come twice here: nothing looks at it.
        for from in (0..12_000).step_by(2_000) {
            let group: Vec<ChoiceRow> = (from..from + 2_000).map(|version| claimed(version, 1)).collect();
            store.record("acme", &group).await.expect("records");
        }
        let found = rates(&*store, 0).await;
        assert_eq!(found.values().map(Rate::choices).sum::<u64>(), 12_000, "each is counted");
        assert_eq!(found.len(), 10_000, "and not each under a name of its own");
    });
}
