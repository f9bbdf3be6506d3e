//! The cookie declaration: every cookie and storage key, by whom, where, for how long, what for.

use serde::Serialize;
use workspace::{Category, Direction, Lifetime, Site, StoreKind, StoredKey};

use super::voice::Voice;
use super::{Block, FORMAT, Section, own};

/// The list of a workspace's cookies and storage keys in one language.
#[derive(Debug, Clone, Serialize)]
pub struct Declaration {
    v: u8,
    /// BCP 47.
    pub language: String,
    dir: Direction,
    /// Those of Assent, of the site, of its vendors, in this order.
    pub cookies: Vec<Declared>,
}

/// A cookie or storage key.
#[derive(Debug, Clone, Serialize)]
pub struct Declared {
    /// Its name; `*` stands for any characters.
    pub name: String,
    /// Where it lies.
    pub kind: StoreKind,
    /// How long, as workspace files write it.
    pub lasts: Lifetime,
    /// How long, in words.
    pub lasts_words: String,
    /// What must be granted for it.
    pub category: Category,
    /// The domain that it belongs to; `null`: the site's.
    pub host: Option<String>,
    /// The vendor that it belongs to; `null`: the site itself.
    pub vendor: Option<String>,
    /// By whom, in words.
    pub by: String,
    /// What for, in words.
    pub what_for: String,
}

impl Declaration {
    /// The declaration of a workspace as it stands on one of its sites, in the published language that fits best what a
    /// reader asks for.
    pub fn new(site: Site<'_>, accept_language: &str) -> Self {
        let voice = Voice::new(site, accept_language);
        Self { v: FORMAT, language: voice.language.clone(), dir: voice.direction(), cookies: declared(&voice) }
    }
}

/// Every key. What several vendors share is listed for each of them.
pub(super) fn declared(voice: &Voice<'_>) -> Vec<Declared> {
    let workspace = voice.workspace;
    let mut all = Vec::new();
    let required = Category::new(workspace::REQUIRED);
    let site = workspace.consent.notice.iter().flat_map(|notice| notice.cookies.clone());
    for key in own::keys(workspace).into_iter().chain(site) {
        let category = key.category.clone().unwrap_or_else(|| required.clone());
        all.push(one(voice, key, category, None));
    }
    for vendor in &workspace.consent.banner.vendors {
        for key in &vendor.about.cookies {
            let category = key.category.clone().unwrap_or_else(|| vendor.category.clone());
            all.push(one(voice, key.clone(), category, Some((vendor.id.as_str(), vendor.name.as_str()))));
        }
    }
    all
}

fn one(voice: &Voice<'_>, key: StoredKey, category: Category, vendor: Option<(&str, &str)>) -> Declared {
    let StoredKey { name, kind, lasts, host, used_for, what_for, .. } = key;
    let used = || used_for.as_ref().map(|used| voice.say(&format!("for.{used}"))).unwrap_or_default();
    Declared {
        name,
        kind,
        lasts,
        lasts_words: voice.lasts(lasts),
        category,
        host,
        vendor: vendor.map(|(id, _)| id.to_owned()),
        by: vendor.map_or(voice.site(), |(_, name)| name).to_owned(),
        what_for: voice.said_or(what_for.as_ref(), used),
    }
}

/// The list as a part of the notice, a table for each category.
pub(super) fn section(voice: &Voice<'_>, cookies: &[Declared]) -> Section {
    let head = ["column.name", "column.by", "column.kind", "column.lasts", "column.what_for"];
    let rules = &voice.workspace.consent.categories;
    let table = |rule: &workspace::CategoryRule| {
        let rows: Vec<Vec<String>> =
            cookies.iter().filter(|one| one.category == rule.name).map(|one| row(voice, one)).collect();
        let caption = voice.category(rule.name.as_str());
        (!rows.is_empty()).then(|| Block::Table { caption, head: head.map(|place| voice.say(place)).into(), rows })
    };
    Section { id: "list", title: voice.say("heading.list"), blocks: rules.iter().filter_map(table).collect() }
}

fn row(voice: &Voice<'_>, one: &Declared) -> Vec<String> {
    let by = one.host.as_ref().map_or_else(|| one.by.clone(), |host| format!("{} ({host})", one.by));
    vec![one.name.clone(), by, voice.kind(one.kind), one.lasts_words.clone(), one.what_for.clone()]
}
