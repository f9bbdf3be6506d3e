//! Other rules while running: what people said keeps counting, also about categories that the workspace did not have.

use std::sync::Arc;

use consent::{HasSubject, Held, Origin, Preferences, Reason, Signals, Stamp, Subject, Use, Wishes};
use control::{ApplyOptions, ChoiceRow, Configuration, Edit, Maker, Method, Principal, Receipt, Store, Tenant};
use event::{Fingerprint, Millis};
use serde_json::json;
use workspace::{Basis, ObjectKind, Regime};

use crate::setup::{ACME, NOW, Place, apply_how, apply_text, configuration, file, fingerprint, run, subject};

async fn served(place: &Place) -> (Arc<dyn Store>, Arc<Configuration>) {
    let store = place.store().await;
    apply_how(&*store, &[file("acme.yaml", ACME)], ApplyOptions::once(false, false)).await.expect("applies");
    let configuration = configuration(&store).await;
    (store, configuration)
}

fn tenant(configuration: &Configuration) -> Arc<Tenant> {
    configuration.directory().tenant("acme").expect("is served")
}

async fn edit_consent(configuration: &Configuration, body: serde_json::Value) {
    let kind = ObjectKind::Consent;
    let version = configuration.object("acme", kind, "consent").await.expect("is there").version;
    let body = body.as_object().expect("a map").clone();
    let edit = Edit::Replace { kind, name: "consent".to_owned(), body, if_version: version };
    configuration.edit(&Principal::local("test"), "acme", edit).await.expect("edits");
}

fn refusal(of: u8, category: &str) -> ChoiceRow {
    ChoiceRow {
        receipt: Receipt([of; 16]),
        maker: Some(Maker { subject: subject(of), identifiers: vec![fingerprint(of)], message_id: None }),
        granted: vec!["performance".to_owned()],
        refused: vec![category.to_owned()],
        method: Method::Event,
        source: "web".to_owned(),
        made_at: Millis(NOW.0),
        received_at: NOW,
        presented: None,
    }
}

/// The names that somebody refuses, as the gate knows it.
fn refused(tenant: &Tenant, of: u8) -> Vec<String> {
    let rules = tenant.gate.rules();
    let choices = tenant.gate.refused(&[fingerprint(of)]);
    rules.categories.names(choices.refused).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_category_that_comes_back_is_refused_by_whoever_refused_it() {
    run(async {
        let place = Place::new();
        let (store, configuration) = served(&place).await;
        store.record("acme", &[refusal(1, "surveys")]).await.expect("records");
        edit_consent(&configuration, json!({ "categories": ["performance", "surveys"] })).await;
        assert_eq!(refused(&tenant(&configuration), 1), ["surveys"]);
        edit_consent(
            &configuration,
            json!({ "categories": ["performance", { "name": "polls", "aliases": ["surveys"] }], "banner": { "version": 2 } }),
        )
        .await;
        assert_eq!(refused(&tenant(&configuration), 1), ["surveys", "polls"]);
    });
}

#[test]
fn a_category_keeps_its_bit_whatever_order_the_file_has() {
    run(async {
        let place = Place::new();
        let (_, configuration) = served(&place).await;
        let before = tenant(&configuration);
        let targeting = before.gate.rules().categories.key("targeting");
        before.gate.apply(&[fingerprint(1)], Held::refusing(targeting));
        edit_consent(&configuration, json!({ "categories": ["targeting", "novel", "performance"] })).await;
        let after = tenant(&configuration);
        assert!(Arc::ptr_eq(&before.gate, &after.gate));
        assert_eq!(refused(&after, 1), ["targeting"]);
        assert!(
            !after.gate.rules().categories.optional().intersects(after.gate.rules().categories.key("functionality"))
        );
    });
}

struct Item {
    identifiers: [Fingerprint; 1],
    stamp: Stamp<'static>,
}

impl HasSubject for Item {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &self.identifiers, stamp: &self.stamp, wishes: Wishes::default() }
    }
}

