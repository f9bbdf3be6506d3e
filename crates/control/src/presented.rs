//! What a visitor saw when choosing, and how they answered: what a controller must be able to show (GDPR Art. 7(1)) beside
//! the choice itself. It comes with the choice, from the page that asked, and is kept as it was said; nothing of it leads
//! to a person.

use event::Fields;
use serde::{Deserialize, Serialize};

/// A vendor's id may not be longer, nor a word of a page.
const WORD_BYTES_MAX: usize = 64;
/// The most vendors that somebody may have refused one by one.
const VENDORS_MAX: usize = 200;

/// What was shown, and how it was answered. Every part may be missing: a choice that came through Segment's consent tools
/// says nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Presented {
    /// The version of the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// SHA-256 of the words, in hex; `control` keeps the words under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// The language of the words (BCP 47).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Where it was answered: `first`, `centre`, `control`, `page`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// How: `accept_all`, `reject_all`, `choose`, `withdraw`, `api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The regime under which it was asked, as the page had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regime: Option<String>,
    /// The version of the table of regimes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regime_version: Option<u32>,
    /// The region by whose law the server judged it; never from the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Vendors refused although their category was granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused_vendors: Vec<String>,
    /// Whether the request carried Global Privacy Control.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gpc: bool,
}

impl Presented {
    /// Reads `context.consent` of the event that carried the choice. What is not of its kind is left out: it describes
    /// the choice, and a choice is never refused for its description.
    pub fn from_consent(consent: &str) -> Self {
        let Ok(fields) = Fields::parse(consent) else { return Self::default() };
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        let text = |name: &str| fields.get(name).and_then(|text| serde_json::from_str::<String>(text).ok());
        let word = |name: &str| text(name).filter(|text| is_word(text));
        let vendors = fields.get("refusedVendors").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
        Self {
            version: number("version"),
            text_hash: word("textHash"),
            language: word("language"),
            layer: word("layer"),
            method: word("method"),
            regime: word("regime"),
            regime_version: number("regimeVersion"),
            region: None,
            refused_vendors: vendors.into_iter().flatten().filter(|id| is_word(id)).take(VENDORS_MAX).collect(),
            gpc: false,
        }
    }
}

/// Something that a page has a reason to send here: short, and of the characters that ids are made of.
fn is_word(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    !text.is_empty() && text.len() <= WORD_BYTES_MAX && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sdk_says_is_kept_and_what_is_not_of_its_kind_is_left_out() {
        let said = r#"{"categoryPreferences":{},"version":3,"method":"reject_all","layer":"first","regime":"eu",
            "regimeVersion":1,"region":"XX","textHash":"0f34","language":"en","refusedVendors":["a","<b>",""]}"#;
        let read = Presented::from_consent(said);
        insta::assert_snapshot!(serde_json::to_string(&read).expect("JSON"), @r#"{"version":3,"textHash":"0f34","language":"en","layer":"first","method":"reject_all","regime":"eu","regimeVersion":1,"refusedVendors":["a"]}"#);
        let odd = Presented::from_consent(
            r#"{"version":"3","method":7,"layer":"two words","language":"<script>","refusedVendors":{}}"#,
        );
        assert_eq!(odd, Presented::default());
        assert_eq!(Presented::from_consent("not JSON"), Presented::default());
        assert_eq!(Presented::from_consent(&format!(r#"{{"method":"{}"}}"#, "a".repeat(65))), Presented::default());
    }
}
