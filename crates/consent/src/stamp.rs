//! The stamp: what held when the event was captured.

use std::borrow::Cow;
use std::fmt;

use event::Fields;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use workspace::{Basis, Regime, VENDOR_PREFIX};

use crate::choice::{granted, granted_on_record};
use crate::{Categories, CategorySet, Signals};

/// What held at capture. Borrows from the record or request that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp<'a> {
    /// Where the preferences come from.
    pub origin: Origin,
    /// Category keys as they were sent, or as the choice on record had them. Empty for the other origins.
    #[serde(borrow)]
    pub preferences: Preferences<'a>,
    /// What the browser signalled.
    pub signals: Signals,
    /// The regime of the event's region.
    pub regime: Regime,
    /// By what right it was collected.
    pub basis: Basis,
}

impl Stamp<'_> {
    /// Whether a category may be collected under by the visitor's word, sent or on record, or by the law of the region.
    pub fn grants(&self, category: CategorySet, categories: &Categories) -> bool {
        match self.origin {
            Origin::Sent => granted(categories, &self.preferences).contains(category),
            Origin::Record => granted_on_record(categories, &self.preferences, self.regime, true).contains(category),
            Origin::Default => categories.unasked(self.regime, true).contains(category),
            Origin::Unknown => false,
        }
    }
}

/// Who spoke for the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The event itself: `context.consent.categoryPreferences`.
    Sent,
    /// The choice that was on record when it came.
    Record,
    /// Nobody: the regime's default holds.
    Default,
    /// Nobody, and the source follows Segment (`compat: segment`): unknown.
    Unknown,
}

impl Origin {
    /// The name in traces and vectors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Record => "record",
            Self::Default => "default",
            Self::Unknown => "unknown",
        }
    }
}

/// Category key → granted. A key is borrowed where it stands in the text as it is, and owned where the text has escapes
/// in it: `"\u0070erformance"` is `performance`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Preferences<'a>(pub Vec<(Cow<'a, str>, bool)>);

impl<'de: 'a, 'a> Deserialize<'de> for Preferences<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Through a type of the same layout: serde alone would copy every key, and this is read for every event and
        // destination.
        let pairs = Vec::<(Key<'de>, bool)>::deserialize(deserializer)?;
        Ok(Self(pairs.into_iter().map(|(Key(key), granted)| (key, granted)).collect()))
    }
}

/// A key as it is read.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a category key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'a> Preferences<'a> {
    /// Reads `context.consent`. `None` when it carries no stamp (`{}` and absence are the same at Segment); a
    /// `categoryPreferences` of the wrong kind, and every value that is not literally `true`, is a refusal.
    pub fn from_consent(consent: &'a str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Consent<'a> {
            #[serde(borrow, rename = "categoryPreferences")]
            preferences: Option<&'a serde_json::value::RawValue>,
        }
        // `Fields` keeps the last of repeated keys; a struct would refuse them, and so read as "no stamp".
        let last = Fields::parse(consent).ok()?;
        last.get("categoryPreferences").filter(|text| *text != "null")?;
        let preferences = serde_json::from_str::<Consent<'a>>(consent).ok().and_then(|consent| consent.preferences);
        Some(preferences.map_or_else(Self::default, |raw| Self::from_json(raw.get())))
    }

    /// With the vendors that `context.consent` refuses one by one, of those that destinations can belong to.
    #[must_use]
    pub fn refusing_vendors(mut self, consent: &'a str, categories: &Categories) -> Self {
        const FIELD: &str = "refusedVendors";
        // Few events have it, and this is asked of every one.
        if !consent.contains(FIELD) {
            return self;
        }
        let fields = Fields::parse(consent).ok();
        let ids = fields.and_then(|fields| serde_json::from_str::<Vec<String>>(fields.get(FIELD)?).ok());
        let known = ids.into_iter().flatten().filter(|id| !categories.vendor(id).is_empty());
        self.0.extend(known.map(|id| (format!("{VENDOR_PREFIX}{id}").into(), false)));
        self
    }

    fn from_json(json: &'a str) -> Self {
        // What is not an object of categories grants nothing.
        let fields = Fields::parse(json).unwrap_or_default();
        Self(fields.into_iter().map(|(key, value)| (key, value == "true")).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(consent: &str, expected: Option<&[(&str, bool)]>) {
        let read = Preferences::from_consent(consent);
        let read: Option<Vec<(&str, bool)>> = read
            .as_ref()
            .map(|preferences| preferences.0.iter().map(|(key, granted)| (key.as_ref(), *granted)).collect());
        assert_eq!(read.as_deref(), expected, "{consent}");
    }

    #[test]
    fn only_true_grants() {
        check("{}", None);
        check(r#"{"version":2}"#, None);
        check(r#"{"categoryPreferences":null}"#, None);
        check(r#"{"categoryPreferences":{}}"#, Some(&[]));
        check(r#"{"categoryPreferences":[]}"#, Some(&[]));
        check(r#"{"categoryPreferences":"all"}"#, Some(&[]));
        check(
            r#"{"categoryPreferences":{"a":true,"b":false,"c":1,"d":"true","e":null}}"#,
            Some(&[("a", true), ("b", false), ("c", false), ("d", false), ("e", false)]),
        );
        check(r#"{"categoryPreferences":{"a":true,"a":false}}"#, Some(&[("a", false)]));
        check(r#"{"categoryPreferences":{"a":true},"categoryPreferences":{"a":false}}"#, Some(&[]));
        check(r#"{"\u0063ategoryPreferences":{"a":true}}"#, Some(&[("a", true)]));
    }

    #[test]
    fn escapes_in_keys_mean_what_they_stand_for() {
        check(r#"{"categoryPreferences":{"\u0070erformance":true}}"#, Some(&[("performance", true)]));
        check(r#"{"categoryPreferences":{"a\"b":true,"c":true}}"#, Some(&[("a\"b", true), ("c", true)]));
        // Two spellings of one key are one key, and its last value counts.
        check(r#"{"categoryPreferences":{"a":true,"\u0061":false}}"#, Some(&[("a", false)]));
        check(r#"{"categoryPreferences":{"\u0061":false,"a":true}}"#, Some(&[("a", true)]));
    }

    #[test]
    fn keys_are_copied_only_where_they_have_escapes() {
        let consent = r#"{"categoryPreferences":{"a":true,"\u0062":true}}"#;
        let read = Preferences::from_consent(consent).expect("a stamp");
        assert!(matches!(&read.0[..], [(Cow::Borrowed("a"), true), (Cow::Owned(b), true)] if b == "b"), "{read:?}");
    }
}
