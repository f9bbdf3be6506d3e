//! Choices from the request to the gate: what is kept of whom, what holds in which order, what outlives a restart.

use std::sync::Arc;

use consent::{Choice, Choices};
use control::{ChoiceMade, Method, Presented, Recorded, Recorder, Store, Tenant};
use event::{Fingerprint, Millis, Pii};
use vault::{Arrival, IdentifierKind, Keys};
use workspace::Regime;

use crate::setup::{NOW, Place, no_env, run, tenant};

/// A choice with or without ids: `+name` grants, `-name` refuses.
fn choice(tenant: &Arc<Tenant>, anonymous: Option<&str>, user: Option<&str>, says: &[&str]) -> ChoiceMade {
    let categories = &tenant.gate.rules().categories;
    let named = says.iter().map(|one| (categories.key(&one[1..]), one.starts_with('+')));
    let pii = |id: Option<&str>| id.map(|id| Pii::new(id.to_owned()));
    ChoiceMade {
        tenant: Arc::clone(tenant),
        anonymous_id: pii(anonymous),
        user_id: pii(user),
        choice: Choice::partial(categories, named),
        method: Method::Event,
        source: "web".parse().expect("a slug"),
        message_id: Some("m-1".to_owned()),
        made_at: None,
        received_at: NOW,
        presented: None,
    }
}

fn anonymous(tenant: &Tenant, id: &str) -> Fingerprint {
    tenant.fingerprints.of(IdentifierKind::AnonymousId, id)
}

fn user(tenant: &Tenant, id: &str) -> Fingerprint {
    tenant.fingerprints.of(IdentifierKind::UserId, id)
}

fn in_days(days: i64) -> Millis {
    Millis(NOW.0 + days * 86_400_000)
}

/// What the gate knows, as names.
fn known(tenant: &Tenant, identifiers: &[Fingerprint]) -> String {
    known_at(tenant, identifiers, NOW)
}

fn known_at(tenant: &Tenant, identifiers: &[Fingerprint], now: Millis) -> String {
    let Choices { refused, granted, any, .. } = tenant.gate.choices(identifiers, now, Regime::OPT_IN);
    let rules = tenant.gate.rules();
    let names = |set| rules.categories.names(set).join(" ");
    if any { format!("+[{}] -[{}]", names(granted), names(refused)) } else { "nothing".to_owned() }
}

struct Scene {
    place: Place,
    store: Arc<dyn Store>,
    tenant: Arc<Tenant>,
    recorder: Recorder,
}

async fn scene() -> Scene {
    let place = Place::new();
    let store = place.store().await;
    let tenant = tenant(&store).await;
    let recorder = Recorder::start(Arc::clone(&store), Keys::default());
    Scene { place, store, tenant, recorder }
}

impl Scene {
    async fn record(&self, made: ChoiceMade) -> Recorded {
        self.recorder.record(made).await.expect("records")
    }

    fn choice(&self, anonymous: Option<&str>, user: Option<&str>, says: &[&str]) -> ChoiceMade {
        choice(&self.tenant, anonymous, user, says)
    }
}

#[test]
fn a_grant_counts_under_all_its_identifiers_and_after_a_restart() {
    run(async {
        let scene = scene().await;
        let grant = scene.choice(Some("a-1"), Some("u-1"), &["+performance", "-targeting"]);
        let before = scene.tenant.gate.generation();
        let Recorded::Known { subject, identifiers, .. } = scene.record(grant).await else { panic!("known") };
        assert!(scene.tenant.gate.generation() > before, "permissions made before would still be used");
        let prints = [anonymous(&scene.tenant, "a-1"), user(&scene.tenant, "u-1")];
        assert_eq!(identifiers, prints);
        let history = scene.store.history("acme", Some(subject)).await.expect("reads");
        assert_eq!(
            (&history[0].granted[..], &history[0].refused[..]),
            (&["performance".into()][..], &["targeting".into()][..])
        );

        let reopened = scene.place.store().await;
        let loaded = control::load(&reopened, &Keys::default(), &no_env, NOW).await.expect("loads").remove(0);
        for tenant in [&scene.tenant, &loaded] {
            for print in prints {
                assert_eq!(known(tenant, &[print]), "+[performance] -[targeting]");
            }
        }
    });
}

