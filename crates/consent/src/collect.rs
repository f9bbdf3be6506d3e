//! Collecting is itself a use: may this event be stored at all, and with which stamp?

use workspace::{Basis, Compat, Regime, Source};

use crate::decide::{by_age, opt_out};
use crate::{CategorySet, Choices, Origin, Preferences, Reason, Rules, Signals, Stamp};

/// What is known when an event arrives.
#[derive(Debug, Clone)]
pub struct Arrival<'a> {
    /// The stamp it carries.
    pub sent: Option<Preferences<'a>>,
    /// What is on record about its identifiers.
    pub known: Choices,
    /// What the browser signalled.
    pub signals: Signals,
    /// The regime of its region.
    pub regime: Regime,
}

/// A permission to store, with the stamp that is frozen into the record.
pub type Collected<'a> = Result<Stamp<'a>, Reason>;

/// May this event be stored? A refusal on record or in the stamp denies; a declared basis other than consent carries
/// the collection by itself, and permits nothing further. Under `compat: segment` a stamp is no question of collecting:
/// Segment stores every event and asks by destination (reference: `consent.md` §1.4), so what the stamp says is left to
/// each use.
pub fn collect<'a>(source: &Source, rules: &'a Rules, arrival: Arrival<'a>) -> Collected<'a> {
    let Arrival { sent, known, signals, regime } = arrival;
    let basis = source.basis();
    let category = rules.categories.key(source.category.as_str());
    let (origin, preferences) = match sent {
        Some(preferences) => (Origin::Sent, beside(rules, known, preferences)),
        None if known.any => (Origin::Record, on_record(rules, known)),
        None if source.compat == Some(Compat::Segment) => (Origin::Unknown, Preferences::default()),
        None => (Origin::Default, Preferences::default()),
    };
    // Only a later opt-in in two steps beats a signal, and a refusal under any identifier beats that.
    let signals = if known.granted.intersects(CategorySet::SALE_AND_SHARING) { Signals::default() } else { signals };
    if basis == Basis::Consent {
        let is_disclosure = category.intersects(rules.categories.targeting());
        let is_optional = !rules.categories.required().contains(category);
        let opted_out = opt_out(signals, known.refused, rules).filter(|_| is_disclosure);
        if let Some(reason) = opted_out.or_else(|| by_age(known.refused, is_disclosure, is_optional)) {
            return Err(reason);
        }
        if known.refused.intersects(category) {
            return Err(Reason::Withdrawn);
        }
    }
    let stamp = Stamp { origin, preferences, signals, regime, basis };
    let as_segment = source.compat == Some(Compat::Segment) && matches!(origin, Origin::Sent | Origin::Unknown);
    if basis != Basis::Consent || as_segment || stamp.grants(category, &rules.categories) {
        return Ok(stamp);
    }
    Err(match origin {
        Origin::Default => Reason::NoConsent,
        Origin::Record if known.ended.intersects(category) => Reason::ConsentExpired,
        _ => Reason::CategoryRefused,
    })
}

/// What was sent, with what is on record beside categories: an opt-out that held at capture holds for the event whatever
/// comes later.
fn beside<'a>(rules: &'a Rules, known: Choices, mut sent: Preferences<'a>) -> Preferences<'a> {
    let refused = known.refused.intersection(rules.categories.beside());
    if !refused.is_empty() {
        sent.0.extend(rules.categories.names(refused).into_iter().map(|name| (name.into(), false)));
    }
    sent
}

fn on_record(rules: &Rules, known: Choices) -> Preferences<'_> {
    let granted = rules.categories.names(known.granted).into_iter().map(|name| (name.into(), true));
    let refused = rules.categories.names(known.refused).into_iter().map(|name| (name.into(), false));
    Preferences(granted.chain(refused).collect())
}
