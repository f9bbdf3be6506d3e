//! What a workspace says about itself to visitors: who is responsible, where data lies, for how long, which rights they have
//! (GDPR Art. 13, ISO/IEC TS 27560). Everything else of a notice is generated from what is configured; what stands here is
//! what no configuration knows.

use std::collections::BTreeMap;

use event::Slug;
use serde::{Deserialize, Serialize};

use crate::{Banner, FIRST_LANGUAGE, Lifetime, Said, StoredKey, Words};

/// The part of a notice that somebody has to write. Without it no notice is published, because it would name nobody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoticeRules {
    /// The languages that are published, with what the workspace writes over Assent's words.
    #[serde(default = "english")]
    pub languages: BTreeMap<String, Words>,
    /// What the site is called.
    pub site: String,
    /// Where the workspace publishes a notice of its own, which banners then link to instead of the generated one.
    #[serde(default)]
    pub url: Option<String>,
    /// Who is responsible (GDPR Art. 13(1)(a)).
    pub controller: Party,
    /// Their representative in the Union (Art. 27).
    #[serde(default)]
    pub representative: Option<Party>,
    /// Their data protection officer (Art. 13(1)(b)).
    #[serde(default)]
    pub dpo: Option<Contact>,
    /// The supervisory authority that is competent for them.
    #[serde(default)]
    pub authority: Option<Authority>,
    /// What people sign in to, as "the customer console"; absent, there are no accounts.
    #[serde(default)]
    pub accounts: Option<Said>,
    /// Cookies and storage keys of the site itself. Those of vendors and of Assent are known.
    #[serde(default)]
    pub cookies: Vec<StoredKey>,
    /// Where web beacons are used.
    #[serde(default)]
    pub beacons: Beacons,
    /// Whether anything still stores in Flash cookies.
    #[serde(default)]
    pub flash_cookies: bool,
    /// What addresses are used for.
    #[serde(default)]
    pub ip_addresses: IpAddresses,
    /// Kinds of personal data that are collected.
    #[serde(default = "DataKind::usual")]
    pub data: Vec<DataKind>,
    /// What is kept for how long.
    #[serde(default)]
    pub retention: Vec<Kept>,
    /// Where it is stored, as `Frankfurt, Germany`.
    #[serde(default)]
    pub storage_locations: Vec<String>,
    /// Transfers to other countries and what safeguards them (Art. 13(1)(f)).
    #[serde(default)]
    pub transfers: Option<Said>,
    /// Whether somebody has to give data, and what follows if not (Art. 13(2)(e)).
    #[serde(default)]
    pub obligatory: Option<Said>,
    /// Decisions that are made by programs alone (Art. 13(2)(f)).
    #[serde(default)]
    pub automated_decisions: Option<Said>,
    /// The rights that visitors have; absent, those of the laws that may hold for them.
    #[serde(default)]
    pub rights: Option<Vec<Right>>,
    /// Who stands behind a destination, by its name.
    #[serde(default)]
    pub recipients: BTreeMap<Slug, RecipientSaid>,
}

fn english() -> BTreeMap<String, Words> {
    BTreeMap::from([(FIRST_LANGUAGE.to_owned(), Words::default())])
}

impl NoticeRules {
    /// The words of a language that is published: Assent's, with the workspace's over them.
    pub fn words(&self, language: &str) -> Option<Words> {
        let over = self.languages.get(language)?;
        Some(Words::of_notice(language).cloned().unwrap_or_default().under(over))
    }

    /// Whether images that nobody sees are in the pages: declared, or by a tag.
    pub fn has_page_beacons(&self, banner: &Banner) -> bool {
        self.beacons.pages || banner.tags.iter().any(|tag| tag.kind == crate::TagKind::Img)
    }

    /// Everything that the workspace says here in words of its own, with where it stands.
    pub(crate) fn said(&self) -> Vec<(String, &Said)> {
        let single = [
            ("accounts", &self.accounts),
            ("transfers", &self.transfers),
            ("obligatory", &self.obligatory),
            ("automated_decisions", &self.automated_decisions),
        ];
        let single = single.into_iter().filter_map(|(place, said)| Some((place.to_owned(), said.as_ref()?)));
        let mut all: Vec<(String, &Said)> = single.collect();
        let kept = self.retention.iter().enumerate();
        all.extend(kept.map(|(at, kept)| (format!("retention[{at}].what"), &kept.what)));
        let own = self.cookies.iter().filter_map(|cookie| Some((&cookie.name, cookie.what_for.as_ref()?)));
        all.extend(own.map(|(name, said)| (format!("cookies `{name}`"), said)));
        all
    }
}

