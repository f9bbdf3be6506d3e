//! What comes back out of the table is what went in.

use std::sync::Arc;
use std::time::Duration;

use event::{Call, Millis};
use eventlog::record::Processed;
use eventlog::{EventLog, Partition};
use lake::Maintenance;
use lake::copy::Deleting;
use lake::replay::{Mark, Reading, Replayed, Selection};
use proptest::prelude::*;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::fixture::{NOW, Sent, TRACK, World};
use crate::ground::Ground;

const DAY_MS: i64 = 86_400_000;

fn all() -> Selection {
    let (calls, events, sources, message_ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Selection { from: None, to: Millis(NOW + 10 * DAY_MS), calls, events, sources, message_ids }
}

fn reading(world: &World, selection: Selection, after: Option<Mark>) -> Reading {
    let identity = Arc::clone(&world.vault) as Arc<dyn lake::replay::Identity>;
    // So that a day of a test has several slices.
    let (place, slice_rows, seats) = (world.place(), 16, Arc::new(Semaphore::new(1)));
    Reading { place, workspace: "acme".into(), output: "hook".into(), selection, after, identity, slice_rows, seats }
}

async fn read(world: &World, selection: Selection, after: Option<Mark>) -> Vec<(Mark, Replayed)> {
    let mut pages = lake::replay::start(reading(world, selection, after)).expect("starts");
    let mut all = Vec::new();
    while let Some(page) = pages.recv().await.expect("it says its end").expect("a page") {
        all.extend(page.events);
    }
    all
}

fn id(event: &Replayed) -> String {
    let Replayed::Record(payload) = event else { return "gone".to_owned() };
    Processed::decode(payload).expect("a record").event.message_id.to_owned()
}

async fn ids(world: &World, selection: Selection) -> Vec<String> {
    let mut ids: Vec<String> = read(world, selection, None).await.iter().map(|(_, event)| id(event)).collect();
    ids.sort_by_key(|id| id[1..].parse::<u32>().unwrap_or(u32::MAX));
    ids
}

/// All records of the log, by message id.
async fn sent(world: &World) -> Vec<bytes::Bytes> {
    let mut payloads = Vec::new();
    for partition in 0..world.log.partitions() {
        let records = world.log.read(Partition(partition), None, usize::MAX).await.expect("a log in memory");
        payloads.extend(records.into_iter().map(|record| record.payload));
    }
    payloads.sort_by_key(|payload| Processed::decode(payload).expect("a record").event.message_id.to_owned());
    payloads
}

/// The two are the same record, but for the outputs, and for how its text is laid out.
fn assert_same(came: &[u8], went: &[u8]) {
    let (came, went) = (Processed::decode(came).expect("a record"), Processed::decode(went).expect("a record"));
    let json = |record: &Processed<'_>| serde_json::from_str::<Value>(record.event.json).expect("JSON");
    assert_eq!(json(&came), json(&went));
    assert_eq!(came.outputs, ["hook"]);
    let bare = |record: Processed<'_>| {
        let Processed { raw_position, subject, identifiers, name, event, integrations, metadata, .. } = record;
        let (name, integrations) = (name.map(str::to_owned), integrations.map(str::to_owned));
        let stamp = format!("{:?}", event.stamp);
        let ids = [Some(event.message_id), event.anonymous_id, event.user_id, event.region, Some(event.source)];
        let ids = ids.map(|id| id.map(str::to_owned));
        let facts = (raw_position, subject, identifiers, event.received_at, event.call);
        (facts, name, integrations, metadata.map(str::to_owned), stamp, ids)
    };
    assert_eq!(bare(came), bare(went));
}

crate::suite::cases! {
    what_comes_back_is_what_went_in,
    an_event_of_somebody_whom_the_vault_does_not_know_any_more_is_gone,
    ranges_and_filters_are_exact,
    large_events_come_a_few_at_a_time_and_readers_take_turns,
    whoever_goes_on_at_a_place_misses_and_repeats_nothing_whatever_happens_to_the_files,
}

