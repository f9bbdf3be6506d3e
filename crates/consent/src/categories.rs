//! Categories as bits, so that a million choices fit into memory and a decision is a few instructions.

use workspace::{Category, ConsentRules, REQUIRED};

/// The most categories that a workspace may ever have had; one bit each.
const CATEGORIES_MAX: usize = 64;

/// A set of a workspace's categories. Bits mean what the [`Categories`] that made them say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct CategorySet(u64);

impl CategorySet {
    /// No category.
    pub const NONE: Self = Self(0);

    /// In either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// In this and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether every category of `other` is in this.
    pub fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether some category is in both.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The categories of a workspace in bit order. `required` is always bit 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    /// Name, aliases.
    rules: Vec<(Category, Vec<Category>)>,
}

impl Categories {
    /// The categories of a workspace, `required` first.
    pub fn new(rules: &ConsentRules) -> Self {
        let mut ordered = vec![(Category::new(REQUIRED), Vec::new())];
        for rule in &rules.categories {
            if rule.name.is_required() {
                ordered[0].1.clone_from(&rule.aliases);
            } else if ordered.len() < CATEGORIES_MAX {
                ordered.push((rule.name.clone(), rule.aliases.clone()));
            }
        }
        Self { rules: ordered }
    }

    /// The set of the category that a key of a stamp names; empty when the workspace does not know it.
    pub fn key(&self, key: &str) -> CategorySet {
        self.rules
            .iter()
            .position(|(name, aliases)| name.as_str() == key || aliases.iter().any(|alias| alias.as_str() == key))
            .map_or(CategorySet::NONE, |bit| CategorySet(1 << bit))
    }

    /// `required`.
    pub fn required(&self) -> CategorySet {
        CategorySet(1)
    }

    /// `targeting`, when the workspace has it: what GPC denies.
    pub fn targeting(&self) -> CategorySet {
        self.key("targeting")
    }

    /// Every category but `required`.
    pub fn optional(&self) -> CategorySet {
        let all = if self.rules.len() >= CATEGORIES_MAX { u64::MAX } else { (1 << self.rules.len()) - 1 };
        CategorySet(all & !1)
    }

    /// The names in a set, in order, for storage and for people.
    pub fn names(&self, set: CategorySet) -> Vec<&str> {
        let bits = self.rules.iter().enumerate();
        bits.filter(|(bit, _)| set.0 & (1 << bit) != 0).map(|(_, (name, _))| name.as_str()).collect()
    }

    /// The set of some names; unknown ones are left out.
    pub fn set<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> CategorySet {
        names.into_iter().fold(CategorySet::NONE, |set, name| set.union(self.key(name)))
    }
}
