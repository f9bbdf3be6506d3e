//! That somebody refuses, told to who may have received under what is refused (11 CCR 7026(f): third parties are told of an
//! opt-out). Which uses a refusal concerns is pure; what may be told is made by the gate alone, and says who, what and
//! when, and nothing else of the person.

use std::collections::BTreeMap;
use std::fmt;

use event::{Millis, Pii};
use serde::Serialize;

use crate::decide::{by_mapping, is_disclosure};
use crate::{Categories, CategorySet, Choices, Use};

/// The event by which Segment's own consent tools say the same.
const EVENT: &str = "Segment Consent Preference Updated";

/// What somebody newly refuses, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The same in every attempt to tell it.
    pub message_id: String,
    /// Who, as a browser or device.
    pub anonymous_id: Option<Pii<String>>,
    /// Who, as known to the operator.
    pub user_id: Option<Pii<String>>,
    /// What: names of categories, and of what choices name beside them.
    pub refused: Vec<String>,
    /// When it was made.
    pub made_at: Millis,
}

/// Whether a use may have taken place under what is newly refused. Whoever is denied an event by a refusal that did not
/// deny it before is concerned; whoever is denied everything anyway is not.
pub fn concerns(newly_refused: CategorySet, purpose: &Use, categories: &Categories) -> bool {
    if by_mapping(purpose, categories).is_some() {
        return false;
    }
    let gets_everything = purpose.categories.is_empty();
    let mut under = if gets_everything { categories.optional() } else { purpose.categories };
    under = under.without(categories.required());
    if gets_everything || !categories.required().contains(purpose.categories) {
        under = under.union(CategorySet::OWN_CONSENT);
    }
    if is_disclosure(purpose, categories) {
        under = under.union(CategorySet::SALE_AND_SHARING).union(CategorySet::ADULT);
    }
    newly_refused.intersects(under.union(purpose.vendor))
}

/// All that is told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tracked<'a> {
    #[serde(rename = "type")]
    call: &'a str,
    event: &'a str,
    message_id: &'a str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    anonymous_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    context: Context<'a>,
    properties: Properties<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    consent: Consent<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Consent<'a> {
    category_preferences: BTreeMap<&'a str, bool>,
}

#[derive(Serialize)]
struct Properties<'a> {
    refused: Vec<&'a String>,
}

/// What may be told of a refusal. Only [`Gate::tell`](crate::Gate::tell) makes one, and nothing can be put into it.
pub struct Told {
    message_id: String,
    json: String,
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Told({})", self.message_id)
    }
}

impl Told {
    /// `known`: what is on record today. `None` when of what was refused nothing is any more. A category that the workspace
    /// no longer has cannot have been granted since, so it is still refused.
    pub(crate) fn of(refusal: &Refusal, known: Choices, categories: &Categories) -> Option<Self> {
        let is_refused = |name: &&String| {
            let category = categories.key(name);
            category.is_empty() || known.refused.intersects(category)
        };
        let refused: Vec<&String> = refusal.refused.iter().filter(is_refused).collect();
        if refused.is_empty() {
            return None;
        }
        let said = |set: CategorySet, granted: bool| {
            let names = categories.names(set.intersection(categories.optional())).into_iter();
            names.map(move |name| (name, granted)).collect::<Vec<_>>()
        };
        let preferences = said(known.granted, true).into_iter().chain(said(known.refused, false)).collect();
        let id = |id: &'_ Option<Pii<String>>| id.as_ref().map(|id| id.expose().clone());
        let event = Tracked {
            call: "track",
            event: EVENT,
            message_id: &refusal.message_id,
            timestamp: refusal.made_at.to_string(),
            anonymous_id: id(&refusal.anonymous_id),
            user_id: id(&refusal.user_id),
            context: Context { consent: Consent { category_preferences: preferences } },
            properties: Properties { refused },
        };
        let json = serde_json::to_string(&event).expect("plain values");
        Some(Self { message_id: refusal.message_id.clone(), json })
    }

    /// The same in every attempt.
    pub fn message_id(&self) -> &str {
        &self.message_id
    }

    /// A Segment-spec `track` event as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }
}