#[test]
fn other_rules_outdate_every_permission() {
    run(async {
        let place = Place::new();
        let (_, configuration) = served(&place).await;
        let tenant_before = tenant(&configuration);
        let destination = &tenant_before.workspace.destinations[0];
        let purpose = Use::of_destination(destination, "Echo", &tenant_before.gate.rules().categories);
        let item = || Item { identifiers: [fingerprint(9)], stamp: stamp() };
        let permitted = tenant_before.gate.permit(item(), &purpose).map_err(|withheld| withheld.reason);
        let permitted = permitted.expect("nothing forbids it");
        assert!(tenant_before.gate.is_current(&permitted));
        edit_consent(&configuration, json!({ "do_not_track": "as-gpc" })).await;
        assert!(!tenant_before.gate.is_current(&permitted));
        let again = tenant_before.gate.permit(item(), &purpose).map(drop).map_err(|withheld| withheld.reason);
        assert_eq!(again, Err(Reason::DntOptOut));
    });
}

/// Nobody said anything where everything is granted until refused; the browser asks not to be tracked.
fn stamp() -> Stamp<'static> {
    Stamp {
        origin: Origin::Default,
        preferences: Preferences::default(),
        signals: Signals { dnt: true, gpc: false },
        regime: Regime::OPT_OUT,
        basis: Basis::Consent,
    }
}

#[test]
fn what_another_process_applies_is_taken_up() {
    run(async {
        let place = Place::new();
        let (_, configuration) = served(&place).await;
        let mut changes = configuration.changes();
        changes.mark_unchanged();
        let other = place.store().await;
        let longer = ACME.replace("sources:\n", "sources:\n  - { name: app, kind: mobile, write_key: wk_app }\n");
        apply_text(&*other, &longer, false).await.expect("applies");
        assert!(configuration.directory().by_write_key("wk_app").is_none());
        assert!(configuration.refresh().await.expect("can be served"));
        assert!(changes.has_changed().expect("open"));
        assert_eq!(configuration.directory().by_write_key("wk_app").expect("known").source().name.as_str(), "app");
        assert!(!configuration.refresh().await.expect("can be served"));
    });
}

#[test]
fn what_cannot_be_served_leaves_in_force_what_was() {
    run(async {
        let place = Place::new();
        let (store, configuration) = served(&place).await;
        let env = |_: &str| Some("wk_env".to_owned());
        let yaml = ACME.replace("wk_server", "\"${env:GONE}\"");
        let site = control::Site { env: &env, ..crate::setup::site(&*store) };
        let how = ApplyOptions::once(false, false);
        control::apply(site, &Principal::local("test"), &[file("acme.yaml", &yaml)], how).await.expect("applies");
        let error = configuration.refresh().await.expect_err("the variable is not set here").to_string();
        insta::assert_snapshot!(error, @"workspace `acme`: `sources[0].write_key` asks for the environment variable `GONE`, which is not set");
        assert!(configuration.directory().by_write_key("wk_server").is_some());
    });
}

#[test]
fn a_workspace_that_cannot_be_read_holds_up_no_other() {
    run(async {
        let place = Place::new();
        let (store, configuration) = served(&place).await;
        let env = |_: &str| Some("wk_env".to_owned());
        let site = control::Site { env: &env, ..crate::setup::site(&*store) };
        let broken = ACME.replace("wk_server", "\"${env:GONE}\"");
        let other = "workspace: other\nsources:\n  - { name: web, kind: browser, write_key: wk_other }\n";
        let files = [file("acme.yaml", &broken), file("other.yaml", other)];
        control::apply(site, &Principal::local("test"), &files, ApplyOptions::once(false, false))
            .await
            .expect("applies");
        configuration.refresh().await.expect_err("the variable of `acme` is not set here");
        assert!(configuration.directory().by_write_key("wk_other").is_some(), "`other` is served");
        assert!(configuration.directory().by_write_key("wk_server").is_some(), "`acme` as it was");
    });
}
