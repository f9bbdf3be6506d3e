//! Explicit choices that arrive as events: found here, and durable and in force before the answer.
//!
//! A choice is recorded whatever the rule about collecting says, also when its event is not stored: a refusal that is
//! dropped because it refuses would be absurd. `control`'s recorder writes it and puts it into the gate, in a task of
//! its own, so that a visitor who closes the page in between cannot leave a choice on record and not in force.

use std::fmt;

use async_trait::async_trait;
use consent::{Choice, Preferences, Rules};
use control::{ChoiceMade, KeyOwner, Method, Presented, Receipt, Recorded, Recorder, StoreError};
use event::{Call, Event, Fields, Millis};
use workspace::{ConsentRules, Regime};

/// Makes choices durable and puts them in force. [`Recorder`] does it; tests have doubles that fail and wait.
#[async_trait]
pub trait ChoiceRecorder: fmt::Debug + Send + Sync {
    /// Returns when the choice survives a power cut and the gate knows it. Recording it twice does no harm.
    async fn record(&self, made: ChoiceMade) -> Result<Recorded, StoreError>;
}

#[async_trait]
impl ChoiceRecorder for Recorder {
    async fn record(&self, made: ChoiceMade) -> Result<Recorded, StoreError> {
        Recorder::record(self, made).await
    }
}

/// A choice that was recorded.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) receipt: Receipt,
    pub(crate) choice: Choice,
    pub(crate) owner: KeyOwner,
    pub(crate) regime: Regime,
    pub(crate) presented: Presented,
    /// When it was made by the visitor's clock, by which the page knows it again.
    pub(crate) stated_at: Millis,
    /// The same by the server's.
    pub(crate) made_at: Millis,
}

/// The choice that an event carries, if it carries one.
pub(crate) fn carried(event: &Event<'_>, rules: &Rules, consent: &ConsentRules) -> Option<(Method, Choice)> {
    if event.is_choice() {
        // Validation refuses a consent event without preferences; were one to come through, it grants nothing.
        let preferences = event.consent().and_then(Preferences::from_consent).unwrap_or_default();
        return Some((Method::Event, Choice::complete(&rules.categories, &preferences)));
    }
    if event.call() != Call::Identify || consent.choice_traits.is_empty() {
        return None;
    }
    let traits = Fields::parse(event.field("traits")?).ok()?;
    let named: Vec<_> = consent
        .choice_traits
        .iter()
        .filter_map(|(name, category)| {
            // Only `true` grants; `null` is what SDKs send for a trait without a value.
            let value = traits.get(name).filter(|value| *value != "null")?;
            Some((rules.categories.key(category.as_str()), value == "true"))
        })
        .collect();
    (!named.is_empty()).then(|| (Method::Traits, Choice::partial(&rules.categories, named)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, expected: &str) {
        let yaml = "workspace: acme\nconsent: { choice_traits: { newsletter: targeting, stats: performance } }";
        let workspace = workspace::parse(yaml, &|_| None).expect("valid");
        let rules = Rules::new(&workspace.consent);
        let event = Event::parse(event, None).expect("valid");
        let found = carried(&event, &rules, &workspace.consent).map(|(method, choice)| {
            let names = |set| rules.categories.names(set).join(" ");
            format!("{}: +{} -{}", method.name(), names(choice.granted), names(choice.refused))
        });
        assert_eq!(found.as_deref().unwrap_or("none"), expected);
    }

    #[test]
    fn a_consent_event_refuses_what_it_does_not_name() {
        let event = r#"{"type":"track","event":"Segment Consent Preference Updated","userId":"u",
            "context":{"consent":{"categoryPreferences":{"performance":true,"unheard_of":true}}}}"#;
        check(event, "event: +required performance -functionality targeting");
        check(&event.replace("Segment Consent Preference Updated", "Other"), "none");
    }

    #[test]
    fn mapped_traits_choose_only_what_they_name() {
        let traits = |traits: &str| format!(r#"{{"type":"identify","userId":"u","traits":{traits}}}"#);
        check(&traits(r#"{"newsletter":true,"stats":false}"#), "traits: +targeting -performance");
        check(&traits(r#"{"newsletter":"yes","stats":null}"#), "traits: + -targeting");
        check(&traits(r#"{"plan":"free"}"#), "none");
        check(r#"{"type":"identify","userId":"u"}"#, "none");
        check(r#"{"type":"track","event":"E","userId":"u","traits":{"newsletter":true}}"#, "none");
    }
}
