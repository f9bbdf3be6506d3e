//! What a request says of a person without their choosing: Global Privacy Control (or Do Not Track, where it counts), and a
//! field of the event that says who is a child. Both hold for the event itself; of somebody known they are put on record
//! before the answer, so that other devices and servers, whose requests say nothing of it, are judged by it too.
//!
//! Of somebody unknown nothing is recorded: to remember by an identifier what somebody unknown asks for would begin to
//! know them. Whoever's event is stored is known by it.

use consent::{CategorySet, Choice, Choices, Gate, Rules, Signals};
use control::Method;
use event::{Call, Event, Fields, Fingerprint, Millis};
use workspace::{Age, ConsentRules, Place, Regime};

use crate::choice::Carried;

/// What was noticed with one event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noticed {
    age: Option<Choice>,
    /// Whether the person asks not to be sold or shared.
    opts_out: bool,
}

impl Noticed {
    pub(crate) fn new(event: &Event<'_>, signals: Signals, rules: &Rules, consent: &ConsentRules) -> Self {
        Self { age: age(event, consent), opts_out: rules.opts_out(signals) }
    }

    /// What is on record once what the event itself says of its person is.
    pub(crate) fn with(self, known: Choices) -> Choices {
        let Some(age) = self.age else { return known };
        let refused = known.refused.without(age.granted).union(age.refused);
        Choices { refused, any: known.any || !age.refused.is_empty(), ..known }
    }

    /// What of it is not on record yet under each identifier of the event.
    pub(crate) fn news(
        self,
        gate: &Gate,
        identifiers: &[Fingerprint],
        at: Millis,
        regime: Regime,
    ) -> impl Iterator<Item = Carried> {
        let stands = |is: &dyn Fn(Choices) -> bool| {
            identifiers.iter().all(|identifier| is(gate.choices(&[*identifier], at, regime)))
        };
        let is_known = |age: Choice| {
            stands(&|known| known.refused.contains(age.refused) && !known.refused.intersects(age.granted))
        };
        let age = self.age.filter(|age| !is_known(*age)).map(|age| (Method::Age, age));
        // An opt-in over the signal that still holds stands against it.
        let has_answered = |known: Choices| known.refused.union(known.granted).contains(CategorySet::SALE_AND_SHARING);
        let opt_out = Choice { granted: CategorySet::NONE, refused: CategorySet::SALE_AND_SHARING };
        let opt_out = (self.opts_out && !stands(&has_answered)).then_some((Method::Gpc, opt_out));
        age.into_iter().chain(opt_out).map(|(method, choice)| Carried { method, choice, presented: None })
    }
}

/// What an event says about the age of the person whom it is about, where the workspace knows how: refused is what a child
/// may not, granted what somebody who is grown up may.
fn age(event: &Event<'_>, consent: &ConsentRules) -> Option<Choice> {
    let children = consent.children.as_ref()?;
    let traits;
    let said = match children.place {
        Place::Context => event.context(&children.name),
        Place::Traits if event.call() != Call::Identify => None,
        Place::Traits => {
            traits = Fields::parse(event.field("traits")?).ok()?;
            traits.get(&children.name)
        }
    };
    let said = said.filter(|value| *value != "null")?;
    // A number is compared as it is written.
    let text = serde_json::from_str::<String>(said).unwrap_or_else(|_| said.to_owned());
    let (adult, both) = (CategorySet::ADULT, CategorySet::ADULT.union(CategorySet::OWN_CONSENT));
    Some(match children.age(&text) {
        Age::NeedsParent => Choice { granted: CategorySet::NONE, refused: both },
        Age::Child => Choice { granted: CategorySet::OWN_CONSENT, refused: adult },
        Age::Adult => Choice { granted: both, refused: CategorySet::NONE },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_workspace_says_who_is_a_child() {
        let check = |children: &str, event: &str, expected: &str| {
            let yaml = format!("workspace: acme\nconsent: {{ children: {children} }}");
            let workspace = workspace::parse(&yaml, &|_| None).expect("valid");
            let event = Event::parse(event, None).expect("valid");
            let rules = Rules::new(&workspace.consent);
            let names = |set| rules.categories.names(set).join(" ");
            let found = age(&event, &workspace.consent);
            let found = found.map(|age| format!("+{} -{}", names(age.granted), names(age.refused)));
            assert_eq!(found.as_deref().unwrap_or("nothing"), expected);
        };
        let by_trait = "{ name: band, denied: [under_13, teen], parent: [under_13] }";
        let identify = |band: &str| format!(r#"{{"type":"identify","userId":"u","traits":{{"band":{band}}}}}"#);
        check(by_trait, &identify(r#""under_13""#), "+ -age:adult age:own_consent");
        check(by_trait, &identify(r#""teen""#), "+age:own_consent -age:adult");
        check(by_trait, &identify(r#""grown""#), "+age:adult age:own_consent -");
        check(by_trait, &identify("null"), "nothing");
        check(by_trait, r#"{"type":"identify","userId":"u","traits":{}}"#, "nothing");
        check(by_trait, r#"{"type":"track","event":"E","userId":"u","traits":{"band":"teen"}}"#, "nothing");
        let by_context = "{ in: context, name: age, denied: ['12'] }";
        let of_twelve = r#"{"type":"track","event":"E","userId":"u","context":{"age":12}}"#;
        check(by_context, of_twelve, "+age:own_consent -age:adult");
        check("null", &identify(r#""teen""#), "nothing");
    }
}
