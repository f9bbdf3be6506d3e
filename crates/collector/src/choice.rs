//! Explicit choices that arrive as events: found here, and durable and in force before the answer.
//!
//! A choice is recorded whatever the rule about collecting says, also when its event is not stored: a refusal that is
//! dropped because it refuses would be absurd. `control`'s recorder writes it and puts it into the gate, in a task of
//! its own, so that a visitor who closes the page in between cannot leave a choice on record and not in force.

use std::fmt;

use async_trait::async_trait;
use consent::{CategorySet, Choice, Choices, Preferences, Rules};
use control::{ChoiceMade, KeyOwner, Method, Presented, Receipt, Recorded, Recorder, StoreError};
use event::{Call, Event, Fields, Millis};
use workspace::{Regime, Site};

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
    /// Of categories alone.
    pub(crate) choice: Choice,
    pub(crate) owner: KeyOwner,
    pub(crate) regime: Regime,
    pub(crate) presented: Presented,
    /// When it was made by the visitor's clock, by which the page knows it again.
    pub(crate) stated_at: Millis,
    /// The same by the server's.
    pub(crate) made_at: Millis,
}

/// A choice that comes with an event.
#[derive(Debug)]
pub(crate) struct Carried {
    /// How.
    pub(crate) method: Method,
    /// What was chosen.
    pub(crate) choice: Choice,
    /// What was shown, where somebody says it.
    pub(crate) presented: Option<Presented>,
}

