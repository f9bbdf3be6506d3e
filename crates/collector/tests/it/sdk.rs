//! What browsers ask before they send: preflights, settings, the script and its chunks.

use std::io::Read;

use collector::{Edge, ServeLimits};
use serde_json::json;

use crate::setup::World;

#[tokio::test]
async fn a_preflight_gets_the_headers_it_asks_for() {
    let world = World::start().await;
    for (asked, allowed) in [
        ("authorization,content-type,x-retry-count", "authorization,content-type,x-retry-count"),
        ("x-my-own", "x-my-own"),
        ("x.tenant,x~1", "x.tenant,x~1"),
        ("bad;name", "authorization, content-type, x-retry-count"),
    ] {
        let headers = [("Origin", "https://shop.test"), ("Access-Control-Request-Headers", asked)];
        let reply = world.send("OPTIONS", "/v1/t", &headers, b"").await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("access-control-allow-headers"), Some(allowed));
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
        assert_eq!(reply.header("access-control-allow-credentials"), None);
        assert!(reply.header("access-control-max-age").is_some());
    }
}

#[tokio::test]
async fn settings_name_the_host_that_was_asked() {
    let world = World::start().await;
    let settings = world.get("/v1/projects/wk_web/settings").await.json();
    let segment = &settings["integrations"]["Segment.io"];
    assert_eq!((&segment["apiKey"], &segment["apiHost"]), (&json!("wk_web"), &json!("cdp.test/v1")));
    assert_eq!(segment["protocol"], "http");
    assert_eq!(settings["consentSettings"]["hasUnmappedDestinations"], true);
    assert_eq!(settings["metrics"]["sampleRate"], 0);
    assert_eq!(world.get("/v1/projects/wk_nobody/settings").await.short(), "401 unknown_key");

    let public_url = Some("https://events.example.com".parse().expect("an address"));
    let world = World::with(Edge { public_url, ..Edge::default() }, ServeLimits::default()).await;
    let segment = &world.get("/v1/projects/wk_web/settings").await.json()["integrations"]["Segment.io"];
    assert_eq!((&segment["apiHost"], segment.get("protocol")), (&json!("events.example.com/v1"), None));
}

#[tokio::test]
async fn a_forwarded_scheme_counts_from_trusted_proxies_only() {
    for (trusted, expected) in [(vec!["127.0.0.0/8".parse().expect("a network")], None), (vec![], Some("http"))] {
        let edge = Edge { trusted_proxies: collector::TrustedProxies(trusted), ..Edge::default() };
        let world = World::with(edge, ServeLimits::default()).await;
        let headers = [("X-Forwarded-Proto", "https")];
        let settings = world.send("GET", "/v1/projects/wk_web/settings", &headers, b"").await.json();
        let protocol = settings["integrations"]["Segment.io"].get("protocol").and_then(|protocol| protocol.as_str());
        assert_eq!(protocol, expected);
    }
}

#[tokio::test]
async fn settings_say_what_this_visitor_is_asked_and_are_for_nobody_else() {
    let world = World::start().await;
    let of = async |language: &str| {
        world.send("GET", "/v1/projects/wk_web/settings", &[("Accept-Language", language)], b"").await
    };
    let reply = of("de-AT, en;q=0.5").await;
    assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
    assert_eq!(reply.header("set-cookie"), None);
    let asked = &reply.json()["assent"];
    assert_eq!(
        (&asked["v"], &asked["texts"]["language"], &asked["texts"]["reject"]),
        (&json!(1), &json!("de"), &json!("Alle ablehnen"))
    );
    assert_eq!(
        (&asked["regime"]["id"], &asked["before"], &asked["region"]),
        (&json!("opt-in"), &json!("block"), &json!(null))
    );
    assert_eq!(of("fr").await.json()["assent"]["texts"]["language"], "en");
}

