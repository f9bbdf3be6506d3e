//! Names and numbers that identify things: slugs of configured objects, surrogates of subjects, message ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::Millis;
use serde::{Deserialize, Serialize};

/// The name of a workspace, a source or a destination: `[a-z0-9][a-z0-9_-]{0,62}`. Safe in paths, keys and metrics.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Slug(Arc<str>);

/// A name that is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a name: use 1 to 63 of a-z, 0-9, `-` and `_`, starting with a letter or a digit")]
pub struct InvalidSlug(pub String);

impl Slug {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for Slug {
    type Err = InvalidSlug;

    fn from_str(text: &str) -> Result<Self, InvalidSlug> {
        let mut bytes = text.bytes();
        let starts_well = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let goes_on_well =
            bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'));
        if starts_well && goes_on_well && text.len() <= 63 {
            Ok(Self(text.into()))
        } else {
            Err(InvalidSlug(text.to_owned()))
        }
    }
}

impl<'de> Deserialize<'de> for Slug {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// The random 128-bit number that stands for a subject wherever identifiers are not needed. Random, never derived
/// from an identifier: once the vault forgets the pair, it means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectId(pub [u8; 16]);

impl SubjectId {
    /// A fresh surrogate.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubjectId({self})")
    }
}

/// A keyed hash of one identifier (`vault` computes it): looks a person up without saying who it is, and means
/// nothing without the workspace's key. 128 bits of HMAC-SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 16]);

/// Hashes as its halves folded: nobody without the workspace's key can choose them, and [`ByFingerprint`] takes them
/// as they are.
impl std::hash::Hash for Fingerprint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let folded = u128::from_le_bytes(self.0);
        let halves = [folded, folded >> 64].map(|half| half & u128::from(u64::MAX));
        state.write_u64(u64::try_from(halves[0] ^ halves[1]).expect("both are masked to 64 bits"));
    }
}

/// The hasher for maps keyed by [`Fingerprint`]: it is a hash already, and hashing it again was a twentieth of what
/// accepting an event cost (measured). Only for keys that write one `u64`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByFingerprint(u64);

impl std::hash::Hasher for ByFingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Right for any key, good for fingerprints only.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Builds [`ByFingerprint`].
pub type FingerprintHasher = std::hash::BuildHasherDefault<ByFingerprint>;

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// The day on which Assent's browser SDK made an anonymous id, as the id says: `d`, the days since 1970 in five digits, `-`
/// and a UUID. `None` for any other id.
pub fn day_of_id(id: &str) -> Option<Millis> {
    let (days, rest) = id.strip_prefix('d')?.split_at_checked(5)?;
    let is_ours = days.bytes().all(|byte| byte.is_ascii_digit()) && rest.len() == 37 && rest.starts_with('-');
    let days: i64 = days.parse().ok()?;
    is_ours.then_some(Millis(days * 86_400_000))
}

/// A message id for an event that came without one.
pub fn new_message_id() -> String {
    format!("assent-{}", uuid::Uuid::new_v4())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_ours_says_its_day() {
        assert_eq!(day_of_id("d20778-0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11"), Some(Millis(1_795_219_200_000)));
        for other in [
            "",
            "a-1",
            "d20778",
            "d20778-x",
            "0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11",
            "d2077x-0b1c2d3e-4f50-4a55-9c1d-5f0e2b7a4c11",
            "dééé",
        ] {
            assert_eq!(day_of_id(other), None, "{other}");
        }
    }

    #[test]
    fn a_slug_is_safe_in_a_path() {
        for good in ["web", "0", "a-b_c", &"x".repeat(63)] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a/b", "a.b", "ä", &"x".repeat(64)] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }
}
