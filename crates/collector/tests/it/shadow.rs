//! Shadow mode over real HTTP: what another platform holds is counted against what Assent would decide, and nothing of it
//! is kept.

use serde_json::{Value, json};

use crate::setup::World;

const PATH: &str = "/v1/consent/shadow";

fn found(more: &Value) -> String {
    let mut body = json!({ "writeKey": "wk_web", "platform": "onetrust", "granted": ["C0001"], "chosen": false });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body.to_string()
}

fn decisions(world: &World, source: &str, category: &str, outcome: &str, because: &str) -> u64 {
    world.counter(&format!(
        r#"assent_collect_shadow_decisions_total{{source="{source}",category="{category}",outcome="{outcome}",because="{because}""#
    ))
}

#[tokio::test]
async fn each_category_is_counted_with_who_would_grant_and_why() {
    let world = World::start().await;
    let all = json!(["C0001", "C0002", "C0003", "C0004"]);
    // Europe's law on the page, and a platform that lets everything run before anybody chose.
    let reply = world.post(PATH, &found(&json!({ "granted": all }))).await;
    assert_eq!((reply.status, reply.header("set-cookie")), (200, None));
    assert_eq!(decisions(&world, "web", "targeting", "they_grant", "default"), 1);
    // California: theirs asks, ours would not; with the signal both keep targeting off.
    world.post(PATH, &found(&json!({ "writeKey": "wk_us" }))).await;
    assert_eq!(decisions(&world, "us", "performance", "we_grant", "default"), 1);
    world.post(PATH, &found(&json!({ "writeKey": "wk_us", "gpc": true, "granted": all }))).await;
    assert_eq!(decisions(&world, "us", "targeting", "they_grant", "signal"), 1);
    let body =
        found(&json!({ "writeKey": "wk_us", "platform": "trustarc", "granted": ["ta-1", "ta-2"], "chosen": true }));
    world.send("POST", PATH, &[("Sec-GPC", "1")], body.as_bytes()).await;
    assert_eq!(decisions(&world, "us", "targeting", "agree", "signal"), 1);
    assert_eq!(decisions(&world, "us", "functionality", "agree", "choice"), 1);
    assert_eq!(decisions(&world, "us", "performance", "agree", "choice"), 1);
    // A grant that is older than the law lets one hold.
    let old = json!({ "granted": ["C0002"], "chosen": true, "days": 181 });
    world.post(PATH, &found(&old)).await;
    assert_eq!(decisions(&world, "web", "performance", "they_grant", "expired"), 1);
    let page = |source: &str, platform: &str| {
        world.counter(&format!(r#"assent_collect_shadow_pages_total{{source="{source}",platform="{platform}""#))
    };
    assert_eq!((page("web", "onetrust"), page("us", "onetrust"), page("us", "trustarc")), (2, 2, 1));
    world.post(PATH, &json!({ "writeKey": "wk_web", "gpc": false }).to_string()).await;
    assert_eq!(page("web", "none"), 1);
    assert_eq!(world.counter(r#"assent_collect_shadow_decisions_total{source="web",category="required""#), 0);
}

#[tokio::test]
async fn nothing_is_recorded_stored_or_counted_as_a_page_that_asks() {
    let world = World::start().await;
    let body = found(&json!({ "chosen": true, "anonymousId": "a", "userId": "u" }));
    world.post(PATH, &body).await;
    world.post("/consent/shadow", &body).await;
    assert_eq!(world.counter(r#"assent_collect_shadow_pages_total{source="web",platform="onetrust""#), 2);
    assert_eq!((world.stored().await.len(), world.notary.made.lock().expect("nobody panics here").len()), (0, 0));
    assert_eq!(world.counter("assent_collect_settings_total"), 0, "the alarm of a banner without choices stays quiet");
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_one_address_is_not_heard_without_end() {
    let world = World::start().await;
    for (body, expected) in [
        ("[]".to_owned(), "400 bad_json"),
        (found(&json!({ "platform": "didomi" })), "400 bad_json"),
        (found(&json!({ "writeKey": "wk_none" })), "401 unknown_key"),
        (found(&json!({ "granted": ["x".repeat(5_000)] })), "400 payload_too_large"),
    ] {
        assert_eq!(world.post(PATH, &body).await.short(), expected, "{}", &body[..body.len().min(100)]);
    }
    let mut last = None;
    for _ in 0..57 {
        last = Some(world.post(PATH, &found(&json!({}))).await);
    }
    assert_eq!(last.map(|reply| reply.short()).as_deref(), Some("429 too_many_comparisons"));
    assert_eq!(world.counter(r#"assent_collect_shadow_pages_total{source="web",platform="onetrust""#), 56);
}
