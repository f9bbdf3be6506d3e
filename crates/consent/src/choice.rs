//! A choice: what somebody says, and how what is on record about several identifiers counts together.

use workspace::Regime;

use crate::{Categories, CategorySet, Held, Preferences, When};

/// What one choice says. Categories in neither set were not asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// Granted.
    pub granted: CategorySet,
    /// Refused. Never holds `required`.
    pub refused: CategorySet,
}

impl Choice {
    /// The choice that a consent event makes: what it does not name, it refuses (as at Segment). It can grant what
    /// visitors are asked about and nothing else: whoever names what stands for a signal, an age or a vendor grants nothing.
    pub fn complete(categories: &Categories, preferences: &Preferences<'_>) -> Self {
        let asked = categories.optional().union(categories.required());
        let granted = granted(categories, preferences).intersection(asked);
        Self { granted, refused: categories.optional().without(granted) }
    }

    /// The choice that some categories of it were made explicitly, the rest not asked.
    pub fn partial(categories: &Categories, named: impl IntoIterator<Item = (CategorySet, bool)>) -> Self {
        let mut choice = Self::default();
        for (category, granted) in named {
            if granted {
                choice.granted = choice.granted.union(category);
            } else {
                choice.refused = choice.refused.union(category);
            }
        }
        choice.normalised(categories)
    }

    /// Whether it grants nothing that can be refused: such a choice is recorded without an identifier when its maker
    /// is not known already.
    pub fn is_refusal(self, categories: &Categories) -> bool {
        !self.granted.intersects(categories.optional())
    }

    fn normalised(self, categories: &Categories) -> Self {
        let refused = self.refused.without(categories.required());
        Self { granted: self.granted.without(refused), refused }
    }
}

/// The categories that preferences grant. A category named twice, by name and alias, is granted only if both say so.
pub(crate) fn granted(categories: &Categories, preferences: &Preferences<'_>) -> CategorySet {
    let (mut granted, mut refused) = (categories.required(), CategorySet::NONE);
    for (key, value) in &preferences.0 {
        let category = categories.key(key);
        if *value {
            granted = granted.union(category);
        } else {
            refused = refused.union(category);
        }
    }
    granted.without(refused).union(categories.required())
}

/// The categories that a choice on record grants: those it grants, and where the regime permits until refused, those
/// it was not asked about.
pub(crate) fn granted_on_record(
    categories: &Categories,
    preferences: &Preferences<'_>,
    regime: Regime,
    is_own_statistics: bool,
) -> CategorySet {
    let asked = categories.set(preferences.0.iter().map(|(key, _)| key.as_ref()));
    granted(categories, preferences).union(categories.unasked(regime, is_own_statistics).without(asked))
}

/// What is on record about a subject today, all its identifiers taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    /// Refused under some identifier.
    pub refused: CategorySet,
    /// Granted under some identifier and refused under none.
    pub granted: CategorySet,
    /// Granted once, under some identifier, by a grant that has ended; neither granted nor refused now.
    pub ended: CategorySet,
    /// Whether any choice is on record.
    pub any: bool,
}

impl Choices {
    /// Adds the choice of one more identifier. A refusal under any of them counts.
    #[must_use]
    pub fn and(self, choice: Choice) -> Self {
        let refused = self.refused.union(choice.refused);
        let granted = self.granted.union(choice.granted).without(refused);
        Self { refused, granted, ended: self.ended.without(granted.union(refused)), any: true }
    }

    /// Adds what is on record about one more identifier, as it counts at a moment.
    #[must_use]
    pub fn and_held(self, held: Held, when: When) -> Self {
        let (choice, ended) = held.at(when);
        let known = self.and(choice);
        let ended = known.ended.union(ended).without(known.granted.union(known.refused));
        Self { ended, ..known }
    }
}
