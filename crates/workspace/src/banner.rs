//! What a visitor is asked and how: the banner's languages and words, what happens before a choice, the tags that wait
//! for it. What the law of a region wants stands in the table of regimes, not here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Category, Purpose, Regime, Vendor, Words};

/// How a workspace asks. Everything has a default: a new workspace asks in English, in Assent's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Banner {
    /// Counts up with every published change of words; recorded with each choice.
    pub version: u32,
    /// Choices made under an older version are asked again: refusals hold meanwhile, grants do not.
    pub ask_again_below: Option<u32>,
    /// The languages that are published, with what the workspace writes over Assent's words.
    pub languages: BTreeMap<String, Words>,
    /// By regime, what is done with calls made before a choice that is needed; [`Before::Block`] where nothing is said.
    pub before: BTreeMap<Regime, Before>,
    /// How a visitor finds the choices again.
    pub control: Control,
    /// Google's consent types → the category that grants them. Absent: Google Consent Mode is left alone.
    pub consent_mode: Option<BTreeMap<String, Category>>,
    /// Those who get something in the page, so that a visitor may refuse them one by one.
    pub vendors: Vec<Vendor>,
    /// What the page loads once it may.
    pub tags: Vec<Tag>,
    /// Which other consent platforms' surfaces the page answers as, for wrappers and snippets that were written for them.
    pub surfaces: Vec<Surface>,
    /// The IAB's TCF, for an operator who is registered as a consent platform. Absent: no `__tcfapi`.
    pub tcf: Option<Tcf>,
    /// Origins of sites that show each other's pages in frames: a page in a frame of one goes by what was chosen on the
    /// page around it, if that is of another in this list.
    pub frames: Vec<String>,
    /// Origins of sites that link to each other: a choice made on one goes along with a visitor who follows such a link.
    pub hand_off: Vec<String>,
    /// Whether pages say what somebody who is signed in there refused on other devices. They must prove who it is.
    pub other_devices: bool,
    /// What another platform left in browsers is taken over. Absent: it is not looked at.
    pub take_over: Option<TakeOver>,
    /// Days that an identifier lives. Nothing renews it.
    pub identifier_days: u16,
    /// The domain of the cookies; absent, the widest that the browser takes.
    pub cookie_domain: Option<String>,
}

/// An identifier's life where nothing is said: what the cookie notice that Assent is modelled on promises.
const IDENTIFIER_DAYS: u16 = 90;

impl Default for Banner {
    fn default() -> Self {
        Self {
            version: 1,
            ask_again_below: None,
            languages: BTreeMap::from([(crate::FIRST_LANGUAGE.to_owned(), Words::default())]),
            before: BTreeMap::new(),
            control: Control::Floating,
            consent_mode: None,
            vendors: Vec::new(),
            tags: Vec::new(),
            surfaces: Vec::new(),
            tcf: None,
            frames: Vec::new(),
            hand_off: Vec::new(),
            other_devices: false,
            take_over: None,
            identifier_days: IDENTIFIER_DAYS,
            cookie_domain: None,
        }
    }
}

impl Banner {
    /// The words of a language that is published: Assent's, with the workspace's over them.
    pub fn words(&self, language: &str) -> Option<Words> {
        let over = self.languages.get(language)?;
        Some(Words::own(language).cloned().unwrap_or_default().under(over))
    }

    /// The surfaces that a page has, in the order in which they are loaded.
    pub fn surfaces(&self) -> Vec<Surface> {
        let tcf = self.tcf.is_some().then_some(Surface::Tcf);
        let frames = (!self.frames.is_empty()).then_some(Surface::Frames);
        let hand_off = (!self.hand_off.is_empty()).then_some(Surface::HandOff);
        let elsewhere = self.other_devices.then_some(Surface::Elsewhere);
        let take_over = self.take_over.is_some().then_some(Surface::TakeOver);
        let own = [tcf, frames, hand_off, elsewhere, take_over];
        self.surfaces.iter().copied().chain(own.into_iter().flatten()).collect()
    }

    /// Whether all vendors of a category are among those that somebody agreed to: a grant that was given elsewhere counts
    /// only then.
    pub fn are_named(&self, category: &Category, vendors: &[String]) -> bool {
        self.vendors.iter().filter(|vendor| vendor.category == *category).all(|vendor| vendors.contains(&vendor.id))
    }

    /// What is done before a choice under a regime.
    pub fn before(&self, regime: Regime) -> Before {
        self.before.get(&regime).copied().unwrap_or(Before::Block)
    }
}

