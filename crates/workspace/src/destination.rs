//! Destinations: who receives, for which purpose, under which categories.

use event::Slug;
use serde::{Deserialize, Serialize};

use crate::{Category, Purpose};

/// One destination instance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Its name.
    pub name: Slug,
    /// The destination of the registry: `webhook`, `file`, …
    pub kind: Slug,
    /// The sources whose events it may be for.
    pub sources: Vec<Slug>,
    /// What the kind's own schema asks for, secrets filled in.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// All of them must be granted. Absent: the destination is unmapped.
    #[serde(default)]
    pub categories: Option<Vec<Category>>,
    /// The vendor of the banner that it is: whoever refuses the vendor there is withheld from it, though its categories
    /// are granted.
    #[serde(default)]
    pub vendor: Option<String>,
    /// What the recipient uses the events for.
    pub purpose: Purpose,
    /// What the recipient is, by the operator's claim until a contract is on record.
    #[serde(default = "third_party")]
    pub recipient: RecipientRole,
    /// What an unmapped destination gets: Segment sends it everything, Assent nothing.
    #[serde(default = "deny")]
    pub unmapped: Switch,
    /// Whether events of unknown consent (`compat: segment`) may reach it.
    #[serde(default = "deny")]
    pub unstamped: Switch,
    /// Whether it is told when somebody refuses what it may have received events under.
    #[serde(default)]
    pub withdrawals: Withdrawals,
    /// A disabled destination gets nothing and keeps no backlog: what waits for it is given up when it is disabled, and it
    /// begins at the tail when it is enabled again.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Which making of its name it is, where that is known: one that is deleted and made again is another one. Not for
    /// files; `control` says it.
    #[serde(skip)]
    pub made_in: i64,
}

fn third_party() -> RecipientRole {
    RecipientRole::ThirdParty
}

fn deny() -> Switch {
    Switch::Deny
}

fn enabled() -> bool {
    true
}

impl Destination {
    /// The categories that must be granted; none for an unmapped destination.
    pub fn categories(&self) -> &[Category] {
        self.categories.as_deref().unwrap_or_default()
    }

    /// Whether it has no categories.
    pub fn is_unmapped(&self) -> bool {
        self.categories().is_empty()
    }
}

/// What a recipient is to the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientRole {
    /// Acts on instructions only.
    ServiceProvider,
    /// Anyone else.
    ThirdParty,
}

/// What a recipient is to learn of somebody who refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Withdrawals {
    /// Nothing: their events stop coming. The default, so that a receiver of events is not surprised by what is none.
    #[default]
    Silent,
    /// Each refusal that concerns it, once.
    Tell,
}

impl Withdrawals {
    /// Whether it is told.
    pub fn tells(self) -> bool {
        self == Self::Tell
    }
}

/// A permission that is off unless somebody wrote it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Refused.
    Deny,
    /// Permitted.
    Allow,
}

impl Switch {
    /// Whether it permits.
    pub fn allows(self) -> bool {
        self == Self::Allow
    }
}
