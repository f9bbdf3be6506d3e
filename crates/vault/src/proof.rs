//! Proof that a page may ask about somebody. Write keys are public, and so is every user id that a page says; what a person
//! chose on another device is told only to pages that the operator's own server vouches for. It does so with a key that it
//! has from the API: `HMAC-SHA-256(key, user id)` in hex, where the key is the text as the API shows it, so that any
//! language's library computes it in one line.
//!
//! The key is derived from the workspace's own and the write key: there is nothing to store, and a source with another write
//! key has another one.

use std::fmt::Write as _;

use event::Pii;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Fingerprints;

/// What the key is derived for.
const WHAT: &str = "person proof";

impl Fingerprints {
    /// The key by which the operator's server proves who is signed in on pages of a source: 64 hex digits. It is a secret.
    pub fn proof_key(&self, write_key: &str) -> String {
        self.derived(WHAT, write_key).iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes every write");
            text
        })
    }

    /// Whether `proof` is that of a user id, for pages of a source. Takes as long for a wrong one as for the right one.
    pub fn is_proven(&self, write_key: &str, user_id: &Pii<&str>, proof: &str) -> bool {
        let Some(proof) = bytes_of(proof) else { return false };
        let mac: Result<Hmac<Sha256>, _> = Hmac::new_from_slice(self.proof_key(write_key).as_bytes());
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(user_id.expose().as_bytes());
        mac.verify_slice(&proof).is_ok()
    }
}

/// Hex digits as bytes.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_construction_is_the_documented_one() {
        // key = hmac.new(bytes([7]) * 32, b"person proof\0wk_demo", "sha256").hexdigest() in Python, and the proof
        // hmac.new(key.encode(), b"u-42", "sha256").hexdigest().
        let keys = Fingerprints::new(&[7; 32]);
        assert_eq!(keys.proof_key("wk_demo"), "276f6f11e616029192904ee2a67fdf87e691085fe28a0d516e0aeecba1b7e4db");
        let proof = "f4e33df078e642ff4ac38fcd00ac62dfdb9bc4bfbd3d44a221d25c8328858bae";
        let check = |write_key: &str, user: &str, proof: &str| keys.is_proven(write_key, &Pii::new(user), proof);
        assert!(check("wk_demo", "u-42", proof) && check("wk_demo", "u-42", &proof.to_uppercase()));
        assert!(!check("wk_demo", "u-43", proof) && !check("wk_other", "u-42", proof));
        for odd in ["", "00", &proof[1..], &proof[..62], &proof.replace('5', "é"), &format!("{proof}00")] {
            assert!(!check("wk_demo", "u-42", odd), "{odd}");
        }
        assert!(!Fingerprints::new(&[8; 32]).is_proven("wk_demo", &Pii::new("u-42"), proof), "of another workspace");
    }
}
