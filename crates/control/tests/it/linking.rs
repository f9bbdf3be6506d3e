//! Identifiers that join a subject after it chose: what they take over, and that linking never widens.

use std::sync::Arc;

use consent::{Choice, Choices};
use control::{ChoiceMade, Method, Recorder, Store, Tenant};
use event::{Fingerprint, Millis, Pii};
use proptest::prelude::*;
use vault::{Arrival, IdentifierKind, Identifiers, Keys};
use workspace::Regime;

use crate::setup::{NOW, Place, no_env, run, tenant};

const BROWSERS: [&str; 2] = ["a-0", "a-1"];
const USERS: [&str; 2] = ["u-0", "u-1"];
const CATEGORIES: [&str; 2] = ["performance", "targeting"];

/// One thing that happens, by numbers into the lists above.
#[derive(Debug, Clone)]
enum Happens {
    /// An event is identified.
    Event { browser: Option<usize>, user: Option<usize>, previous: Option<usize> },
    /// A choice is recorded.
    Choice { browser: Option<usize>, user: Option<usize>, category: usize, granted: bool, back_ms: i64 },
}

struct Scene {
    place: Place,
    store: Arc<dyn Store>,
    tenant: Arc<Tenant>,
    recorder: Recorder,
}

impl Scene {
    async fn new() -> Self {
        let place = Place::new();
        let store = place.store().await;
        let tenant = tenant(&store).await;
        let recorder = Recorder::start(Arc::clone(&store), Keys::default());
        Self { place, store, tenant, recorder }
    }

    fn prints(&self) -> Vec<Fingerprint> {
        let of = |kind, ids: [&str; 2]| ids.map(|id| self.tenant.fingerprints.of(kind, id));
        [of(IdentifierKind::AnonymousId, BROWSERS), of(IdentifierKind::UserId, USERS)].concat()
    }

    /// What the gate says of each identifier alone.
    fn known(&self) -> Vec<Choices> {
        self.prints().iter().map(|print| self.tenant.gate.choices(&[*print], NOW, Regime::OPT_IN)).collect()
    }

    async fn event(&self, browser: Option<&str>, user: Option<&str>, previous: Option<&str>) {
        let prints = &self.tenant.fingerprints;
        let previous = previous.map(|id| prints.previous(id));
        let identifiers = Identifiers { previous, ..prints.identify(browser, user) };
        let event = Arrival { identifiers, at: NOW, not_before: None };
        self.tenant.surrogates.resolve(&[event]).await.expect("resolves");
    }

    /// `at` is when it arrives, and when it was made.
    async fn choose(&self, browser: Option<&str>, user: Option<&str>, says: (&str, bool), at: [Millis; 2]) {
        let categories = &self.tenant.gate.rules().categories;
        let pii = |id: Option<&str>| id.map(|id| Pii::new(id.to_owned()));
        let made = ChoiceMade {
            tenant: Arc::clone(&self.tenant),
            anonymous_id: pii(browser),
            user_id: pii(user),
            choice: Choice::partial(categories, [(categories.key(says.0), says.1)]),
            method: Method::Event,
            source: "web".parse().expect("a slug"),
            message_id: None,
            made_at: Some(at[1]),
            received_at: at[0],
            presented: None,
        };
        self.recorder.record(made).await.expect("records");
    }

