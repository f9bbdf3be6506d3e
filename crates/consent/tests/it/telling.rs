//! Who is told of a refusal, and what is told of it.

use consent::{
    Categories, CategorySet, Choice, Choices, Decision, Gate, Held, Origin, Preferences, Refusal, Rules, Signals,
    Stamp, Use, Wishes, Words, concerns,
};
use event::{Fingerprint, Millis, Pii};
use insta::assert_snapshot;
use proptest::prelude::*;
use workspace::{Basis, ConsentRules, Purpose, RecipientRole, Regime};

const NAMES: [&str; 8] = [
    "required",
    "functionality",
    "performance",
    "targeting",
    "vendor:ga",
    "use:sale_and_sharing",
    "age:adult",
    "age:own_consent",
];
/// 2026-11-20T12:00:00Z, a Friday.
const NOW: Millis = Millis(1_795_176_000_000);

fn rules() -> ConsentRules {
    let yaml = "{ workspace: acme, consent: { banner: { vendors: [{ id: ga, name: GA, category: performance }] } } }";
    workspace::parse(yaml, &|_| None).expect("a workspace").consent
}

fn set(mask: u8, categories: &Categories) -> CategorySet {
    let named = NAMES.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, name)| *name);
    categories.set(named).without(categories.required())
}

fn uses() -> impl Strategy<Value = Use> {
    let purposes = [Purpose::Service, Purpose::Analytics, Purpose::Advertising, Purpose::Sale];
    let recipient = prop_oneof![Just(RecipientRole::ServiceProvider), Just(RecipientRole::ThirdParty)];
    (0..16_u8, proptest::sample::select(purposes.to_vec()), recipient, any::<[bool; 3]>()).prop_map(
        |(mask, purpose, recipient, [unmapped, unstamped, is_vendor])| {
            let categories = Categories::new(&rules());
            let wanted = NAMES.iter().take(4).enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
            Use {
                purpose,
                categories: categories.set(wanted.map(|(_, name)| *name)),
                vendor: if is_vendor { categories.vendor("ga") } else { CategorySet::NONE },
                recipient,
                unmapped,
                unstamped,
                names: vec![],
            }
        },
    )
}

proptest! {
    /// Whoever a refusal denies what it got before is told of it: nobody can have received under what is refused and not
    /// be concerned.
    #[test]
    fn whom_a_refusal_newly_denies_it_concerns(
        purpose in uses(), before: u8, newly: u8, origin in 0..4_usize, prefs: [bool; 4], regime: bool, basis: bool,
    ) {
        let rules = Rules::new(&rules());
        let categories = &rules.categories;
        let (before, newly) = (set(before, categories), set(newly, categories));
        let stamp = Stamp {
            origin: [Origin::Sent, Origin::Record, Origin::Default, Origin::Unknown][origin],
            preferences: Preferences(NAMES.iter().zip(prefs).map(|(name, said)| ((*name).into(), said)).collect()),
            signals: Signals::default(),
            regime: if regime { Regime::OPT_IN } else { Regime::OPT_OUT },
            basis: if basis { Basis::Consent } else { Basis::Contract },
        };
        let refusing = |refused| Choices::default().and(Choice { granted: CategorySet::NONE, refused });
        let allows = |known| consent::decide(known, &stamp, Wishes::default(), &purpose, &rules) == Decision::Allow;
        if allows(refusing(before)) && !allows(refusing(before.union(newly))) {
            prop_assert!(concerns(newly, &purpose, categories));
        }
    }

    /// What a use has nothing to do with concerns nobody.
    #[test]
    fn a_refusal_of_something_else_concerns_nobody(purpose in uses(), newly: u8) {
        let categories = Categories::new(&rules());
        let own = CategorySet::SALE_AND_SHARING.union(CategorySet::ADULT).union(CategorySet::OWN_CONSENT);
        let else_ = set(newly, &categories).without(purpose.categories).without(purpose.vendor).without(own);
        prop_assert!(purpose.unmapped || !concerns(else_, &purpose, &categories));
    }
}

fn refusal(refused: &[&str]) -> Refusal {
    Refusal {
        message_id: "m-1".to_owned(),
        anonymous_id: None,
        user_id: Some(Pii::new("u-1".to_owned())),
        refused: refused.iter().map(|name| (*name).to_owned()).collect(),
        made_at: Millis(NOW.0 - 60_000),
    }
}

fn told(gate: &Gate, refused: &[&str]) -> String {
    let told = gate.tell(&refusal(refused), &[Fingerprint([1; 16])], NOW);
    told.map_or_else(|| "nothing".to_owned(), |told| told.get().json().to_owned())
}

#[test]
fn what_is_told_is_who_what_and_when_as_it_stands_today() {
    let gate = Gate::new(&rules());
    let says = |granted: &[&str], refused: &[&str]| {
        let categories = &gate.rules().categories;
        let of = |names: &[&str]| categories.set(names.iter().copied());
        let said = Choice { granted: of(granted), refused: of(refused) };
        gate.apply(&[Fingerprint([1; 16])], Held::said(said, NOW, Words::OTHERS));
    };
    says(&["functionality"], &["performance", "targeting", "use:sale_and_sharing"]);
    assert_snapshot!(
        told(&gate, &["performance", "use:sale_and_sharing"]),
        @r#"{"type":"track","event":"Segment Consent Preference Updated","messageId":"m-1","timestamp":"2026-11-20T11:59:00.000Z","userId":"u-1","context":{"consent":{"categoryPreferences":{"functionality":true,"performance":false,"targeting":false}}},"properties":{"refused":["performance","use:sale_and_sharing"]}}"#
    );
    says(&["performance"], &[]);
    assert_snapshot!(told(&gate, &["performance"]), @"nothing");
    assert_snapshot!(told(&gate, &["performance", "targeting"]), @r#"{"type":"track","event":"Segment Consent Preference Updated","messageId":"m-1","timestamp":"2026-11-20T11:59:00.000Z","userId":"u-1","context":{"consent":{"categoryPreferences":{"functionality":true,"performance":true,"targeting":false}}},"properties":{"refused":["targeting"]}}"#);
    assert_snapshot!(told(&gate, &["a-category-of-last-year"]), @r#"{"type":"track","event":"Segment Consent Preference Updated","messageId":"m-1","timestamp":"2026-11-20T11:59:00.000Z","userId":"u-1","context":{"consent":{"categoryPreferences":{"functionality":true,"performance":true,"targeting":false}}},"properties":{"refused":["a-category-of-last-year"]}}"#);
}

#[test]
fn a_choice_made_meanwhile_outdates_what_was_to_be_told() {
    let gate = Gate::new(&rules());
    let refused = gate.rules().categories.key("performance");
    gate.apply(&[Fingerprint([1; 16])], Held::refusing(refused));
    let told = gate.tell(&refusal(&["performance"]), &[Fingerprint([1; 16])], NOW).expect("is refused");
    assert!(gate.is_current(&told));
    gate.apply(&[Fingerprint([2; 16])], Held::refusing(refused));
    assert!(!gate.is_current(&told));
}
