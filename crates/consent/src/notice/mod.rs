//! The cookie notice and the cookie declaration, generated from what is configured: a visitor reads what runs, because
//! nobody writes it down a second time.
//!
//! [`Notice`] is the whole text, as sections of sentences (for people, [`Notice::to_html`]) with the facts that they were
//! made from (for programs, as JSON). [`Declaration`] is its list of cookies and storage keys alone, which needs nobody's
//! name and therefore exists for every workspace. What no configuration knows (who is responsible, where data lies) comes
//! from the workspace's `notice` block; the sentences come from `crates/workspace/texts/notice`, a file per language.
//!
//! A statement is made only where the configuration makes it true: Do Not Track is ignored or honoured as it is
//! configured, opt-in is promised only where a regime asks, recipients are the destinations that run.

mod declaration;
mod duties;
mod html;
mod kinds;
mod own;
mod recipients;
mod record;
mod sections;
mod voice;

pub use declaration::{Declaration, Declared};
pub use html::POLICY as NOTICE_POLICY;
pub use recipients::{Gets, Recipient, recipients};
pub(crate) use record::facts;

use serde::Serialize;
use workspace::{Authority, Catalogue, Contact, Direction, DoNotTrack, Party, Site, Workspace};

use self::voice::Voice;
use crate::digest::sha256;

/// The version of the JSON. A change that a reader would misread raises it.
const FORMAT: u8 = 1;

/// A notice in one language.
#[derive(Debug, Clone, Serialize)]
pub struct Notice<'w> {
    v: u8,
    /// BCP 47.
    pub language: String,
    dir: Direction,
    /// What the site is called.
    pub site: &'w str,
    title: String,
    intro: Vec<String>,
    /// The text.
    pub sections: Vec<Section>,
    controller: &'w Party,
    #[serde(skip_serializing_if = "Option::is_none")]
    representative: Option<&'w Party>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpo: Option<&'w Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<&'w Authority>,
    signals: Signals,
    /// Every cookie and storage key.
    pub cookies: Vec<Declared>,
    /// Those that events are passed on to: the destinations that run.
    pub recipients: Vec<Recipient<'w>>,
    catalogue: CatalogueShown,
    /// Of the banner's words; counts up with every published change.
    version: u32,
    /// SHA-256 of the rest, in hex.
    pub hash: String,
    #[serde(skip)]
    imprint: String,
    #[serde(skip)]
    contents: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Signals {
    gpc: &'static str,
    dnt: DoNotTrack,
}

#[derive(Debug, Clone, Serialize)]
struct CatalogueShown {
    version: u32,
    as_of: &'static str,
}

/// A part of a notice under a heading.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// As addresses name it.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What stands in it.
    pub blocks: Vec<Block>,
}

/// A piece of a section. All texts are plain.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// A sentence or a few.
    Text {
        /// Plain text.
        text: String,
    },
    /// A heading inside the section.
    Heading {
        /// Plain text.
        text: String,
    },
    /// Items, each a part of the sentence before.
    List {
        /// Plain text.
        items: Vec<String>,
    },
    /// Somebody who places cookies.
    Vendor {
        /// As choices name it.
        id: String,
        /// Name and company.
        title: String,
        /// What for, in which role.
        text: String,
        /// Ways to opt out, and its policy.
        links: Vec<Link>,
    },
    /// Places to go to.
    Links {
        /// In the order of reading.
        links: Vec<Link>,
    },
    /// A postal address or another text of lines.
    Lines {
        /// From top to bottom.
        lines: Vec<String>,
    },
    /// Rows under column heads.
    Table {
        /// What the table is.
        caption: String,
        /// The heads; the first column names the row.
        head: Vec<String>,
        /// The cells.
        rows: Vec<Vec<String>>,
    },
}

/// A place to go to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// Plain text.
    pub text: String,
    /// An `https:` or `mailto:` address.
    pub href: String,
}

impl Block {
    fn text(text: String) -> Self {
        Self::Text { text }
    }
}

impl<'w> Notice<'w> {
    /// The notice of a workspace as it stands on one of its sites, in the published language that fits best what a reader
    /// asks for (as `Accept-Language` says it). `None` without a `notice` block: it would name nobody who is responsible.
    pub fn new(site: Site<'w>, accept_language: &str) -> Option<Self> {
        let workspace = site.workspace();
        let rules = workspace.consent.notice.as_ref()?;
        let voice = Voice::new(site, accept_language);
        let catalogue = Catalogue::get();
        let cookies = declaration::declared(&voice);
        let mut notice = Self {
            v: FORMAT,
            language: voice.language.clone(),
            dir: voice.direction(),
            site: &rules.site,
            title: voice.say("title"),
            intro: ["intro.collect", "intro.about", "intro.generated"].map(|place| voice.say(place)).into(),
            sections: Vec::new(),
            controller: &rules.controller,
            representative: rules.representative.as_ref(),
            dpo: rules.dpo.as_ref(),
            authority: rules.authority.as_ref(),
            signals: Signals { gpc: "honoured", dnt: workspace.consent.do_not_track },
            recipients: recipients(workspace),
            cookies,
            catalogue: CatalogueShown { version: catalogue.version, as_of: &catalogue.as_of },
            version: workspace.consent.banner.version,
            hash: String::new(),
            imprint: String::new(),
            contents: voice.say("contents"),
        };
        notice.sections = vec![
            sections::what(&voice, &notice.cookies),
            sections::choices(&voice),
            kinds::kinds(&voice, &notice.cookies),
            declaration::section(&voice, &notice.cookies),
            sections::beacons(&voice, rules),
            sections::addresses(&voice, rules),
            sections::signals(&voice),
            duties::recipients(&voice, &notice.recipients),
            duties::grounds(&voice, rules),
            duties::retention(&voice, rules),
            duties::rights(&voice, rules),
            duties::contact(&voice, rules),
        ];
        notice.hash = sha256(&serde_json::to_string(&notice).expect("a notice is made of texts and numbers"));
        let (version, hash) = (notice.version.to_string(), notice.hash.clone());
        notice.imprint = voice.with("version", &[("version", &version), ("hash", &hash)]);
        Some(notice)
    }

    /// The notice as a page: one document without scripts, to be served with [`NOTICE_POLICY`].
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// What a link to the notice is called, in the language that fits best; `None` without a `notice` block.
    pub fn link_text(workspace: &Workspace, accept_language: &str) -> Option<String> {
        workspace.consent.notice.as_ref()?;
        Some(Voice::new(workspace.template(), accept_language).say("link"))
    }
}
