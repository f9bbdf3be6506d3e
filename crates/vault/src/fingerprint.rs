//! Fingerprints: keyed hashes by which identifiers are looked up without being readable.
//!
//! `HMAC-SHA-256(key, kind ‖ 0x00 ‖ value)`, cut to 128 bits. A plain hash of an e-mail address or a phone number is
//! reversible by trying all of them; a MAC with a high-entropy secret is not (EDPB Guidelines 01/2025). The key is
//! the workspace's own, so that two workspaces cannot be joined.

use std::fmt;

use event::{Fingerprint, Pii};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Identifier, Identifiers, Previous};

/// What an identifier is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// `anonymousId`: a browser or a device.
    AnonymousId,
    /// `userId`: a person known to the operator.
    UserId,
}

impl IdentifierKind {
    /// The name, as in Segment's identity rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnonymousId => "anonymous_id",
            Self::UserId => "user_id",
        }
    }
}

/// Makes the fingerprints of one workspace. Cheap to clone.
#[derive(Clone)]
pub struct Fingerprints {
    mac: Hmac<Sha256>,
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints(…)")
    }
}

impl Fingerprints {
    /// With a workspace's key. The key schedule is computed once; a fingerprint costs two compressions.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { mac: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    /// The fingerprint of an identifier.
    pub fn of(&self, kind: IdentifierKind, value: &str) -> Fingerprint {
        let mut mac = self.mac.clone();
        mac.update(kind.name().as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        let full = mac.finalize().into_bytes();
        let (half, _) = full.split_first_chunk::<16>().expect("SHA-256 gives 32 bytes");
        Fingerprint(*half)
    }

    /// A key for something else than fingerprints: what it is for is no kind of identifier, so it can be none's MAC.
    pub(crate) fn derived(&self, what: &str, purpose: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(what.as_bytes());
        mac.update(&[0]);
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The identifiers that an event carries, with their fingerprints.
    pub fn identify<'a>(&self, anonymous_id: Option<&'a str>, user_id: Option<&'a str>) -> Identifiers<'a> {
        let one = |kind, value| Identifier { value: Pii::new(value), fingerprint: self.of(kind, value) };
        Identifiers {
            anonymous: anonymous_id.map(|id| one(IdentifierKind::AnonymousId, id)),
            user: user_id.map(|id| one(IdentifierKind::UserId, id)),
            previous: None,
        }
    }

    /// The earlier id that an alias names, in both its readings.
    pub fn previous<'a>(&self, value: &'a str) -> Previous<'a> {
        let one = |kind| Identifier { value: Pii::new(value), fingerprint: self.of(kind, value) };
        Previous { as_anonymous: one(IdentifierKind::AnonymousId), as_user: one(IdentifierKind::UserId) }
    }

    /// The fingerprints of the earlier id that an alias names, in both its readings.
    pub fn of_previous(&self, value: &str) -> [Fingerprint; 2] {
        let Previous { as_anonymous, as_user } = self.previous(value);
        [as_anonymous.fingerprint, as_user.fingerprint]
    }

    /// The fingerprints of the ids that an event carries, anonymous id first.
    pub fn of_event(&self, anonymous_id: Option<&str>, user_id: Option<&str>) -> Vec<Fingerprint> {
        let anonymous = anonymous_id.map(|id| self.of(IdentifierKind::AnonymousId, id));
        let user = user_id.map(|id| self.of(IdentifierKind::UserId, id));
        anonymous.into_iter().chain(user).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_construction_is_the_documented_one() {
        // hmac.new(bytes([7]) * 32, b"user_id\0u-42", "sha256").hexdigest()[:32] in Python.
        let expected = 0x43af_103e_d41b_c782_12e5_663b_85f6_62f7_u128.to_be_bytes();
        assert_eq!(Fingerprints::new(&[7; 32]).of(IdentifierKind::UserId, "u-42"), Fingerprint(expected));
    }

    #[test]
    fn kinds_values_and_keys_tell_apart() {
        let one = Fingerprints::new(&[1; 32]);
        let two = Fingerprints::new(&[2; 32]);
        let base = one.of(IdentifierKind::UserId, "ada");
        assert_eq!(base, one.of(IdentifierKind::UserId, "ada"));
        assert_ne!(base, one.of(IdentifierKind::AnonymousId, "ada"));
        assert_ne!(base, one.of(IdentifierKind::UserId, "adb"));
        assert_ne!(base, two.of(IdentifierKind::UserId, "ada"));
        assert_eq!(one.of_event(Some("a"), Some("ada"))[1], base);
    }
}
