//! Identifiers whose events were just taken, before the pipeline has given them a subject.
//!
//! A refusal from somebody unknown is recorded without an identifier. Somebody whose event lies in the log is not
//! unknown, though the vault may learn of them only milliseconds later; without this their refusal in between would be
//! recorded namelessly, and the event would still go out. In memory only, and bounded.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use event::{Fingerprint, FingerprintHasher};

/// Fingerprints of one generation: some seconds at full speed, 2 MB.
const GENERATION_MAX: usize = 65_536;

/// Two generations: the younger fills, the older is dropped when it is full. Clones share them.
#[derive(Clone, Default)]
pub struct Recent {
    generations: Arc<Mutex<[HashSet<Fingerprint, FingerprintHasher>; 2]>>,
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent(…)")
    }
}

impl Recent {
    /// These have an event that is about to be logged.
    pub fn add(&self, identifiers: &[Fingerprint]) {
        let mut generations = self.generations();
        if generations[0].len() + identifiers.len() > GENERATION_MAX {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].extend(identifiers);
    }

    /// Whether one had an event logged lately.
    pub fn contains(&self, identifier: Fingerprint) -> bool {
        self.generations().iter().any(|generation| generation.contains(&identifier))
    }

    fn generations(&self) -> MutexGuard<'_, [HashSet<Fingerprint, FingerprintHasher>; 2]> {
        self.generations.lock().expect("no holder of the generations panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(number: u32) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        Fingerprint(bytes)
    }

    #[test]
    fn the_latest_generation_at_least_is_remembered() {
        let recent = Recent::default();
        let last = 3 * u32::try_from(GENERATION_MAX).expect("a small number");
        (0..last).for_each(|number| recent.add(&[fingerprint(number)]));
        assert!(recent.contains(fingerprint(last - 1)));
        assert!(recent.contains(fingerprint(last - u32::try_from(GENERATION_MAX).expect("a small number"))));
        assert!(!recent.contains(fingerprint(0)));
    }
}
