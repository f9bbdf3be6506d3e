//! A store of the first schema, as a release before this one left it.

use std::borrow::Cow;

use control::{ApplyOptions, ConfigurationStore as _, Principal, Sqlite, Word};
use insta::assert_snapshot;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Connection as _, SqlSafeStr as _};

use crate::setup::{Place, run, site, stored_key};

const FIRST: &str = include_str!("../../migrations/0001_state.sql");
const YAML: &str = r#"
workspace: acme
sources: [{ name: web, kind: browser }, { name: api, kind: server, basis: contract, write_key: "${env:KEY}" }]
consent: { default_regime: opt-out }
"#;

async fn first_schema(place: &Place) {
    let url = format!("sqlite://{}?mode=rwc", place.file().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.expect("opens");
    let migration = Migration::new(1, Cow::Borrowed("state"), MigrationType::Simple, FIRST.into_sql_str(), false);
    Migrator::with_migrations(vec![migration]).run(&mut connection).await.expect("migrates");
    sqlx::query("insert into workspace (name, file, sha256, yaml, objects, applied_at) values ('acme', 'old.yaml', '', $1, '[]', 5)")
        .bind(YAML)
        .execute(&mut connection)
        .await
        .expect("writes");
    sqlx::query("insert into write_key (workspace, source, write_key) values ('acme', 'web', 'wk_generated')")
        .execute(&mut connection)
        .await
        .expect("writes");
    connection.close().await.expect("closes");
}

#[test]
fn its_workspaces_become_objects_with_their_keys() {
    run(async {
        let place = Place::new();
        first_schema(&place).await;
        let unread = Sqlite::open_to_read(&place.file()).await.expect_err("is not read half-way").to_string();
        let directory = place.file().parent().expect("in a directory").display().to_string();
        assert_snapshot!(unread.replace(&directory, "DIR"), @"the control store `DIR/state.db` cannot be opened: an older version of Assent wrote it: start `assent serve` on it once");
        let store = place.sqlite().await;
        let adopted = store.configuration().await.expect("reads");
        assert_eq!(adopted.workspaces[0].objects.len(), 3);
        assert_eq!(adopted.workspaces[0].objects[0].word, Word::Declared { file: "old.yaml".to_owned() });
        let made_in: Vec<i64> = adopted.workspaces[0].objects.iter().map(|object| object.made_in).collect();
        assert_eq!(made_in, [0; 3], "what was kept of them is still theirs");
        assert_eq!(stored_key(&*store, "web").await, "wk_generated");
        assert_eq!(stored_key(&*store, "api").await, "${env:KEY}");
        // Once, not at every start.
        store.close().await;
        let again = place.sqlite().await;
        assert_eq!(again.configuration().await.expect("reads"), adopted);
        let env = |name: &str| (name == "KEY").then(|| "wk_key".to_owned());
        let site = control::Site { env: &env, ..site(&*again) };
        let released = control::apply(site, &Principal::local("test"), &[], ApplyOptions::at_start(false)).await;
        assert_eq!(released.expect("releases")[0].changes.len(), 3);
    });
}