/// The choice that an event carries, if it carries one. `known` is asked for what is on record about its maker.
pub(crate) fn carried(
    event: &Event<'_>,
    known: impl FnOnce() -> Choices,
    rules: &Rules,
    site: Site<'_>,
) -> Option<Carried> {
    let consent = &site.workspace().consent;
    let presented = || event.consent().map(|said| Presented::from_consent(said, site.banner()));
    if event.is_choice() {
        // Validation refuses a consent event without preferences; were one to come through, it grants nothing.
        let preferences = event.consent().and_then(Preferences::from_consent).unwrap_or_default();
        let presented = presented();
        let is_confirmed = presented.as_ref().is_some_and(|presented| presented.confirms_over_gpc(site));
        // The platform before may not have asked about all of them, and what it was granted counts only in part.
        let is_part = presented.as_ref().is_some_and(Presented::is_imported);
        let said = if is_part {
            let asked = |key: &str| rules.categories.key(key).intersection(rules.categories.optional());
            Choice::partial(&rules.categories, preferences.0.iter().map(|(key, granted)| (asked(key), *granted)))
        } else {
            Choice::complete(&rules.categories, &preferences)
        };
        let choice = over_gpc(said, is_confirmed, known(), rules);
        return Some(Carried { method: Method::Event, choice, presented });
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
    let choice = || Choice::partial(&rules.categories, named.iter().copied());
    (!named.is_empty()).then(|| Carried { method: Method::Traits, choice: choice(), presented: presented() })
}

/// A choice that opts in over Global Privacy Control, or takes such an opt-in back. A plain grant does neither.
fn over_gpc(mut choice: Choice, is_confirmed: bool, known: Choices, rules: &Rules) -> Choice {
    let (opt_out, targeting) = (CategorySet::SALE_AND_SHARING, rules.categories.targeting());
    let of = if targeting.is_empty() { rules.categories.optional() } else { targeting };
    if choice.granted.intersects(of) {
        if is_confirmed {
            choice.granted = choice.granted.union(opt_out);
        }
    } else if known.granted.union(known.ended).intersects(opt_out) {
        choice.refused = choice.refused.union(opt_out);
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, expected: &str) {
        let yaml = "workspace: acme\nconsent: { choice_traits: { newsletter: targeting, stats: performance } }";
        let workspace = workspace::parse(yaml, &|_| None).expect("valid");
        let rules = Rules::new(&workspace.consent);
        let event = Event::parse(event, None).expect("valid");
        let found = carried(&event, Choices::default, &rules, workspace.template())
            .map(|carried| format!("{}: {}", carried.method.name(), said(carried.choice, &rules)));
        assert_eq!(found.as_deref().unwrap_or("none"), expected);
    }

    fn said(choice: Choice, rules: &Rules) -> String {
        let names = |set| rules.categories.names(set).join(" ");
        format!("+{} -{}", names(choice.granted), names(choice.refused))
    }

    #[test]
    fn what_stands_for_a_signal_an_age_or_a_vendor_cannot_be_granted() {
        let named =
            r#""targeting":true,"use:sale_and_sharing":true,"age:adult":true,"age:own_consent":true,"vendor:ga":true"#;
        let context = format!(r#"{{"consent":{{"categoryPreferences":{{{named}}}}}}}"#);
        check(
            &format!(
                r#"{{"type":"track","event":"Segment Consent Preference Updated","userId":"u","context":{context}}}"#
            ),
            "event: +required targeting -functionality performance",
        );
    }

    #[test]
    fn only_an_informed_opt_in_in_two_steps_goes_over_gpc_and_a_refusal_takes_it_back() {
        let workspace =
            workspace::parse("workspace: acme\nconsent: { banner: { version: 2 } }", &|_| None).expect("valid");
        let rules = Rules::new(&workspace.consent);
        let opt_in = Choices { granted: CategorySet::SALE_AND_SHARING, any: true, ..Choices::default() };
        let check_shown = |method: &str, version: u32, targeting: bool, is_shown: bool, known, expected: &str| {
            let hash = consent::hash_shown(workspace.template(), Regime::OPT_IN, "en").expect("it is published");
            let hash = if is_shown { hash } else { "0f".repeat(32) };
            let text = format!(
                r#"{{"type":"track","event":"Segment Consent Preference Updated","userId":"u","context":{{"consent":{{
                "categoryPreferences":{{"targeting":{targeting}}},"method":"{method}","version":{version},"textHash":"{hash}","language":"en","regime":"opt-in"}}}}}}"#
            );
            let event = Event::parse(&text, None).expect("valid");
            let choice = carried(&event, || known, &rules, workspace.template()).expect("a choice").choice;
            assert_eq!(said(choice, &rules), expected, "{method} of version {version}");
        };
        let check = |method: &str, version, targeting, known, expected: &str| {
            check_shown(method, version, targeting, true, known, expected);
        };
        let plain = "+required targeting -functionality performance";
        check_shown("confirmed_over_gpc", 2, true, false, Choices::default(), plain);
        check("accept_all", 2, true, Choices::default(), plain);
        check("confirmed_over_gpc", 1, true, Choices::default(), plain);
        check(
            "confirmed_over_gpc",
            2,
            true,
            Choices::default(),
            "+required use:sale_and_sharing targeting -functionality performance",
        );
        check("accept_all", 2, true, opt_in, plain);
        let refused = "+required -functionality performance targeting";
        check("reject_all", 2, false, Choices::default(), refused);
        check("confirmed_over_gpc", 2, false, Choices::default(), refused);
        check("reject_all", 2, false, opt_in, "+required -use:sale_and_sharing functionality performance targeting");
    }

    #[test]
    fn a_consent_event_refuses_what_it_does_not_name() {
        let event = r#"{"type":"track","event":"Segment Consent Preference Updated","userId":"u",
            "context":{"consent":{"categoryPreferences":{"performance":true,"unheard_of":true}}}}"#;
        check(event, "event: +required performance -functionality targeting");
        check(&event.replace("Segment Consent Preference Updated", "Other"), "none");
    }

    #[test]
    fn what_was_taken_over_says_nothing_of_what_it_does_not_name() {
        let event = r#"{"type":"track","event":"Segment Consent Preference Updated","userId":"u","context":{"consent":{
            "categoryPreferences":{"C0004":false,"targeting":true,"performance":true,"age:adult":true},"method":"imported"}}}"#;
        check(event, "event: +performance targeting -");
        check(&event.replace(r#""targeting":true"#, r#""targeting":false"#), "event: +performance -targeting");
        check(&event.replace("imported", "choose"), "event: +required performance targeting -functionality");
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
