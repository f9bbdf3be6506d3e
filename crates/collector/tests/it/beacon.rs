//! Letters: the recipient's recorded choice decides, the image always answers, a link leads where it was sealed to lead.

use control::{Beacon, BeaconKind};
use event::Pii;
use serde_json::json;

use crate::setup::{WORKSPACE, World, tenant};

const TARGET: &str = "https://shop.example/offer?a=b&c=%20#d";

fn beacon(write_key: &str) -> Beacon {
    Beacon {
        write_key: write_key.to_owned(),
        user_id: Pii::new("jane@example.com".to_owned()),
        campaign: Some("spring".to_owned()),
        message: Some("m-1".to_owned()),
        target: Some(TARGET.to_owned()),
    }
}

/// A token as the API makes it; the world's tenant has the same key.
fn token(kind: BeaconKind, write_key: &str) -> String {
    beacon(write_key).to_token(kind, "acme", &tenant(WORKSPACE).fingerprints).expect("random bytes")
}

async fn choose(world: &World, granted: bool) {
    let choice =
        json!({ "writeKey": "wk_api", "categories": { "performance": granted }, "userId": "jane@example.com" });
    assert_eq!(world.post("/v1/consent", &choice.to_string()).await.status, 200);
}

async fn letters(world: &World) -> Vec<serde_json::Value> {
    let all = world.stored().await.into_iter().map(|(_, event)| event);
    all.filter(|event| event["event"].as_str().is_some_and(|name| name.starts_with("Email"))).collect()
}

#[tokio::test]
async fn without_a_recorded_grant_there_is_an_image_and_no_record() {
    let world = World::start().await;
    let path = format!("/v1/open/{}.gif", token(BeaconKind::Open, "wk_api"));
    let check = async |records: usize, what: &str| {
        let reply = world.get(&path).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("image/gif")), "{what}");
        assert_eq!((reply.header("set-cookie"), reply.header("cache-control")), (None, Some("no-store")), "{what}");
        assert_eq!(letters(&world).await.len(), records, "{what}");
    };
    check(0, "nobody was asked, although the source needs no consent").await;
    choose(&world, true).await;
    check(1, "granted").await;
    choose(&world, false).await;
    check(1, "withdrawn").await;
    assert_eq!(world.counter(r#"assent_collect_refused_total{source="api",reason="no_consent""#), 1);
    assert_eq!(world.counter(r#"assent_collect_refused_total{source="api",reason="withdrawn""#), 1);
    assert_eq!(world.send("HEAD", &path, &[], b"").await.status, 200, "a scanner is no reader");
}

#[tokio::test]
async fn an_opening_says_which_letter_and_nothing_of_the_reader() {
    let world = World::start().await;
    choose(&world, true).await;
    let path = format!("/v1/open/{}.gif", token(BeaconKind::Open, "wk_api"));
    let headers = [("User-Agent", "Mail/1"), ("Authorization", "Basic d2tfd2ViOg==")];
    world.send("GET", &path, &headers, b"").await;
    let opened = letters(&world).await.remove(0);
    assert_eq!((&opened["event"], &opened["userId"]), (&json!("Email Opened"), &json!("jane@example.com")));
    assert_eq!(opened["properties"]["campaign"], "spring");
    assert_eq!(opened["properties"]["message"], "m-1");
    assert_eq!(opened["context"], json!({}), "neither address nor user agent");
    assert!(!path.contains("jane") && !path.contains("spring"));
}

#[tokio::test]
async fn a_link_leads_where_it_was_sealed_to_lead_whatever_was_chosen() {
    let world = World::start().await;
    let path = format!("/v1/click/{}", token(BeaconKind::Click, "wk_api"));
    let check = async |records: usize| {
        let reply = world.get(&path).await;
        assert_eq!((reply.status, reply.header("location")), (302, Some(TARGET)));
        assert_eq!((reply.header("set-cookie"), reply.header("referrer-policy")), (None, Some("no-referrer")));
        assert_eq!(letters(&world).await.len(), records);
    };
    check(0).await;
    choose(&world, true).await;
    check(1).await;
    let clicked = letters(&world).await.remove(0);
    assert_eq!((&clicked["event"], &clicked["properties"]["link"]), (&json!("Email Link Clicked"), &json!(TARGET)));
    // Its source is gone; the reader still gets where the letter said.
    let gone = format!("/v1/click/{}", token(BeaconKind::Click, "wk_gone"));
    assert_eq!(world.get(&gone).await.header("location"), Some(TARGET));
}

#[tokio::test]
async fn what_was_not_made_here_leads_nowhere_and_is_no_record() {
    let world = World::start().await;
    choose(&world, true).await;
    let foreign = vault::Fingerprints::new(&[9; 32]);
    let forged = beacon("wk_api").to_token(BeaconKind::Click, "acme", &foreign).expect("random bytes");
    let opening = token(BeaconKind::Open, "wk_api");
    for path in [&forged, &opening, "acme.AAAA", "other.AAAA", "https:%2F%2Fevil.test"] {
        let reply = world.get(&format!("/v1/click/{path}")).await;
        assert_eq!((reply.short().as_str(), reply.header("location")), ("404 no_beacon", None), "{path}");
        let image = world.get(&format!("/v1/open/{}.gif", if *path == *opening { "acme.x" } else { path })).await;
        assert_eq!((image.status, image.header("content-type")), (200, Some("image/gif")), "{path}");
    }
    assert_eq!(letters(&world).await.len(), 0);
}
