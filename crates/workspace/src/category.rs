//! Categories: what a visitor sees and chooses between. Never the same thing as a purpose or a recipient.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The category that is always granted and can be refused by nobody; therefore it may not be used for analytics,
/// advertising, sale or sharing.
pub const REQUIRED: &str = "required";

/// The name of a category, as in a stamp. Case matters, as at Segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Category(Arc<str>);

impl Category {
    /// A category by name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that is always granted.
    pub fn is_required(&self) -> bool {
        &*self.0 == REQUIRED
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A category of a workspace and the names by which consent platforms call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct CategoryRule {
    /// The name.
    pub name: Category,
    /// Other keys of a stamp that mean this category: TrustArc's `ta-2`, OneTrust's `C0002`.
    pub aliases: Vec<Category>,
    /// Cookies, storage keys and databases of the site that go when it is withdrawn; `*` stands for any characters.
    pub erase: Vec<String>,
}

/// A category may be written as its name alone.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Name(Category),
    Full(Full),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Full {
    name: Category,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Category>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    erase: Vec<String>,
}

impl From<Written> for CategoryRule {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(name) => Self { name, aliases: Vec::new(), erase: Vec::new() },
            Written::Full(Full { name, aliases, erase }) => Self { name, aliases, erase },
        }
    }
}

impl From<CategoryRule> for Written {
    fn from(rule: CategoryRule) -> Self {
        if rule.aliases.is_empty() && rule.erase.is_empty() {
            Self::Name(rule.name)
        } else {
            Self::Full(Full { name: rule.name, aliases: rule.aliases, erase: rule.erase })
        }
    }
}

impl CategoryRule {
    /// The four categories of the cookie notice that Assent is modelled on.
    pub fn defaults() -> Vec<Self> {
        [REQUIRED, "functionality", "performance", "targeting"]
            .into_iter()
            .map(|name| Self { name: Category::new(name), aliases: Vec::new(), erase: Vec::new() })
            .collect()
    }
}
