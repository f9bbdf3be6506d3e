//! What the gate holds about one identifier: what it refuses, and what it grants, with when and to which words. A refusal
//! has no end; a grant ends when the regime's lifetime has run out since it was made, and when its words are asked again.
//!
//! It is small, because there may be a million of them. The grants that were made last have their own time; all earlier
//! ones share the oldest time among them, so that a fresh grant counts at once and an old one never longer than it may.

use event::Millis;
use workspace::Regime;

use crate::{Categories, CategorySet, Choice, Rules};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The version of the banner's words that a grant was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Words(u16);

impl Words {
    /// Somebody else asked: a form of the workspace, another consent platform. The banner's versions say nothing about it.
    pub const OTHERS: Self = Self(u16::MAX);

    /// A version of the banner's words; `None` where somebody else asked.
    pub fn of(version: Option<u32>) -> Self {
        version.map_or(Self::OTHERS, |version| Self(u16::try_from(version).unwrap_or(u16::MAX).min(u16::MAX - 1)))
    }
}

/// Hours since 1970, rounded down: a grant ends up to an hour early and never late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hours(u32);

impl Hours {
    fn of(at: Millis) -> Self {
        Self(u32::try_from((at.0 / HOUR_MS).max(0)).unwrap_or(u32::MAX))
    }
}

/// Categories that were granted together, or count as if they had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Grants {
    set: CategorySet,
    at: Hours,
    words: Words,
}

impl Grants {
    /// Of no category; neutral in [`Grants::with`].
    const NONE: Self = Self { set: CategorySet::NONE, at: Hours(u32::MAX), words: Words::OTHERS };

    /// Both, as old as the older.
    fn with(self, other: Self) -> Self {
        let set = self.set.union(other.set);
        Self { set, at: self.at.min(other.at), words: self.words.min(other.words) }
    }

    fn without(self, set: CategorySet) -> Self {
        let set = self.set.without(set);
        if set.is_empty() { Self::NONE } else { Self { set, ..self } }
    }
}

/// The moment at which somebody asks what still counts, and the rules by which grants end.
#[derive(Debug, Clone, Copy)]
pub struct When {
    now: Millis,
    lifetime_ms: i64,
    ask_again_below: Words,
}

impl When {
    /// `regime` is that of the region in which the event happened: its law says for how long a choice holds.
    pub fn new(now: Millis, regime: Regime, rules: &Rules) -> Self {
        let lifetime_ms = i64::from(regime.row().lifetime_days) * DAY_MS;
        Self { now, lifetime_ms, ask_again_below: rules.ask_again_below }
    }

    fn has_ended(&self, grants: Grants) -> bool {
        let made_at = i64::from(grants.at.0) * HOUR_MS;
        self.now.0 >= made_at + self.lifetime_ms || grants.words < self.ask_again_below
    }
}

/// What is on record about one identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    latest: Grants,
    earlier: Grants,
    refused: CategorySet,
}

impl Default for Held {
    fn default() -> Self {
        Self { latest: Grants::NONE, earlier: Grants::NONE, refused: CategorySet::NONE }
    }
}

impl Held {
    /// One choice, made at `at` to `words`.
    pub fn said(choice: Choice, at: Millis, words: Words) -> Self {
        let granted = Grants { set: choice.granted, at: Hours::of(at), words };
        Self { refused: choice.refused, ..Self::default() }.granting(granted)
    }

    /// Only refusals.
    pub fn refusing(refused: CategorySet) -> Self {
        Self { refused, ..Self::default() }
    }

    /// What was said about each category, and when. Of a category that is named twice the refusal counts.
    pub fn gathered(
        categories: &Categories,
        named: impl IntoIterator<Item = (CategorySet, bool, Millis, Words)>,
    ) -> Self {
        let mut held = Self::default();
        for (category, granted, at, words) in named {
            if granted {
                held = held.granting(Grants { set: category, at: Hours::of(at), words });
            } else {
                held.refused = held.refused.union(category);
            }
        }
        let refused = held.refused.without(categories.required());
        Self { refused, ..held.ungranting(refused) }
    }

