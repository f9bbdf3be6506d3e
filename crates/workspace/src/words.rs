//! The words of the banner, as data: one file per language, compiled in, and what a workspace writes over them.
//!
//! A language that nobody who speaks it has read is a draft: what a visitor agrees to must be said in words that somebody
//! answers for. English is the language that these sentences were written in; of any other, the workspace names who has
//! read it (`reviewed`), else it cannot be published.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The language that needs no review, and that stands in where a workspace publishes none of the visitor's.
pub const FIRST_LANGUAGE: &str = "en";

/// The direction of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Left to right.
    #[default]
    Ltr,
    /// Right to left.
    Rtl,
}

/// What a category is called, and what it is said to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryWords {
    /// Its name.
    pub name: String,
    /// One or two sentences.
    pub description: String,
}

/// A place where words are shown, as it is named in files.
type Place = String;

/// The words of one language, as a file has them or a workspace writes them over it. Plain text, never HTML.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Words {
    /// Who of those who speak the language has read it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<String>,
    /// The direction of writing; absent, that of the language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<Direction>,
    /// By category.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, CategoryWords>,
    /// By place. Which places there are, [`PLACES`] says.
    #[serde(flatten)]
    pub at: BTreeMap<Place, String>,
}

/// Every place that has words.
pub(crate) const PLACES: [&str; 22] = [
    "title",
    "body",
    "accept",
    "reject",
    "choose",
    "save",
    "close",
    "control",
    "choices_link",
    "withdraw",
    "always",
    "gpc",
    "confirm",
    "over_gpc_title",
    "over_gpc",
    "over_gpc_allow",
    "over_gpc_keep",
    "reload",
    "reload_button",
    "receipt",
    "elsewhere",
    "saved",
];

const FILES: [(&str, &str); 5] = [
    ("ar", include_str!("../texts/ar.json")),
    ("de", include_str!("../texts/de.json")),
    (FIRST_LANGUAGE, include_str!("../texts/en.json")),
    ("es", include_str!("../texts/es.json")),
    ("fr", include_str!("../texts/fr.json")),
];

static OWN: LazyLock<BTreeMap<&str, Words>> = LazyLock::new(|| {
    let read = |(code, text)| (code, serde_json::from_str(text).expect("a test reads every file that is compiled in"));
    FILES.map(read).into()
});

const NOTICE_FILES: [(&str, &str); 5] = [
    ("ar", include_str!("../texts/notice/ar.json")),
    ("de", include_str!("../texts/notice/de.json")),
    (FIRST_LANGUAGE, include_str!("../texts/notice/en.json")),
    ("es", include_str!("../texts/notice/es.json")),
    ("fr", include_str!("../texts/notice/fr.json")),
];

static OF_NOTICE: LazyLock<BTreeMap<&str, Words>> = LazyLock::new(|| {
    let read = |(code, text)| (code, serde_json::from_str(text).expect("a test reads every file that is compiled in"));
    NOTICE_FILES.map(read).into()
});

/// Every place of a notice that has words: those of the first language, which the other files are held to by a test.
pub(crate) fn notice_places() -> impl Iterator<Item = &'static str> {
    OF_NOTICE.get(FIRST_LANGUAGE).into_iter().flat_map(|words| words.at.keys().map(String::as_str))
}

impl Words {
    /// The words that come with Assent; `None` when it has none in this language.
    pub fn own(language: &str) -> Option<&'static Self> {
        OWN.get(language)
    }

    /// The words of a notice that come with Assent; `None` when it has none in this language.
    pub fn of_notice(language: &str) -> Option<&'static Self> {
        OF_NOTICE.get(language)
    }

    /// The languages that Assent has words in, by their codes (BCP 47).
    pub fn languages() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(code, _)| *code)
    }

    /// These, where `over` has none.
    #[must_use]
    pub fn under(&self, over: &Self) -> Self {
        let mut words = self.clone();
        words.dir = over.dir.or(words.dir);
        words.reviewed.clone_from(&over.reviewed);
        words.categories.extend(over.categories.iter().map(|(name, said)| (name.clone(), said.clone())));
        words.at.extend(over.at.iter().map(|(place, said)| (place.clone(), said.clone())));
        words
    }

    /// Whether there are any; who has read them is none.
    pub(crate) fn says_something(&self) -> bool {
        self.dir.is_some() || !self.categories.is_empty() || !self.at.is_empty()
    }

    /// What a category is called. One that a language has no words for goes by its own name: a workspace that has
    /// categories of its own asks before anybody has written about them.
    pub fn category(&self, name: &str) -> CategoryWords {
        let unnamed = || CategoryWords { name: name.to_owned(), description: String::new() };
        self.categories.get(name).cloned().unwrap_or_else(unnamed)
    }

    /// What stands at a place; nothing where a language lacks it, which [`crate::parse`] refuses to publish.
    pub fn said(&self, place: &str) -> &str {
        self.at.get(place).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_words_at_every_place_and_for_every_category() {
        for language in Words::languages() {
            let words = Words::own(language).expect("listed");
            let places: Vec<&str> = words.at.keys().map(String::as_str).collect();
            let mut all = PLACES;
            all.sort_unstable();
            assert_eq!(places, all, "{language}");
            assert_eq!(words.categories.len(), crate::CategoryRule::defaults().len(), "{language}");
            assert!(words.at.values().all(|said| !said.trim().is_empty()), "{language}");
        }
    }

    /// The names in braces that a sentence has filled in.
    fn gaps(said: &str) -> std::collections::BTreeSet<&str> {
        said.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn the_notice_says_the_same_in_every_language() {
        let first = Words::of_notice(FIRST_LANGUAGE).expect("the first language");
        for language in Words::languages() {
            let words = Words::of_notice(language).expect("the banner's languages are the notice's");
            assert!(words.at.keys().eq(first.at.keys()), "{language} has the places of the first language");
            for (place, said) in &words.at {
                assert!(!said.trim().is_empty(), "{language} {place}");
                assert_eq!(gaps(said), gaps(first.said(place)), "{language} {place}: what is filled in");
            }
            assert_eq!(words.dir, Words::own(language).and_then(|own| own.dir), "{language} is written the same way");
        }
    }

    #[test]
    fn what_a_workspace_writes_goes_over_what_comes_with_assent() {
        let over: Words = serde_json::from_str(r#"{"title":"Hello","reviewed":"J. Roe"}"#).expect("words");
        let both = Words::own("de").expect("it comes with Assent").under(&over);
        assert_eq!((both.said("title"), both.said("reject")), ("Hello", "Alle ablehnen"));
        assert_eq!(both.reviewed.as_deref(), Some("J. Roe"));
    }
}
