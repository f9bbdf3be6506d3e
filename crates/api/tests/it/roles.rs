//! Every operation of the document with every role and without a login. What happens is written down in
//! `docs/reference/roles.txt`, beside the table of the code and not made from it: who loosens a row changes both, and
//! the second is what a reviewer reads.

use std::collections::BTreeMap;
use std::path::Path;

use api::authorise::{Needs, Personal, row_of};
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
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut roles = Role::ALL;
    roles.sort();
    for role in roles {
        for (method, path, id) in &operations {
            // Signed in anew: one of the operations signs out.
            let cookie = rig.sign_in(role.name(), PASSWORD).await.expect("signed in");
            let answer = rig.ask(&cookie, method, path, Some(Value::Null)).await;
            assert!(answer.status.as_u16() != 401 || id == "sign_in", "{role} {method} {path}: {answer:?}");
            found.entry(id).or_default().extend((answer.code() != "forbidden").then_some(role.name()));
        }
    }
    let line = |(id, roles): (&&str, &Vec<&str>)| {
        let masked = row_of(id).expect("a row").personal == Personal::Masked;
        let masked = if masked { "masked" } else { "" };
        format!("{id:<28} {:<28} {masked}", roles.join(" ")).trim_end().to_owned() + "\n"
    };
    let head = format!("{:<28} {:<28} people\n", "operation", "may");
    let text = head + &found.iter().map(line).collect::<String>();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/roles.txt");
    if std::env::var_os("ASSENT_WRITE_ROLES").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the file");
    assert!(
        checked_in == text,
        "if this is meant, run `ASSENT_WRITE_ROLES=1 cargo test -p api --test it roles` and have the difference reviewed:\n{text}"
    );
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
