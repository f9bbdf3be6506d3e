//! The OpenAPI document: checked in, so that every change of the API shows in review, and whole.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn served() -> Value {
    serde_json::to_value(api::document()).expect("it is JSON")
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let text = serde_json::to_string_pretty(&served()).expect("it is JSON") + "\n";
    if std::env::var_os("ASSENT_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the file");
    assert!(
        checked_in == text,
        "run `ASSENT_WRITE_OPENAPI=1 cargo test -p api --test it document` and look at the difference"
    );
}

#[test]
fn every_operation_is_described_and_has_its_row() {
    let document = served();
    let mut seen = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(api::authorise::row_of(id).is_some(), "{method} {path} has no row");
            assert!(operation["summary"].is_string(), "{method} {path} does not say what it does");
            assert!(seen.insert(id.to_owned()), "{id} is there twice");
        }
    }
    let rows: BTreeSet<String> = api::authorise::TABLE.iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(seen, rows);
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| walk(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let document = served();
    let mut references = Vec::new();
    walk(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}
