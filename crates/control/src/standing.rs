//! What one identifier's subject says today, by category, with the time at which each was said.
//!
//! Choices do not arrive in the order in which they were made: an SDK repeats a request that failed while the next
//! one succeeds, so a grant of ten o'clock can come after the withdrawal of half past ten. Therefore each category
//! keeps the time of its latest word, and of two at the same time the refusal holds. Merging is then the same in
//! every order and repetition, in every engine.
//!
//! Names, not bits: what a bit means depends on the order of the workspace's file of the day.
//!
//! Beside categories it has vendors that are refused one by one (`vendor:ga`). The banner names those that are refused and
//! no others, so `vendor:*` says when it last asked about all of them: an older refusal of one of them is taken back. A
//! parent's consent (`age:parent`) takes back that a child cannot consent by itself.
//!
//! A grant also says to which version of the banner's words it was given, because it ends when those are asked again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use consent::{Categories, Held, Words};
use event::Millis;
use serde::{Deserialize, Serialize};
use workspace::VENDOR_PREFIX;

/// When the banner last asked about every vendor.
const ALL_VENDORS: &str = "vendor:*";
/// That a parent consents, and when.
const PARENT: &str = "age:parent";
/// As `consent` names it.
const OWN_CONSENT: &str = "age:own_consent";

/// The latest word about one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said(
    /// Whether it is granted.
    pub bool,
    /// When it was said.
    pub Millis,
    /// To which version of the banner's words; none where somebody else asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub Option<u32>,
);

impl Said {
    fn is_later_than(self, other: Self) -> bool {
        // Of two at the same time, `false` (refused) is the later, then the grant that ends sooner.
        (self.1, !self.0, Reverse(Words::of(self.2))) > (other.1, !other.0, Reverse(Words::of(other.2)))
    }
}

/// The latest word about each category that was ever named.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Standing(pub BTreeMap<String, Said>);

impl Standing {
    /// One choice as a standing, made at `at` to a version of the banner's words.
    pub fn of(granted: &[String], refused: &[String], at: Millis, words: Option<u32>) -> Self {
        let granted = granted.iter().map(|name| (name.clone(), Said(true, at, words)));
        // Refusals last, so that they win over a grant in the same choice.
        Self(granted.chain(refused.iter().map(|name| (name.clone(), Said(false, at, None)))).collect())
    }

    /// Adds that all vendors were asked about, and that some were refused.
    pub(crate) fn add_vendors(&mut self, refused: &[String], at: Millis) {
        self.0.insert(ALL_VENDORS.to_owned(), Said(true, at, None));
        let names = refused.iter().map(|id| format!("{VENDOR_PREFIX}{id}"));
        self.0.extend(names.map(|name| (name, Said(false, at, None))));
    }

    /// Adds that a parent consents.
    pub(crate) fn add_parent(&mut self, at: Millis) {
        self.0.insert(PARENT.to_owned(), Said(true, at, None));
    }

    /// Whether something else that was said takes this back.
    fn is_taken_back(&self, name: &str, said: Said) -> bool {
        let asked_at = |name: &str| self.0.get(name).filter(|asked| asked.0).map(|asked| asked.1);
        match name {
            OWN_CONSENT => asked_at(PARENT).is_some(),
            _ => name.starts_with(VENDOR_PREFIX) && asked_at(ALL_VENDORS).is_some_and(|asked| asked > said.1),
        }
    }

    /// What of it is refused.
    #[must_use]
    pub fn refusals(&self) -> Self {
        Self(self.words().filter(|(_, said)| !said.0).map(|(name, said)| (name.to_owned(), said)).collect())
    }

    /// The names that it refuses and `before` did not.
    pub(crate) fn newly_refused(&self, before: &Self) -> Vec<String> {
        let before = before.refusals();
        self.refusals().0.into_keys().filter(|name| !before.0.contains_key(name)).collect()
    }

