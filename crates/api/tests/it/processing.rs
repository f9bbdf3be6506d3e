//! The records of processing: as what runs, and what is missing is said.

use http::StatusCode;
use serde_json::{Value, json};

use crate::rig::{PASSWORD, Rig};

// Obligation 9.
#[tokio::test]
async fn records_of_processing_are_what_runs_and_say_what_is_missing() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("admin", PASSWORD).await.expect("signed in");
    let records = async || -> Value {
        let answer = rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/processing", None).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    };
    let before = records().await;
    assert!(before["missing"][0].as_str().is_some_and(|said| said.starts_with("`consent.notice`")), "{before}");
    let expected = json!([
        { "source": "api", "kind": "server", "category": "performance", "basis": "contract" },
        { "source": "web", "kind": "browser", "category": "performance", "basis": "consent" },
    ]);
    let mut sources = before["sources"].as_array().cloned().unwrap_or_default();
    sources.sort_by_key(|source| source["source"].as_str().map(str::to_owned));
    assert_eq!(Value::from(sources), expected);

    let write = async |recipient: Value| {
        let controller = json!({ "name": "Acme", "address": "1 Street", "email": "privacy@acme.example" });
        let notice = json!({
            "site": "acme.example", "controller": controller, "storage_locations": ["Berlin"],
            "retention": [{ "what": "Events", "lasts": "13mo" }], "recipients": { "hook": recipient },
        });
        let version =
            rig.ask(&cookie, "GET", "/api/v1/workspaces/acme/categories", None).await.json()["version"].clone();
        let path = format!("/api/v1/workspaces/acme/categories?if_version={version}");
        let answer = rig.ask(&cookie, "PUT", &path, Some(json!({ "notice": notice }))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        records().await
    };
    let partly = write(json!({ "name": "Hooks Ltd" })).await;
    assert_eq!(partly["missing"].as_array().map(Vec::len), Some(1), "{partly}");
    let whole =
        write(json!({ "name": "Hooks Ltd", "country": "Ireland", "contract": "DPA-17", "transfer": "none" })).await;
    assert_eq!(whole["missing"], json!([]));
    assert_eq!(whole["controller"]["name"], "Acme");
    assert_eq!(
        whole["recipients"],
        json!([{
            "destination": "hook", "kind": "webhook", "organisation": "Hooks Ltd", "country": "Ireland",
            "role": "third_party", "purpose": "analytics", "categories": ["performance"], "sources": ["web", "api"],
            "contract": "DPA-17", "transfer": "none",
        }])
    );
}
