//! Two sites of one workspace: each visitor meets the banner of the site that they are on, and a choice says what was
//! shown there.

use serde_json::{Value, json};
use workspace::Regime;

use crate::setup::{Reply, World, tenant};

const SITES: &str = "
workspace: acme
sources:
  - { name: news, kind: browser, write_key: wk_news }
  - name: shop
    kind: browser
    write_key: wk_shop
    banner:
      languages: { en: { title: 'Your choice in our shop', control: Shop choices }, de: { reviewed: 'J. Roe, 2026-11-20' } }
      control: none
      tags: [{ id: pixel, kind: img, src: /shop, categories: [targeting], purpose: advertising }]
      cookie_domain: cdp.test
consent:
  banner: { version: 3, vendors: [{ id: ga, name: Google Analytics, category: performance }] }
  notice: { site: Acme, controller: { name: Acme Ltd, address: Here, email: privacy@acme.test } }
";

async fn asked(world: &World, key: &str) -> Value {
    let path = format!("/v1/projects/{key}/settings");
    world.send("GET", &path, &[("Accept-Language", "de")], b"").await.json()["assent"].clone()
}

fn cookie_of(reply: &Reply) -> String {
    reply.header("set-cookie").expect("the choice is kept").to_owned()
}

#[tokio::test]
async fn each_site_asks_in_its_words_and_the_choice_is_the_workspaces() {
    let world = World::of(SITES).await;
    let (news, shop) = (asked(&world, "wk_news").await, asked(&world, "wk_shop").await);
    assert_eq!((&news["texts"]["language"], &shop["texts"]["language"]), (&json!("en"), &json!("de")));
    assert_ne!(news["texts"]["hash"], shop["texts"]["hash"]);
    assert_eq!((&news["control"]["kind"], &shop["control"]["kind"]), (&json!("floating"), &json!("none")));
    assert_eq!((&news["tags"], &shop["tags"][0]["id"]), (&Value::Null, &json!("pixel")));
    assert_eq!((&news["storage"]["domain"], &shop["storage"]["domain"]), (&Value::Null, &json!("cdp.test")));
    for same in ["categories", "vendors", "regime"] {
        let [news, shop] = [&news, &shop].map(|site| site[same].as_array().map_or(1, Vec::len));
        assert_eq!(news, shop, "{same}");
    }
    assert_eq!((&news["texts"]["version"], &shop["texts"]["version"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn the_form_and_the_notice_are_of_the_site() {
    let world = World::of(SITES).await;
    let form = async |key: &str| world.get(&format!("/consent/form?writeKey={key}")).await.text();
    assert!(form("wk_shop").await.contains("<h1>Your choice in our shop</h1>"));
    assert!(!form("wk_news").await.contains("in our shop"));
    let send = async |key: &str| {
        let path = format!("/consent/form?writeKey={key}");
        let own = [("Content-Type", "application/x-www-form-urlencoded"), ("Sec-Fetch-Site", "same-origin")];
        cookie_of(&world.send("POST", &path, &own, b"method=accept_all&version=3").await)
    };
    assert!(send("wk_shop").await.contains("; Domain=cdp.test"));
    assert!(!send("wk_news").await.contains("Domain"));
    let notice = async |key: &str| world.get(&format!("/v1/projects/{key}/notice?language=en")).await.text();
    let (news, shop) = (notice("wk_news").await, notice("wk_shop").await);
    let linked = "where our pages link to them";
    assert!(shop.contains(linked) && !news.contains(linked), "the shop has no control of its own");
    assert!(news.contains("We use web beacons together with cookies"), "the notice is of all sites, and one has them");
}

/// What is recorded of a choice that a page of a site states as confirmed over the browser's signal.
async fn confirmed(world: &World, key: &str, hash: &str) -> (bool, Option<String>) {
    let consent = json!({
        "categoryPreferences": { "targeting": true }, "method": "confirmed_over_gpc", "version": 3,
        "textHash": hash, "language": "de", "regime": "opt-in",
    });
    let name = "Segment Consent Preference Updated";
    let body = json!({ "writeKey": key, "event": name, "userId": "u", "context": { "consent": consent } });
    assert_eq!(world.send("POST", "/v1/t", &[("Sec-GPC", "1")], body.to_string().as_bytes()).await.status, 200);
    let made = world.notary.made.lock().expect("nobody panics here");
    let made = made.last().expect("it is recorded");
    let language = made.presented.as_ref().and_then(|presented| presented.language.clone());
    (made.choice.granted.intersects(consent::CategorySet::SALE_AND_SHARING), language)
}

// Obligation 20.
#[tokio::test]
async fn an_opt_in_over_the_signal_counts_by_the_words_of_its_own_site() {
    let world = World::of(SITES).await;
    let tenant = tenant(SITES);
    let shop = tenant.workspace.site(tenant.source("shop").expect("it is there"));
    let hash = consent::hash_shown(shop, Regime::OPT_IN, "de").expect("the shop publishes it");
    assert_eq!(confirmed(&world, "wk_shop", &hash).await, (true, Some("de".to_owned())));
    let world = World::of(SITES).await;
    assert_eq!(confirmed(&world, "wk_news", &hash).await, (false, None), "no site of news shows German words");
    let template = consent::hash_shown(tenant.workspace.template(), Regime::OPT_IN, "en").expect("it is published");
    assert_eq!(confirmed(&world, "wk_shop", &template).await, (false, Some("de".to_owned())));
}
