//! Every operation of the document with every role and without a login: what the table says is what happens.

use api::authorise::{Needs, row_of};
use axum::body::Body;
use control::Role;
use http::Request;
use serde_json::Value;

use crate::rig::{PASSWORD, Rig};

/// Method, path with its parameters filled in, operation.
fn operations() -> Vec<(String, String, String)> {
    let document = serde_json::to_value(api::document()).expect("it is JSON");
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            let path = path.replace("{workspace}", "acme");
            // A name that nothing has: what may be done answers 404 and changes nothing that others need.
            let path: Vec<&str> =
                path.split('/').map(|part| if part.starts_with('{') { "nothing" } else { part }).collect();
            all.push((method.to_uppercase(), path.join("/"), id));
        }
    }
    all
}

#[tokio::test]
async fn the_table_holds_for_every_operation_and_role() {
    let rig = Rig::new().await;
    let operations = operations();
    assert!(operations.len() > 10);
    for role in Role::ALL {
        for (method, path, id) in &operations {
            // Signed in anew: one of the operations signs out.
            let cookie = rig.sign_in(role.name(), PASSWORD).await.expect("signed in");
            let answer = rig.ask(&cookie, method, path, Some(Value::Null)).await;
            let may = match row_of(id).expect("a row").needs {
                Needs::Nothing | Needs::Login => true,
                Needs::Role(least) => role >= least,
            };
            assert_eq!(answer.code() == "forbidden", !may, "{role} {method} {path}: {answer:?}");
            assert!(answer.status.as_u16() != 401 || id == "sign_in", "{role} {method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_login_nothing_is_told() {
    let rig = Rig::new().await;
    for (method, path, id) in operations() {
        if row_of(&id).expect("a row").needs == Needs::Nothing {
            continue;
        }
        for credentials in [("cookie", "assent_session=0"), ("authorization", "Bearer asn_0"), ("x-assent", "1")] {
            let request = Request::builder().method(&*method).uri(&path).header(credentials.0, credentials.1);
            let answer = rig.send(request.body(Body::empty()).expect("a request")).await;
            assert_eq!((answer.status.as_u16(), &*answer.code()), (401, "not_signed_in"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_header_of_the_console() {
    let rig = Rig::new().await;
    let cookie = rig.sign_in("owner", PASSWORD).await.expect("signed in");
    for (method, path, _) in operations().into_iter().filter(|(method, ..)| method != "GET") {
        let request = Request::builder().method(&*method).uri(&path).header("cookie", &cookie);
        let answer = rig.send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(answer.code(), "header_missing", "{method} {path}");
    }
}
