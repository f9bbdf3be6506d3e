//! Regimes: what a region's law says about asking. They are data (`regimes.json`, versioned and dated, each row with the
//! texts it rests on), so that a change of law is a change of that file and is recorded with every choice made under it.
//!
//! A regime says what holds for a category until somebody chooses, for how long a choice holds, when the question may be
//! asked again, what Global Privacy Control takes away and which links a page must show. What is *decided* from it stays
//! in `consent`; a page gets it with its settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A row of the table of regimes. In texts it is its id; in the log's records, of which every one carries one, it is the
/// number of its row. So rows are added at the end, and none ever goes or moves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Regime(u8);

/// What holds for a category until somebody chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// Off until it is granted.
    OptIn,
    /// On until it is refused.
    OptOut,
    /// On with information, until somebody objects: the United Kingdom's exemption for a site's own statistics.
    Exempt,
}

/// Whether the first layer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum First {
    /// Until somebody chooses.
    Ask,
    /// Never by itself: the control alone stands on the page.
    None,
}

/// A link that the law wants on every page. Its words are the banner's, in the visitor's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// "Your Privacy Choices" (11 CCR 7015): opens the preference centre.
    Choices,
}

/// What Global Privacy Control means. Sale, sharing, cross-context advertising and the category `targeting` are denied
/// in every regime; this says what comes on top.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GpcMeaning {
    /// Further categories that it takes away.
    pub denies: Vec<String>,
    /// Whether the page says that it was honoured (11 CCR 7025(c)(6)).
    pub show: bool,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeRow {
    /// Its name, as it is configured and recorded.
    pub id: String,
    /// For people.
    pub title: String,
    /// The regions that it is the law of, as countries or countries with a state (`US-CA`); `*` is every other one and
    /// those that are not known. Only `by-region` asks.
    #[serde(default)]
    pub regions: Vec<String>,
    /// By category, where it differs from `otherwise`.
    #[serde(default)]
    pub models: BTreeMap<String, Model>,
    /// For every other category.
    pub otherwise: Model,
    /// Whether the first layer is shown.
    pub first: First,
    /// Days that a choice holds, yes and no alike.
    pub lifetime_days: u16,
    /// Days from a choice after which the question may be asked again.
    pub reask_days: u16,
    /// What Global Privacy Control means.
    pub gpc: GpcMeaning,
    /// Whether granting what was refused takes a confirmation (11 CCR 7028: opt-in in two steps).
    #[serde(default)]
    pub confirm_opt_in: bool,
    /// Links that a page must show.
    #[serde(default)]
    pub links: Vec<Link>,
    /// The texts that the row rests on.
    pub sources: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u32,
    as_of: String,
    regimes: Vec<RegimeRow>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../regimes.json")).expect("a test reads the table that is compiled in")
});

impl Regime {
    /// Off until granted, wherever the visitor is: what holds without a word about consent.
    pub const OPT_IN: Self = Self(0);
    /// On until refused, wherever the visitor is.
    pub const OPT_OUT: Self = Self(1);

    /// The version of the table, recorded with every choice.
    pub fn table_version() -> u32 {
        TABLE.version
    }

    /// The day as of which the table was written, as `2026-11-22`.
    pub fn table_as_of() -> &'static str {
        &TABLE.as_of
    }

    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).take(TABLE.regimes.len()).map(Self)
    }

    /// The one with this id.
    pub fn named(id: &str) -> Option<Self> {
        Self::all().find(|regime| regime.id() == id)
    }

    /// The one whose law holds in a region (`DE`, `US-CA`), by the table alone.
    pub fn of_region(region: Option<&str>) -> Self {
        let of = |wanted: &str| Self::all().find(|regime| regime.row().regions.iter().any(|one| one == wanted));
        let country = region.and_then(|region| region.split('-').next());
        region.and_then(of).or_else(|| country.and_then(of)).or_else(|| of("*")).unwrap_or(Self::OPT_IN)
    }

    /// Its row.
    pub fn row(self) -> &'static RegimeRow {
        &TABLE.regimes[usize::from(self.0)]
    }

    /// Its name.
    pub fn id(self) -> &'static str {
        &self.row().id
    }

    /// What holds for a category until somebody chooses. `required` has no model: it is granted always.
    pub fn model(self, category: &str) -> Model {
        let row = self.row();
        row.models.get(category).copied().unwrap_or(row.otherwise)
    }
}