#[test]
fn a_refusal_from_somebody_unknown_leaves_no_trace_of_them() {
    run(async {
        let scene = scene().await;
        let refusal = scene.choice(Some("a-very-telling-id"), None, &["-performance", "-targeting"]);
        let Recorded::Anonymous { receipt } = scene.record(refusal).await else { panic!("anonymous") };
        let print = anonymous(&scene.tenant, "a-very-telling-id");
        let history = scene.store.history("acme", None).await.expect("reads");
        assert_eq!((history.len(), history[0].receipt, &history[0].maker), (1, receipt, &None));
        assert_eq!(scene.store.sightings("acme", &[print]).await.expect("reads"), [None]);
        assert!(scene.store.standings("acme", None, 9).await.expect("reads").is_empty());
        let directory = scene.place.file().parent().expect("in a directory").to_owned();
        for file in std::fs::read_dir(directory).expect("readable") {
            let bytes = std::fs::read(file.expect("readable").path()).expect("readable");
            for trace in [&b"a-very-telling-id"[..], &print.0, b"m-1"] {
                assert!(!bytes.windows(trace.len()).any(|window| window == trace));
            }
        }
    });
}

#[test]
fn a_refusal_that_was_taken_over_is_kept_under_its_identifier_where_events_go_on_under_it() {
    run(async {
        let scene = scene().await;
        let import = async |(source, id): (&str, &str), regime: Option<&str>, says: &[&str]| {
            let presented = Presented {
                method: Some("imported".to_owned()),
                regime: regime.map(str::to_owned),
                ..Presented::default()
            };
            let source = source.parse().expect("a slug");
            let refusal = scene.choice(Some(id), None, says);
            scene.record(ChoiceMade { presented: Some(presented), source, ..refusal }).await
        };
        // Of a source that rests on a contract events come before a grant too.
        for (source, id, regime) in [("web", "a-us", "us"), ("api", "a-contract", "eu")] {
            let kept = import((source, id), Some(regime), &["-targeting"]).await;
            assert!(matches!(kept, Recorded::Known { .. }), "{id}: {kept:?}");
            assert_eq!(known(&scene.tenant, &[anonymous(&scene.tenant, id)]), "+[] -[targeting]");
        }
        for (id, regime, says) in [
            ("a-eu", Some("eu"), &["-targeting"][..]),
            ("a-nowhere", None, &["-targeting"]),
            ("a-all", Some("us"), &["-targeting", "-performance"]),
        ] {
            let nobodys = import(("web", id), regime, says).await;
            assert!(matches!(nobodys, Recorded::Anonymous { .. }), "{id}: {nobodys:?}");
            let print = anonymous(&scene.tenant, id);
            assert_eq!(scene.store.sightings("acme", &[print]).await.expect("reads"), [None]);
        }
    });
}

#[test]
fn a_choice_without_identifiers_is_nobodys_also_when_it_grants() {
    run(async {
        let scene = scene().await;
        let before = scene.tenant.gate.generation();
        let recorded = scene.record(scene.choice(None, None, &["+performance", "-targeting"])).await;
        let Recorded::Anonymous { receipt } = recorded else { panic!("anonymous") };
        let history = scene.store.history("acme", None).await.expect("reads");
        assert_eq!((history[0].receipt, &history[0].granted[..]), (receipt, &["performance".into()][..]));
        assert_eq!(scene.tenant.gate.generation(), before, "nobody is permitted or refused anything by it");
    });
}

#[test]
fn a_refusal_from_somebody_known_counts() {
    run(async {
        let scene = scene().await;
        let print = anonymous(&scene.tenant, "a-1");
        // Known by an event that the pipeline resolved, and by a user id that came with the refusal.
        let identifiers = scene.tenant.fingerprints.identify(Some("a-1"), None);
        let event = Arrival { identifiers, at: NOW, not_before: None };
        let subject = scene.tenant.surrogates.resolve(&[event]).await.expect("resolves")[0].subject().expect("known");
        let Recorded::Known { subject: recorded, .. } =
            scene.record(scene.choice(Some("a-1"), None, &["-performance"])).await
        else {
            panic!("known")
        };
        assert_eq!((recorded, known(&scene.tenant, &[print])), (subject, "+[] -[performance]".to_owned()));
        scene.record(scene.choice(Some("a-2"), Some("u-2"), &["-performance"])).await;
        for print in [anonymous(&scene.tenant, "a-2"), user(&scene.tenant, "u-2")] {
            assert_eq!(known(&scene.tenant, &[print]), "+[] -[performance]");
        }
    });
}

#[test]
fn choices_that_arrive_together_are_judged_in_their_order() {
    run(async {
        let scene = scene().await;
        let grant = ChoiceMade { received_at: Millis(NOW.0 - 1), ..scene.choice(Some("a-1"), None, &["+performance"]) };
        let refusal = scene.choice(Some("a-1"), None, &["-performance"]);
        let unknown = scene.choice(Some("a-2"), None, &["-performance"]);
        let (one, two, three) = futures::join!(scene.record(grant), scene.record(refusal), scene.record(unknown));
        assert!(matches!((one, two), (Recorded::Known { .. }, Recorded::Known { .. })));
        assert!(matches!(three, Recorded::Anonymous { .. }));
        assert_eq!(known(&scene.tenant, &[anonymous(&scene.tenant, "a-1")]), "+[] -[performance]");
    });
}

