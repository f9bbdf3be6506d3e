//! How visitors answered: counts per day of what the banner asked, kept while choices are written, so that a year of
//! them costs a few hundred rows and not the history. Nothing in them leads to a person.
//!
//! Counted is what came as the consent event of a page. Imports and traits are not: no banner of this workspace asked
//! for them.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{ChoiceRow, Method, StoreError};

const DAY_MS: i64 = 86_400_000;

/// A day of one workspace has at most about this many counters: what a page claims to have shown is the page's word,
/// and must not fill the store. Beyond it, choices are counted without version and language.
pub(crate) const COUNTERS_PER_DAY_MAX: i64 = 10_000;

/// Choices that are looked at for who would be asked again: seconds of reading.
pub(crate) const LATEST_CHOICES_MAX: i64 = 1_000_000;

/// What choices are counted by. What the page did not say is empty, or 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RateKey {
    /// Its id in the table of regimes.
    pub regime: String,
    /// The version of the banner.
    pub version: u32,
    /// BCP 47.
    pub language: String,
}

/// The choices of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rate {
    /// Granted something and refused nothing.
    pub accepted_all: u64,
    /// Refused something and granted nothing.
    pub rejected_all: u64,
    /// Anything else.
    pub partial: u64,
    /// Said by the control that withdraws.
    pub withdrawn: u64,
    /// By category, how many of all of them granted it.
    pub granted: BTreeMap<String, u64>,
}

impl Rate {
    /// All choices.
    pub fn choices(&self) -> u64 {
        self.accepted_all + self.rejected_all + self.partial + self.withdrawn
    }

    pub(crate) fn add(&mut self, outcome: &str, category: &str, choices: u64) {
        match outcome {
            "accepted_all" => self.accepted_all += choices,
            "rejected_all" => self.rejected_all += choices,
            "withdrawn" => self.withdrawn += choices,
            GRANTED => *self.granted.entry(category.to_owned()).or_default() += choices,
            _ => self.partial += choices,
        }
    }
}

const GRANTED: &str = "granted";

/// A counter: day, key, outcome, category.
pub(crate) type Counter = (i64, RateKey, &'static str, String);

/// What some choices add to the counters; the migration that began them counts the same way.
pub(crate) fn counted(made: &[ChoiceRow]) -> BTreeMap<Counter, u64> {
    let mut counters = BTreeMap::new();
    for row in made.iter().filter(|row| row.method == Method::Event) {
        let presented = row.presented.clone().unwrap_or_default();
        let key = RateKey {
            regime: presented.regime.unwrap_or_default(),
            // Segment's consent tools say a `version` too, that of their protocol.
            version: presented.version.filter(|_| presented.method.is_some()).unwrap_or_default(),
            language: presented.language.unwrap_or_default(),
        };
        let outcome = match (presented.method.as_deref(), row.granted.is_empty(), row.refused.is_empty()) {
            (Some("withdraw"), ..) => "withdrawn",
            (_, false, true) => "accepted_all",
            (_, true, false) => "rejected_all",
            _ => "partial",
        };
        let day = day_of(row.received_at);
        let granted = row.granted.iter().map(|name| (GRANTED, name.clone()));
        for (outcome, category) in granted.chain([(outcome, String::new())]) {
            *counters.entry((day, key.clone(), outcome, category)).or_default() += 1;
        }
    }
    counters
}

/// The day of a moment, UTC, counted from 1970.
pub fn day_of(at: event::Millis) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// When a day begins.
pub fn day_begins(day: i64) -> event::Millis {
    event::Millis(day.saturating_mul(DAY_MS))
}

/// Whose page asks them again, as `web/sdk/src/consent.ts` (`asks`) has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedAgain {
    /// Choices of an older version are asked again; 0 for none.
    pub below: u32,
    /// A choice that says nothing of one of these is asked again.
    pub categories: Vec<String>,
    /// The regimes whose pages ask.
    pub regimes: Vec<String>,
}

/// How many subjects that are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AskedAgainCount {
    /// Subjects.
    pub subjects: u64,
    /// Whether older choices were not looked at.
    pub is_truncated: bool,
}

/// The store's part for them.
#[async_trait]
pub trait RateStore {
    /// Of the subjects whose latest choice by a page of this workspace is among the last million of all choices, how many
    /// would be asked again.
    async fn asked_again(&self, workspace: &str, rule: &AskedAgain) -> Result<AskedAgainCount, StoreError>;

    /// How visitors answered since a day began, that day included.
    async fn rates(&self, workspace: &str, since_day: i64) -> Result<BTreeMap<RateKey, Rate>, StoreError>;
}
