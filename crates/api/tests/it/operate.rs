//! What people do to a running destination, and the queries that they keep: each told in the audit log, once.

use serde_json::{Value, json};

use crate::rig::{PASSWORD, Rig};

const HOOK: &str = "/api/v1/workspaces/acme/destinations/hook";
const SAVED: &str = "/api/v1/workspaces/acme/lake/saved";

/// `actor action object`, latest first.
async fn told(rig: &Rig, cookie: &str, kind: &str) -> Vec<String> {
    let entries = rig.ask(cookie, "GET", &format!("/api/v1/audit?kind={kind}"), None).await.json();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let items = entries["items"].as_array().expect("a list").iter();
    let own = items.filter(|entry| entry["actor"] != "test");
    own.map(|entry| [text(entry, "actor"), text(entry, "action"), text(entry, "object")].join(" ")).collect()
}

#[tokio::test]
async fn a_pause_is_shown_with_its_author_and_told_once() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    for _ in 0..2 {
        let answer = rig.ask(&cookie, "POST", &format!("{HOOK}/pause"), None).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    let shown = rig.ask(&cookie, "GET", HOOK, None).await.json();
    let expected = json!({"reason": "by_operator", "until": null, "by": "admin", "since": "2026-11-21T22:00:00.000Z"});
    assert_eq!((&shown["health"]["state"], &shown["health"]["paused"]), (&json!("paused"), &expected));
    let overview = rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/overview", None).await.json();
    assert_eq!(overview["attention"][0]["text"], "`hook` was paused by admin", "{overview}");
    let answer = rig.ask(&cookie, "POST", &format!("{HOOK}/resume"), None).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    assert_eq!(rig.ask(&cookie, "GET", HOOK, None).await.json()["health"]["state"], "running");
    assert_eq!(told(&rig, &cookie, "destination").await, ["admin resume hook", "admin pause hook"]);
}

#[tokio::test]
async fn what_goes_out_before_a_choice_is_shown_as_a_risk() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let banner = json!({"before": {"eu": "always-load"}});
    let config = json!({"name": "shop", "kind": "browser", "compat": "segment", "sdk": "assent", "banner": banner});
    let made = rig.ask(&cookie, "POST", "/api/v1/workspaces/acme/sources", Some(config)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let overview = rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/overview", None).await.json();
    let text =
        "pages of `shop` send events before anybody chose, where the law asks first: `eu` (`before: always-load`)";
    let expected = json!([{"severity": "warning", "text": text, "link": "sources/shop"}]);
    assert_eq!(overview["attention"], expected, "{overview}");
}

#[tokio::test]
async fn dead_letters_are_asked_for_in_values_that_can_be() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    for query in ["from=yesterday", "to=2026-13-01", "before=7", "before=1.2.x.4", "reasons=refused"] {
        let answer = rig.ask(&cookie, "GET", &format!("{HOOK}/dead-letters?{query}"), None).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid_value"), "{query}");
    }
    let path = format!("{HOOK}/dead-letters?reason=refused&from=2026-11-21T00:00:00Z&text=no%20list&before=1.2.3.4");
    assert_eq!(rig.ask(&cookie, "GET", &path, None).await.json(), json!({"items": [], "next": null}));
    assert_eq!(rig.ask(&cookie, "GET", &format!("{HOOK}/errors"), None).await.json()["items"], json!([]));
    for body in [json!({"ids": []}), json!({"ids": ["x"]}), json!({"to": "now"}), json!({"id": "0-1-2"})] {
        let answer = rig.ask(&cookie, "POST", &format!("{HOOK}/dead-letters/retry"), Some(body.clone())).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (400, "invalid_value"), "{body}");
    }
    let all = json!({"reason": "refused", "text": "Ada Lovelace"});
    let answer = rig.ask(&cookie, "POST", &format!("{HOOK}/dead-letters/retry"), Some(all)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let retries = rig.ask(&cookie, "GET", &format!("{HOOK}/dead-letters/retries"), None).await.json();
    assert_eq!((&retries["items"][0]["id"], &retries["items"][0]["by"]), (&answer.json()["job"], &json!("admin")));
    assert_eq!(told(&rig, &cookie, "destination").await, ["admin retry hook"]);
    let entries = rig.ask(&cookie, "GET", "/api/v1/audit?kind=destination", None).await.json();
    let retry = &entries["items"][0]["after"];
    assert_eq!((&retry["reason"], &retry["text"]), (&json!("refused"), &json!("…")), "{entries}");
    let answer = rig.ask(&cookie, "POST", "/api/v1/workspaces/acme/destinations/none/pause", None).await;
    assert_eq!(answer.code(), "not_found");
}

#[tokio::test]
async fn saved_queries_are_for_everybody_who_may_ask() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("analyst", PASSWORD).await.expect("signed in");
    let query = json!({"name": " Days ", "sql": "select day from events"});
    let kept = rig.ask(&cookie, "POST", SAVED, Some(query.clone())).await;
    assert_eq!((kept.status.as_u16(), &kept.json()["name"]), (201, &json!("Days")));
    assert_eq!(rig.ask(&cookie, "POST", SAVED, Some(query)).await.code(), "already_exists");
    for wrong in [json!({"name": " ", "sql": "x"}), json!({"name": "x", "sql": ""}), json!({"name": "x"})] {
        assert_eq!(rig.ask(&cookie, "POST", SAVED, Some(wrong)).await.code(), "invalid_value");
    }
    let admin = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let shown = rig.ask(&admin, "GET", SAVED, None).await.json();
    assert_eq!((&shown["items"][0], &shown["items"][0]["by"]), (&kept.json(), &json!("analyst")));
    let path = format!("{SAVED}/{}", kept.json()["id"].as_str().expect("an id"));
    assert_eq!(rig.ask(&admin, "DELETE", &path, None).await.status, 204);
    assert_eq!(rig.ask(&admin, "DELETE", &path, None).await.code(), "not_found");
    assert_eq!(told(&rig, &admin, "saved_query").await, ["admin delete Days", "analyst create Days"]);
}
