//! Tokens: what a server hands out and gets back later, unreadable and unforgeable without the workspace's own key.
//!
//! AES-256-GCM-SIV under `HMAC-SHA-256(key, "token" ‖ 0x00 ‖ purpose)`, with the purpose as associated data: a token made
//! for one purpose opens for no other. The key is that of the fingerprints, which lives as long as the workspace: a letter
//! is opened weeks after the log's keys of its day were destroyed.

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};

use crate::keys::{KeyError, NONCE_BYTES, fill_random};
use crate::{Epoch, Fingerprints};

impl Fingerprints {
    /// Seals `content`: nonce, ciphertext, tag. Sealing the same twice gives two tokens that nobody can join.
    pub fn seal(&self, purpose: &str, content: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let mut body = content.to_vec();
        let sealed = self.cipher(purpose).encrypt_in_place(&Nonce::from(nonce), purpose.as_bytes(), &mut body);
        sealed.map_err(|_| KeyError::Mismatch(Epoch(0)))?;
        Ok([&nonce[..], &body].concat())
    }

    /// What was sealed for a purpose; `None` for anything else.
    pub fn open(&self, purpose: &str, token: &[u8]) -> Option<Vec<u8>> {
        let (nonce, ciphertext) = token.split_first_chunk::<NONCE_BYTES>()?;
        let mut body = ciphertext.to_vec();
        let opened = self.cipher(purpose).decrypt_in_place(&Nonce::from(*nonce), purpose.as_bytes(), &mut body);
        opened.is_ok().then_some(body)
    }

    fn cipher(&self, purpose: &str) -> Aes256GcmSiv {
        Aes256GcmSiv::new(&self.derived("token", purpose).into())
    }
}

#[cfg(test)]
mod tests {
    use crate::Fingerprints;

    #[test]
    fn a_token_opens_for_its_purpose_and_its_workspace_alone() {
        let (ours, theirs) = (Fingerprints::new(&[7; 32]), Fingerprints::new(&[8; 32]));
        let token = ours.seal("open", b"u-1").expect("random bytes");
        assert_eq!(ours.open("open", &token).as_deref(), Some(&b"u-1"[..]));
        assert_ne!(ours.seal("open", b"u-1").expect("random bytes"), token);
        assert!(!token.windows(3).any(|window| window == b"u-1"));
        assert_eq!((ours.open("click", &token), theirs.open("open", &token)), (None, None));
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] ^= 1;
            assert_eq!(ours.open("open", &changed), None, "byte {at}");
            assert_eq!(ours.open("open", &token[..at]), None, "{at} bytes");
        }
    }
}
