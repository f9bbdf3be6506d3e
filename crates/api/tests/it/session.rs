//! Signing in, being recognised, and tokens.

use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use serde_json::json;

use crate::rig::{PASSWORD, Rig};

#[tokio::test]
async fn a_session_lasts_until_it_is_signed_out() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let me = rig.ask(&cookie, "GET", "/api/v1/session", None).await;
    assert_eq!(me.json()["user"], json!({"name": "admin", "role": "admin", "personal_data": false, "token": null}));
    assert_eq!(me.json()["workspaces"], json!(["acme"]));
    assert_eq!(rig.ask(&cookie, "DELETE", "/api/v1/session", None).await.status, 204);
    assert_eq!(rig.ask(&cookie, "GET", "/api/v1/session", None).await.code(), "not_signed_in");
}

#[tokio::test]
async fn guessing_is_told_nothing_and_slowed() {
    let rig = Rig::new().await;
    let wrong_name = rig.sign_in("nobody", "whatever it is").await.expect_err("refused");
    let wrong_password = rig.sign_in("admin", "whatever it is").await.expect_err("refused");
    assert_eq!(wrong_name.text, wrong_password.text);
    assert_eq!(wrong_name.code(), "bad_credentials");
    for _ in 0..10 {
        drop(rig.sign_in("admin", "whatever it is").await);
    }
    let slowed = rig.sign_in("admin", PASSWORD).await.expect_err("refused");
    assert_eq!((slowed.status.as_u16(), &*slowed.code()), (429, "too_many_attempts"));
    assert!(slowed.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn the_cookie_is_for_this_site_and_no_script() {
    let rig = Rig::new().await;
    let body = json!({"name": "admin", "password": PASSWORD}).to_string();
    let request = Request::post("/api/v1/session").header("content-type", "application/json");
    let answer = rig.send(request.body(body.into()).expect("a request")).await;
    let cookie = answer.headers["set-cookie"].to_str().expect("text").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie} without {part}");
    }
}

#[tokio::test]
async fn a_token_does_what_its_role_may_until_it_is_removed() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let more = rig.ask(&cookie, "POST", "/api/v1/tokens", Some(json!({"name": "ci", "role": "owner"}))).await;
    assert_eq!(more.code(), "forbidden", "nobody gives what they do not have");
    let made = rig.ask(&cookie, "POST", "/api/v1/tokens", Some(json!({"name": "ci", "role": "viewer"}))).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (token, id) = (made.json()["token"].clone(), made.json()["id"].clone());
    let by_token = |method: &str, path: &str| {
        let bearer = format!("Bearer {}", token.as_str().expect("a token"));
        let request = Request::builder().method(method).uri(path).header("authorization", bearer);
        rig.send(request.body(Body::empty()).expect("a request"))
    };
    assert_eq!(by_token("GET", "/api/v1/workspaces").await.status, 200);
    assert_eq!(by_token("GET", "/api/v1/tokens").await.code(), "forbidden");
    let listed = rig.ask(&cookie, "GET", "/api/v1/tokens", None).await;
    assert!(!listed.text.contains(token.as_str().expect("a token")), "it comes back out");
    let gone = rig.ask(&cookie, "DELETE", &format!("/api/v1/tokens/{}", id.as_str().expect("an id")), None).await;
    assert_eq!(gone.status, 204);
    assert_eq!(by_token("GET", "/api/v1/workspaces").await.code(), "not_signed_in");
}

#[tokio::test]
async fn write_key_and_proof_key_are_for_admins() {
    let rig = Rig::new().await;
    for (who, key) in [("viewer", json!(null)), ("analyst", json!(null)), ("admin", json!("wk_web"))] {
        let cookie = rig.sign_in(who, PASSWORD).await.expect("signed in");
        let source = rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/sources/web", None).await;
        let source = source.json();
        assert_eq!(source["write_key"], key, "{who}");
        let proof_key = source["proof_key"].as_str().map(str::len);
        assert_eq!(proof_key, key.as_str().map(|_| 64), "{who}: a key of 32 bytes in hex, or none");
    }
}

#[tokio::test]
async fn a_live_view_ends_within_seconds_of_the_login_or_the_right() {
    let rig = Rig::new().await;
    let live = "/api/v1/workspaces/acme/live";
    let ends_within = async |view: Body, seconds| {
        tokio::time::timeout(std::time::Duration::from_secs(seconds), view.collect()).await.is_ok()
    };
    let owner = rig.sign_in("owner", PASSWORD).await.expect("signed in");
    let viewer = async || rig.sign_in("viewer", PASSWORD).await.expect("signed in");

    let cookie = viewer().await;
    assert!(!ends_within(rig.begun(&cookie, live).await, 3).await, "nothing was lost");
    // Begun before the right goes: after that it would be refused, and prove nothing.
    let view = rig.begun(&cookie, live).await;
    assert_eq!(rig.ask(&cookie, "DELETE", "/api/v1/session", None).await.status.as_u16(), 204);
    assert!(ends_within(view, 9).await);

    let cookie = viewer().await;
    let rights = json!({"role": "analyst"});
    let view = rig.begun(&cookie, live).await;
    assert_eq!(rig.ask(&owner, "PUT", "/api/v1/users/viewer", Some(rights)).await.status.as_u16(), 200);
    assert!(ends_within(view, 9).await);
}
