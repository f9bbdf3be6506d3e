//! The form without JavaScript, the cookie that keeps a choice, AMP, and the word about Global Privacy Control.

use serde_json::{Value, json};

use crate::setup::{Reply, World};

const FORM: &str = "/v1/consent/form?writeKey=wk_web";
const OWN: (&str, &str) = ("Sec-Fetch-Site", "same-origin");
const FOREIGN: (&str, &str) = ("Sec-Fetch-Site", "cross-site");

async fn send(world: &World, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    world.send("POST", path, headers, body.as_bytes()).await
}

/// What was recorded last, as `+granted -refused`.
fn recorded(world: &World) -> String {
    let made = world.notary.made.lock().expect("nobody panics here");
    let Some(made) = made.last() else { return "nothing".to_owned() };
    let rules = made.tenant.gate.rules();
    let names = |set| rules.categories.names(set).join(" ");
    format!("+{} -{}", names(made.choice.granted.without(rules.categories.required())), names(made.choice.refused))
}

#[tokio::test]
async fn the_form_asks_in_the_banners_words_and_ticks_nothing() {
    let world = World::start().await;
    let reply = world.get(FORM).await;
    let html = reply.text();
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(
        !html.contains("<script") && !html.contains("style=") && !html.contains("javascript:"),
        "no script: {html}"
    );
    assert!(!html.contains(" checked"), "nothing is ticked before a choice: {html}");
    let buttons = [("choose", "Save choices"), ("accept_all", "Accept all"), ("reject_all", "Reject all")];
    let places = buttons
        .map(|(method, words)| html.find(&format!("<button name=\"method\" value=\"{method}\">{words}</button>")));
    assert!(
        places.is_sorted() && places[0].is_some(),
        "Enter presses the first, which grants nothing by itself: {html}"
    );
    assert_eq!(html.matches("type=\"checkbox\"").count(), 3, "`required` has no box");
    let policy = reply.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!((reply.header("set-cookie"), reply.header("cache-control")), (None, Some("no-store")));
    let german = world.send("GET", FORM, &[("Accept-Language", "de-AT")], b"").await.text();
    assert!(german.contains("<html lang=\"de\" dir=\"ltr\">") && german.contains("Alle ablehnen"), "{german}");
    assert_eq!(world.get("/consent/form?writeKey=wk_none").await.short(), "401 unknown_key");
    let style = world.get("/v1/consent/form.css").await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
}

#[tokio::test]
async fn what_is_sent_is_recorded_kept_and_has_its_receipt() {
    let world = World::start().await;
    let body = "version=1&language=en&regime=opt-in&regimeVersion=1&category=performance&method=choose";
    let reply = send(&world, FORM, &[OWN], body).await;
    assert_eq!((reply.status, recorded(&world).as_str()), (200, "+performance -functionality targeting"));
    let html = reply.text();
    assert!(html.contains("<p role=\"status\">Your choice is recorded.</p>"), "{html}");
    assert!(html.contains(&format!("href=\"{}?writeKey=wk%5Fweb\"", "01".repeat(16))), "{html}");
    assert!(html.contains("value=\"performance\" aria-describedby=\"c-performance\" checked"), "{html}");
    let cookie = reply.header("set-cookie").expect("the choice is kept");
    let expected = "assent_choice=1~1~mwqybb40~performance~functionality.targeting~~choose.page~1; Path=/; \
                    Max-Age=15552000; SameSite=Lax";
    assert_eq!(cookie, expected, "180 days; no domain is configured, and this is http");
    {
        let made = world.notary.made.lock().expect("nobody panics here");
        let presented = made[0].presented.as_ref().expect("it was said");
        assert_eq!(
            (presented.version, presented.layer.as_deref(), presented.regime.as_deref()),
            (Some(1), Some("page"), Some("opt-in"))
        );
        assert!(made[0].anonymous_id.is_none(), "nobody is named");
    }
    // It comes back, and the next form shows it.
    let kept = [("Cookie", cookie.split(';').next().expect("a pair"))];
    let html = world.send("GET", FORM, &kept, b"").await.text();
    assert_eq!(html.matches(" checked").count(), 1, "{html}");
    let long_ago = [("Cookie", "assent_choice=1~1~z~performance~targeting~~choose.page~1")];
    let html = world.send("GET", FORM, &long_ago, b"").await.text();
    assert!(!html.contains(" checked"), "a grant that has ended ticks nothing: {html}");
}

