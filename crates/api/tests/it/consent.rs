//! The consent block as a draft, and how visitors answered.

use control::{ChoiceRow, Method, Presented, Receipt};
use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Answer, PASSWORD, Rig};

const NOW: event::Millis = event::Millis(1_795_298_400_000);

async fn preview(rig: &Rig, role: &str, draft: Value) -> Answer {
    let cookie = rig.sign_in(role, PASSWORD).await.expect("signed in");
    rig.ask(&cookie, "POST", "/api/v1/workspaces/acme/consent/preview", Some(draft)).await
}

#[tokio::test]
async fn a_draft_is_seen_as_it_would_be_asked_and_nothing_is_published() {
    let rig = Rig::new().await;
    let languages = json!({ "en": { "title": "Hello" }, "de": { "reviewed": "J. Roe, 2026-11-20" } });
    let consent = json!({ "default_regime": "by-region", "banner": { "languages": languages } });
    let show = async |region: &str, language: &str| {
        let draft = json!({ "consent": consent, "region": region, "language": language });
        let answer = preview(&rig, "viewer", draft).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    };
    let german = show("DE", "de-AT, en;q=0.5").await;
    assert_eq!((&german["regime"]["id"], &german["texts"]["language"]), (&json!("eu"), &json!("de")));
    assert_eq!(show("US-CA", "en").await["texts"]["title"], "Hello");
    let cookie = rig.sign_in("viewer", PASSWORD).await.expect("signed in");
    let published = rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/experience?region=DE", None).await.json();
    assert_eq!((&published["regime"]["id"], &published["texts"]["language"]), (&json!("opt-in"), &json!("en")));
}

#[tokio::test]
async fn a_draft_is_refused_in_the_words_in_which_it_would_not_be_written() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    for consent in [
        json!({ "banner": { "languages": { "en": { "titel": "Hi" } } } }),
        json!({ "banner": { "languages": { "de": {} } } }),
        json!({ "baner": {} }),
        json!({ "categories": ["required"] }),
        json!({ "banner": { "vendors": [{ "id": "ga", "name": "GA", "category": "statistics" }] } }),
    ] {
        let drafted = preview(&rig, "viewer", json!({ "consent": consent })).await;
        let path = "/api/v1/workspaces/acme/categories?if_version=0";
        let written = rig.ask(&cookie, "PUT", path, Some(consent.clone())).await;
        let expected = (StatusCode::BAD_REQUEST, "invalid_workspace".to_owned());
        assert_eq!((drafted.status, drafted.code()), expected, "{consent}: {drafted:?}");
        let message = |answer: &Answer| answer.json()["error"]["message"].clone();
        let said = message(&written).as_str().unwrap_or_default().replace("workspace `acme`: ", "");
        assert_eq!(message(&drafted), said, "{consent}");
    }
}

async fn notice(rig: &Rig, draft: Value) -> Answer {
    let cookie = rig.sign_in("viewer", PASSWORD).await.expect("signed in");
    rig.ask(&cookie, "POST", "/api/v1/workspaces/acme/consent/preview/notice", Some(draft)).await
}

fn consent_with_notice(site: &str) -> Value {
    let controller = json!({ "name": "Acme", "address": "1 High Street", "email": "p@acme.example" });
    let languages = json!({ "en": {}, "de": { "reviewed": "J. Roe, 2026-11-20" } });
    json!({ "notice": { "site": site, "controller": controller, "languages": languages } })
}

#[tokio::test]
async fn the_notice_of_a_draft_is_read_as_it_would_be_published_and_the_published_one_stays() {
    let rig = Rig::new().await;
    let admin = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let path = "/api/v1/workspaces/acme/categories?if_version=0";
    let written = rig.ask(&admin, "PUT", path, Some(consent_with_notice("Shop"))).await;
    assert_eq!(written.status, StatusCode::OK, "{written:?}");
    // As the collector writes it.
    let published = || {
        let tenant = rig.served.tenant("acme").expect("it is served");
        let source = tenant.source("web").expect("it has one");
        serde_json::to_value(consent::Notice::new(tenant.workspace.site(source), "en")).expect("JSON")
    };
    let saved = published();
    assert_eq!(saved["title"], "Cookie notice of Shop");
    let drafted = notice(&rig, json!({ "consent": consent_with_notice("Market"), "language": "en" })).await;
    assert_eq!((drafted.status, &drafted.json()["title"]), (StatusCode::OK, &json!("Cookie notice of Market")));
    assert_eq!(published(), saved, "nothing was published");
    let unchanged = notice(&rig, json!({ "consent": consent_with_notice("Shop"), "language": "en" })).await;
    assert_eq!(unchanged.json(), saved, "one shape for both");
    let german = notice(&rig, json!({ "consent": consent_with_notice("Market"), "language": "de-AT" })).await;
    assert_eq!(german.json()["language"], "de");
}

