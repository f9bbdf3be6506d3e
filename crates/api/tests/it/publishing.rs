//! The banner of one site, published over another's: on what both sides were when somebody looked.

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{Answer, PASSWORD, Rig};

const ACME: &str = "/api/v1/workspaces/acme";

#[tokio::test]
async fn what_is_published_over_is_what_its_author_saw() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let staging = json!({ "name": "staging", "kind": "browser", "banner": { "control": "none" } });
    let made = rig.ask(&cookie, "POST", &format!("{ACME}/sources"), Some(staging)).await.json();
    let version =
        async |path: &str| rig.ask(&cookie, "GET", &format!("{ACME}/{path}"), None).await.json()["version"].clone();
    let publish = async |query: String, body: Value| -> Answer {
        rig.ask(&cookie, "POST", &format!("{ACME}/sources/staging/banner/publish?{query}"), Some(body)).await
    };
    let from = format!("if_version={}", made["version"]);
    let missing = publish(from.clone(), json!({})).await;
    assert_eq!((missing.status.as_u16(), &*missing.code()), (400, "version_missing"), "{missing:?}");
    assert_eq!(missing.json()["error"]["message"], "`to_version` is missing in the query");
    for (to, seen, path) in [
        (json!({}), version("categories").await, "categories"),
        (json!({ "to": "web" }), version("sources/web").await, "sources/web"),
    ] {
        let mut edited = rig.ask(&cookie, "GET", &format!("{ACME}/{path}"), None).await.json();
        let fields = edited.as_object_mut().expect("an object");
        fields.retain(|key, value| {
            !value.is_null() && !["version", "proof_key", "first_event_at", "last_event_at"].contains(&&**key)
        });
        fields.insert("banner".to_owned(), json!({ "before": { "opt-in": "buffer" } }));
        let put = rig.ask(&cookie, "PUT", &format!("{ACME}/{path}?if_version={seen}"), Some(edited)).await;
        assert_eq!(put.status, StatusCode::OK, "{put:?}");
        let late = publish(format!("{from}&to_version={seen}"), to.clone()).await;
        assert_eq!((late.status.as_u16(), &*late.code()), (409, "version_conflict"), "{late:?}");
        let current = &late.json()["error"]["current"];
        assert_eq!(
            (&current["version"], &current["banner"]["before"]["opt-in"]),
            (&version(path).await, &json!("buffer"))
        );
    }
    let over = version("sources/web").await;
    let published = publish(format!("{from}&to_version={over}"), json!({ "to": "web" })).await;
    assert_eq!((published.status, &published.json()["banner"]), (StatusCode::OK, &Value::Null), "{published:?}");
    let web = rig.ask(&cookie, "GET", &format!("{ACME}/sources/web"), None).await.json();
    assert_eq!(web["banner"], json!({ "control": "none" }));
}