#[tokio::test]
async fn a_refusal_on_the_form_takes_the_identifiers_away() {
    let world = World::start().await;
    let known = ("Cookie", "ajs_anonymous_id=x-1; ajs_user_id=u-1; assent_id=AAAA; other=1");
    let reply = send(&world, FORM, &[OWN, known], "method=reject_all").await;
    let gone: Vec<_> =
        reply.headers("set-cookie").into_iter().filter(|cookie| !cookie.starts_with("assent_ch")).collect();
    let expected = ["assent_id", "ajs_anonymous_id", "ajs_user_id"]
        .map(|name| format!("{name}=; Path=/; Max-Age=0; SameSite=Lax"));
    assert_eq!(gone, expected);
    let reply = send(&world, FORM, &[OWN, known], "method=accept_all").await;
    assert_eq!(reply.headers("set-cookie").len(), 1, "a grant keeps them");
}

#[tokio::test]
async fn another_site_cannot_agree_for_a_visitor() {
    let world = World::start().await;
    let grant = "method=accept_all";
    for headers in [
        &[FOREIGN][..],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[],
        &[("Origin", "null")],
        &[("Origin", "https://evil.test")],
    ] {
        assert_eq!(send(&world, FORM, headers, grant).await.short(), "403 foreign_grant", "{headers:?}");
        assert_eq!(send(&world, FORM, headers, "category=targeting&method=choose").await.short(), "403 foreign_grant");
    }
    assert_eq!(recorded(&world), "nothing");
    assert_eq!(
        send(&world, FORM, &[FOREIGN], "method=reject_all").await.status,
        200,
        "a refusal is taken from anywhere"
    );
    assert_eq!(recorded(&world), "+ -functionality performance targeting");
    assert_eq!(
        send(&world, FORM, &[FOREIGN], "category=targeting").await.status,
        200,
        "without a button nothing is granted"
    );
    assert_eq!(recorded(&world), "+ -functionality performance targeting");
    assert_eq!(
        send(&world, FORM, &[("Origin", "https://cdp.test")], grant).await.status,
        200,
        "an old browser says its origin"
    );
    assert_eq!(recorded(&world), "+functionality performance targeting -");
}

#[tokio::test]
async fn a_signal_takes_its_category_away_and_says_so() {
    let world = World::start().await;
    let signal = [("Sec-GPC", "1"), OWN];
    let html = world.send("GET", FORM, &signal, b"").await.text();
    assert!(
        html.contains("Opt-out request honored") && html.contains("aria-describedby=\"c-targeting\" disabled"),
        "{html}"
    );
    assert_eq!(send(&world, FORM, &signal, "method=accept_all").await.status, 200);
    assert_eq!(recorded(&world), "+functionality performance -targeting");
}

#[tokio::test]
async fn where_it_is_on_until_refused_granting_again_takes_two_steps() {
    let world = World::start().await;
    let path = "/v1/consent/form?writeKey=wk_us";
    assert_eq!(world.get(path).await.text().matches(" checked").count(), 3, "on until refused");
    let reply = send(&world, path, &[OWN], "method=reject_all").await;
    let cookie = reply.header("set-cookie").expect("kept");
    assert!(cookie.contains("Max-Age=34560000"), "a refusal of what is on else is remembered for 400 days: {cookie}");
    let kept = ("Cookie", cookie.split(';').next().expect("a pair"));
    let asked = send(&world, path, &[OWN, kept], "method=accept_all").await;
    assert_eq!(
        (asked.header("set-cookie"), recorded(&world).as_str()),
        (None, "+ -functionality performance targeting")
    );
    let html = asked.text();
    let confirmed = "name=\"confirmed\" value=\"functionality performance targeting\"";
    assert!(html.contains("Press the button once more") && html.contains(confirmed), "{html}");
    let again = "method=accept_all&confirmed=functionality+performance+targeting";
    assert_eq!(send(&world, path, &[OWN, kept], again).await.status, 200);
    assert_eq!(recorded(&world), "+functionality performance targeting -");
}

