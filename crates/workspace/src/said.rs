//! What a workspace says to visitors in words of its own: one text for every reader, or one for each language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FIRST_LANGUAGE;

/// A text of the workspace's own. Plain text, never HTML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// The same for every reader.
    Same(String),
    /// By language (BCP 47).
    By(BTreeMap<String, String>),
}

impl Said {
    /// What a reader of this language gets. Where the language is missing (which [`crate::parse`] refuses to publish) it is
    /// English, else the first there is.
    pub fn in_language(&self, language: &str) -> &str {
        match self {
            Self::Same(text) => text,
            Self::By(texts) => {
                let found = texts.get(language).or_else(|| texts.get(FIRST_LANGUAGE)).or_else(|| texts.values().next());
                found.map_or("", String::as_str)
            }
        }
    }

    /// Every text with its language; `None` for the text of every reader.
    pub(crate) fn texts(&self) -> Vec<(Option<&str>, &str)> {
        match self {
            Self::Same(text) => vec![(None, text)],
            Self::By(texts) => texts.iter().map(|(code, text)| (Some(code.as_str()), text.as_str())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gets_their_language_else_english_else_whatever_there_is() {
        let said = |json: &str| serde_json::from_str::<Said>(json).expect("a text");
        assert_eq!(said(r#""Shop""#).in_language("de"), "Shop");
        let both = said(r#"{"de":"Laden","en":"Shop"}"#);
        assert_eq!([both.in_language("de"), both.in_language("fr")], ["Laden", "Shop"]);
        assert_eq!(said(r#"{"de":"Laden"}"#).in_language("fr"), "Laden");
    }
}
