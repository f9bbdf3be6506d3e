//! What lies in a visitor's browser: a cookie or a key of its storage, by whom, for how long, what for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Category, Said};

/// A cookie or a storage key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// Its name; `*` stands for any characters.
    pub name: String,
    /// Where it lies.
    #[serde(default)]
    pub kind: StoreKind,
    /// How long it stays.
    pub lasts: Lifetime,
    /// The domain it belongs to; absent, that of the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its category; absent, that of the vendor it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// What for, as one of the uses that Assent has words for in every language (`visitor`, `session`, …).
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub used_for: Option<String>,
    /// What for, in the workspace's own words, which go before `use`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_for: Option<Said>,
}

/// Where something lies in a browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// A cookie.
    #[default]
    Cookie,
    /// `localStorage`.
    Local,
    /// `sessionStorage`.
    Session,
}

impl StoreKind {
    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Local => "local",
            Self::Session => "session",
        }
    }
}

/// How long something stays in a browser, as files write it: `session`, `until-deleted`, or a number with its unit (`30s`,
/// `20m`, `24h`, `90d`, `13mo`, `2y`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Lifetime {
    /// Until the browser is closed.
    Session,
    /// Until somebody deletes it.
    UntilDeleted,
    /// For so many of these.
    For(u32, Unit),
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `mo`
    Month,
    /// `y`
    Year,
}

const UNITS: [(Unit, &str, &str); 6] = [
    (Unit::Second, "s", "second"),
    (Unit::Minute, "m", "minute"),
    (Unit::Hour, "h", "hour"),
    (Unit::Day, "d", "day"),
    (Unit::Month, "mo", "month"),
    (Unit::Year, "y", "year"),
];

impl Unit {
    fn row(self) -> &'static (Self, &'static str, &'static str) {
        UNITS.iter().find(|(unit, ..)| *unit == self).expect("every unit has a row")
    }

    /// Its name in the words of a notice: `day`, and for more than one `days`.
    pub fn name(self) -> &'static str {
        self.row().2
    }
}

impl Lifetime {
    /// Whether it goes when the browser is closed.
    pub fn is_session(self) -> bool {
        self == Self::Session
    }
}

/// A text that is no lifetime.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a lifetime: write `session`, `until-deleted`, or a number and a unit as in `30s`, `20m`, `24h`, `90d`, `13mo`, `2y`"
)]
pub struct InvalidLifetime(String);

impl FromStr for Lifetime {
    type Err = InvalidLifetime;

    fn from_str(text: &str) -> Result<Self, InvalidLifetime> {
        match text {
            "session" => return Ok(Self::Session),
            "until-deleted" => return Ok(Self::UntilDeleted),
            _ => {}
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number = number.parse().ok().filter(|number| *number > 0);
        let unit = UNITS.iter().find(|(_, short, _)| *short == unit).map(|(unit, ..)| *unit);
        number.zip(unit).map(|(number, unit)| Self::For(number, unit)).ok_or_else(|| InvalidLifetime(text.to_owned()))
    }
}

impl TryFrom<String> for Lifetime {
    type Error = InvalidLifetime;

    fn try_from(text: String) -> Result<Self, InvalidLifetime> {
        text.parse()
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.to_string()
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("session"),
            Self::UntilDeleted => f.write_str("until-deleted"),
            Self::For(number, unit) => write!(f, "{number}{}", unit.row().1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_what_is_written() {
        for good in ["session", "until-deleted", "30s", "20m", "24h", "90d", "13mo", "2y"] {
            assert_eq!(good.parse::<Lifetime>().map(|read| read.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "d", "0d", "90", "90 d", "-1d", "1w", "99999999999d", "forever"] {
            assert!(bad.parse::<Lifetime>().is_err(), "{bad}");
        }
    }
}
