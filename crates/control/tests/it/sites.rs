//! Banners of single sites: counted with the workspace's when they are edited, published in one step, kept for receipts.

use std::sync::Arc;

use control::{
    ApplyOptions, AuditQuery, Configuration, Edit, EditError, Object, Principal, PublishTo, Rights, Role, Secrets,
    Store, Via,
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use workspace::{ObjectKind, Regime};

use crate::setup::{Place, apply_how, apply_text, configuration, file, run};

const SITES: &str = "
workspace: acme
sources:
  - { name: web, kind: browser, write_key: wk_web }
  - { name: shop, kind: browser, write_key: wk_shop }
  - name: staging
    kind: browser
    write_key: wk_staging
    banner: { languages: { en: { title: Tried } }, control: none }
consent:
  banner: { version: 3, languages: { en: { body: Why } } }
";

struct Rig {
    store: Arc<dyn Store>,
    configuration: Arc<Configuration>,
    _place: Place,
}

fn ada() -> Principal {
    let rights = Rights { role: Role::Admin, personal_data: false };
    Principal { name: "ada".to_owned(), rights, via: Via::Session { key: [1; 32] } }
}

impl Rig {
    async fn new() -> Self {
        let place = Place::new();
        let store = place.store().await;
        apply_how(&*store, &[file("acme.yaml", SITES)], ApplyOptions::once(false, false)).await.expect("applies");
        Self { configuration: configuration(&store).await, store, _place: place }
    }

    async fn source(&self, name: &str) -> Object {
        self.configuration.object("acme", ObjectKind::Source, name).await.expect("is there")
    }

    /// Gives a source this banner.
    async fn ask(&self, name: &str, banner: &Value) -> Result<Option<Object>, EditError> {
        let Object { mut body, version, .. } = self.source(name).await;
        body.retain(|_, value| !value.is_null());
        body.insert("banner".to_owned(), banner.clone());
        let edit = Edit::Replace { kind: ObjectKind::Source, name: name.to_owned(), body, if_version: version };
        self.configuration.edit(&ada(), "acme", edit).await
    }

    /// Publishes over what is there now. The version of a place that is not there is any.
    async fn publish(&self, name: &str, to: PublishTo) -> Result<Object, EditError> {
        let version = self.source(name).await.version;
        let to_version = self.version(&to).await.unwrap_or_default();
        self.configuration.publish_banner(&ada(), "acme", (name, version), (&to, to_version)).await
    }

    /// The version of what a publication writes over.
    async fn version(&self, to: &PublishTo) -> Option<i64> {
        let (kind, name) = match to {
            PublishTo::Workspace => (ObjectKind::Consent, ObjectKind::Consent.name()),
            PublishTo::Source(name) => (ObjectKind::Source, name.as_str()),
        };
        self.configuration.object("acme", kind, name).await.ok().map(|object| object.version)
    }

    /// Title and version that each source shows, and its control.
    fn shown(&self) -> String {
        let tenant = self.configuration.directory().tenant("acme").expect("is served");
        let of = |source| {
            let banner = tenant.workspace.site(source).banner();
            let words = banner.words("en").expect("published");
            format!("{}: {} {} {:?}", source.name, words.said("title"), banner.version, banner.control)
        };
        tenant.workspace.sources.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    async fn changes(&self) -> Vec<String> {
        let records =
            self.store.audit(&AuditQuery { workspace: Some("acme".to_owned()), ..AuditQuery::default() }).await;
        let by_ada = records.expect("reads").into_iter().filter(|record| record.actor == "ada");
        by_ada.map(|record| format!("{} {}", record.action, record.object)).collect()
    }
}

fn told<T>(result: Result<T, EditError>) -> String {
    result.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

#[test]
fn another_text_on_one_site_raises_the_version_of_all_in_the_same_change() {
    run(async {
        let rig = Rig::new().await;
        rig.ask("shop", &json!({ "control": "none" })).await.expect("edits");
        assert_snapshot!(rig.shown(), @"shop: Your privacy on this site 3 None, staging: Tried 3 None, web: Your privacy on this site 3 Floating");
        rig.ask("shop", &json!({ "languages": { "en": { "title": "Shop" } } })).await.expect("edits");
        assert_snapshot!(rig.shown(), @"shop: Shop 4 Floating, staging: Tried 4 None, web: Your privacy on this site 4 Floating");
        assert_eq!(
            rig.changes().await.len(),
            3,
            "two of the source, one of the consent block: {:?}",
            rig.changes().await
        );
        let german = json!({ "languages": { "de": { "title": "Laden" } } });
        assert_snapshot!(told(rig.ask("shop", &german).await), @"source `shop`, `banner`: banner language `de` is a draft and cannot be published: let somebody who speaks it read every sentence, then name them, as `reviewed: \"Jane Roe, 2026-11-20\"`");
        assert_snapshot!(told(rig.ask("shop", &json!({ "version": 9 })).await), @"source `shop`: `banner.version` cannot be another on one site, because choices that were made on different sites are compared by it; it is set at `consent.banner.version`");
    });
}

#[test]
fn what_was_tried_on_one_site_is_published_in_one_step() {
    run(async {
        let rig = Rig::new().await;
        let seen = rig.source("staging").await.version;
        let now = rig.publish("staging", PublishTo::Workspace).await.expect("publishes");
        assert_eq!(now.body["banner"], Value::Null);
        assert_snapshot!(rig.shown(), @"shop: Tried 4 None, staging: Tried 4 None, web: Tried 4 None");
        let mut changes = rig.changes().await;
        changes.sort();
        assert_eq!(changes, ["update consent", "update staging"]);
        let exported = rig.configuration.export("acme", Secrets::Literal).await.expect("exports");
        assert!(exported.contains("body: Why") && exported.contains("title: Tried"), "{exported}");
        assert_snapshot!(told(rig.publish("staging", PublishTo::Workspace).await), @"source `staging` has no `banner` of its own: there is nothing to publish");
        rig.ask("staging", &json!({ "languages": { "en": { "title": "Again" } } })).await.expect("edits");
        let to = (&PublishTo::Workspace, rig.version(&PublishTo::Workspace).await.expect("is there"));
        let late = rig.configuration.publish_banner(&ada(), "acme", ("staging", seen), to).await;
        assert!(matches!(late, Err(EditError::Conflict { .. })));
        rig.publish("staging", PublishTo::Source("shop".to_owned())).await.expect("publishes");
        assert_snapshot!(rig.shown(), @"shop: Again 6 None, staging: Tried 6 None, web: Tried 6 None");
        assert_snapshot!(told(rig.publish("shop", PublishTo::Source("nobody".to_owned())).await), @"there is no source `nobody`");
        assert_snapshot!(told(rig.publish("shop", PublishTo::Source("shop".to_owned())).await), @"the banner of source `shop` is published there already");
    });
}

#[test]
fn an_edit_of_a_minute_ago_is_not_published_over() {
    run(async {
        let rig = Rig::new().await;
        let staging = rig.source("staging").await.version;
        for (to, kind, name) in [
            (PublishTo::Workspace, ObjectKind::Consent, ObjectKind::Consent.name()),
            (PublishTo::Source("shop".to_owned()), ObjectKind::Source, "shop"),
        ] {
            let seen = rig.version(&to).await.expect("is there");
            // Another text on one site raises the version of the workspace's words too: both places are changed.
            rig.ask("shop", &json!({ "languages": { "en": { "title": format!("{kind} of now") } } }))
                .await
                .expect("edits");
            let shown = rig.shown();
            let late = rig.configuration.publish_banner(&ada(), "acme", ("staging", staging), (&to, seen)).await;
            let Err(EditError::Conflict { current }) = late else { panic!("{to:?}: {late:?}") };
            assert_eq!((current.kind, &*current.name, Some(current.version)), (kind, name, rig.version(&to).await));
            assert_eq!(rig.shown(), shown, "nothing was published");
        }
        rig.publish("staging", PublishTo::Source("shop".to_owned())).await.expect("with the version of now");
        assert_snapshot!(rig.shown(), @"shop: Tried 6 None, staging: Your privacy on this site 6 Floating, web: Your privacy on this site 6 Floating");
    });
}

#[test]
fn what_a_file_declares_is_published_in_the_file() {
    run(async {
        let rig = Rig::new().await;
        apply_text(&*rig.store, SITES, false).await.expect("declares");
        rig.configuration.refresh().await.expect("in force");
        assert_snapshot!(told(rig.publish("staging", PublishTo::Workspace).await), @"source `staging` is declared by `acme.yaml`, which the server applies at each start: change it there");
        let raised = |version: u32, title: &str| {
            SITES
                .replace("title: Tried", &format!("title: {title}"))
                .replace("version: 3", &format!("version: {version}"))
        };
        let refused =
            apply_text(&*rig.store, &raised(3, "Other"), false).await.expect_err("the number is another text's");
        assert!(refused.to_string().contains("what visitors of source `staging` are shown"), "{refused}");
        apply_text(&*rig.store, &raised(4, "Other"), false).await.expect("applies");
        let exported = rig.configuration.export("acme", Secrets::Literal).await.expect("exports");
        let again = apply_how(&*rig.store, &[file("other.yaml", &exported)], ApplyOptions::once(false, false)).await;
        assert!(again.is_ok(), "an export says what is stored: {exported}");
    });
}

#[test]
fn the_words_of_every_site_are_kept_for_receipts() {
    run(async {
        let rig = Rig::new().await;
        let tenant = rig.configuration.directory().tenant("acme").expect("is served");
        for (source, title) in [("staging", "Tried"), ("web", "Your privacy on this site")] {
            let site = tenant.workspace.site(tenant.source(source).expect("is there"));
            let hash = consent::hash_shown(site, Regime::OPT_IN, "en").expect("published");
            let kept = rig.store.published_words("acme", &hash).await.expect("reads").expect("is kept");
            assert!(kept.words.contains(&format!(r#""title":"{title}""#)), "{source}: {}", kept.words);
        }
    });
}

#[test]
fn what_belongs_to_a_host_stays_with_it() {
    run(async {
        let rig = Rig::new().await;
        let of = |host: &str| json!({"cookie_domain": host, "languages": {"en": {"title": host}}});
        for (name, host) in [("staging", "staging.example"), ("shop", "shop.example")] {
            rig.ask(name, &of(host)).await.expect("is taken");
        }
        rig.publish("staging", PublishTo::Source("shop".to_owned())).await.expect("publishes");
        let banner = async |name: &str| rig.source(name).await.body["banner"].clone();
        assert_eq!(banner("staging").await, json!({"cookie_domain": "staging.example"}));
        let shop = banner("shop").await;
        let expected = json!(["shop.example", "staging.example"]);
        assert_eq!(json!([shop["cookie_domain"], shop["languages"]["en"]["title"]]), expected);
        let nothing = told(rig.publish("staging", PublishTo::Workspace).await);
        assert_snapshot!(nothing, @"source `staging` has no `banner` of its own: there is nothing to publish");
    });
}