/// Each kind of call, with what has a column, what has none, and values of the wrong kind.
async fn what_comes_back_is_what_went_in(ground: &Ground) {
    let world = World::new(ground);
    let context = r#""context":{"ip":"1.2.3.0","consent":{"categoryPreferences":{"performance":true}},"page":{"title":"\u00e4 \"x\""}}"#;
    let track = format!(
        r#","originalTimestamp":"2026-11-21T21:59:59.000Z","sentAt":"2026-11-21T21:59:59.500Z","event":"Order \"A\"","channel":"web","version":3,"properties":{{"total":1.50,"n":null}},"integrations":{{"All":true}},"_metadata":{{"bundled":["Other"]}},{context}"#
    );
    let odd =
        r#","originalTimestamp":"soon","event":"E","channel":5,"groupId":null,"traits":{"a":[1,2]},"x":{"y":"}"}"#;
    let page = r#","name":"Home","category":"c","properties":{},"integrations":null,"context":null"#;
    let user = Sent { user_id: Some("user-secret-1"), ..TRACK };
    world.send(&[Sent { rest: &track, ..user.clone() }, Sent { rest: odd, ..TRACK }]).await;
    world.send(&[Sent { rest: page, call: Call::Page, ..user.clone() }]).await;
    let identify = r#","traits":{"email":"a@example.com"}"#;
    world.send(&[Sent { rest: identify, call: Call::Identify, anonymous_id: None, ..user.clone() }]).await;
    world.send(&[Sent { rest: r#","groupId":"g","traits":{}"#, call: Call::Group, ..user.clone() }]).await;
    let alias = r#","previousId":"previous-secret-1""#;
    world.send(&[Sent { rest: alias, call: Call::Alias, anonymous_id: None, ..user }]).await;
    world.land_all().await;
    let mut came = read(&world, all(), None).await;
    came.sort_by_key(|(_, event)| id(event));
    let went = sent(&world).await;
    assert_eq!(came.len(), went.len());
    for ((_, event), went) in came.iter().zip(&went) {
        let Replayed::Record(came) = event else { unreachable!("the vault knows all: {event:?}") };
        assert_same(came, went);
    }
}

async fn an_event_of_somebody_whom_the_vault_does_not_know_any_more_is_gone(ground: &Ground) {
    let world = World::new(ground);
    world.send(&[TRACK, Sent { anonymous_id: Some("anon-secret-2"), ..TRACK }]).await;
    world.land_all().await;
    world.vault.forget("anon-secret-2");
    assert_eq!(ids(&world, all()).await, ["m0", "gone"]);
}

async fn ranges_and_filters_are_exact(ground: &Ground) {
    let world = World::new(ground);
    let at = |ms: i64, rest, call| Sent { received_at: NOW + ms, rest, call, ..TRACK };
    let (order, view) = (r#","event":"Order Completed","properties":{}"#, r#","event":"Viewed","properties":{}"#);
    world
        .send(&[
            at(0, order, Call::Track),
            at(1, view, Call::Track),
            at(2, r#","name":"Order Completed","properties":{}"#, Call::Page),
            at(2 * DAY_MS, order, Call::Track),
        ])
        .await;
    world.land_all().await;
    let range = |from, to| Selection { from: Some(Millis(NOW + from)), to: Millis(NOW + to), ..all() };
    assert_eq!(ids(&world, range(1, 2)).await, ["m1"]);
    assert_eq!(ids(&world, range(0, 2 * DAY_MS)).await, ["m0", "m1", "m2"]);
    assert_eq!(ids(&world, range(3, 2 * DAY_MS + 1)).await, ["m3"]);
    assert_eq!(ids(&world, Selection { events: vec!["Order Completed".to_owned()], ..all() }).await, ["m0", "m3"]);
    assert_eq!(ids(&world, Selection { calls: vec![Call::Page, Call::Alias], ..all() }).await, ["m2"]);
    let wanted = vec!["m3".to_owned(), "m1".to_owned(), "m9".to_owned()];
    assert_eq!(ids(&world, Selection { message_ids: wanted, ..all() }).await, ["m1", "m3"]);
    let quote = vec!["x' OR '1'='1".to_owned()];
    assert!(ids(&world, Selection { sources: quote, ..all() }).await.is_empty());
    let count = lake::replay::count(world.place(), "acme".into(), range(0, 2)).await.expect("counted");
    assert_eq!(count, 2);
    assert_eq!(lake::replay::count(world.place(), "nobody".into(), all()).await.expect("counted"), 0);
}

async fn large_events_come_a_few_at_a_time_and_readers_take_turns(ground: &Ground) {
    let world = World::new(ground);
    let large = format!(r#","properties":{{"text":"{}"}}"#, "x".repeat(240_000));
    world.send(&vec![Sent { rest: &large, ..TRACK }; 60]).await;
    world.land_all().await;
    let reading = reading(&world, all(), None);
    let busy = Arc::clone(&reading.seats).acquire_owned().await.expect("a seat");
    let mut waiting = lake::replay::start(reading.clone()).expect("starts");
    let early = tokio::time::timeout(Duration::from_millis(300), waiting.recv()).await;
    assert!(early.is_err(), "somebody else sorts: {early:?}");
    drop(busy);
    let page = waiting.recv().await.expect("it says its end").expect("a page").expect("there is one");
    assert!(page.events.len() < 25, "{} events of a quarter of a megabyte in one page", page.events.len());
    // It holds more in hand, which nobody takes; another reads meanwhile.
    let mut other = lake::replay::start(reading).expect("starts");
    let mut events = 0;
    while let Some(page) = other.recv().await.expect("it says its end").expect("a page") {
        events += page.events.len();
    }
    assert_eq!(events, 60);
}

/// A reader that goes on at every place, while files are merged, settled and deleted under it, and later events land.
async fn whoever_goes_on_at_a_place_misses_and_repeats_nothing_whatever_happens_to_the_files(ground: &Ground) {
    let world = World::new(ground);
    let maintenance = Maintenance { landing_files_min: 2, retention_s: 0, file_bytes: 2_048, ..Maintenance::default() };
    for round in 0..4_i64 {
        for user in 0..25 {
            let name = format!("user-{user}");
            let received_at = NOW + (round / 2) * DAY_MS + round;
            let event = Sent { user_id: Some(&name), anonymous_id: None, received_at, ..TRACK };
            world.send(&[event.clone(), event]).await;
        }
        world.land_all().await;
    }
    let expected: Vec<String> = read(&world, all(), None).await.iter().map(|(_, event)| id(event)).collect();
    assert_eq!(expected.len(), 200);
    let (mut seen, mut after) = (Vec::new(), None);
    while seen.len() < 200 {
        let mut rest = read(&world, all(), after.take()).await;
        rest.truncate(9);
        after = rest.last().map(|(mark, _)| mark.to_string().parse().expect("a mark"));
        seen.extend(rest.iter().map(|(_, event)| id(event)));
        if seen.len() % 27 == 0 {
            world.clock.0.fetch_add(DAY_MS / 2, std::sync::atomic::Ordering::SeqCst);
            lake::maintain(&world.place(), "acme", (&maintenance, Some(&Deleting::default())), &world.clock())
                .await
                .expect("a pass");
        }
        // Beyond the range: nobody asked for it.
        world.send(&[Sent { received_at: NOW + 20 * DAY_MS, ..TRACK }]).await;
    }
    assert_eq!(seen, expected);
    assert!(read(&world, all(), after).await.is_empty());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[ -~äöü\"\\\\\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::from(serde_json::Map::from_iter(fields))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever stands in an event, under whatever key.
    #[test]
    fn whatever_stands_in_an_event_comes_back(
        events in proptest::collection::vec(
            proptest::collection::btree_map(
                prop_oneof![
                    "[a-zA-Z_]{1,6}",
                    Just("properties".to_owned()), Just("traits".to_owned()), Just("context".to_owned()),
                    Just("integrations".to_owned()), Just("_metadata".to_owned()), Just("name".to_owned()),
                    Just("groupId".to_owned()), Just("channel".to_owned()), Just("sentAt".to_owned()),
                ],
                json(), 0..6,
            ),
            1..12,
        ),
    ) {
        let own = ["type", "messageId", "anonymousId", "userId", "timestamp", "receivedAt", "previousId", "event"];
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let world = World::new(&Ground::Files);
            for fields in &events {
                let theirs = fields.iter().filter(|(key, _)| !own.contains(&key.as_str()));
                let rest = theirs.fold(String::new(), |rest, (key, value)| rest + &format!(",{}:{value}", Value::from(key.as_str())));
                world.send(&[Sent { rest: &rest, ..TRACK }]).await;
            }
            world.land_all().await;
            let mut came = read(&world, all(), None).await;
            came.sort_by_key(|(_, event)| id(event));
            let went = sent(&world).await;
            assert_eq!(came.len(), went.len());
            for ((_, event), went) in came.iter().zip(&went) {
                let Replayed::Record(came) = event else { unreachable!("the vault knows all") };
                let (came, went) = (Processed::decode(came).expect("a record"), Processed::decode(went).expect("a record"));
                let json = |record: &Processed<'_>| serde_json::from_str::<Value>(record.event.json).expect("JSON");
                assert_eq!(json(&came), json(&went));
            }
        });
    }
}