#[tokio::test]
async fn a_refusal_of_what_goes_out_unasked_is_remembered_as_long() {
    let yaml = "workspace: acme\nsources: [{ name: web, kind: browser, write_key: wk_web, compat: segment, sdk: assent }]\n\
                consent: { default_regime: eu, banner: { before: { eu: always-load } } }";
    let world = World::of(yaml).await;
    let reply = send(&world, FORM, &[OWN], "method=reject_all").await;
    let cookie = reply.header("set-cookie").expect("kept");
    assert!(cookie.contains("Max-Age=34560000"), "400 days: {cookie}");
    let reply = send(&world, FORM, &[OWN], "method=accept_all").await;
    let cookie = reply.header("set-cookie").expect("kept");
    assert!(cookie.contains("Max-Age=15552000"), "a grant ends after 180 days: {cookie}");
}

#[tokio::test]
async fn a_form_refuses_for_whom_the_browser_names() {
    let world = World::start().await;
    let known =
        ("Cookie", "a=b; ajs_anonymous_id=%22x-1%22; assent_choice=1~1~z~performance~targeting~ga~choose.first~1");
    assert_eq!(send(&world, FORM, &[OWN, known], "method=reject_all").await.status, 200);
    let made = world.notary.made.lock().expect("nobody panics here");
    assert_eq!(made[0].anonymous_id.as_ref().map(|id| id.expose().as_str()), Some("x-1"));
}

#[tokio::test]
async fn a_page_of_the_same_site_gets_its_choice_kept() {
    let world = World::start().await;
    let body = |domain: &str| {
        json!({ "writeKey": "wk_web", "categories": { "performance": true }, "version": 1, "method": "choose",
            "layer": "first", "refusedVendors": ["unheard"], "timestamp": "2026-11-21T22:00:00Z", "domain": domain })
        .to_string()
    };
    let near = [("Origin", "https://www.cdp.test"), ("Sec-Fetch-Site", "same-site")];
    let reply = send(&world, "/v1/consent", &near, &body("cdp.test")).await;
    let cookie = "assent_choice=1~1~mwqybb40~performance~functionality.targeting~~choose.first~1; Path=/; \
                  Max-Age=15552000; SameSite=Lax; Domain=cdp.test";
    assert_eq!(reply.header("set-cookie"), Some(cookie));
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://www.cdp.test"));
    assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
    let refused = send(&world, "/v1/consent", &near, "{}").await;
    assert_eq!(refused.header("access-control-allow-credentials"), Some("true"), "it can be read why");
    let far = [("Origin", "https://cdp.test.evil.test"), FOREIGN];
    let reply = send(&world, "/v1/consent", &far, &body("cdp.test")).await;
    assert_eq!((reply.header("set-cookie"), reply.header("access-control-allow-origin")), (None, Some(far[0].1)));
    let event = send(&world, "/v1/t", &near, "{}").await;
    assert_eq!((event.header("set-cookie"), event.header("access-control-allow-credentials")), (None, None));
    assert_eq!(send(&world, "/v1/consent", &near, &body("evil.test")).await.header("set-cookie"), None);
    for path in ["/v1/projects/wk_web/settings", "/analytics.js/v1/wk_web/analytics.min.js"] {
        assert_eq!(world.send("GET", path, &near, b"").await.header("set-cookie"), None, "{path}");
    }
}