#[tokio::test]
async fn the_notice_of_a_draft_is_refused_in_the_linters_words() {
    let rig = Rig::new().await;
    let refused = notice(&rig, json!({ "consent": consent_with_notice("") })).await;
    assert_eq!((refused.status, &*refused.code()), (StatusCode::BAD_REQUEST, "invalid_workspace"));
    let message = refused.json()["error"]["message"].clone();
    assert_eq!(message, "`notice.site` has 1 to 80 characters");
    for (draft, said) in [
        (json!({ "consent": {} }), "the draft has no `notice`: none would be published"),
        (json!({ "consent": consent_with_notice("Shop"), "source": "none" }), "there is no source `none`"),
    ] {
        let answer = notice(&rig, draft).await;
        assert_eq!((answer.status, &answer.json()["error"]["message"]), (StatusCode::NOT_FOUND, &json!(said)));
    }
}

/// A draft is shown, so what a reference in it refers to must not be filled in.
#[tokio::test]
async fn a_draft_tells_no_variable() {
    let rig = Rig::new().await;
    let languages = json!({ "en": { "title": "${env:ASSENT_SECRET_X}" } });
    let answer = preview(&rig, "viewer", json!({ "consent": { "banner": { "languages": languages } } })).await;
    assert_eq!(answer.json()["texts"]["title"], "${env:ASSENT_SECRET_X}", "{answer:?}");
}

#[tokio::test]
async fn rates_are_by_regime_version_and_language() {
    let rig = Rig::new().await;
    let presented = Presented {
        version: Some(1),
        regime: Some("eu".to_owned()),
        language: Some("en".to_owned()),
        method: Some("choose".to_owned()),
        ..Presented::default()
    };
    let row = ChoiceRow {
        receipt: Receipt([1; 16]),
        maker: None,
        granted: vec!["performance".to_owned()],
        refused: vec!["targeting".to_owned()],
        method: Method::Event,
        source: "web".to_owned(),
        made_at: NOW,
        received_at: NOW,
        presented: Some(presented),
    };
    let earlier = ChoiceRow { received_at: event::Millis(NOW.0 - 40 * 86_400_000), presented: None, ..row.clone() };
    rig.store.record("acme", &[row, earlier]).await.expect("recorded");
    let cookie = rig.sign_in("viewer", PASSWORD).await.expect("signed in");
    let ask = async |query: &str| {
        let path = format!("/api/v1/workspaces/acme/consent/rates{query}");
        rig.ask(&cookie, "GET", &path, None).await
    };
    let shown = ask("").await.json();
    assert_eq!(shown["since"], "2026-10-23T00:00:00.000Z");
    let category = |category: &str, granted: u64| json!({ "category": category, "granted": granted });
    let of_today = json!({
        "regime": "eu", "banner_version": 1, "language": "en",
        "choices": 1, "accepted_all": 0, "rejected_all": 0, "partial": 1, "withdrawn": 0,
        "by_category": [category("functionality", 0), category("performance", 1), category("targeting", 0)],
    });
    assert_eq!(shown["rows"], json!([of_today]));
    let long = ask("?days=365").await.json();
    assert_eq!((&long["rows"][0]["regime"], &long["rows"][0]["banner_version"]), (&Value::Null, &Value::Null));
    assert_eq!(long["rows"].as_array().map(Vec::len), Some(2));
    for query in ["?days=0", "?days=366", "?day=3"] {
        assert_eq!(ask(query).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
