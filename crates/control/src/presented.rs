//! What a visitor saw when choosing, and how they answered: what a controller must be able to show (GDPR Art. 7(1)) beside
//! the choice itself. It comes with the choice, from the page that asked, and is kept as it was said; nothing of it leads
//! to a person.

use event::Fields;
use serde::{Deserialize, Serialize};
use workspace::{Banner, Regime, Site};

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
    /// How: `accept_all`, `reject_all`, `choose`, `withdraw`, `api`, `imported`, `confirmed_over_gpc`.
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

/// The method of an opt-in in two steps, in which the second said that the browser asks not to be sold or shared.
pub const CONFIRMED_OVER_GPC: &str = "confirmed_over_gpc";
/// The method of a choice that a page found in the cookies of the platform that asked there before.
const IMPORTED: &str = "imported";

impl Presented {
    /// Whether a page of Assent's asked, which names every vendor that is refused. Segment's consent tools say a `version`
    /// too, that of their protocol.
    pub fn is_banners(&self) -> bool {
        self.method.is_some() && !self.is_imported()
    }

    /// Whether a page took it over from the platform that asked there before.
    pub fn is_imported(&self) -> bool {
        self.method.as_deref() == Some(IMPORTED)
    }

    /// Whether it is an informed opt-in over Global Privacy Control: confirmed as such, and what was shown is what the
    /// site shows today. A page that was loaded before the words, the vendors or the recipients changed is not believed: it
    /// asks again when it is loaded again.
    pub fn confirms_over_gpc(&self, site: Site<'_>) -> bool {
        if self.method.as_deref() != Some(CONFIRMED_OVER_GPC) || self.version != Some(site.banner().version) {
            return false;
        }
        let regime = self.regime.as_deref().and_then(Regime::named);
        let shown = regime.zip(self.language.as_deref());
        let shown = shown.and_then(|(regime, language)| consent::hash_shown(site, regime, language));
        shown.is_some() && shown == self.text_hash
    }

    /// Reads `context.consent` of the event that carried the choice. Only what a site with this banner can have shown is taken, so
    /// that nobody is named by it; the rest is left out, because a choice is never refused for its description.
    pub fn from_consent(consent: &str, banner: &Banner) -> Self {
        let Ok(fields) = Fields::parse(consent) else { return Self::default() };
        let number = |name: &str| fields.get(name).and_then(|text| text.parse().ok());
        let text = |name: &str| fields.get(name).and_then(|text| serde_json::from_str::<String>(text).ok());
        let word = |name: &str| text(name).filter(|text| is_word(text));
        let vendors = fields.get("refusedVendors").and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
        let method = word("method").filter(|method| METHODS.contains(&method.as_str()));
        // What was taken over was given to words that say the same, which nobody has shown here.
        let shown = |name: &str| word(name).filter(|_| method.as_deref() != Some(IMPORTED));
        Self {
            version: number("version").filter(|version| (1..=banner.version).contains(version)),
            text_hash: shown("textHash").filter(|hash| is_hash(hash)),
            language: shown("language").filter(|code| banner.languages.contains_key(code)),
            layer: word("layer").filter(|layer| LAYERS.contains(&layer.as_str())),
            method,
            regime: word("regime").filter(|id| Regime::named(id).is_some()),
            regime_version: number("regimeVersion"),
            region: None,
            refused_vendors: vendors
                .into_iter()
                .flatten()
                .filter(|id| is_vendor(id, banner))
                .take(VENDORS_MAX)
                .collect(),
            gpc: false,
        }
    }
}

/// Where a page asks.
const LAYERS: [&str; 4] = ["first", "centre", "control", "page"];
/// How a page is answered.
const METHODS: [&str; 7] = ["accept_all", "reject_all", "choose", "withdraw", "api", IMPORTED, CONFIRMED_OVER_GPC];

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_vendor(id: &str, banner: &Banner) -> bool {
    banner.vendors.iter().any(|vendor| vendor.id == id)
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
    fn what_the_workspace_can_have_shown_is_kept_and_nothing_else() {
        let yaml = "workspace: acme\nconsent: { banner: { version: 3, vendors: [{ id: ga, name: GA, category: performance }] } }";
        let banner = workspace::parse(yaml, &|_| None).expect("valid").consent.banner;
        let hash = "0f".repeat(32);
        let said = format!(
            r#"{{"categoryPreferences":{{}},"version":3,"method":"reject_all","layer":"first","regime":"eu",
            "regimeVersion":1,"region":"XX","textHash":"{hash}","language":"en","refusedVendors":["ga","u-4711"]}}"#
        );
        let read = Presented::from_consent(&said, &banner);
        assert_eq!((read.version, read.regime_version, read.region.as_deref()), (Some(3), Some(1), None));
        assert_eq!((read.method.as_deref(), read.layer.as_deref()), (Some("reject_all"), Some("first")));
        assert_eq!((read.regime.as_deref(), read.language.as_deref()), (Some("eu"), Some("en")));
        assert_eq!((read.text_hash, read.refused_vendors), (Some(hash), vec!["ga".to_owned()]));
        for odd in [
            r#"{"version":"3","method":7,"layer":"two words","language":"<script>","refusedVendors":{}}"#,
            r#"{"version":4711,"method":"u-4711","layer":"u-4711","regime":"u-4711","textHash":"u-4711","language":"u-4711"}"#,
            "not JSON",
        ] {
            assert_eq!(Presented::from_consent(odd, &banner), Presented::default(), "{odd}");
        }
    }
}
