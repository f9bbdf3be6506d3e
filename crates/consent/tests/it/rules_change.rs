//! Other rules while the gate is in use: whatever is learnt in between counts under the old rules and under the new.

use std::sync::Arc;

use consent::{Categories, Choice, Gate, Held, TooManyCategories, Words};
use event::{Fingerprint, Millis};
use workspace::{Category, CategoryRule, ConsentRules, Regime};

const VISITOR: Fingerprint = Fingerprint([1; 16]);

fn rules(categories: &[(&str, &[&str])]) -> ConsentRules {
    let rule = |(name, aliases): &(&str, &[&str])| CategoryRule {
        name: Category::new(name),
        aliases: aliases.iter().map(|alias| Category::new(alias)).collect(),
        erase: Vec::new(),
    };
    let required: (&str, &[&str]) = ("required", &[]);
    let categories = std::iter::once(&required).chain(categories).map(rule).collect();
    ConsentRules { categories, ..ConsentRules::default() }
}

/// What a visitor said by name, as bits of some categories.
fn said(categories: &Categories, name: &str, granted: bool) -> Vec<(Fingerprint, Held)> {
    let choice = Choice::partial(categories, [(categories.key(name), granted)]);
    vec![(VISITOR, Held::said(choice, Millis(0), Words::of(Some(3))))]
}

fn refused(gate: &Gate) -> Vec<String> {
    let rules = gate.rules();
    let names = rules.categories.names(gate.refused(&[VISITOR]).refused);
    names.into_iter().map(str::to_owned).collect()
}

fn gate() -> Arc<Gate> {
    Gate::new(&rules(&[("performance", &[]), ("targeting", &[])]))
}

#[test]
fn a_refusal_on_the_way_to_other_names_counts_under_both() {
    let (gate, renamed) = (gate(), rules(&[("targeting", &[]), ("analytics", &["performance"])]));
    let coming = gate.expect(&renamed).expect("there are bits").expect("there is a new name");
    let page = said(&coming, "performance", true);
    gate.learn(|categories| said(categories, "performance", false));
    // Read before the refusal, put in after it.
    gate.fill(page);
    assert_eq!(refused(&gate), ["performance"], "the old rules know no other name");
    gate.follow(&renamed);
    assert_eq!(refused(&gate), ["performance", "analytics"]);
    assert!(gate.rules().categories.key("performance") == gate.rules().categories.key("analytics"));
}

#[test]
fn what_was_said_before_is_filled_in() {
    let (gate, wider) = (gate(), rules(&[("performance", &[]), ("surveys", &[])]));
    gate.learn(|categories| said(categories, "targeting", false));
    let coming = gate.expect(&wider).expect("there are bits").expect("there is a new name");
    gate.fill(said(&coming, "surveys", false));
    gate.follow(&wider);
    assert_eq!(refused(&gate), ["targeting", "surveys"]);
    assert!(gate.expect(&wider).expect("there are bits").is_none(), "nothing is new a second time");
}

#[test]
fn refusals_of_a_linked_identifier_are_learnt_for_both() {
    let (gate, wider) = (gate(), rules(&[("performance", &["surveys"])]));
    gate.expect(&wider).expect("there are bits");
    gate.learn_refusals(|categories| vec![(VISITOR, categories.key("surveys"))]);
    assert_eq!(refused(&gate), ["performance"]);
}

#[test]
fn words_that_are_asked_again_end_their_grants_at_once() {
    let gate = gate();
    gate.learn(|categories| said(categories, "performance", true));
    let granted = || {
        let rules = gate.rules();
        let known = gate.choices(&[VISITOR], Millis(0), Regime::OPT_IN);
        (rules.categories.names(known.granted).len(), rules.categories.names(known.ended).len())
    };
    for (below, expected) in [(3, (1, 0)), (4, (0, 1))] {
        let mut next = rules(&[("performance", &[]), ("targeting", &[])]);
        next.banner.ask_again_below = Some(below);
        assert!(gate.expect(&next).expect("there are bits").is_none());
        gate.follow(&next);
        assert_eq!(granted(), expected, "asked again below {below}");
    }
}

#[test]
fn bits_run_out_with_an_error_and_nothing_changes() {
    let gate = gate();
    for round in 0..70 {
        let name = format!("c{round}");
        let next = rules(&[(name.as_str(), &[])]);
        match gate.expect(&next) {
            Ok(_) => gate.follow(&next),
            Err(TooManyCategories) => {
                // `required`, Assent's own three, two of the beginning, and the rest.
                assert_eq!(round, 58);
                assert_eq!(gate.rules().categories.names(gate.rules().categories.optional()), ["c57"]);
                return;
            }
        }
    }
    unreachable!("there are 64 bits");
}