#[tokio::test]
async fn the_identifier_is_kept_for_the_rest_of_its_days_and_no_choice_renews_it() {
    let world = World::start().await;
    let id = |days: i64| format!("d{}-0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11", crate::setup::NOW.0 / 86_400_000 - days);
    let check = async |days: i64, granted: bool, stored: bool, expected: Option<i64>| {
        let id = id(days);
        let body = json!({ "writeKey": "wk_web", "categories": { "performance": granted }, "domain": "cdp.test", "anonymousId": id });
        let cookie = format!("ajs_anonymous_id={}", if stored { &id } else { "another" });
        let headers = [("Origin", "https://cdp.test"), ("Sec-Fetch-Site", "same-origin"), ("Cookie", cookie.as_str())];
        let reply = send(&world, "/v1/consent", &headers, &body.to_string()).await;
        let kept = reply.headers("set-cookie").into_iter().find(|cookie| cookie.starts_with("ajs_"));
        let value = if expected == Some(0) { "" } else { &id };
        let expected = expected
            .map(|left| format!("ajs_anonymous_id={value}; Path=/; Max-Age={left}; SameSite=Lax; Domain=cdp.test"));
        assert_eq!(kept.map(str::to_owned), expected, "{days} {granted} {stored}");
    };
    let (day, today) = (86_400, crate::setup::NOW.0 % 86_400_000 / 1_000);
    check(0, true, true, Some(90 * day - today)).await;
    check(89, true, true, Some(day - today)).await;
    check(90, true, true, Some(0)).await; // over: taken away
    check(0, false, true, None).await;
    check(0, true, false, None).await;
}

/// An answer's sealed identifier: the pair, and how long it lives.
fn sealed(reply: &Reply) -> Option<(String, i64)> {
    let cookies = reply.headers("set-cookie");
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("assent_id="))?;
    let (pair, rest) = cookie.split_once("; Path=/; Max-Age=").expect("it has an end");
    let (seconds, rest) = rest.split_once(';').expect("more follows");
    let expected = if seconds == "0" { "" } else { "; HttpOnly" };
    assert_eq!(rest, format!(" SameSite=Lax; Domain=cdp.test{expected}"));
    Some((pair.to_owned(), seconds.parse().expect("a number")))
}

