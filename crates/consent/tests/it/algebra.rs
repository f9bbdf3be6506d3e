//! The algebra of consent: refusing more never lets more through, and order does not matter where it must not.

use consent::{
    Categories, Choice, Choices, Decision, Gate, HasSubject, Held, Origin, Preferences, Rules, Signals, Stamp,
};
use consent::{Subject, Use, When, Wishes, Words};
use event::{Fingerprint, Millis};
use proptest::prelude::*;
use workspace::{Basis, ConsentRules, Purpose, RecipientRole, Regime};

const DAY_MS: i64 = 86_400_000;
const NAMES: [&str; 4] = ["required", "functionality", "performance", "targeting"];

fn rules() -> Rules {
    Rules::new(&ConsentRules::default())
}

fn choice(categories: &Categories, made: [u8; 4]) -> Choice {
    let named = NAMES.iter().zip(made).filter(|(_, state)| *state < 2);
    Choice::partial(categories, named.map(|(name, state)| (categories.key(name), state == 1)))
}

fn a_use(mask: u8, purpose: Purpose, categories: &Categories) -> Use {
    let wanted = NAMES.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, name)| *name);
    Use {
        purpose,
        categories: categories.set(wanted),
        vendor: consent::CategorySet::NONE,
        recipient: RecipientRole::ServiceProvider,
        unmapped: mask & 16 != 0,
        unstamped: mask & 32 != 0,
        names: vec![],
    }
}

fn a_stamp(origin: u8, prefs: &[(usize, bool)], gpc: bool, regime: bool, basis: bool) -> Stamp<'static> {
    let origins = [Origin::Sent, Origin::Record, Origin::Default, Origin::Unknown];
    Stamp {
        origin: origins[usize::from(origin) % 4],
        preferences: Preferences(prefs.iter().map(|(name, value)| (NAMES[name % 4].into(), *value)).collect()),
        signals: Signals { gpc, dnt: false },
        regime: if regime { Regime::OPT_IN } else { Regime::OPT_OUT },
        basis: if basis { Basis::Consent } else { Basis::Contract },
    }
}

fn allowed(known: Choices, stamp: &Stamp<'_>, purpose: &Use, rules: &Rules) -> bool {
    consent::decide(known, stamp, Wishes::default(), purpose, rules) == Decision::Allow
}

struct Thing {
    identifiers: Vec<Fingerprint>,
    stamp: Stamp<'static>,
}

impl HasSubject for Thing {
    fn subject(&self) -> Subject<'_> {
        Subject { identifiers: &self.identifiers, stamp: &self.stamp, wishes: Wishes::default() }
    }
}

prop_compose! {
    fn stamps()(origin in 0..4_u8, prefs in proptest::collection::vec((0..4_usize, any::<bool>()), 0..5), gpc: bool,
                regime: bool, basis: bool) -> Stamp<'static> {
        a_stamp(origin, &prefs, gpc, regime, basis)
    }
}

fn purposes() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Purpose::Service), Just(Purpose::Analytics), Just(Purpose::Advertising), Just(Purpose::Sale)]
}

proptest! {
    /// One more choice under one more identifier never lets through what was held back.
    #[test]
    fn another_choice_only_narrows(stamp in stamps(), mask: u8, purpose in purposes(), first: [u8; 4], second: [u8; 4]) {
        let rules = rules();
        let purpose = a_use(mask, purpose, &rules.categories);
        let before = Choices::default().and(choice(&rules.categories, first.map(|state| state % 3)));
        let after = before.and(choice(&rules.categories, second.map(|state| state % 3)));
        prop_assert!(allowed(before, &stamp, &purpose, &rules) || !allowed(after, &stamp, &purpose, &rules));
    }

    /// GPC only narrows.
    #[test]
    fn a_signal_only_narrows(stamp in stamps(), mask: u8, purpose in purposes()) {
        let rules = rules();
        let purpose = a_use(mask, purpose, &rules.categories);
        let without = Stamp { signals: Signals::default(), ..stamp.clone() };
        let with = Stamp { signals: Signals { gpc: true, dnt: false }, ..stamp };
        let known = Choices::default();
        prop_assert!(allowed(known, &without, &purpose, &rules) || !allowed(known, &with, &purpose, &rules));
    }

    /// A refusal in the stamp cannot be outweighed by any later choice.
    #[test]
    fn a_later_grant_never_widens(mask in 1..16_u8, made: [u8; 4]) {
        let rules = rules();
        let purpose = a_use(mask, Purpose::Service, &rules.categories);
        let stamp = a_stamp(0, &[], false, true, true);
        let known = Choices::default().and(choice(&rules.categories, made.map(|state| state % 3)));
        let before = allowed(Choices::default(), &stamp, &purpose, &rules);
        prop_assert!(before || !allowed(known, &stamp, &purpose, &rules));
    }

    /// The order in which identifiers are looked up does not matter.
    #[test]
    fn identifiers_count_in_any_order(first: [u8; 4], second: [u8; 4]) {
        let rules = rules();
        let [a, b] = [first, second].map(|made| choice(&rules.categories, made.map(|state| state % 3)));
        prop_assert_eq!(Choices::default().and(a).and(b), Choices::default().and(b).and(a));
    }

    /// Time only takes away, and never a refusal.
    #[test]
    fn time_only_narrows(said in proptest::collection::vec((any::<[u8; 4]>(), 0..400_i64), 1..4), days in 0..400_i64) {
        let rules = rules();
        let held = said.iter().fold(Held::default(), |held, (made, day)| {
            let choice = choice(&rules.categories, made.map(|state| state % 3));
            held.then(Held::said(choice, Millis(day * DAY_MS), Words::OTHERS))
        });
        let at = |days: i64| {
            let when = When::new(Millis(days * DAY_MS), Regime::OPT_IN, &rules);
            Choices::default().and_held(held, when)
        };
        let (before, after) = (at(400 + days), at(400 + 2 * days));
        prop_assert!(before.granted.contains(after.granted));
        prop_assert_eq!(before.refused, after.refused);
        // What was granted in the last choice that names it counts from then, whatever was said before.
        let latest = said.iter().rev().find(|(made, _)| made[2] % 3 < 2).filter(|(made, _)| made[2] % 3 == 1);
        let is_latest = latest.is_some_and(|(_, day)| said.iter().all(|(_, other)| other <= day));
        if let Some((_, day)) = latest.filter(|_| is_latest) {
            let granted = at(day + 179).granted.contains(rules.categories.key("performance"));
            prop_assert!(granted, "a grant of day {} is gone", day);
        }
    }

    /// A withdrawal outdates every earlier permission, and the next answer is no.
    #[test]
    fn a_withdrawal_bites_at_once(id: [u8; 16]) {
        let gate = Gate::new(&ConsentRules::default());
        let rules = gate.rules();
        let purpose = a_use(0b100, Purpose::Analytics, &rules.categories);
        let thing = || Thing {
            identifiers: vec![Fingerprint(id)],
            stamp: a_stamp(0, &[(2, true)], false, true, true),
        };
        let permitted = gate.permit(thing(), &purpose).map_err(|held| held.reason).expect("granted");
        prop_assert!(gate.is_current(&permitted));
        gate.apply(&[Fingerprint(id)], Held::refusing(rules.categories.key("performance")));
        prop_assert!(!gate.is_current(&permitted));
        let reason = gate.permit(thing(), &purpose).map(|_| ()).map_err(|held| held.reason);
        prop_assert_eq!(reason, Err(consent::Reason::Withdrawn));
    }
}
