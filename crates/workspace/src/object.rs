//! The parts of a workspace that are edited one by one, as JSON objects: the shape in which they are stored, shown,
//! compared and exported.
//!
//! They stay as they were written, `${env:NAME}` included: the typed model has secrets filled in and can therefore be
//! neither stored nor shown. Two texts of one thing compare equal through [`ObjectKind::canonical`], which leaves out
//! what holds anyway; people and forms get [`ObjectKind::complete`], which fills it in.

use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::alert::{FOR_MINUTES, REPEAT_AFTER_HOURS, WINDOW_MINUTES};
use crate::parse::{fill_secrets, with_hint};
use crate::{Alert, CategoryRule, ConsentRules, Destination, ParseError, Source, site};

/// The fields of an object.
pub type Body = Map<String, Value>;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A source.
    Source,
    /// A destination.
    Destination,
    /// An alert.
    Alert,
    /// The consent block, of which there is one. It exists always; without being written it is its defaults.
    Consent,
}

/// A field of an object, in the order in which an export writes them, with what holds without it.
type Field = (&'static str, fn() -> Value);

const NOTHING: fn() -> Value = || Value::Null;

const SOURCE: &[Field] = &[
    ("name", NOTHING),
    ("kind", NOTHING),
    ("write_key", NOTHING),
    ("basis", NOTHING),
    ("category", || json!("performance")),
    ("compat", NOTHING),
    ("sdk", NOTHING),
    ("region", NOTHING),
    ("enabled", || json!(true)),
    ("banner", NOTHING),
];

const DESTINATION: &[Field] = &[
    ("name", NOTHING),
    ("kind", NOTHING),
    ("sources", NOTHING),
    ("settings", || json!({})),
    ("categories", NOTHING),
    ("vendor", NOTHING),
    ("purpose", NOTHING),
    ("recipient", || json!("third_party")),
    ("unmapped", || json!("deny")),
    ("unstamped", || json!("deny")),
    ("withdrawals", || json!("silent")),
    ("enabled", || json!(true)),
];

const ALERT: &[Field] = &[
    ("name", NOTHING),
    ("when", NOTHING),
    ("destination", NOTHING),
    ("source", NOTHING),
    ("reason", NOTHING),
    ("above_percent", NOTHING),
    ("above_minutes", NOTHING),
    ("above_pages", NOTHING),
    ("above_business_days", NOTHING),
    ("window_minutes", || json!(WINDOW_MINUTES)),
    ("for_minutes", || json!(FOR_MINUTES)),
    ("repeat_after_hours", || json!(REPEAT_AFTER_HOURS)),
    ("notify", || json!([])),
    ("enabled", || json!(true)),
];

const CONSENT: &[Field] = &[
    ("default_regime", || json!("opt-in")),
    ("regions", || json!({})),
    ("categories", || json!(CategoryRule::defaults())),
    ("choice_traits", || json!({})),
    ("do_not_track", || json!("ignore")),
    ("children", NOTHING),
    ("banner", || json!({})),
    ("notice", NOTHING),
    ("record_days", || json!(crate::model::RECORD_DAYS)),
];

impl ObjectKind {
    /// The name in the store, in messages and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Alert => "alert",
            Self::Consent => "consent",
        }
    }

    /// The fields in the order of an export.
    fn fields(self) -> &'static [Field] {
        match self {
            Self::Source => SOURCE,
            Self::Destination => DESTINATION,
            Self::Alert => ALERT,
            Self::Consent => CONSENT,
        }
    }

    /// The names of the fields in the order of an export.
    pub(crate) fn order(self) -> impl Iterator<Item = &'static str> {
        self.fields().iter().map(|(name, _)| *name)
    }

    /// The name of an object. The consent block is called `consent`.
    pub fn name_of(self, body: &Body) -> &str {
        match self {
            Self::Consent => self.name(),
            Self::Source | Self::Destination | Self::Alert => {
                body.get("name").and_then(Value::as_str).unwrap_or_default()
            }
        }
    }

    /// Whether a body is an object of this kind by itself; whether it fits the rest, the workspace as a whole says.
    pub fn check(self, body: &Body, env: &dyn Fn(&str) -> Option<String>) -> Result<(), ParseError> {
        fn shape<T: DeserializeOwned>(value: Value) -> Result<(), ParseError> {
            let read: Result<T, _> = serde_json::from_value(value);
            read.map(drop).map_err(|error| ParseError::Shape(with_hint(&error.to_string())))
        }
        let mut value = Value::Object(body.clone());
        fill_secrets(&mut value, "", env)?;
        match self {
            Self::Source => {
                site::check(&value)?;
                shape::<Source>(value)
            }
            Self::Destination => shape::<Destination>(value),
            Self::Alert => shape::<Alert>(value),
            Self::Consent => shape::<ConsentRules>(value),
        }
    }

    /// Without what holds anyway. Two bodies mean the same if these are equal.
    #[must_use]
    pub fn canonical(self, mut body: Body) -> Body {
        if self == Self::Consent
            && let Some(Value::Array(categories)) = body.get_mut("categories")
        {
            for rule in categories {
                with_rule(rule, |rule| json!(rule));
            }
        }
        for (name, default) in self.fields() {
            if body.get(*name) == Some(&default()) || body.get(*name) == Some(&Value::Null) {
                body.remove(*name);
            }
        }
        body
    }

    /// With what holds anyway, `null` for what is absent. Categories come as objects with name and aliases.
    #[must_use]
    pub fn complete(self, mut body: Body) -> Body {
        for (name, default) in self.fields() {
            body.entry(*name).or_insert_with(default);
        }
        if self == Self::Consent
            && let Some(Value::Array(categories)) = body.get_mut("categories")
        {
            let full = |rule: CategoryRule| json!({ "name": rule.name, "aliases": rule.aliases, "erase": rule.erase });
            for rule in categories {
                with_rule(rule, full);
            }
        }
        body
    }
}

/// Writes a category of the consent block another way; what is none stays, for [`ObjectKind::check`] to name.
fn with_rule(written: &mut Value, write: impl Fn(CategoryRule) -> Value) {
    if let Ok(rule) = CategoryRule::deserialize(&*written) {
        *written = write(rule);
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no kind of object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of object: kinds are `source`, `destination`, `alert`, `consent`")]
pub struct UnknownKind(pub String);

impl FromStr for ObjectKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let all = [Self::Source, Self::Destination, Self::Alert, Self::Consent];
        all.into_iter().find(|kind| kind.name() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}
