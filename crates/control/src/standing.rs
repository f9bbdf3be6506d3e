//! What one identifier's subject says today, by category, with the time at which each was said.
//!
//! Choices do not arrive in the order in which they were made: an SDK repeats a request that failed while the next
//! one succeeds, so a grant of ten o'clock can come after the withdrawal of half past ten. Therefore each category
//! keeps the time of its latest word, and of two at the same time the refusal holds. Merging is then the same in
//! every order and repetition, in every engine.
//!
//! Names, not bits: what a bit means depends on the order of the workspace's file of the day.
//!
//! A grant also says to which version of the banner's words it was given, because it ends when those are asked again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use consent::{Categories, Held, Words};
use event::Millis;
use serde::{Deserialize, Serialize};

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

    /// What of it is refused.
    #[must_use]
    pub fn refusals(&self) -> Self {
        Self(self.0.iter().filter(|(_, said)| !said.0).map(|(name, said)| (name.clone(), *said)).collect())
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
        let named = self
            .0
            .iter()
            .map(|(name, Said(granted, at, words))| (categories.key(name), *granted, *at, Words::of(*words)));
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
    fn a_late_grant_does_not_undo_a_withdrawal() {
        let names = ["performance".to_owned()];
        let grant = Standing::of(&names, &[], Millis(10), None);
        let withdrawal = Standing::of(&[], &names, Millis(20), None);
        assert_eq!(merged(&[&withdrawal, &grant]), withdrawal);
        let at_once = Standing::of(&[], &names, Millis(10), None);
        assert_eq!(merged(&[&at_once, &grant]), at_once);
    }
}
