//! Purposes: what data is used for, in the law's sense. Each use declares exactly one.

use std::fmt;

use event::Slug;
use serde::{Deserialize, Serialize};

/// The declared purpose of a use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Providing what the person asked for.
    Service,
    /// Protecting people and systems.
    Security,
    /// Measuring use.
    Analytics,
    /// Adapting what the person sees.
    Personalisation,
    /// Advertising across contexts.
    Advertising,
    /// Disclosure for money or other consideration (CCPA).
    Sale,
    /// Disclosure for cross-context behavioural advertising (CCPA).
    Sharing,
    /// Research.
    Research,
    /// The workspace's own.
    #[serde(untagged)]
    Own(Slug),
}

impl Purpose {
    /// Whether an opt-out of sale, sharing or cross-context advertising (and so GPC) forbids it.
    pub fn is_sale_or_advertising(&self) -> bool {
        matches!(self, Self::Advertising | Self::Sale | Self::Sharing)
    }

    /// Whether it may hide behind the category `required`, which nobody can refuse.
    pub fn may_be_required(&self) -> bool {
        !matches!(self, Self::Analytics | Self::Advertising | Self::Sale | Self::Sharing)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Service => "service",
            Self::Security => "security",
            Self::Analytics => "analytics",
            Self::Personalisation => "personalisation",
            Self::Advertising => "advertising",
            Self::Sale => "sale",
            Self::Sharing => "sharing",
            Self::Research => "research",
            Self::Own(name) => name.as_str(),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