impl fmt::Debug for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regime({})", self.id())
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Regime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.id())
        } else {
            serializer.serialize_u32(u32::from(self.0))
        }
    }
}

impl<'de> Deserialize<'de> for Regime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let row = u32::deserialize(deserializer)?;
            let found = Self::all().find(|regime| u32::from(regime.0) == row);
            return found.ok_or_else(|| serde::de::Error::custom(format!("no regime has the number {row}")));
        }
        let id = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::named(&id).ok_or_else(|| serde::de::Error::custom(unknown(&id)))
    }
}

/// What a regime is that there is none of.
fn unknown(id: &str) -> String {
    let known: Vec<String> = Regime::all().map(|regime| format!("`{regime}`")).collect();
    format!("unknown regime `{id}`, expected one of {}", known.join(", "))
}

/// Which regime holds where the workspace has no row of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefaultRegime {
    /// This one.
    Fixed(Regime),
    /// The one that the table has for the region.
    ByRegion,
}

/// How [`DefaultRegime::ByRegion`] is written.
pub const BY_REGION: &str = "by-region";

impl Serialize for DefaultRegime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(regime) => regime.serialize(serializer),
            Self::ByRegion => serializer.serialize_str(BY_REGION),
        }
    }
}

impl<'de> Deserialize<'de> for DefaultRegime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        if id == BY_REGION {
            return Ok(Self::ByRegion);
        }
        let known = || serde::de::Error::custom(format!("{}, `{BY_REGION}`", unknown(&id)));
        Regime::named(&id).map(Self::Fixed).ok_or_else(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_and_its_names_differ() {
        // Records on disk name the row by its number: a new one comes last.
        let ids: Vec<_> = Regime::all().map(Regime::id).collect();
        assert_eq!(ids, ["opt-in", "opt-out", "eu", "uk", "uk-statistics", "us", "rest"]);
        assert_eq!((Regime::OPT_IN.id(), Regime::OPT_OUT.id()), ("opt-in", "opt-out"));
        for regime in Regime::all() {
            let row = regime.row();
            assert!(row.reask_days <= row.lifetime_days && row.reask_days > 0, "{regime}");
            assert!(!row.sources.is_empty(), "{regime} says what it rests on");
        }
    }

    #[test]
    fn no_region_has_two_regimes() {
        let mut seen = std::collections::HashSet::new();
        let regions = TABLE.regimes.iter().flat_map(|row| &row.regions);
        assert!(regions.into_iter().all(|region| seen.insert(region)));
    }

    #[test]
    fn the_region_decides_and_the_unknown_one_gets_the_strictest() {
        let check = |region: Option<&str>, expected| assert_eq!(Regime::of_region(region).id(), expected, "{region:?}");
        check(Some("DE"), "eu");
        check(Some("CH"), "eu");
        check(Some("GB"), "uk");
        check(Some("GB-SCT"), "uk");
        check(Some("US-CA"), "us");
        check(Some("US"), "us");
        check(Some("BR"), "rest");
        check(None, "rest");
        assert_eq!(Regime::of_region(None).row().otherwise, Model::OptIn);
    }

    #[test]
    fn an_id_is_what_is_written_and_an_unknown_one_names_the_others() {
        assert_eq!(serde_json::to_string(&Regime::OPT_OUT).ok().as_deref(), Some(r#""opt-out""#));
        assert_eq!(
            serde_json::from_str::<Regime>(r#""uk-statistics""#).ok().map(|one| one.model("performance")),
            Some(Model::Exempt)
        );
        let error = serde_json::from_str::<DefaultRegime>(r#""optin""#).expect_err("no such regime").to_string();
        assert!(error.contains("`optin`") && error.contains("`eu`") && error.contains("`by-region`"), "{error}");
    }
}
