//! The audit log: what it tells, how it is read, and that nobody rewrites it.

use control::{Action, ApplyOptions, AuditQuery, AuditStore as _, Entry};
use event::Millis;
use insta::assert_snapshot;
use serde_json::json;
use sqlx::Connection as _;

use crate::setup::{ACME, NOW, Place, apply_how, file, run};

fn entry(actor: &str, action: Action, object: &str) -> Entry {
    Entry {
        actor: actor.to_owned(),
        action,
        workspace: Some("acme".to_owned()),
        kind: "destination",
        object: object.to_owned(),
        before: None,
        after: Some(json!({ "by": actor })),
    }
}

#[test]
fn it_is_read_by_filter_and_page_newest_first() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let entries = [
            entry("ada", Action::Pause, "echo"),
            entry("bob", Action::Resume, "echo"),
            entry("ada", Action::Retry, "hook"),
        ];
        store.append_audit(&entries, NOW).await.expect("writes");
        let read = async |query: AuditQuery| {
            let records = store.audit(&query).await.expect("reads");
            records.iter().map(|one| format!("{} {} {}", one.actor, one.action, one.object)).collect::<Vec<_>>()
        };
        assert_eq!(read(AuditQuery::default()).await, ["ada retry hook", "bob resume echo", "ada pause echo"]);
        let by_ada = AuditQuery { actor: Some("ada".to_owned()), ..AuditQuery::default() };
        assert_eq!(read(by_ada).await, ["ada retry hook", "ada pause echo"]);
        let of_echo = AuditQuery { object: Some("echo".to_owned()), rows_max: 1, ..AuditQuery::default() };
        let first = store.audit(&of_echo).await.expect("reads");
        assert_eq!((first.len(), first[0].at), (1, NOW));
        let next = AuditQuery { before: Some(first[0].id), ..of_echo };
        assert_eq!(read(next).await, ["ada pause echo"]);
        let elsewhere = AuditQuery { workspace: Some("other".to_owned()), ..AuditQuery::default() };
        assert_eq!(read(elsewhere).await, [] as [&str; 0]);
    });
}

#[test]
fn nobody_rewrites_it() {
    run(async {
        let place = Place::new();
        let store = place.sqlite().await;
        store.append_audit(&[entry("ada", Action::Pause, "echo")], Millis(1)).await.expect("writes");
        let url = format!("sqlite://{}", place.file().display());
        let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("opens");
        for statement in ["update audit set actor = 'eve'", "delete from audit"] {
            let refused = sqlx::query(statement).execute(&mut connection).await.expect_err("is refused");
            assert!(refused.to_string().contains("the audit log is append-only"), "{refused}");
        }
    });
}

#[test]
fn secrets_and_write_keys_are_not_in_it() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let yaml = ACME
            .replace("kind: echo,", "kind: webhook, settings: { url: 'http://x', token: s3cret, auth: { key: k3y } },");
        apply_how(&*store, &[file("acme.yaml", &yaml)], ApplyOptions::once(false, false)).await.expect("applies");
        let of = async |object: &str| {
            let query = AuditQuery { object: Some(object.to_owned()), ..AuditQuery::default() };
            store.audit(&query).await.expect("reads").remove(0).after.expect("is told").to_string()
        };
        assert_snapshot!(of("echo").await, @r#"{"categories":["performance"],"kind":"webhook","name":"echo","purpose":"analytics","settings":{"auth":{"key":{"secret":true}},"token":{"secret":true},"url":"http://x"},"sources":["web"]}"#);
        assert_snapshot!(of("api").await, @r#"{"basis":"contract","kind":"server","name":"api","write_key":"wk_s…"}"#);
    });
}
