//! What destinations are to be told of refusals: whom it concerns, what is sealed, and what a crash leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use consent::{CategorySet, Choice, Refusal};
use control::{AuditQuery, ChoiceMade, Method, Recorder, Store, Tenant, ToldDestination, telling};
use event::{Millis, Pii};
use vault::{Epoch, Keys};

use crate::setup::{NOW, Place, apply_text, no_env, run};

const TOLD: &str = "
workspace: acme
sources: [{ name: web, kind: browser }]
destinations:
  - { name: analytics, kind: echo, sources: [web], categories: [performance], purpose: analytics,
      recipient: service_provider, withdrawals: tell }
  - { name: ads, kind: echo, sources: [web], categories: [targeting], purpose: advertising, withdrawals: tell }
  - { name: quiet, kind: echo, sources: [web], categories: [performance], purpose: analytics }
  - { name: off, kind: echo, sources: [web], categories: [performance], purpose: analytics, withdrawals: tell,
      enabled: false }
";

struct Scene {
    place: Place,
    store: Arc<dyn Store>,
    keys: Keys,
    tenant: Arc<Tenant>,
    recorder: Recorder,
    /// Seconds since [`NOW`]; each choice takes one.
    seconds: AtomicI64,
}

/// After all of them.
const LATER: Millis = Millis(NOW.0 + 1_000_000);

impl Scene {
    async fn new() -> Self {
        let place = Place::new();
        let store = place.store().await;
        apply_text(&*store, TOLD, false).await.expect("applies");
        let keys = Keys::default();
        let tenant = control::load(&store, &keys, &no_env, NOW).await.expect("loads").remove(0);
        let recorder = Recorder::start(Arc::clone(&store), keys.clone());
        Self { place, store, keys, tenant, recorder, seconds: AtomicI64::new(0) }
    }

    /// `+name` grants, `-name` refuses.
    async fn say(&self, anonymous: Option<&str>, user: Option<&str>, says: &[&str]) {
        self.say_by(Method::Event, (anonymous, user), says).await;
    }

    async fn say_by(&self, method: Method, (anonymous, user): (Option<&str>, Option<&str>), says: &[&str]) {
        let categories = &self.tenant.gate.rules().categories;
        let named = says.iter().map(|one| (categories.key(&one[1..]), one.starts_with('+')));
        assert!(named.clone().all(|(category, _)| category != CategorySet::NONE));
        let pii = |id: Option<&str>| id.map(|id| Pii::new(id.to_owned()));
        let made = ChoiceMade {
            tenant: Arc::clone(&self.tenant),
            anonymous_id: pii(anonymous),
            user_id: pii(user),
            choice: Choice::partial(categories, named),
            method,
            source: "web".parse().expect("a slug"),
            message_id: None,
            made_at: None,
            received_at: Millis(NOW.0 + self.seconds.fetch_add(1, Ordering::Relaxed) * 1_000),
            presented: None,
        };
        self.recorder.record(made).await.expect("records");
    }

    /// What is untold, as text: destination, who, what.
    async fn untold(&self) -> Vec<String> {
        untold(&self.store, &self.keys).await
    }
}

async fn untold(store: &Arc<dyn Store>, keys: &Keys) -> Vec<String> {
    let mut all = Vec::new();
    for count in store.untold().await.expect("counts") {
        let due = store.due_tellings(&count.of, LATER, 99).await.expect("reads");
        assert_eq!(due.len() as u64, count.waiting);
        for one in due {
            let Refusal { anonymous_id, user_id, refused, made_at, .. } =
                telling::open(keys, "acme", &one.untold).expect("opens");
            let shown = |id: Option<Pii<String>>| id.map_or_else(|| "-".to_owned(), |id| id.expose().clone());
            assert_eq!(made_at, one.untold.at);
            all.push(format!(
                "{}: {} {} {}",
                count.of.destination,
                shown(anonymous_id),
                shown(user_id),
                refused.join("+")
            ));
        }
    }
    all
}

fn of(destination: &str, made_in: i64) -> ToldDestination {
    ToldDestination { workspace: "acme".to_owned(), destination: destination.to_owned(), made_in }
}

// Obligation 19.
#[test]
fn whoever_may_have_received_is_told_once_of_what_is_newly_refused() {
    run(async {
        let scene = Scene::new().await;
        let (browser, user) = (Some("a-1"), Some("u-1"));
        scene.say(browser, user, &["+performance", "+targeting", "+functionality"]).await;
        assert!(scene.untold().await.is_empty(), "a grant");
        scene.say(browser, user, &["-functionality"]).await;
        assert!(scene.untold().await.is_empty(), "nobody uses it");
        scene.say(browser, user, &["-performance"]).await;
        assert_eq!(scene.untold().await, ["analytics: a-1 u-1 performance"]);
        scene.say(browser, user, &["-performance"]).await;
        assert_eq!(scene.untold().await.len(), 1, "it is refused already");
        scene.say(browser, user, &["-performance", "-targeting"]).await;
        assert_eq!(scene.untold().await, ["ads: a-1 u-1 targeting", "analytics: a-1 u-1 performance"]);
        scene.say(browser, user, &["+performance"]).await;
        scene.say(browser, None, &["-performance"]).await;
        let twice = ["ads: a-1 u-1 targeting", "analytics: a-1 u-1 performance", "analytics: a-1 - performance"];
        assert_eq!(scene.untold().await, twice, "another withdrawal");
    });
}