#[test]
fn a_repeated_older_grant_does_not_undo_a_withdrawal() {
    run(async {
        let scene = scene().await;
        let at = |made: i64, says| ChoiceMade { made_at: Some(Millis(made)), ..scene.choice(None, Some("u-1"), says) };
        let print = [user(&scene.tenant, "u-1")];
        scene.record(at(NOW.0 - 20, &["+performance", "+targeting"])).await;
        scene.record(at(NOW.0 - 10, &["-performance"])).await;
        scene.record(at(NOW.0 - 20, &["+performance", "+targeting"])).await;
        assert_eq!(known(&scene.tenant, &print), "+[targeting] -[performance]");
        // A clock that runs ahead must not forbid the withdrawals of the next hour.
        scene.record(at(NOW.0 + 3_600_000, &["+performance"])).await;
        assert_eq!(known(&scene.tenant, &print), "+[performance targeting] -[]");
        scene.record(at(NOW.0, &["-performance"])).await;
        assert_eq!(known(&scene.tenant, &print), "+[targeting] -[performance]");
    });
}

#[test]
fn a_grant_ends_with_its_lifetime_and_its_words_and_a_refusal_never_also_after_a_restart() {
    run(async {
        let scene = scene().await;
        let method = || Some("choose".to_owned());
        let to = |version| Some(Presented { version: Some(version), method: method(), ..Presented::default() });
        let shown = |made: ChoiceMade, version| ChoiceMade { presented: to(version), ..made };
        scene.record(shown(scene.choice(None, Some("u-1"), &["+performance", "-targeting"]), 1)).await;
        let later = ChoiceMade { received_at: in_days(100), ..scene.choice(None, Some("u-1"), &["+functionality"]) };
        scene.record(later).await;
        let reopened = scene.place.store().await;
        let loaded = control::load(&reopened, &Keys::default(), &no_env, NOW).await.expect("loads").remove(0);
        let print = [user(&scene.tenant, "u-1")];
        let asked_again = |tenant: &Tenant, below| {
            let mut rules = tenant.workspace.consent.clone();
            rules.banner.ask_again_below = Some(below);
            tenant.gate.expect(&rules).expect("there are bits");
            tenant.gate.follow(&rules);
        };
        for tenant in [&scene.tenant, &loaded] {
            assert_eq!(known_at(tenant, &print, in_days(179)), "+[functionality performance] -[targeting]");
            assert_eq!(known_at(tenant, &print, in_days(180)), "+[functionality] -[targeting]");
            assert_eq!(known_at(tenant, &print, in_days(280)), "+[] -[targeting]");
            asked_again(tenant, 2);
            // Nothing of the banner was shown with the second one.
            assert_eq!(known_at(tenant, &print, in_days(101)), "+[functionality] -[targeting]");
        }
    });
}

#[test]
fn nobody_is_answered_when_the_disk_did_not_take_it() {
    run(async {
        let scene = scene().await;
        let store = scene.place.sqlite().await;
        let recorder = Recorder::start(Arc::clone(&store) as Arc<dyn Store>, Keys::default());
        store.close().await;
        let failed = recorder.record(scene.choice(None, Some("u-9"), &["-performance"])).await.expect_err("closed");
        insta::assert_snapshot!(failed, @"the control store could not record choices: attempted to acquire a connection on a closed pool");
        assert_eq!(known(&scene.tenant, &[user(&scene.tenant, "u-9")]), "nothing");
    });
}

#[test]
fn a_user_who_comes_with_an_ended_id_does_not_join_its_subject_and_both_obey() {
    run(async {
        let scene = scene().await;
        let Recorded::Known { subject: old, .. } =
            scene.record(scene.choice(Some("a-1"), Some("u-1"), &["+performance"])).await
        else {
            panic!("known")
        };
        let late = |anonymous, user| ChoiceMade {
            received_at: in_days(91),
            ..scene.choice(anonymous, user, &["-performance"])
        };
        let Recorded::Known { subject: new, .. } = scene.record(late(Some("a-1"), Some("u-2"))).await else {
            panic!("known")
        };
        assert_ne!(new, old);
        for print in [anonymous(&scene.tenant, "a-1"), user(&scene.tenant, "u-2")] {
            assert_eq!(known_at(&scene.tenant, &[print], in_days(91)), "+[] -[performance]");
        }
        let Recorded::Known { subject, .. } = scene.record(late(Some("a-1"), None)).await else { panic!("known") };
        assert_eq!(subject, old, "a withdrawal is about what was stored under the id");
    });
}
