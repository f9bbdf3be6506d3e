//! Sources: where events come from, and by what right they are collected.

use std::sync::Arc;

use event::{Secret, Slug};
use serde::{Deserialize, Serialize};

use crate::{Banner, Category, SiteBanner};

/// One source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    pub name: Slug,
    /// What sends.
    pub kind: SourceKind,
    /// The key that SDKs send. Generated when absent.
    #[serde(default)]
    pub write_key: Option<Secret<String>>,
    /// By what right it collects. Required for servers, `consent` for browsers and apps.
    #[serde(default)]
    pub basis: Option<Basis>,
    /// The category that must be granted before it may collect by consent.
    #[serde(default = "performance")]
    pub category: Category,
    /// Reads missing stamps as Segment does: the event is collected, marked unknown, and reaches only destinations
    /// that say `unstamped: allow`.
    #[serde(default)]
    pub compat: Option<Compat>,
    /// Which script a page gets under the source's key; see [`Source::sdk`].
    #[serde(default)]
    pub sdk: Option<Sdk>,
    /// The region of all its events, where it is known; else it comes from the address.
    #[serde(default)]
    pub region: Option<String>,
    /// Events of a disabled source are discarded as `source_disabled`.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// What its site says or does otherwise than the workspace's banner. For browsers only.
    #[serde(default)]
    pub banner: Option<SiteBanner>,
    /// The banner that holds on its site, where that is not the workspace's; made when the workspace is read, and handed
    /// out by [`crate::Workspace::site`].
    #[serde(skip)]
    pub(crate) effective: Option<Arc<Banner>>,
}

fn performance() -> Category {
    Category::new("performance")
}

fn enabled() -> bool {
    true
}

impl Source {
    /// The basis that holds.
    pub fn basis(&self) -> Basis {
        self.basis.unwrap_or(Basis::Consent)
    }

    /// The script that a page gets: Assent's own, which asks; Segment's for a source that reads stamps as Segment does,
    /// because somebody else asks there.
    pub fn sdk(&self) -> Sdk {
        self.sdk.unwrap_or(if self.compat.is_some() { Sdk::Segment } else { Sdk::Assent })
    }
}

/// What sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Pages, by SDK, pixel or beacon. The edge fills in the (cut) address.
    Browser,
    /// Apps.
    Mobile,
    /// The operator's own servers. Their own address says nothing about a visitor and is not kept.
    Server,
}

/// The lawful basis of collecting (GDPR Art. 6(1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// (a): the stamp or the choice on record must grant the source's category.
    Consent,
    /// (b)
    Contract,
    /// (c)
    LegalObligation,
    /// (d)
    VitalInterests,
    /// (e)
    PublicTask,
    /// (f)
    LegitimateInterests,
}

/// Whose reading of missing stamps a source follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// Segment's: no stamp, no enforcement at the door.
    Segment,
}

/// A browser SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sdk {
    /// Assent's own, with the banner.
    Assent,
    /// Segment's analytics.js as npm has it. It asks nobody.
    Segment,
}