#[test]
fn a_signal_and_a_childs_refusal_are_told_to_whom_they_concern() {
    run(async {
        let scene = Scene::new().await;
        scene.say(None, Some("u-1"), &["+performance", "+targeting"]).await;
        scene.say_by(Method::Gpc, (None, Some("u-1")), &["-use:sale_and_sharing"]).await;
        assert_eq!(scene.untold().await, ["ads: - u-1 use:sale_and_sharing"]);
        scene.say(None, Some("u-2"), &["+performance", "+targeting"]).await;
        scene.say_by(Method::Age, (None, Some("u-2")), &["-age:adult", "-age:own_consent"]).await;
        let told = scene.untold().await;
        assert!(told.contains(&"ads: - u-2 age:adult+age:own_consent".to_owned()), "{told:?}");
        assert!(told.contains(&"analytics: - u-2 age:adult+age:own_consent".to_owned()), "{told:?}");
        assert_eq!(told.len(), 3);
    });
}

#[test]
fn who_is_not_known_is_told_to_nobody() {
    run(async {
        let scene = Scene::new().await;
        scene.say(Some("a-1"), None, &["-performance", "-targeting"]).await;
        scene.say(None, None, &["-performance"]).await;
        scene.say(Some("a-2"), Some("u-2"), &["-performance"]).await;
        assert!(scene.untold().await.is_empty(), "a destination would learn of them by it");
        scene.say(None, Some("u-3"), &["+performance"]).await;
        scene.say(Some("a-3"), Some("u-3"), &["-performance"]).await;
        assert_eq!(scene.untold().await, ["analytics: - u-3 performance"], "of the browser nothing was stored before");
    });
}

#[test]
fn it_is_there_with_its_choice_after_a_crash_and_sealed() {
    run(async {
        let scene = Scene::new().await;
        scene.say(Some("a-1"), Some("u-very-telling"), &["+performance"]).await;
        scene.say(Some("a-1"), Some("u-very-telling"), &["-performance"]).await;
        let keys = Keys::default();
        let again = scene.place.store().await;
        drop(control::load(&again, &keys, &no_env, NOW).await.expect("loads"));
        assert_eq!(untold(&again, &keys).await, ["analytics: a-1 u-very-telling performance"]);

        let count = again.untold().await.expect("counts").remove(0);
        let untold = again.due_tellings(&count.of, LATER, 1).await.expect("reads").remove(0).untold;
        assert!(!untold.sealed.windows(14).any(|window| window == b"u-very-telling"));
        let moved = control::Untold { destination: "ads".to_owned(), ..untold.clone() };
        assert!(telling::open(&keys, "acme", &moved).is_err(), "it opens in its own row only");
        control::keys::rotate(&*again, &keys, "acme", NOW).await.expect("rotates");
        control::keys::destroy(&*again, &keys, "acme", Epoch(1), NOW).await.expect("destroys");
        let shredded = telling::open(&keys, "acme", &untold).expect_err("shredded");
        insta::assert_snapshot!(shredded, @"the key of epoch Epoch(1) was destroyed");
    });
}

#[test]
fn what_is_put_off_waits_and_what_is_given_up_is_on_record() {
    run(async {
        let scene = Scene::new().await;
        for user in ["u-1", "u-2"] {
            scene.say(None, Some(user), &["+performance"]).await;
            scene.say(None, Some(user), &["-performance"]).await;
        }
        let store = &scene.store;
        let count = store.untold().await.expect("counts").remove(0);
        assert_eq!((count.waiting, count.oldest), (2, Millis(NOW.0 + 1_000)));
        let due = async |at| store.due_tellings(&count.of, Millis(at), 9).await.expect("reads");
        let first = due(LATER.0).await.remove(0);
        store.put_off_telling(first.id, 1, Millis(LATER.0 + 60_000)).await.expect("is put off");
        assert_eq!(due(LATER.0).await.len(), 1);
        let later = due(LATER.0 + 60_000).await;
        assert_eq!(later.iter().map(|one| (one.id, one.attempts)).collect::<Vec<_>>()[1], (first.id, 1));
        assert_eq!(later[1].untold.message_id, first.untold.message_id);
        assert!(store.end_telling(first.id).await.expect("ends"));
        assert!(!store.end_telling(first.id).await.expect("is gone"));
        let give_up = async |before, of: &ToldDestination| {
            store.give_up_tellings(of, Millis(before), "a test", NOW).await.expect("is given up")
        };
        assert_eq!(give_up(NOW.0 + 3_000, &count.of).await, 0, "it arrived then, not before");
        assert_eq!(give_up(LATER.0, &of("analytics", count.of.made_in + 1)).await, 0, "another of its name");
        assert_eq!(give_up(LATER.0, &count.of).await, 1);
        let query = AuditQuery { action: Some("give_up".to_owned()), rows_max: 9, ..AuditQuery::default() };
        let records = store.audit(&query).await.expect("reads");
        assert_eq!(records.len(), 1, "of giving up nothing there is no entry");
        let after = records[0].after.as_ref().expect("says what");
        assert_eq!((records[0].object.as_str(), after["given_up"].as_u64()), ("analytics", Some(1)));
    });
}