/// The script of a key, plain and packed alike, kept by its tag.
async fn script(world: &World, path: &str) -> (String, usize) {
    let plain = world.get(path).await;
    assert_eq!(plain.status, 200, "this test needs the scripts: run `make web`, then again ({})", plain.text());
    let packed = world.send("GET", path, &[("Accept-Encoding", "gzip, br")], b"").await;
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, plain.body);
    let etag = plain.header("etag").expect("a tag").to_owned();
    let again = world.send("GET", path, &[("If-None-Match", &etag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert!(!plain.text().contains("\"__WRITE_KEY__\""), "the key is filled in");
    (plain.text(), packed.body.len())
}

#[tokio::test]
async fn a_browser_source_gets_the_sdk_that_asks() {
    let world = World::start().await;
    let (text, packed) = script(&world, "/analytics.js/v1/wk_web/analytics.min.js").await;
    assert!(text.contains("\"wk_web\""), "the key is filled in");
    assert!(packed <= 12 * 1024, "the core is {packed} bytes as it is served");
    // One hash for all: `/sdk/${name}.<hash>.js`.
    let hash = text.split("/sdk/").nth(1).and_then(|rest| rest.split('.').nth(1)).expect("it names its chunks");
    for name in ["choices", "trustarc", "onetrust", "tcf", "gpp", "frames"] {
        let chunk = world.get(&format!("/sdk/{name}.{hash}.js")).await;
        assert_eq!((chunk.status, chunk.header("cache-control")), (200, Some("public, max-age=31536000, immutable")));
    }
    for name in ["assent.mjs", "block.js", "gpp-stub.js", "shadow.js", "tcf-stub.js"] {
        let named = world.get(&format!("/sdk/{name}")).await;
        assert_eq!((named.status, named.header("cache-control")), (200, Some("public, max-age=300")), "{name}");
    }
    assert_eq!(world.get("/sdk/nothing.js").await.short(), "404 not_found");
    assert_eq!(world.get("/analytics.js/v1/wk_nobody/analytics.min.js").await.short(), "401 unknown_key");
}

#[tokio::test]
async fn a_source_that_reads_stamps_as_segment_does_gets_segments_sdk() {
    let world = World::start().await;
    for file in ["analytics.min.js", "platform/analytics.min.js"] {
        let (text, _) = script(&world, &format!("/analytics.js/v1/wk_compat/{file}")).await;
        assert!(text.starts_with("/*! @segment/analytics-next") && text.contains("MIT License"));
        assert!(text.contains("window.analyticsWriteKey=\"wk_compat\""), "the key is filled in");
    }
    let chunk = "/analytics-next/bundles/tsub-middleware.bundle.89bf07058b3d3b126984.js";
    let reply = world.get(chunk).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/javascript; charset=utf-8")));
    assert_eq!(world.get("/analytics-next/bundles/nothing.js").await.short(), "404 not_found");
}

#[tokio::test]
async fn what_stands_beside_is_told_the_client_behind_a_trusted_proxy() {
    let check = async |trusted: Vec<collector::Network>, expected: &str| {
        let beside = collector::Beside::new(|_, client| {
            let text = client.ip().to_string();
            Box::pin(async move { http::Response::new(collector::AnswerBody::Whole(text.into())) })
        });
        let trusted_proxies = collector::TrustedProxies(trusted);
        let edge = Edge { trusted_proxies, beside: Some(beside), ..Edge::default() };
        let world = World::with(edge, ServeLimits::default()).await;
        let told = world.send("GET", "/api/v1/session", &[("x-forwarded-for", "198.51.100.9")], b"").await;
        assert_eq!(told.text(), expected);
    };
    check(vec!["127.0.0.1".parse().expect("a network")], "198.51.100.9").await;
    check(Vec::new(), "127.0.0.1").await;
}

const NOTICE: &str = "
workspace: acme
sources: [{ name: web, kind: browser, write_key: wk_web }]
consent:
  notice:
    site: Acme
    controller: { name: Acme Ltd, address: 1 Road, email: privacy@acme.example }
    languages: { en: {}, de: { reviewed: 'J. Roe, 2026-11-20' } }
";

#[tokio::test]
async fn the_notice_is_for_everybody_in_their_language_and_leaves_nothing() {
    let world = World::of(NOTICE).await;
    let page = world.send("GET", "/v1/projects/wk_web/notice", &[("Accept-Language", "de-AT")], b"").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().contains("<html lang=\"de\" dir=\"ltr\">") && page.text().contains("Acme Ltd"));
    assert_eq!((page.header("set-cookie"), page.header("cache-control")), (None, Some("private, max-age=300")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    let english = world.get("/v1/projects/wk_web/notice.json?language=en").await;
    assert_eq!(
        (&english.json()["language"], &english.json()["controller"]["name"]),
        (&json!("en"), &json!("Acme Ltd"))
    );
    let tag = english.header("etag").expect("a tag");
    let again = world.send("GET", "/v1/projects/wk_web/notice.json?language=en", &[("If-None-Match", tag)], b"").await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let link = &world.get("/v1/projects/wk_web/settings").await.json()["assent"]["texts"]["links"][0];
    assert_eq!(link["href"], "http://cdp.test/v1/projects/wk_web/notice?language=en");
    assert_eq!(world.get("/v1/projects/wk%5Fweb/notice").await.status, 200);
    assert_eq!(world.get("/v1/projects/wk_nobody/notice").await.short(), "401 unknown_key");
}

#[tokio::test]
async fn without_somebody_responsible_there_is_no_notice_and_still_a_declaration() {
    let world = World::start().await;
    assert_eq!(world.get("/v1/projects/wk_web/notice").await.short(), "404 no_notice");
    assert_eq!(world.get("/v1/projects/wk_web/notice.json").await.short(), "404 no_notice");
    let cookies = world.get("/v1/projects/wk_web/cookies.json").await.json();
    assert!(cookies["cookies"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "assent_choice")));
}

#[tokio::test]
async fn the_blocking_script_carries_the_hosts_of_the_workspaces_vendors() {
    let yaml = "
workspace: acme
sources: [{ name: web, kind: browser, write_key: wk_web }]
consent:
  banner:
    vendors:
      - { id: heap }
      - { id: own, name: Own, category: targeting, domains: [ads.example] }
";
    let world = World::of(yaml).await;
    let reply = world.get("/v1/projects/wk_web/block.js").await;
    assert_eq!(reply.status, 200, "this test needs the scripts: run `make web`, then again ({})", reply.text());
    let text = reply.text();
    let hosts = "\"ads.example=targeting heap.io=performance heapanalytics.com=performance\"";
    assert!(text.contains(hosts) && !text.contains("__HOSTS__"), "{text}");
    assert_eq!(reply.header("content-type"), Some("application/javascript; charset=utf-8"));
    let tag = reply.header("etag").expect("it has one").to_owned();
    let again = world.send("GET", "/v1/projects/wk_web/block.js", &[("If-None-Match", &tag)], b"").await;
    assert_eq!(again.status, 304);
    assert_eq!(world.get("/v1/projects/wk_none/block.js").await.short(), "401 unknown_key");
    assert!(world.get("/sdk/block.js").await.text().contains("__HOSTS__"), "without a key there are no hosts");
}
