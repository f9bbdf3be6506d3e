//! Regions by address, from a database of two networks that is made here.

use collector::{Edge, Geo, ServeLimits, TrustedProxies};
use eventlog::record::Raw;
use eventlog::{EventLog, Partition};
use serde_json::json;

use crate::setup::World;

fn text(value: &str) -> Vec<u8> {
    [&[0x40 | u8::try_from(value.len()).expect("short")], value.as_bytes()].concat()
}

fn small(kind: u8, value: u8) -> Vec<u8> {
    vec![kind << 5 | 1, value]
}

fn map(fields: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let head = vec![0xe0 | u8::try_from(fields.len()).expect("few")];
    fields.iter().fold(head, |map, (name, value)| [map, text(name), value.clone()].concat())
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [vec![u8::try_from(items.len()).expect("few"), 4], items.concat()].concat()
}

/// A database in MMDB format: 0.0.0.0/1 is California, 128.0.0.0/1 is Germany.
fn database() -> Vec<u8> {
    let code = |code: &str| map(&[("iso_code", text(code))]);
    let california = map(&[("country", code("US")), ("subdivisions", list(&[code("CA")]))]);
    let germany = map(&[("country", code("DE")), ("subdivisions", list(&[code("BE")]))]);
    // One node of two 24-bit records; a record above the number of nodes points into the data, 16 bytes behind.
    let left = 1 + 16;
    let right = left + u8::try_from(california.len()).expect("short");
    let tree = [0, 0, left, 0, 0, right];
    let metadata = map(&[
        ("node_count", small(6, 1)),
        ("record_size", small(5, 24)),
        ("ip_version", small(5, 4)),
        ("database_type", text("Test-City")),
        ("binary_format_major_version", small(5, 2)),
        ("binary_format_minor_version", vec![5 << 5]),
        ("build_epoch", vec![1, 2, 9]),
        ("languages", list(&[])),
        ("description", map(&[])),
    ]);
    [&tree[..], &[0; 16], &california, &germany, b"\xab\xcd\xefMaxMind.com", &metadata].concat()
}

#[tokio::test]
async fn the_regime_is_that_of_the_visitors_region() {
    let geo = Some(Geo::from_bytes(database()).expect("a database"));
    let trusted_proxies = TrustedProxies(vec!["127.0.0.1".parse().expect("a network")]);
    let world = World::with(Edge { geo, trusted_proxies, ..Edge::default() }, ServeLimits::default()).await;
    let unstamped = json!({ "writeKey": "wk_web", "event": "E", "anonymousId": "a" }).to_string();
    for address in ["200.1.2.3", "9.1.2.3"] {
        let reply = world.send("POST", "/v1/t", &[("X-Forwarded-For", address)], unstamped.as_bytes()).await;
        assert_eq!(reply.status, 200);
    }
    let server = json!({ "writeKey": "wk_api", "event": "E", "userId": "u", "context": { "ip": "200.1.2.3" } });
    world.send("POST", "/v1/t", &[("X-Forwarded-For", "9.1.2.3")], server.to_string().as_bytes()).await;
    let mut regions = Vec::new();
    for partition in 0..world.log.partitions() {
        for record in world.log.read(Partition(partition), None, usize::MAX).await.expect("memory reads") {
            let raw = Raw::decode(&record.payload).expect("a record");
            regions.push((raw.source.to_owned(), raw.region.map(str::to_owned)));
        }
    }
    regions.sort();
    // Germany asks first, so only California's unstamped event was stored; a server's region is the event's, not its own.
    assert_eq!(regions, [("api".to_owned(), Some("DE".to_owned())), ("web".to_owned(), Some("US-CA".to_owned()))]);
    assert_eq!(world.counter(r#"assent_collect_refused_total{source="web",reason="no_consent""#), 1);
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let error = Geo::from_bytes(b"nothing".to_vec()).expect_err("no database");
    assert!(error.to_string().starts_with("not a MaxMind database"), "{error}");
}
