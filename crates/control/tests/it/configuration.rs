//! Objects shown, edited and exported, and that nobody overwrites anybody silently.

use std::sync::Arc;

use control::{
    Applied, ApplyError, ApplyOptions, Configuration, Edit, EditError, Object, Principal, Rights, Role, Secrets, Store,
    Via,
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use workspace::{Body, ObjectKind};

use crate::setup::{ACME, Place, apply_how, apply_text, configuration, file, run, stored_key};

struct Rig {
    store: Arc<dyn Store>,
    configuration: Arc<Configuration>,
    _place: Place,
}

/// Somebody who came over the API.
fn ada() -> Principal {
    let rights = Rights { role: Role::Admin, personal_data: false };
    Principal { name: "ada".to_owned(), rights, via: Via::Session { key: [1; 32] } }
}

fn body(value: &Value) -> Body {
    value.as_object().expect("a body is a map").clone()
}

fn hook() -> Value {
    json!({
        "name": "hook", "kind": "webhook", "sources": ["web"], "categories": ["performance"], "purpose": "analytics",
        "settings": { "url": "https://example.com", "token": "s3cret" },
    })
}

impl Rig {
    /// `ACME` as an applied file, which everybody may edit.
    async fn new() -> Self {
        let place = Place::new();
        let store = place.store().await;
        apply_how(&*store, &[file("acme.yaml", ACME)], ApplyOptions::once(false, false)).await.expect("applies");
        Self { configuration: configuration(&store).await, store, _place: place }
    }

    async fn object(&self, kind: ObjectKind, name: &str) -> Object {
        self.configuration.object("acme", kind, name).await.expect("is there")
    }

    async fn create(&self, kind: ObjectKind, value: Value) -> Result<Option<Object>, EditError> {
        self.configuration.edit(&ada(), "acme", Edit::Create { kind, body: body(&value) }).await
    }

    async fn replace(
        &self,
        kind: ObjectKind,
        name: &str,
        value: Value,
        if_version: i64,
    ) -> Result<Option<Object>, EditError> {
        let edit = Edit::Replace { kind, name: name.to_owned(), body: body(&value), if_version };
        self.configuration.edit(&ada(), "acme", edit).await
    }

    async fn delete(&self, kind: ObjectKind, name: &str, if_version: i64) -> Result<Option<Object>, EditError> {
        self.configuration.edit(&ada(), "acme", Edit::Delete { kind, name: name.to_owned(), if_version }).await
    }

    async fn apply(&self, yaml: &str, how: ApplyOptions) -> Result<Vec<Applied>, ApplyError> {
        apply_how(&*self.store, &[file("acme.yaml", yaml)], how).await
    }
}

fn told<T, E: std::fmt::Display>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "done".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_edit_is_in_force_when_it_is_answered() {
    run(async {
        let rig = Rig::new().await;
        let made = rig.create(ObjectKind::Source, json!({ "name": "app", "kind": "mobile" })).await;
        let made = made.expect("creates").expect("is there");
        let key = made.body["write_key"].as_str().expect("a key").to_owned();
        let served = || rig.configuration.directory().by_write_key(&key);
        assert_eq!(served().expect("is served").source().name.as_str(), "app");
        assert_eq!(
            Value::Object(made.body),
            json!({
                "name": "app", "kind": "mobile", "write_key": key, "basis": null, "category": "performance", "compat": null,
                "region": null, "sdk": null, "enabled": true, "banner": null,
            })
        );
        rig.delete(ObjectKind::Source, "app", made.version).await.expect("deletes");
        assert!(served().is_none());
    });
}

#[test]
fn of_two_edits_of_one_version_one_is_refused_and_told_what_is_there() {
    run(async {
        let rig = Rig::new().await;
        let web = rig.object(ObjectKind::Source, "web").await;
        let say = |category: &str| json!({ "name": "web", "kind": "browser", "category": category });
        let first = rig.replace(ObjectKind::Source, "web", say("targeting"), web.version).await.expect("edits");
        let first = first.expect("is there");
        let refused = rig.replace(ObjectKind::Source, "web", say("functionality"), web.version).await;
        assert!(matches!(refused, Err(EditError::Conflict { current }) if *current == first));
        assert_eq!(first.body["write_key"], web.body["write_key"]);
        assert_snapshot!(told(rig.delete(ObjectKind::Source, "web", web.version).await), @"source `web` was changed meanwhile: look at what it is now, and edit that");
    });
}

#[test]
fn a_version_never_comes_twice() {
    run(async {
        let rig = Rig::new().await;
        let make = async || {
            let made = rig.create(ObjectKind::Source, json!({ "name": "app", "kind": "mobile" })).await;
            made.expect("creates").expect("is there").version
        };
        let first = make().await;
        rig.delete(ObjectKind::Source, "app", first).await.expect("deletes");
        assert!(make().await > first);
        assert!(matches!(rig.delete(ObjectKind::Source, "app", first).await, Err(EditError::Conflict { .. })));
    });
}

/// What delivery keeps for one must not be taken for the other's.
#[test]
fn a_destination_made_again_under_its_name_is_another_one() {
    run(async {
        let rig = Rig::new().await;
        let made_in = || {
            let tenant = rig.configuration.directory().tenant("acme").expect("is served");
            let hook = tenant.workspace.destinations.iter().find(|model| model.name.as_str() == "hook");
            hook.expect("is there").made_in
        };
        let version =
            async |edited: Result<Option<Object>, EditError>| edited.expect("edits").expect("is there").version;
        let made = version(rig.create(ObjectKind::Destination, hook()).await).await;
        let first = made_in();
        assert!(first > 0);
        let mut changed = hook();
        changed["enabled"] = false.into();
        let changed = version(rig.replace(ObjectKind::Destination, "hook", changed, made).await).await;
        assert_eq!(made_in(), first, "a change is no making");
        rig.delete(ObjectKind::Destination, "hook", changed).await.expect("deletes");
        rig.create(ObjectKind::Destination, hook()).await.expect("creates");
        assert!(made_in() > first);
    });
}

#[test]
fn what_cannot_be_edited_is_said() {
    run(async {
        let rig = Rig::new().await;
        let (source, destination, consent) = (ObjectKind::Source, ObjectKind::Destination, ObjectKind::Consent);
        let create = async |kind, value| told(rig.create(kind, value).await);
        assert_snapshot!(create(source, json!({ "name": "web", "kind": "browser" })).await, @"there is a source `web` already");
        assert_snapshot!(create(source, json!({ "name": "app", "kind": "mobil" })).await, @"unknown variant `mobil`, expected one of `browser`, `mobile`, `server`; did you mean `mobile`?");
        assert_snapshot!(create(source, json!({ "name": "app", "kind": "mobile", "write_key": "wk_server" })).await, @"sources `api` and `app` have the same write key");
        assert_snapshot!(create(source, json!({ "kind": "mobile" })).await, @"missing field `name`");
        assert_snapshot!(create(destination, json!({ "name": "d", "kind": "broken", "sources": [], "purpose": "service" })).await, @"there is no destination of kind `broken`");
        assert_snapshot!(create(consent, json!({})).await, @"there is a consent `consent` already");
        let web = rig.object(source, "web").await;
        assert_snapshot!(told(rig.delete(source, "web", web.version).await), @"destination `echo` reads from source `web`, which does not exist; sources are `api`");
        assert_snapshot!(told(rig.replace(source, "web", json!({ "name": "www", "kind": "browser" }), web.version).await), @"the body is about `www`, not `web`: a name cannot be changed, make a new source instead");
        assert_snapshot!(told(rig.delete(source, "none", 1).await), @"there is no source `none`");
        let nowhere = rig.configuration.edit(&ada(), "beta", Edit::Create { kind: source, body: Body::new() }).await;
        assert_snapshot!(told(nowhere), @"there is no workspace `beta`");
    });
}

#[test]
fn a_secret_never_comes_out_and_stays_when_it_is_not_given() {
    run(async {
        let rig = Rig::new().await;
        let made = rig.create(ObjectKind::Destination, hook()).await.expect("creates").expect("is there");
        let hidden = json!({ "secret": true });
        assert_eq!(made.body["settings"]["token"], hidden);
        let with = |settings: Value| {
            let mut changed = hook();
            changed["settings"] = settings;
            changed
        };
        let settings = json!({ "url": "https://example.com", "auth": { "key": "another" }, "token": hidden });
        let kept = rig.replace(ObjectKind::Destination, "hook", with(settings), made.version).await.expect("edits");
        assert_eq!(kept.as_ref().expect("is there").body["settings"]["token"], hidden);
        let tenant = rig.configuration.directory().tenant("acme").expect("is served");
        assert_eq!(tenant.workspace.destinations[1].settings["token"], "s3cret");
        assert_eq!(tenant.workspace.destinations[1].settings["auth"]["key"], "another");
        let version = kept.expect("is there").version;
        let gone = json!({ "url": "https://example.com", "token": hidden });
        let version = rig.replace(ObjectKind::Destination, "hook", with(gone), version).await.expect("edits");
        let version = version.expect("is there").version;
        let never = json!({ "url": "https://example.com", "auth": { "key": hidden } });
        assert_snapshot!(told(rig.replace(ObjectKind::Destination, "hook", with(never), version).await), @"`settings.auth.key` has no secret yet that could be kept: give one");
    });
}

/// Whoever may edit may not read: with another address, a kept secret would come to them.
#[test]
fn a_kept_secret_goes_only_where_it_goes_already() {
    run(async {
        let rig = Rig::new().await;
        let made = rig.create(ObjectKind::Destination, hook()).await.expect("creates").expect("is there");
        let hidden = json!({ "secret": true });
        let edit = async |kind: &str, settings: Value| {
            let mut changed = hook();
            (changed["kind"], changed["settings"]) = (kind.into(), settings);
            told(rig.replace(ObjectKind::Destination, "hook", changed, made.version).await)
        };
        let elsewhere = json!({ "url": "https://other.example", "token": hidden });
        assert_snapshot!(edit("webhook", elsewhere.clone()).await, @"`settings.token` must be typed anew, because `settings.url` is not what is stored: a secret that is kept goes only where it goes already");
        assert_snapshot!(edit("webhook", json!({ "token": hidden })).await, @"`settings.token` must be typed anew, because `settings.url` is not what is stored: a secret that is kept goes only where it goes already");
        assert_snapshot!(edit("broken", json!({ "token": hidden })).await, @"`settings.token` must be typed anew, because `kind` is not what is stored: a secret that is kept goes only where it goes already");

        let tried = async |settings: &Value| {
            let settings = ("webhook", body(settings));
            told(rig.configuration.tried(&ada(), "acme", Some("hook"), settings).await)
        };
        assert_snapshot!(tried(&elsewhere).await, @"`settings.token` must be typed anew, because `settings.url` is not what is stored: a secret that is kept goes only where it goes already");
        assert_eq!(tried(&json!({ "url": "https://example.com", "token": hidden, "batch": 2 })).await, "done");

        let export = rig.configuration.export("acme", Secrets::AsReferences).await.expect("exports");
        let export = export.replace("https://example.com", "https://other.example");
        let how = ApplyOptions { take_over: true, ..ApplyOptions::once(false, false) };
        assert_snapshot!(told(rig.apply(&export, how).await), @"`acme.yaml`, destination `hook`: `settings.token` must be typed anew, because `settings.url` is not what is stored: a secret that is kept goes only where it goes already");

        // Typed anew, it may go.
        assert_eq!(edit("webhook", json!({ "url": "https://other.example", "token": "s3cret" })).await, "done");
    });
}

/// The same through a reference that a file made, and that over the API nobody could make.
#[test]
fn what_a_reference_of_a_file_holds_goes_only_where_it_goes_already() {
    run(async {
        let place = Place::new();
        let store = place.store().await;
        let env = |name: &str| (name == "HOOK").then(|| "s3cret".to_owned());
        let yaml = format!(
            "{ACME}  - {{ name: hook, kind: webhook, sources: [web], categories: [performance], purpose: analytics,\n      \
             settings: {{ url: \"https://example.com\", token: \"${{env:HOOK}}\" }} }}\n"
        );
        let site = control::Site { env: &env, ..crate::setup::site(&*store) };
        let how = ApplyOptions::once(false, false);
        control::apply(site, &Principal::local("test"), &[file("acme.yaml", &yaml)], how).await.expect("applies");
        let configuration = crate::setup::configuration_with(&store, Arc::new(env)).await;
        let version = configuration.object("acme", ObjectKind::Destination, "hook").await.expect("is there").version;
        let edit = async |url: &str| {
            let mut changed = hook();
            changed["settings"] = json!({ "url": url, "token": "${env:HOOK}" });
            let body = body(&changed);
            let edit =
                Edit::Replace { kind: ObjectKind::Destination, name: "hook".to_owned(), body, if_version: version };
            told(configuration.edit(&ada(), "acme", edit).await)
        };
        assert_snapshot!(edit("https://other.example").await, @"`settings.token` must be typed anew, because `settings.url` is not what is stored: what the environment variable `HOOK` holds goes only where it goes already");
        assert_eq!(edit("https://example.com").await, "done");
    });
}

#[test]
fn over_the_api_nobody_reads_the_servers_environment() {
    run(async {
        let rig = Rig::new().await;
        let with = |token: &str| {
            let mut changed = hook();
            changed["settings"]["token"] = token.into();
            changed
        };
        let create = async |token: &str| told(rig.create(ObjectKind::Destination, with(token)).await);
        assert_snapshot!(create("${env:AWS_SECRET_ACCESS_KEY}").await, @"`settings.token` refers to the environment variable `AWS_SECRET_ACCESS_KEY`: here only variables whose names begin with `ASSENT_SECRET_` may be used; others only in a workspace file");
        assert_snapshot!(create("${env:ASSENT_SECRET_HOOK}").await, @"`settings.token` asks for the environment variable `ASSENT_SECRET_HOOK`, which is not set");
    });
}

#[test]
fn what_a_file_declares_is_edited_there_only() {
    run(async {
        let rig = Rig::new().await;
        apply_text(&*rig.store, ACME, false).await.expect("applies");
        rig.configuration.refresh().await.expect("can be served");
        let web = rig.object(ObjectKind::Source, "web").await;
        assert_eq!(web.declared_by.as_deref(), Some("acme.yaml"));
        assert_snapshot!(told(rig.delete(ObjectKind::Source, "web", web.version).await), @"source `web` is declared by `acme.yaml`, which the server applies at each start: change it there");
        rig.create(ObjectKind::Destination, hook()).await.expect("what the file does not name is free");
        // Which the file then leaves alone.
        apply_text(&*rig.store, ACME, true).await.expect("applies");
        rig.object(ObjectKind::Destination, "hook").await;
    });
}

#[test]
fn a_file_does_not_undo_an_edit_unless_it_is_told_to() {
    run(async {
        let rig = Rig::new().await;
        let echo = rig.object(ObjectKind::Destination, "echo").await;
        let mut edited = echo.body.clone();
        edited.insert("enabled".to_owned(), false.into());
        rig.replace(ObjectKind::Destination, "echo", Value::Object(edited), echo.version).await.expect("edits");
        let changed = ACME.replace("categories: [performance]", "categories: [targeting]");
        let hows = [ApplyOptions::once(true, false), ApplyOptions::at_start(true)];
        for (yaml, how) in [(ACME, hows[0]), (ACME, hows[1]), (&changed, hows[0]), (&changed, hows[1])] {
            let refused = told(rig.apply(yaml, how).await);
            insta::allow_duplicates! {
                assert_snapshot!(refused, @"`acme.yaml` says something else than what was edited in workspace `acme` since: `destination echo`; take the edits into the file (`assent export` shows them), or apply with `--take-over` to undo them");
            }
        }
        // What says the same is no quarrel.
        let same = ACME.replace("purpose: analytics }", "purpose: analytics, enabled: false }");
        assert_eq!(rig.apply(&same, ApplyOptions::once(false, false)).await.expect("applies")[0].changes, []);
        let how = ApplyOptions { take_over: true, ..ApplyOptions::once(false, false) };
        assert_eq!(rig.apply(&changed, how).await.expect("applies")[0].changes.len(), 1);
    });
}

#[test]
fn the_history_of_an_object_tells_who_changed_what() {
    run(async {
        let rig = Rig::new().await;
        let made = rig.create(ObjectKind::Destination, hook()).await.expect("creates").expect("is there");
        let mut changed = hook();
        changed["enabled"] = false.into();
        changed["settings"]["token"] = json!({ "secret": true });
        let made = rig
            .replace(ObjectKind::Destination, "hook", changed, made.version)
            .await
            .expect("edits")
            .expect("is there");
        rig.delete(ObjectKind::Destination, "hook", made.version).await.expect("deletes");
        let history = rig.configuration.history("acme", ObjectKind::Destination, "hook", None).await.expect("reads");
        let told: Vec<String> = history.iter().map(|one| format!("{} {}", one.actor, one.action)).collect();
        assert_eq!(told, ["ada delete", "ada update", "ada create"]);
        assert_eq!(history[1].changed_fields(), ["enabled"]);
        assert_eq!(history[0].before, history[1].after);
    });
}

#[test]
fn an_export_without_secrets_changes_nothing_where_it_came_from() {
    run(async {
        let rig = Rig::new().await;
        rig.create(ObjectKind::Destination, hook()).await.expect("creates");
        let text = rig.configuration.export("acme", Secrets::AsReferences).await.expect("exports");
        let key = stored_key(&*rig.store, "web").await;
        assert_snapshot!(text.replace(&key, "wk_generated"), @r"
        workspace: acme
        sources:
        - name: api
          kind: server
          write_key: wk_server
          basis: contract
        - name: web
          kind: browser
          write_key: wk_generated
        destinations:
        - name: echo
          kind: echo
          sources:
          - web
          categories:
          - performance
          purpose: analytics
        - name: hook
          kind: webhook
          sources:
          - web
          settings:
            token: ${env:ASSENT_SECRET_ACME_HOOK_TOKEN}
            url: https://example.com
          categories:
          - performance
          purpose: analytics
        ");
        // Here the variable is not set, and the parser must not ask for it: the secret stays.
        let applied =
            rig.configuration.apply(&ada(), &[file("export.yaml", &text)], ApplyOptions::once(true, false)).await;
        assert_eq!(applied.expect("applies")[0].changes, []);
    });
}