#[tokio::test]
async fn an_identifier_is_sealed_by_permission_and_stays_as_old_as_it_is() {
    let world = World::start().await;
    let choose = async |id: &str, granted: bool, cookies: &str| {
        let body = json!({ "writeKey": "wk_web", "categories": { "performance": granted }, "domain": "cdp.test", "anonymousId": id });
        let headers = [("Origin", "https://cdp.test"), ("Sec-Fetch-Site", "same-origin"), ("Cookie", cookies)];
        sealed(&send(&world, "/v1/consent", &headers, &body.to_string()).await)
    };
    assert_eq!(choose("x-1", true, "").await, None, "the page has stored none");
    let (pair, seconds) = choose("x-1", true, "ajs_anonymous_id=x-1").await.expect("permitted");
    assert_eq!(seconds, 90 * 86_400);
    assert!(!pair.contains("x-1"), "no script and no log can read it: {pair}");
    let both = format!("ajs_anonymous_id=x-1; {pair}");
    assert_eq!(choose("x-1", false, &both).await, Some(("assent_id=".to_owned(), 0)), "refused: taken away");

    world.clock.forward_days(30);
    let (again, seconds) = choose("x-1", true, &both).await.expect("permitted");
    assert_eq!(seconds, 60 * 86_400, "no choice renews it");
    let (other, seconds) = choose("x-2", true, &format!("ajs_anonymous_id=x-2; {pair}")).await.expect("permitted");
    assert!(seconds == 90 * 86_400 && other != again, "another identifier has its own");

    let event = json!({ "writeKey": "wk_web", "event": "E", "anonymousId": "x-1",
        "context": { "consent": { "categoryPreferences": { "performance": true } } } });
    let track = async |cookies: &str| send(&world, "/v1/t", &[("Cookie", cookies)], &event.to_string()).await.status;
    let before = world.stored().await.len();
    assert_eq!((track(&format!("a=b; {again}")).await, world.stored().await.len()), (200, before + 1));
    world.clock.forward_days(60);
    assert_eq!(
        (track(&format!("a=b; {again}")).await, world.stored().await.len()),
        (200, before + 1),
        "its days are over"
    );
    assert_eq!(world.counter(r#"assent_collect_discarded_total{source="web",code="anonymous_id_expired""#), 1);
    assert_eq!(
        (track(&other).await, world.stored().await.len()),
        (200, before + 2),
        "the seal of another says nothing"
    );
    let gone = choose("x-1", true, &format!("ajs_anonymous_id=x-1; {again}")).await;
    assert_eq!(gone, Some(("assent_id=".to_owned(), 0)), "it does not come back");
}

#[tokio::test]
async fn amp_is_told_whether_to_ask_and_what_was_answered() {
    let world = World::start().await;
    let check = async |key: &str, headers: &[(&str, &str)], expected: Value| {
        let path = format!("/v1/consent/amp?writeKey={key}&__amp_source_origin=https%3A%2F%2Fwww.example.com");
        let origin = ("Origin", "https://www-example-com.cdn.ampproject.org");
        let mut all = vec![origin];
        all.extend_from_slice(headers);
        let reply = send(&world, &path, &all, r#"{"consentInstanceId":"c"}"#).await;
        assert_eq!(reply.json(), expected, "{key} {headers:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some(origin.1));
        assert_eq!(reply.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(reply.header("amp-access-control-allow-source-origin"), Some("https://www.example.com"));
    };
    let says = |required: bool, state: &str, expires: bool| json!({ "consentRequired": required, "consentStateValue": state, "expireCache": expires });
    let kept = |text: &'static str| [("Cookie", text)];
    check("wk_web", &[], says(true, "unknown", false)).await;
    check("wk_us", &[], says(false, "unknown", false)).await;
    check("wk_us", &[("Sec-GPC", "1")], says(true, "rejected", true)).await;
    let without_ga = "assent_choice=1~1~mwqybb40~functionality.performance.targeting~~ga~x.y~1";
    check("wk_us", &kept(without_ga), says(true, "rejected", false)).await;
    check("wk_web", &kept(without_ga), says(true, "unknown", false)).await;
    check(
        "wk_web",
        &kept("assent_choice=1~1~mwqybb40~functionality.performance.targeting~~~x.y~1"),
        says(true, "accepted", false),
    )
    .await;
    check("wk_web", &kept("assent_choice=1~1~mwqybb40~performance~~~x.y~1"), says(true, "unknown", false)).await;
    check("wk_web", &kept("assent_choice=1~1~mwqybb40~performance~targeting~~x.y~1"), says(true, "rejected", false))
        .await;
    // What was said so long ago counts no more, except a refusal of what would be on again without it.
    let lapsed = "assent_choice=1~1~z~functionality.performance.targeting~~~x.y~1";
    check("wk_web", &kept(lapsed), says(true, "unknown", true)).await;
    check("wk_web", &kept("assent_choice=1~1~z~~targeting~~x.y~1"), says(true, "unknown", true)).await;
    check("wk_us", &kept("assent_choice=1~1~z~~targeting~~x.y~1"), says(true, "rejected", true)).await;
    let foreign = [FOREIGN, kept("assent_choice=1~1~mwqybb40~functionality.performance.targeting~~~x.y~1")[0]];
    check("wk_web", &foreign, says(true, "unknown", false)).await;
    assert_eq!(send(&world, "/v1/consent/amp", &[], "{}").await.short(), "401 unknown_key");
}

#[tokio::test]
async fn what_amp_answers_is_recorded() {
    let world = World::start().await;
    let path = "/v1/consent/amp/choice?writeKey=wk_web";
    for (body, expected) in [
        (
            json!({ "consentState": true, "consentStateValue": "accepted", "ampUserId": "amp-1" }),
            "+functionality performance targeting -",
        ),
        (json!({ "consentStateValue": "rejected" }), "+ -functionality performance targeting"),
        (json!({ "consentState": true }), "+functionality performance targeting -"),
        (json!({ "consentState": false }), "+ -functionality performance targeting"),
    ] {
        assert_eq!(send(&world, path, &[], &body.to_string()).await.json()["receipt"], "01".repeat(16));
        assert_eq!(recorded(&world), expected, "{body}");
    }
    let made = world.notary.made.lock().expect("nobody panics here").len();
    for body in ["{}", r#"{"consentStateValue":"unknown"}"#] {
        assert_eq!(send(&world, path, &[], body).await.short(), "400 bad_choice", "{body}");
    }
    let made_now = world.notary.made.lock().expect("nobody panics here");
    assert!(made_now.len() == made && made_now.iter().all(|made| made.anonymous_id.is_none()));
}

#[tokio::test]
async fn it_says_that_global_privacy_control_is_honoured() {
    let reply = World::start().await.get("/.well-known/gpc.json").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.json(), json!({ "gpc": true, "lastUpdate": workspace::Regime::table_as_of() }));
}