    /// What was said about categories, and about what choices name beside them, as it counts.
    pub fn words(&self) -> impl Iterator<Item = (&str, Said)> {
        let said = self.0.iter().map(|(name, said)| (name.as_str(), *said));
        said.filter(|(name, said)| ![ALL_VENDORS, PARENT].contains(name) && !self.is_taken_back(name, *said))
    }

    /// Takes in what another says.
    pub fn merge(&mut self, other: &Self) {
        for (name, said) in &other.0 {
            match self.0.get_mut(name) {
                Some(known) if said.is_later_than(*known) => *known = *said,
                Some(_) => {}
                None => _ = self.0.insert(name.clone(), *said),
            }
        }
    }

    /// As the gate knows it. Categories that the workspace no longer has are left out, and stay on record.
    pub fn held(&self, categories: &Categories) -> Held {
        let named =
            self.words().map(|(name, Said(granted, at, words))| (categories.key(name), granted, at, Words::of(words)));
        Held::gathered(categories, named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standing() -> impl Strategy<Value = Standing> {
        let said = (any::<bool>(), 0..3_i64, prop::option::of(0..2_u32))
            .prop_map(|(granted, at, words)| Said(granted, Millis(at), words));
        prop::collection::btree_map("[abc]", said, 0..4).prop_map(Standing)
    }

    fn merged(parts: &[&Standing]) -> Standing {
        let mut whole = Standing::default();
        for part in parts {
            whole.merge(part);
        }
        whole
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_matters(a in standing(), b in standing(), c in standing()) {
            let straight = merged(&[&a, &b, &c]);
            prop_assert_eq!(&straight, &merged(&[&c, &b, &a]));
            prop_assert_eq!(&straight, &merged(&[&b, &a, &c, &b]));
            prop_assert_eq!(&straight, &merged(&[&a, &merged(&[&b, &c])]));
        }

        #[test]
        fn what_is_stored_is_read(a in standing()) {
            let text = serde_json::to_string(&a).expect("a map of plain values");
            prop_assert_eq!(serde_json::from_str::<Standing>(&text).ok(), Some(a));
        }
    }

    #[test]
    fn a_vendor_is_refused_until_the_banner_asks_again_without_it() {
        let refused = |standing: &Standing| standing.refusals().0.into_keys().collect::<Vec<_>>();
        let asked = |refused: &[&str], at| {
            let mut standing = Standing::default();
            standing.add_vendors(&refused.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), Millis(at));
            standing
        };
        let (first, second) = (asked(&["ga", "meta"], 10), asked(&["meta"], 20));
        assert_eq!(refused(&first), ["vendor:ga", "vendor:meta"]);
        assert_eq!(refused(&merged(&[&first, &second])), ["vendor:meta"]);
        assert_eq!(merged(&[&first, &second]), merged(&[&second, &first]));
        assert!(refused(&merged(&[&first, &asked(&[], 30)])).is_empty());
    }

    #[test]
    fn a_parent_consents_for_a_child_and_not_to_more_than_a_child_may() {
        let names = ["age:adult".to_owned(), OWN_CONSENT.to_owned()];
        let child = Standing::of(&[], &names, Millis(10), None);
        let mut parent = Standing::default();
        parent.add_parent(Millis(5));
        let both = merged(&[&child, &parent]);
        assert_eq!(both.refusals().0.into_keys().collect::<Vec<_>>(), ["age:adult"]);
    }

    #[test]
    fn a_late_grant_does_not_undo_a_withdrawal() {
        let names = ["performance".to_owned()];
        let grant = Standing::of(&names, &[], Millis(10), None);
        let withdrawal = Standing::of(&[], &names, Millis(20), None);
        assert_eq!(merged(&[&withdrawal, &grant]), withdrawal);
        let at_once = Standing::of(&[], &names, Millis(10), None);
        assert_eq!(merged(&[&at_once, &grant]), at_once);
    }
}
