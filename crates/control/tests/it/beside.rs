//! What choices name beside categories: vendors refused one by one, the opt-out of a signal, what is known of a child.
//! From the record to the gate, after a restart, and to identifiers that join.

use std::sync::Arc;

use consent::{CategorySet, Choice};
use control::{ChoiceMade, Method, Presented, Recorded, Recorder, Store, Tenant};
use event::{Millis, Pii};
use vault::{Arrival, IdentifierKind, Keys};
use workspace::Regime;

use crate::setup::{ACME, NOW, Place, apply_text, no_env, run};

struct Scene {
    place: Place,
    store: Arc<dyn Store>,
    tenant: Arc<Tenant>,
    recorder: Recorder,
}

const VENDORS: &str = "consent:
  banner: { vendors: [{ id: ga, name: GA, category: performance }, { id: meta, name: Meta, category: targeting }] }
";

async fn scene() -> Scene {
    let place = Place::new();
    let store = place.store().await;
    apply_text(&*store, &format!("{ACME}{VENDORS}"), false).await.expect("applies");
    let tenant = control::load(&store, &Keys::default(), &no_env, NOW).await.expect("loads").remove(0);
    let recorder = Recorder::start(Arc::clone(&store), Keys::default());
    Scene { place, store, tenant, recorder }
}

impl Scene {
    fn made(&self, browser: Option<&str>, user: Option<&str>, method: Method, choice: Choice) -> ChoiceMade {
        ChoiceMade {
            tenant: Arc::clone(&self.tenant),
            anonymous_id: browser.map(|id| Pii::new(id.to_owned())),
            user_id: user.map(|id| Pii::new(id.to_owned())),
            choice,
            method,
            source: "web".parse().expect("a slug"),
            message_id: None,
            made_at: None,
            received_at: NOW,
            presented: None,
        }
    }

    async fn record(&self, made: ChoiceMade) -> Recorded {
        self.recorder.record(made).await.expect("records")
    }

    /// The banner's question about everything, answered with a grant of `performance`.
    async fn answer(&self, user: &str, at: i64, refused_vendors: &[&str]) {
        let categories = &self.tenant.gate.rules().categories;
        let performance = categories.key("performance");
        let choice = Choice { granted: performance, refused: categories.optional().without(performance) };
        let presented = Presented {
            method: Some("choose".to_owned()),
            refused_vendors: refused_vendors.iter().map(|id| (*id).to_owned()).collect(),
            ..Presented::default()
        };
        let made = self.made(None, Some(user), Method::Event, choice);
        self.record(ChoiceMade { received_at: Millis(NOW.0 + at), presented: Some(presented), ..made }).await;
    }

    async fn event(&self, browser: Option<&str>, user: Option<&str>) {
        let identifiers = self.tenant.fingerprints.identify(browser, user);
        let event = Arrival { identifiers, at: NOW, not_before: None };
        self.tenant.surrogates.resolve(&[event]).await.expect("resolves");
    }

    /// What an identifier refuses now and after a restart.
    async fn refused(&self, kind: IdentifierKind, id: &str) -> String {
        let reopened = self.place.store().await;
        let loaded = control::load(&reopened, &Keys::default(), &no_env, NOW).await.expect("loads").remove(0);
        let [now, then] = [&*self.tenant, &*loaded].map(|tenant| {
            let known = tenant.gate.refused(&[tenant.fingerprints.of(kind, id)]);
            tenant.gate.rules().categories.names(known.refused).join(" ")
        });
        assert_eq!(now, then, "after a restart");
        now
    }
}

#[test]
fn a_vendor_is_refused_until_the_banner_asks_again() {
    run(async {
        let scene = scene().await;
        scene.answer("u-1", 0, &["ga", "meta"]).await;
        let refused = || scene.refused(IdentifierKind::UserId, "u-1");
        assert_eq!(refused().await, "functionality targeting vendor:ga vendor:meta");
        scene.event(Some("a-1"), Some("u-1")).await;
        let of_browser = scene.refused(IdentifierKind::AnonymousId, "a-1").await;
        assert_eq!(of_browser, "functionality targeting vendor:ga vendor:meta", "who joins takes it over");
        scene.answer("u-1", 10, &["meta"]).await;
        assert_eq!(refused().await, "functionality targeting vendor:meta");
        // What was sent late does not bring the older refusal back.
        scene.answer("u-1", 5, &["ga"]).await;
        assert_eq!(refused().await, "functionality targeting vendor:meta");
    });
}