/// What is done with calls made before a choice that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Before {
    /// Nothing is stored, nothing sent, the call is dropped.
    Block,
    /// Kept in the page's memory, sent only under a choice that then permits it.
    Buffer,
    /// Sent with an identifier that lives as long as the page. Only where the regime lets a source collect unasked.
    Cookieless,
    /// Sent although the regime asks first: unstamped, so of unknown consent, under an identifier that lives as long as
    /// the page. What Segment's wrappers call `alwaysLoadSegment`; for a migration, and a [`crate::Risk`] while it stands.
    #[serde(rename = "always-load")]
    AlwaysLoad,
}

/// How a visitor finds the choices again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Control {
    /// A button at the bottom of every page.
    Floating,
    /// The pages have elements with `data-assent-open`.
    None,
}

/// Another consent platform, as pages see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Surface {
    /// `window.truste`, its cookies and messages.
    TrustArc,
    /// `window.OneTrust`, its groups, events and markup.
    OneTrust,
    /// `window.__gpp` of the IAB's GPP 1.1, with the sections of the United States.
    Gpp,
    /// `window.__tcfapi`: there whenever [`Banner::tcf`] is, so nobody writes it.
    #[serde(skip_deserializing)]
    Tcf,
    /// Asks and answers other frames: there whenever [`Banner::frames`] are, so nobody writes it.
    #[serde(skip_deserializing)]
    Frames,
    /// Takes a choice along to another site: there whenever [`Banner::hand_off`] is, so nobody writes it.
    #[serde(skip_deserializing)]
    HandOff,
    /// Says what was refused on other devices: there whenever [`Banner::other_devices`] is, so nobody writes it.
    #[serde(skip_deserializing)]
    Elsewhere,
    /// Reads the cookies of the platform before: there whenever [`Banner::take_over`] is, so nobody writes it.
    #[serde(skip_deserializing)]
    TakeOver,
}

/// A consent platform whose choices are in the browsers of a site that has switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// `OptanonConsent`, with `OptanonAlertBoxClosed` for the time.
    OneTrust,
    /// `notice_gdpr_prefs`, else `cmapi_cookie_privacy`. It keeps no time.
    TrustArc,
}

/// What is taken over: refusals always, grants as far as the workspace vouches for them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOver {
    /// In the order in which they are looked for.
    pub from: Vec<Platform>,
    /// What the platform's grants were given to. Absent: no grant counts.
    #[serde(default)]
    pub grants: Option<Promised>,
}

/// Words and vendors under which something was granted elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promised {
    /// The version of the banner's words that say the same. Grants count only as long as it is the one of today.
    pub version: u32,
    /// The ids of the vendors that were named. A category counts only if all of its vendors were.
    pub vendors: Vec<String>,
}

/// TCF 2.3. Numbers are those of the IAB; Assent itself is registered nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all(serialize = "camelCase"))]
pub struct Tcf {
    /// The operator's number on the IAB's list of consent platforms.
    pub cmp_id: u16,
    /// The operator's own count of what is shown.
    pub cmp_version: u16,
    /// ISO 3166-1, two letters.
    pub publisher_country: String,
    /// Where the operator serves the IAB's vendor list: a path of the site or an `https://` address. Assent must not
    /// hand it out.
    pub vendor_list: String,
    /// Purpose, 1 to 11 → the category that grants it. Others are refused.
    pub purposes: BTreeMap<u8, Category>,
    /// Special feature, 1 or 2 → the category that grants it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub special_features: BTreeMap<u8, Category>,
}

/// How a choice names a vendor: `vendor:` and its id.
pub const VENDOR_PREFIX: &str = "vendor:";
/// The vendors that destinations can belong to are the first of the banner's: each is a bit of every choice in memory.
pub const VENDORS_OF_DESTINATIONS_MAX: usize = 32;

/// Something that the page loads once its categories are granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    /// Its name.
    pub id: String,
    /// What it is.
    pub kind: TagKind,
    /// Where it comes from.
    pub src: String,
    /// All must be granted.
    pub categories: Vec<Category>,
    /// What for.
    pub purpose: Purpose,
    /// The vendor that it belongs to; refusing the vendor refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Attributes of its element.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Selector of the element that an `iframe` goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
}

/// What a tag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagKind {
    /// `<script src>`
    Script,
    /// `<img src>`
    Img,
    /// `<iframe src>`
    Iframe,
}
