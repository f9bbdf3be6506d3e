//! Beacons for letters: sealed for one recipient each, and only where nothing of a mail provider would be kept.

use control::{Beacon, BeaconKind};
use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{PASSWORD, Rig};

const BEACONS: &str = "/api/v1/workspaces/acme/beacons";

#[tokio::test]
async fn each_recipient_gets_an_image_and_links_of_their_own_that_say_nothing() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let ask = async |body: Value| {
        let answer = rig.ask(&cookie, "POST", BEACONS, Some(body)).await;
        (answer.status, answer.json())
    };
    let links = ["https://shop.example/?a=b", "http://shop.example"];
    let letter = json!({ "source": "api", "campaign": "spring", "message": "m-1",
        "recipients": ["jane@example.com", "u-2"], "links": links });
    let (status, made) = ask(letter).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    assert!(!made.to_string().contains("jane") && !made.to_string().contains("shop"), "{made}");
    let tenant = rig.served.tenant("acme").expect("it is served");
    for (at, recipient) in ["jane@example.com", "u-2"].into_iter().enumerate() {
        let item = &made["items"][at];
        let token = |path: &Value, before: &str| {
            let path = path.as_str().and_then(|path| path.strip_prefix(before)).expect("a path");
            path.trim_end_matches(".gif").to_owned()
        };
        let opened = Beacon::from_token(&token(&item["open"], "/v1/open/"), BeaconKind::Open, &tenant.fingerprints);
        let opened = opened.expect("it opens");
        assert_eq!((opened.user_id.expose().as_str(), opened.campaign.as_deref()), (recipient, Some("spring")));
        for (at, link) in links.iter().enumerate() {
            let token = token(&item["links"][at], "/v1/click/");
            let clicked = Beacon::from_token(&token, BeaconKind::Click, &tenant.fingerprints).expect("it opens");
            assert_eq!((clicked.target.as_deref(), clicked.write_key.as_str()), (Some(*link), "wk_api"));
        }
    }
    for (wrong, status) in [
        (json!({ "source": "none", "recipients": [] }), StatusCode::NOT_FOUND),
        (json!({ "source": "web", "recipients": ["u"] }), StatusCode::BAD_REQUEST),
        (json!({ "source": "api", "recipients": [""] }), StatusCode::BAD_REQUEST),
        (json!({ "source": "api", "recipients": ["u"], "links": ["/offer"] }), StatusCode::BAD_REQUEST),
        (json!({ "source": "api", "recipients": ["u"], "links": ["javascript:alert(1)"] }), StatusCode::BAD_REQUEST),
        (json!({ "source": "api", "recipients": vec!["u"; 1_001] }), StatusCode::BAD_REQUEST),
        (json!({ "source": "api", "recipients": ["u"], "campaign": "c".repeat(201) }), StatusCode::BAD_REQUEST),
        (
            json!({ "source": "api", "recipients": vec!["u"; 1_000], "links": vec!["https://s.example/"; 10] }),
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let (found, answer) = ask(wrong).await;
        assert_eq!(found, status, "{answer}");
    }
}
