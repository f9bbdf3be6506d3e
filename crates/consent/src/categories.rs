//! Categories as bits, so that a million choices fit into memory and a decision is a few instructions.
//!
//! Beside categories a choice on record and a stamp may name vendors (`vendor:ga`), a use (`use:sale_and_sharing`) and what
//! is not known of a child (`age:adult`). They are refused and granted like categories, follow a subject like categories,
//! and are bits like categories; nobody is shown them as such, and no destination can ask for them.

use workspace::{Category, ConsentRules, Model, REQUIRED, Regime, VENDOR_PREFIX};

use crate::Preferences;

/// The most categories and vendors that a workspace may ever have had; one bit each.
const BITS_MAX: usize = 64;
/// The vendors that a destination can belong to are the first of the banner's.
const VENDORS_MAX: usize = workspace::VENDORS_OF_DESTINATIONS_MAX;

/// Assent's own names, in the order of their bits, which follow that of `required`.
const OWN: [&str; 3] = ["use:sale_and_sharing", "age:adult", "age:own_consent"];

/// The vendors that have a bit, as choices name them.
fn vendors(rules: &ConsentRules) -> impl Iterator<Item = String> {
    rules.banner.vendors.iter().take(VENDORS_MAX).map(|vendor| format!("{VENDOR_PREFIX}{}", vendor.id))
}

/// A set of a workspace's categories. Bits mean what the [`Categories`] that made them say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct CategorySet(u64);

impl CategorySet {
    /// No category.
    pub const NONE: Self = Self(0);
    /// `use:sale_and_sharing`. Refused: the opt-out that Global Privacy Control means, on record. Granted: the opt-in in two
    /// steps over it. This and the next two are the same bits in every workspace.
    pub const SALE_AND_SHARING: Self = Self(1 << 1);
    /// `age:adult`. Refused: known to be a child, whose data is neither sold nor shared nor used for targeting.
    pub const ADULT: Self = Self(1 << 2);
    /// `age:own_consent`. Refused: too young to consent without a parent, so nothing optional is permitted.
    pub const OWN_CONSENT: Self = Self(1 << 3);

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
    /// What is no category.
    beside: CategorySet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    sort: Sort,
    name: Category,
    aliases: Vec<Category>,
    /// Whether the workspace has it. Another category's name or alias wins over one that it does not have.
    is_live: bool,
}

/// What a bit stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Category,
    Vendor,
    /// One of Assent's own names.
    Own,
}

/// More categories came and went than there are bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the workspace has had more than {BITS_MAX} categories and vendors since the server was started: start it again"
)]
pub struct TooManyCategories;

impl Categories {
    /// The categories of a workspace, `required` first.
    pub fn new(rules: &ConsentRules) -> Self {
        let named = |sort, name: &str| Known { sort, name: Category::new(name), aliases: Vec::new(), is_live: true };
        let mut known = vec![named(Sort::Category, REQUIRED)];
        known.extend(OWN.map(|name| named(Sort::Own, name)));
        for rule in &rules.categories {
            if rule.name.is_required() {
                known[0].aliases.clone_from(&rule.aliases);
            } else {
                let aliases = rule.aliases.clone();
                known.push(Known { sort: Sort::Category, name: rule.name.clone(), aliases, is_live: true });
            }
        }
        known.extend(vendors(rules).map(|name| named(Sort::Vendor, &name)));
        // Validation sees to it that there are not so many.
        known.truncate(BITS_MAX);
        Self::of(known)
    }

    fn of(known: Vec<Known>) -> Self {
        let set = |is: &dyn Fn(&Known) -> bool| {
            let bits = known.iter().enumerate().skip(1).filter(|(_, known)| is(known));
            bits.fold(CategorySet::NONE, |set, (bit, _)| set.union(CategorySet(1 << bit)))
        };
        let optional = set(&|known| known.sort == Sort::Category && known.is_live);
        let beside = set(&|known| known.sort != Sort::Category);
        Self { known, optional, beside }
    }

    /// These, with a bit also for what other rules name for the first time.
    pub(crate) fn widened(&self, rules: &ConsentRules) -> Result<Self, TooManyCategories> {
        let mut known = self.known.clone();
        let named = rules.categories.iter().map(|rule| (Sort::Category, rule.name.clone()));
        for (sort, name) in named.chain(vendors(rules).map(|name| (Sort::Vendor, Category::new(&name)))) {
            if known.iter().any(|known| known.name == name) {
                continue;
            }
            if known.len() == BITS_MAX {
                return Err(TooManyCategories);
            }
            known.push(Known { sort, name, aliases: Vec::new(), is_live: false });
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
        let vendors: Vec<String> = vendors(rules).collect();
        let known = self.known.iter().map(|known| {
            let rule = rules.categories.iter().find(|rule| rule.name == known.name);
            let aliases = rule.map_or_else(Vec::new, |rule| rule.aliases.clone());
            let is_live = match known.sort {
                Sort::Category => rule.is_some() || known.name.is_required(),
                Sort::Vendor => vendors.iter().any(|name| name == known.name.as_str()),
                Sort::Own => true,
            };
            Known { sort: known.sort, name: known.name.clone(), aliases, is_live }
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

    /// The vendor of this id; empty when a destination cannot belong to it.
    pub fn vendor(&self, id: &str) -> CategorySet {
        self.key(&format!("{VENDOR_PREFIX}{id}"))
    }

    /// Every vendor, and Assent's own names: what a choice may name beside categories.
    pub fn beside(&self) -> CategorySet {
        self.beside
    }

    /// What preferences refuse beside categories.
    pub(crate) fn refused_beside(&self, preferences: &Preferences<'_>) -> CategorySet {
        // All those names have a colon, which few others have: a stamp is read for every event and destination.
        let refused = preferences.0.iter().filter(|(key, granted)| !granted && key.contains(':'));
        refused.fold(CategorySet::NONE, |set, (key, _)| set.union(self.key(key))).intersection(self.beside)
    }

    /// Every category of the workspace but `required`.
    pub fn optional(&self) -> CategorySet {
        self.optional
    }

    /// What a regime permits as long as nobody has chosen: `required`, what is on until it is refused, and for a site's own
    /// statistics what is exempt.
    pub fn unasked(&self, regime: Regime, is_own_statistics: bool) -> CategorySet {
        let is_category = |known: &Known| known.sort == Sort::Category && known.is_live;
        let live = self.known.iter().enumerate().skip(1).filter(|(_, known)| is_category(known));
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
