//! SQL over the lake: who says what for, and who need not.

use api::{LakeQuestion, LakeRows};
use http::Request;
use serde_json::{Value, json};

use crate::rig::{Answer, PASSWORD, Rig};

const QUERY: &str = "/api/v1/workspaces/acme/lake/query";

/// Answers with one row, which tells whether a use came with the question.
fn lake(question: &LakeQuestion) -> LakeRows {
    LakeRows { columns: Vec::new(), rows: vec![vec![json!(question.purpose.is_some())]], is_truncated: false }
}

async fn asked(rig: &Rig, role: &str, body: &Value) -> Answer {
    let cookie = rig.sign_in(role, PASSWORD).await.expect("signed in");
    rig.ask(&cookie, "POST", QUERY, Some(body.clone())).await
}

fn without_use() -> Value {
    json!({ "sql": "select user_id from events" })
}

fn with_use() -> Value {
    json!({ "sql": "select user_id from events", "use": { "purpose": "analytics", "categories": ["performance"] } })
}

#[tokio::test]
async fn an_analyst_says_what_the_rows_are_for_and_an_admin_need_not() {
    let rig = Rig::with_lake(|question| Ok(lake(&question))).await;
    let refused = asked(&rig, "analyst", &without_use()).await;
    assert_eq!((refused.status.as_u16(), &*refused.code()), (403, "use_missing"), "{refused:?}");
    let message = &refused.json()["error"]["message"];
    let expected = "a question by the role `analyst` says what its rows are for: add \
                    `\"use\": {\"purpose\": \"analytics\", \"categories\": [\"functionality\"]}`";
    assert_eq!(message, expected);
    for role in ["analyst", "admin", "owner"] {
        let answer = asked(&rig, role, &with_use()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["rows"]), (200, &json!([[true]])), "{role}: {answer:?}");
    }
    for role in ["admin", "owner"] {
        let answer = asked(&rig, role, &without_use()).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["rows"]), (200, &json!([[false]])), "{role}: {answer:?}");
    }
    assert_eq!(asked(&rig, "viewer", &with_use()).await.code(), "forbidden", "no use makes up for the role");
}

#[tokio::test]
async fn a_token_is_asked_by_its_own_role() {
    let rig = Rig::with_lake(|question| Ok(lake(&question))).await;
    let owner = rig.sign_in("owner", PASSWORD).await.expect("signed in");
    for (role, status) in [("analyst", 403), ("admin", 200)] {
        let made = rig.ask(&owner, "POST", "/api/v1/tokens", Some(json!({ "name": role, "role": role }))).await.json();
        let bearer = format!("Bearer {}", made["token"].as_str().expect("a token"));
        let request = Request::post(QUERY).header("authorization", bearer).header("content-type", "application/json");
        let answer = rig.send(request.body(without_use().to_string().into()).expect("a request")).await;
        assert_eq!(answer.status.as_u16(), status, "{role}: {answer:?}");
    }
}