#[test]
fn a_signal_follows_whoever_is_known_and_leaves_nothing_of_a_stranger() {
    run(async {
        let scene = scene().await;
        let opt_out = Choice { granted: CategorySet::NONE, refused: CategorySet::SALE_AND_SHARING };
        let signal = |browser, user| scene.made(browser, user, Method::Gpc, opt_out);
        assert_eq!(scene.record(signal(Some("a-9"), None)).await, Recorded::Nothing);
        assert!(scene.store.history("acme", None).await.expect("reads").is_empty());
        let stranger = scene.tenant.fingerprints.of(IdentifierKind::AnonymousId, "a-9");
        assert_eq!(scene.store.sightings("acme", &[stranger]).await.expect("reads"), [None]);

        scene.event(Some("a-1"), None).await;
        let Recorded::Known { subject, receipt, .. } = scene.record(signal(Some("a-1"), None)).await else {
            panic!("known")
        };
        let history = scene.store.history("acme", Some(subject)).await.expect("reads");
        assert_eq!(
            (history[0].method.name(), &history[0].refused[..]),
            ("gpc", &["use:sale_and_sharing".to_owned()][..])
        );
        let leaf = scene.store.leaf_of("acme", receipt).await.expect("reads");
        assert!(leaf.is_some(), "it has a leaf like any choice");
        scene.event(Some("a-1"), Some("u-1")).await;
        scene.event(Some("a-2"), Some("u-1")).await;
        assert_eq!(scene.refused(IdentifierKind::UserId, "u-1").await, "use:sale_and_sharing");
        assert_eq!(scene.refused(IdentifierKind::AnonymousId, "a-2").await, "use:sale_and_sharing");
        // An opt-in over it holds as long as a grant.
        let opt_in = Choice { granted: opt_out.refused, refused: CategorySet::NONE };
        let later = Millis(NOW.0 + 1);
        let made = scene.made(None, Some("u-1"), Method::Event, opt_in);
        scene.record(ChoiceMade { received_at: later, ..made }).await;
        let user = [scene.tenant.fingerprints.of(IdentifierKind::UserId, "u-1")];
        let granted = |days: i64| {
            let now = Millis(NOW.0 + days * 86_400_000);
            scene.tenant.gate.choices(&user, now, Regime::OPT_IN).granted.contains(opt_out.refused)
        };
        assert_eq!((granted(1), granted(181)), (true, false));
        assert_eq!(scene.refused(IdentifierKind::AnonymousId, "a-2").await, "");
    });
}

#[test]
fn a_child_needs_a_verified_parent_and_stays_a_child() {
    run(async {
        let scene = scene().await;
        let child = Choice { granted: CategorySet::NONE, refused: CategorySet::ADULT.union(CategorySet::OWN_CONSENT) };
        let refused = || scene.refused(IdentifierKind::UserId, "u-1");
        scene.record(scene.made(None, Some("u-1"), Method::Age, child)).await;
        assert_eq!(refused().await, "age:adult age:own_consent");
        let performance = scene.tenant.gate.rules().categories.key("performance");
        let grant = Choice { granted: performance, refused: CategorySet::NONE };
        scene.record(scene.made(None, Some("u-1"), Method::Import, grant)).await;
        assert_eq!(refused().await, "age:adult age:own_consent", "anybody's grant is not a parent's");
        scene.record(scene.made(None, Some("u-1"), Method::ParentVerified, grant)).await;
        assert_eq!(refused().await, "age:adult");
        // The next event says the same of it again.
        let again = scene.made(None, Some("u-1"), Method::Age, child);
        scene.record(ChoiceMade { received_at: Millis(NOW.0 + 10), ..again }).await;
        assert_eq!(refused().await, "age:adult");
    });
}
