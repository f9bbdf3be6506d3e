//! Categories as bits, so that a million choices fit into memory and a decision is a few instructions.

use workspace::{Category, ConsentRules, Model, REQUIRED, Regime};

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

    /// In both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
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
///
/// A bit keeps its meaning as long as the process runs, also when the workspace's categories change under it: choices
/// in memory are bits. So a category that goes keeps its bit, and one that comes gets a free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Categories {
    known: Vec<Known>,
    /// What the workspace has, without `required`.
    optional: CategorySet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    name: Category,
    aliases: Vec<Category>,
    /// Whether the workspace has it. Another category's name or alias wins over one that it does not have.
    is_live: bool,
}

/// More categories came and went than there are bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the workspace has had more than {CATEGORIES_MAX} categories since the server was started: start it again")]
pub struct TooManyCategories;

impl Categories {
    /// The categories of a workspace, `required` first.
    pub fn new(rules: &ConsentRules) -> Self {
        let required = Known { name: Category::new(REQUIRED), aliases: Vec::new(), is_live: true };
        let mut known = vec![required];
        for rule in &rules.categories {
            if rule.name.is_required() {
                known[0].aliases.clone_from(&rule.aliases);
            } else if known.len() < CATEGORIES_MAX {
                known.push(Known { name: rule.name.clone(), aliases: rule.aliases.clone(), is_live: true });
            }
        }
        Self::of(known)
    }

    fn of(known: Vec<Known>) -> Self {
        let live = known.iter().enumerate().skip(1).filter(|(_, known)| known.is_live);
        let optional = live.fold(CategorySet::NONE, |set, (bit, _)| set.union(CategorySet(1 << bit)));
        Self { known, optional }
    }

    /// These, with a bit also for what other rules name for the first time.
    pub(crate) fn widened(&self, rules: &ConsentRules) -> Result<Self, TooManyCategories> {
        let mut known = self.known.clone();
        for rule in &rules.categories {
            if known.iter().any(|known| known.name == rule.name) {
                continue;
            }
            if known.len() == CATEGORIES_MAX {
                return Err(TooManyCategories);
            }
            known.push(Known { name: rule.name.clone(), aliases: Vec::new(), is_live: false });
        }
        Ok(Self::of(known))
    }

    /// What of these means something that it did not mean in `before`, by its name or by a new alias.
    pub(crate) fn newly_meant(&self, before: &Self) -> CategorySet {
        let new = self.known.iter().enumerate().filter(|(bit, known)| {
            let had = before.known.get(*bit).filter(|had| had.is_live || !known.is_live);
            had.is_none_or(|had| known.aliases.iter().any(|alias| !had.aliases.contains(alias)))
        });
        new.fold(CategorySet::NONE, |set, (bit, _)| set.union(CategorySet(1 << bit)))
    }

    /// The same bits under other rules, for all of whose names there must be one.
    pub(crate) fn under(&self, rules: &ConsentRules) -> Self {
        let known = self.known.iter().map(|known| {
            let rule = rules.categories.iter().find(|rule| rule.name == known.name);
            let aliases = rule.map_or_else(Vec::new, |rule| rule.aliases.clone());
            Known { name: known.name.clone(), aliases, is_live: rule.is_some() || known.name.is_required() }
        });
        Self::of(known.collect())
    }

    /// The set of the category that a key of a stamp names; empty when the workspace does not know it.
    pub fn key(&self, key: &str) -> CategorySet {
        let is_meant =
            |known: &Known| known.name.as_str() == key || known.aliases.iter().any(|alias| alias.as_str() == key);
        let live = self.known.iter().position(|known| known.is_live && is_meant(known));
        live.or_else(|| self.known.iter().position(is_meant)).map_or(CategorySet::NONE, |bit| CategorySet(1 << bit))
    }

    /// `required`.
    pub fn required(&self) -> CategorySet {
        CategorySet(1)
    }

    /// `targeting`, when the workspace has it: what GPC denies.
    pub fn targeting(&self) -> CategorySet {
        self.key("targeting")
    }

    /// Every category of the workspace but `required`.
    pub fn optional(&self) -> CategorySet {
        self.optional
    }

    /// What a regime permits as long as nobody has chosen: `required`, what is on until it is refused, and for a site's own
    /// statistics what is exempt.
    pub fn unasked(&self, regime: Regime, is_own_statistics: bool) -> CategorySet {
        let live = self.known.iter().enumerate().skip(1).filter(|(_, known)| known.is_live);
        let on = live.filter(|(_, known)| match regime.model(known.name.as_str()) {
            Model::OptIn => false,
            Model::OptOut => true,
            Model::Exempt => is_own_statistics,
        });
        on.fold(self.required(), |set, (bit, _)| set.union(CategorySet(1 << bit)))
    }

    /// The names in a set, in order, for storage and for people.
    pub fn names(&self, set: CategorySet) -> Vec<&str> {
        let bits = self.known.iter().enumerate();
        bits.filter(|(bit, _)| set.0 & (1 << bit) != 0).map(|(_, known)| known.name.as_str()).collect()
    }

    /// The set of some names; unknown ones are left out.
    pub fn set<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> CategorySet {
        names.into_iter().fold(CategorySet::NONE, |set, name| set.union(self.key(name)))
    }
}