/// Somebody who is responsible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Its name.
    pub name: String,
    /// Its postal address, on one line or more.
    pub address: String,
    /// Where to write to about privacy.
    pub email: String,
    /// Where to call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Somebody to write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Its name; it need not be published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its address.
    pub email: String,
}

/// A supervisory authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Its name.
    pub name: String,
    /// Where complaints are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Where web beacons are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Beacons {
    /// In pages. A tag of kind `img` is one, whatever stands here.
    pub pages: bool,
    /// In e-mails: openings and clicks.
    pub emails: bool,
}

/// What is done with addresses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IpAddresses {
    /// What they are used for.
    pub uses: Vec<IpUse>,
    /// For how many days the site keeps whole addresses, outside of Assent, which keeps none.
    pub whole_days: Option<u16>,
}

impl Default for IpAddresses {
    fn default() -> Self {
        Self { uses: vec![IpUse::Region], whole_days: None }
    }
}

/// What addresses are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpUse {
    /// To know which law holds.
    Region,
    /// To count where visitors come from.
    Statistics,
    /// To recognise fraud.
    Fraud,
    /// To protect systems.
    Security,
}

impl IpUse {
    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Statistics => "statistics",
            Self::Fraud => "fraud",
            Self::Security => "security",
        }
    }
}

/// A kind of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataKind {
    /// Random identifiers of browsers and devices.
    Identifiers,
    /// Pages viewed and what was done on them.
    Usage,
    /// Browser, device and its settings.
    Device,
    /// Country or state, by the address.
    Region,
    /// Accounts and what is known in them.
    Account,
    /// Names, addresses, numbers.
    Contact,
    /// Orders and payments.
    Purchases,
}

impl DataKind {
    fn usual() -> Vec<Self> {
        vec![Self::Identifiers, Self::Usage, Self::Device, Self::Region]
    }

    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identifiers => "identifiers",
            Self::Usage => "usage",
            Self::Device => "device",
            Self::Region => "region",
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Purchases => "purchases",
        }
    }
}

/// Something that is kept for a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What.
    pub what: Said,
    /// For how long.
    pub lasts: Lifetime,
}

/// A right of visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// GDPR Art. 15
    Access,
    /// Art. 16
    Rectification,
    /// Art. 17
    Erasure,
    /// Art. 18
    Restriction,
    /// Art. 20
    Portability,
    /// Art. 21
    Objection,
    /// Art. 7(3)
    Withdrawal,
    /// Art. 77
    Complaint,
    /// Cal. Civ. Code 1798.120
    OptOut,
    /// 1798.125
    NoRetaliation,
}

impl Right {
    /// Where consent is asked for.
    pub const OF_CONSENT: [Self; 8] = [
        Self::Access,
        Self::Rectification,
        Self::Erasure,
        Self::Restriction,
        Self::Portability,
        Self::Objection,
        Self::Withdrawal,
        Self::Complaint,
    ];
    /// What the United States add.
    pub const OF_OPT_OUT: [Self; 2] = [Self::OptOut, Self::NoRetaliation];

    /// Its name, as files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Rectification => "rectification",
            Self::Erasure => "erasure",
            Self::Restriction => "restriction",
            Self::Portability => "portability",
            Self::Objection => "objection",
            Self::Withdrawal => "withdrawal",
            Self::Complaint => "complaint",
            Self::OptOut => "opt_out",
            Self::NoRetaliation => "no_retaliation",
        }
    }
}

/// Who stands behind a destination.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientSaid {
    /// Its name, for visitors.
    pub name: String,
    /// Where it is, as `Germany`.
    #[serde(default)]
    pub country: Option<String>,
    /// The contract on file, as somebody finds it there. For the records of processing, not for visitors.
    #[serde(default)]
    pub contract: Option<String>,
    /// What safeguards a transfer to where it is. For the records of processing.
    #[serde(default)]
    pub transfer: Option<Transfer>,
}

/// What safeguards data in another country (GDPR Art. 44 to 49).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transfer {
    /// They stay where the law of their origin holds.
    None,
    /// A decision that the country protects them adequately (Art. 45), the Data Privacy Framework among these.
    Adequacy,
    /// Standard contractual clauses (Art. 46(2)(c)).
    StandardClauses,
    /// Binding corporate rules (Art. 47).
    BindingRules,
    /// An exception for a specific situation (Art. 49).
    Derogation,
}