    async fn happens(&self, what: &Happens, at: Millis) {
        let id = |list: [&'static str; 2], number: &Option<usize>| number.map(|number| list[number]);
        match what {
            Happens::Event { browser, user, previous } => {
                self.event(id(BROWSERS, browser), id(USERS, user), id(BROWSERS, previous)).await;
            }
            Happens::Choice { browser, user, category, granted, back_ms } => {
                let says = (CATEGORIES[*category], *granted);
                self.choose(id(BROWSERS, browser), id(USERS, user), says, [at, Millis(at.0 - back_ms)]).await;
            }
        }
    }

    /// The subject of each identifier.
    async fn subjects(&self) -> Vec<Option<event::SubjectId>> {
        let found = self.store.sightings("acme", &self.prints()).await.expect("answers");
        found.into_iter().map(|known| Some(known?.subject)).collect()
    }

    /// What a server that starts now would know.
    async fn after_a_restart(&self) -> Vec<Choices> {
        let store = self.place.store().await;
        let tenant = control::load(&store, &Keys::default(), &no_env, NOW).await.expect("loads").remove(0);
        self.prints().iter().map(|print| tenant.gate.choices(&[*print], NOW, Regime::OPT_IN)).collect()
    }
}

fn refused(scene: &Scene, kind: IdentifierKind, id: &str, category: &str) -> bool {
    let print = scene.tenant.fingerprints.of(kind, id);
    let rules = scene.tenant.gate.rules();
    scene.tenant.gate.refused(&[print]).refused.contains(rules.categories.key(category))
}

// Obligations 12, 16, 23.
#[test]
fn a_user_who_refused_as_a_browser_has_refused() {
    run(async {
        let scene = Scene::new().await;
        scene.event(Some("a-0"), None, None).await;
        scene.choose(Some("a-0"), None, ("performance", false), [NOW; 2]).await;
        let before = scene.tenant.gate.generation();
        scene.event(Some("a-0"), Some("u-0"), None).await;
        assert!(refused(&scene, IdentifierKind::UserId, "u-0", "performance"));
        assert!(scene.tenant.gate.generation() > before, "permissions made before the link would still be used");
        // An alias links too, whichever of its ids was known.
        scene.event(None, Some("u-1"), Some("a-0")).await;
        assert!(refused(&scene, IdentifierKind::UserId, "u-1", "performance"));
        assert_eq!(scene.after_a_restart().await, scene.known());
    });
}

#[test]
fn a_grant_stays_where_it_was_given_until_the_next_choice() {
    run(async {
        let scene = Scene::new().await;
        scene.choose(Some("a-0"), None, ("performance", true), [NOW; 2]).await;
        scene.event(Some("a-0"), Some("u-0"), None).await;
        let user = scene.tenant.fingerprints.of(IdentifierKind::UserId, "u-0");
        assert_eq!(scene.tenant.gate.choices(&[user], NOW, Regime::OPT_IN), Choices::default());
        scene.choose(Some("a-0"), None, ("targeting", true), [Millis(NOW.0 + 1); 2]).await;
        let rules = scene.tenant.gate.rules();
        let granted = scene.tenant.gate.choices(&[user], NOW, Regime::OPT_IN).granted;
        assert_eq!(rules.categories.names(granted), ["targeting"]);
    });
}

fn happens(back_ms_max: i64) -> impl Strategy<Value = Happens> {
    let some = || prop::option::of(0..2_usize);
    let ids = || (some(), some()).prop_filter("at least one", |(browser, user)| browser.is_some() || user.is_some());
    let event = (ids(), prop_oneof![3 => Just(None), 1 => some()])
        .prop_map(|((browser, user), previous)| Happens::Event { browser, user, previous });
    let choice = (ids(), 0..2_usize, any::<bool>(), 0..=back_ms_max).prop_map(
        |((browser, user), category, granted, back_ms)| Happens::Choice { browser, user, category, granted, back_ms },
    );
    prop_oneof![event, choice]
}

/// Whether everything that `after` permits was permitted `before`.
fn only_narrower(before: &Choices, after: &Choices) -> bool {
    before.granted.contains(after.granted) && after.refused.contains(before.refused)
}

proptest! {
    // Each case is a database of its own with a sync per step.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn linking_never_widens_and_the_gate_says_what_the_store_says(story in prop::collection::vec(happens(5), 1..10)) {
        run(async {
            let scene = Scene::new().await;
            for (at, what) in story.iter().enumerate() {
                let before = scene.known();
                scene.happens(what, Millis(NOW.0 + i64::try_from(at).expect("few"))).await;
                if let Happens::Event { .. } = what {
                    for (before, after) in before.iter().zip(scene.known()) {
                        assert!(only_narrower(before, &after), "{before:?} became {after:?}");
                    }
                }
            }
            assert_eq!(scene.after_a_restart().await, scene.known());
        });
    }

    // Obligation 23.
    #[test]
    fn all_identifiers_of_a_subject_refuse_the_same(story in prop::collection::vec(happens(0), 1..10)) {
        run(async {
            let scene = Scene::new().await;
            for (at, what) in story.into_iter().enumerate() {
                let what = match what {
                    // One that names ids of two subjects counts for those two, and for the rest of one of them only.
                    Happens::Choice { browser: Some(_), user: Some(user), category, granted, back_ms } => {
                        Happens::Choice { browser: None, user: Some(user), category, granted, back_ms }
                    }
                    other => other,
                };
                scene.happens(&what, Millis(NOW.0 + i64::try_from(at).expect("few"))).await;
            }
            let (subjects, known) = (scene.subjects().await, scene.known());
            for (left, of_left) in subjects.iter().zip(&known) {
                for (right, of_right) in subjects.iter().zip(&known).filter(|(right, _)| left.is_some() && left == *right) {
                    assert_eq!(of_left.refused, of_right.refused, "{left:?} and {right:?}");
                }
            }
        });
    }
}