    /// What is held after `later` was said: what it names replaces, the rest stays.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let kept = self.ungranting(later.refused);
        let refused = self.refused.without(later.granted()).union(later.refused);
        Self { refused, ..kept }.granting(later.earlier).granting(later.latest)
    }

    /// What is held about some categories.
    #[must_use]
    pub(crate) fn within(self, categories: CategorySet) -> Self {
        let others = self.granted().without(categories);
        Self { refused: self.refused.intersection(categories), ..self.ungranting(others) }
    }

    /// What is refused. Never holds `required`.
    pub fn refused(self) -> CategorySet {
        self.refused
    }

    /// What counts at a moment, and beside it the grants that have ended.
    pub(crate) fn at(self, when: When) -> (Choice, CategorySet) {
        let mut choice = Choice { granted: CategorySet::NONE, refused: self.refused };
        let mut ended = CategorySet::NONE;
        for grants in [self.latest, self.earlier] {
            let to = if when.has_ended(grants) { &mut ended } else { &mut choice.granted };
            *to = to.union(grants.set);
        }
        (choice, ended)
    }

    fn granted(self) -> CategorySet {
        self.latest.set.union(self.earlier.set)
    }

    fn ungranting(self, set: CategorySet) -> Self {
        Self { latest: self.latest.without(set), earlier: self.earlier.without(set), ..self }
    }

    /// Adds grants, each with its own time, to those that are there. Whatever the order, the last made has its own.
    fn granting(self, new: Grants) -> Self {
        if new.set.is_empty() {
            return self;
        }
        let old = self.ungranting(new.set);
        let mut parts = [old.earlier, old.latest, new];
        parts.sort_unstable_by_key(|part| (!part.set.is_empty(), part.at, part.words));
        let [oldest, older, latest] = parts;
        if (older.at, older.words) == (latest.at, latest.words) {
            return Self { latest: latest.with(older), earlier: oldest, ..old };
        }
        Self { latest, earlier: oldest.with(older), ..old }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workspace::ConsentRules;

    const DAY: Millis = Millis(DAY_MS);

    /// What counts `days` after the beginning, and what has ended, as names.
    fn at(held: Held, days: i64) -> String {
        let rules = Rules::new(&ConsentRules::default());
        let (choice, ended) = held.at(When::new(Millis(days * DAY.0), Regime::OPT_IN, &rules));
        let names = |set| rules.categories.names(set).join(" ");
        format!("+[{}] -[{}] ended [{}]", names(choice.granted), names(choice.refused), names(ended))
    }

    fn grant(name: &str, day: i64) -> Held {
        let rules = Rules::new(&ConsentRules::default());
        let choice = Choice { granted: rules.categories.key(name), refused: CategorySet::NONE };
        Held::said(choice, Millis(day * DAY.0), Words::OTHERS)
    }

    #[test]
    fn a_fresh_grant_counts_its_own_time_and_earlier_ones_the_oldest() {
        let two = grant("performance", 0).then(grant("targeting", 100));
        assert_eq!(at(two, 179), "+[performance targeting] -[] ended []");
        assert_eq!(at(two, 180), "+[targeting] -[] ended [performance]");
        let three = two.then(grant("functionality", 170));
        assert_eq!(at(three, 180), "+[functionality] -[] ended [performance targeting]");
        assert_eq!(
            at(three.then(grant("performance", 175)), 200),
            "+[performance] -[] ended [functionality targeting]"
        );
    }

    #[test]
    fn the_order_of_saying_does_not_matter_for_the_times() {
        let (a, b) = (grant("performance", 0), grant("targeting", 100));
        assert_eq!(a.then(b), b.then(a));
    }

    #[test]
    fn what_is_refused_and_granted_again_is_as_old_as_the_grant() {
        let rules = Rules::new(&ConsentRules::default());
        let refusal = Held::refusing(rules.categories.key("performance"));
        let again = grant("performance", 0).then(refusal).then(grant("performance", 90));
        assert_eq!(at(again, 200), "+[performance] -[] ended []");
        assert_eq!(at(again.then(refusal), 10), "+[] -[performance] ended []");
    }

    #[test]
    fn it_stays_small() {
        assert!(size_of::<Held>() <= 40, "{} bytes for each of a million", size_of::<Held>());
    }
}
