//! The stamp: what held when the event was captured.

use event::Fields;
use serde::{Deserialize, Serialize};
use workspace::{Basis, Regime};

use crate::Signals;

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

/// Category key → granted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Preferences<'a>(#[serde(borrow)] pub Vec<(&'a str, bool)>);

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

    fn from_json(json: &'a str) -> Self {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Vec<(&'de str, bool)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(&'de str, bool)> = Vec::new();
                while let Some(key) = map.next_key::<&'de str>()? {
                    let granted = map.next_value::<&'de serde_json::value::RawValue>()?.get() == "true";
                    match pairs.iter_mut().find(|(name, _)| *name == key) {
                        Some((_, value)) => *value = granted,
                        None => pairs.push((key, granted)),
                    }
                }
                Ok(pairs)
            }
        }
        let mut reader = serde_json::Deserializer::from_str(json);
        // A key with escapes cannot be borrowed; nobody names a category so, and an unread stamp grants nothing.
        Self(serde::Deserializer::deserialize_map(&mut reader, Pairs).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(consent: &str, expected: Option<&[(&str, bool)]>) {
        let read = Preferences::from_consent(consent);
        assert_eq!(read.as_ref().map(|preferences| preferences.0.as_slice()), expected, "{consent}");
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
    }
}
