//! The seal of a browser's identifier where no answer to a choice brings it: on pages of Segment's SDK, whose choices are
//! events.

use serde_json::{Value, json};

use crate::setup::World;

/// What the answer to a body says about the seal.
async fn seal_of(world: &World, path: &str, headers: &[(&str, &str)], body: &Value) -> Option<String> {
    let reply = world.send("POST", path, headers, body.to_string().as_bytes()).await;
    assert_eq!(reply.status, 200, "{body}");
    let all = reply.headers("set-cookie");
    assert!(all.len() <= 1, "the alias is left to the page: {all:?}");
    all.first().map(|&cookie| cookie.to_owned())
}

fn stamped(performance: bool) -> Value {
    json!({ "consent": { "categoryPreferences": { "performance": performance } } })
}

fn event(key: &str, context: &Value) -> Value {
    json!({ "writeKey": key, "type": "track", "event": "E", "anonymousId": "x-1", "context": context })
}

const ALIAS: (&str, &str) = ("Cookie", "a=b; ajs_anonymous_id=x-1");

#[tokio::test]
async fn the_first_event_under_the_alias_is_answered_with_its_seal_where_its_use_is_permitted() {
    let world = World::start().await;
    let check = async |key: &str, context: Value, headers: &[(&str, &str)], expected: bool| {
        let seal = seal_of(&world, "/v1/t", headers, &event(key, &context)).await;
        assert_eq!(seal.is_some(), expected, "{key} {context} {headers:?}");
        if let Some(seal) = seal {
            let (pair, rest) = seal.split_once(';').expect("it has attributes");
            assert!(pair.starts_with("assent_id=") && !pair.contains("x-1"), "sealed: {pair}");
            assert_eq!(rest, " Path=/; Max-Age=7776000; SameSite=Lax; HttpOnly");
        }
    };
    check("wk_us", json!({}), &[ALIAS], true).await;
    check("wk_web", stamped(true), &[ALIAS], true).await;
    check("wk_web", stamped(false), &[ALIAS], false).await;
    check("wk_web", json!({}), &[ALIAS], false).await;
    // Unknown consent, or another basis: nobody has permitted an identifier.
    check("wk_compat", json!({}), &[ALIAS], false).await;
    check("wk_api", json!({}), &[ALIAS], false).await;
    // A page that keeps none, or another; a page of another site; a seal that is there already.
    check("wk_us", json!({}), &[], false).await;
    check("wk_us", json!({}), &[("Cookie", "ajs_anonymous_id=x-2")], false).await;
    check("wk_us", json!({}), &[ALIAS, ("Sec-Fetch-Site", "cross-site")], false).await;
    let own = seal_of(&world, "/v1/t", &[ALIAS], &event("wk_us", &json!({}))).await.expect("permitted");
    let own = format!("ajs_anonymous_id=x-1; {}", own.split(';').next().expect("a pair"));
    check("wk_us", json!({}), &[("Cookie", &own)], false).await;
    // Another workspace's of this host would be sealed over in turn; of this one's, another alias has its own.
    check("wk_us", json!({}), &[("Cookie", "ajs_anonymous_id=x-1; assent_id=AAAA")], false).await;
    let other = json!({ "writeKey": "wk_us", "type": "track", "event": "E", "anonymousId": "x-2" });
    let renamed = own.replace("x-1", "x-2");
    assert!(seal_of(&world, "/v1/t", &[("Cookie", &renamed)], &other).await.is_some());
}

#[tokio::test]
async fn a_seal_that_came_with_an_event_ends_what_it_seals() {
    let world = World::start().await;
    let seal = seal_of(&world, "/v1/t", &[ALIAS], &event("wk_us", &json!({}))).await.expect("permitted");
    let pair = seal.split(';').next().expect("a pair");
    let cookies = format!("ajs_anonymous_id=x-1; {pair}");
    world.clock.forward_days(90);
    let before = world.stored().await.len();
    assert_eq!(seal_of(&world, "/v1/t", &[("Cookie", &cookies)], &event("wk_us", &json!({}))).await, None);
    assert_eq!(world.stored().await.len(), before, "its days are over");
}

#[tokio::test]
async fn a_choice_among_events_decides_about_the_seal() {
    let world = World::start().await;
    let choice = |performance: bool| {
        let mut choice = event("wk_us", &stamped(performance));
        choice["event"] = json!("Segment Consent Preference Updated");
        choice
    };
    let both = [("Cookie", "ajs_anonymous_id=x-1; assent_id=AAAA")];
    let gone = Some("assent_id=; Path=/; Max-Age=0; SameSite=Lax".to_owned());
    assert_eq!(seal_of(&world, "/v1/t", &both, &choice(false)).await, gone);
    assert_eq!(seal_of(&world, "/v1/t", &[ALIAS], &choice(false)).await, None, "there is none to take away");
    assert_eq!(seal_of(&world, "/v1/t", &[ALIAS], &event("wk_us", &json!({}))).await, None, "refused on record");
    let mut silent = choice(true);
    // Another platform did not ask about it.
    silent["context"]["consent"] = json!({ "categoryPreferences": { "targeting": false }, "method": "imported" });
    assert_eq!(seal_of(&world, "/v1/t", &both, &silent).await, None, "it says nothing of it");
    let batch = json!({ "batch": [choice(true), event("wk_us", &stamped(true))], "writeKey": "wk_us" });
    let seal = seal_of(&world, "/v1/b", &[ALIAS], &batch).await;
    assert!(seal.is_some_and(|seal| seal.contains("Max-Age=7776000")), "granted again");
}
