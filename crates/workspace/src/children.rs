//! Who is known to be a child: a field of events that the workspace fills says so, Assent guesses nothing.
//!
//! What it means is the law's: a known child's data is neither sold nor shared nor used for targeting (Cal. Civ. Code
//! 1798.120(c), where it would take an opt-in of the child or its parent, which Assent does not offer), and below an age
//! that differs by country (16 C.F.R. part 312; GDPR Art. 8) consent is a parent's to give.

use serde::{Deserialize, Serialize};

/// How events say that they are about a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Children {
    /// Where the field is.
    #[serde(default, rename = "in")]
    pub place: Place,
    /// Its name.
    pub name: String,
    /// The values of a child. Any other value, but none, is of somebody who is grown up.
    pub denied: Vec<String>,
    /// Of those, the values of a child for whom a parent must consent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parent: Vec<String>,
}

/// Where an event has the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In the traits of `identify`.
    #[default]
    Traits,
    /// In the context of any event.
    Context,
}

/// What a value says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// A child for whom a parent must consent.
    NeedsParent,
    /// A child.
    Child,
    /// Grown up.
    Adult,
}

impl Children {
    /// What a value says.
    pub fn age(&self, value: &str) -> Age {
        let is_in = |values: &[String]| values.iter().any(|one| one == value);
        match (is_in(&self.denied), is_in(&self.parent)) {
            (_, true) => Age::NeedsParent,
            (true, false) => Age::Child,
            (false, false) => Age::Adult,
        }
    }
}
