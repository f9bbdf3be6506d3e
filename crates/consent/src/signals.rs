//! Signals that a browser sends by itself.

use serde::{Deserialize, Serialize};

/// What the request's headers said, unless a later opt-in in two steps stands against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signals {
    /// Global Privacy Control.
    pub gpc: bool,
    /// Do Not Track. Obsolete; the workspace says whether it means anything.
    pub dnt: bool,
}

impl Signals {
    /// Reads the values of all `Sec-GPC` and `DNT` headers. Only the value `1` counts; of several, any `1`
    /// (<https://w3c.github.io/gpc/>).
    pub fn from_headers<'h>(gpc: impl IntoIterator<Item = &'h [u8]>, dnt: impl IntoIterator<Item = &'h [u8]>) -> Self {
        Self { gpc: gpc.into_iter().any(|value| value == b"1"), dnt: dnt.into_iter().any(|value| value == b"1") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_counts_and_any_of_several() {
        let none: [&[u8]; 0] = [];
        for (values, expected) in [
            (vec![&b"1"[..]], true),
            (vec![&b"0"[..], b"1"], true),
            (vec![&b"0"[..]], false),
            (vec![&b"true"[..], b" 1", b"11", b""], false),
            (vec![], false),
        ] {
            assert_eq!(Signals::from_headers(values.clone(), none).gpc, expected, "{values:?}");
        }
    }
}
