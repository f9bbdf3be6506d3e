//! Message ids as 128-bit numbers.
//!
//! SipHash-2-4 with 128 bits and a random key per installation. A sender chooses its message ids; with a plain hash
//! it could search for two ids with one fingerprint and so make somebody else's event vanish as a duplicate. Without
//! the key it cannot, because SipHash is a pseudorandom function, and it never sees a fingerprint. By chance two of
//! 50 million ids collide with probability 2⁻⁷⁷. A cryptographic MAC (HMAC-SHA-256) would cost five times as much
//! and protect nothing more here: fingerprints are not published.

use std::hash::Hasher;

use eventlog::{Partition, Position};
use siphasher::sip128::{Hasher128, SipHasher24};

/// The fingerprint of a message id within its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageFingerprint(pub(crate) u128);

/// Where a message stands in `raw`: its identity. Flat, because millions of them are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(crate) block: u64,
    pub(crate) index: u32,
    pub(crate) partition: u16,
}

impl Place {
    /// A position of a partition of `raw`.
    pub fn new(partition: Partition, position: Position) -> Self {
        Self { block: position.block, index: position.index, partition: partition.0 }
    }
}

/// The key of an installation's fingerprints.
#[derive(Clone, Copy)]
pub(crate) struct MessageKey(pub(crate) [u8; 16]);

impl std::fmt::Debug for MessageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageKey(…)")
    }
}

impl MessageKey {
    pub(crate) fn of(&self, workspace: &str, message_id: &str) -> MessageFingerprint {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(workspace.as_bytes());
        // No name of a workspace has this byte: the pair cannot be cut elsewhere.
        hasher.write(&[0]);
        hasher.write(message_id.as_bytes());
        MessageFingerprint(hasher.finish128().as_u128())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_workspace_and_id_tell_apart() {
        let key = MessageKey([1; 16]);
        let base = key.of("acme", "m1");
        assert_eq!(base, key.of("acme", "m1"));
        assert_ne!(base, key.of("acme", "m2"));
        assert_ne!(base, key.of("other", "m1"));
        assert_ne!(base, MessageKey([2; 16]).of("acme", "m1"));
        // Part of the format: a change makes every index of before useless.
        assert_eq!(format!("{:032x}", base.0), "04b7e50c750764e68ea5f53456a4b705");
    }
}
