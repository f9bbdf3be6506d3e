//! Key epochs: each workspace seals its log blocks with a random 256-bit key per epoch. Destroying an epoch's key
//! makes its blocks unreadable wherever copies of them lie (crypto-shredding); it does not replace deleting them.
//!
//! AES-256-GCM-SIV (RFC 8452): a repeated nonce, which a restored backup could cause, costs only the secrecy of
//! equality. The associated data binds a block to its place, so that blocks cannot be swapped.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};

use aes_gcm_siv::aead::{AeadInOut, KeyInit};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use zeroize::Zeroizing;

/// Bytes that sealing adds in front of the plaintext: the nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes that sealing adds behind the ciphertext: the tag.
pub const TAG_BYTES: usize = 16;

/// The number of a key epoch of one workspace, ascending from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u32);

/// Why a block could not be sealed or opened.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    /// The epoch's key was destroyed: its blocks are unreadable by design.
    #[error("the key of epoch {0:?} was destroyed")]
    Destroyed(Epoch),
    /// No key of that workspace or epoch was ever loaded.
    #[error("no key for workspace `{workspace}`, epoch {epoch:?}")]
    Unknown {
        /// The workspace.
        workspace: String,
        /// The epoch, or none when the workspace has no current one.
        epoch: Option<Epoch>,
    },
    /// The ciphertext, its place or its key do not belong together.
    #[error("the block does not open with the key of epoch {0:?}")]
    Mismatch(Epoch),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(String),
}

enum Slot {
    Live(Box<Aes256GcmSiv>),
    Destroyed,
}

#[derive(Default)]
struct Ring {
    current: Option<Epoch>,
    slots: HashMap<Epoch, Slot>,
}

type Forget = dyn Fn(&str, Epoch) + Send + Sync;

/// While it lives, its maker is told of destroyed keys; see [`Keys::on_destroy`].
#[must_use = "dropped, it ends what it stands for"]
pub struct Holder {
    _forget: Arc<Forget>,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder")
    }
}

/// The keys in memory, loaded from `control` at start. Cheap to clone.
#[derive(Clone, Default)]
pub struct Keys {
    rings: Arc<RwLock<HashMap<Arc<str>, Ring>>>,
    holders: Arc<Mutex<Vec<Weak<Forget>>>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// A new random 256-bit key.
pub fn generate() -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let mut key = Zeroizing::new([0_u8; 32]);
    getrandom::fill(key.as_mut()).map_err(|error| KeyError::Random(error.to_string()))?;
    Ok(key)
}

/// Fills `bytes` from the operating system's generator.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), KeyError> {
    getrandom::fill(bytes).map_err(|error| KeyError::Random(error.to_string()))
}

impl Keys {
    /// Adds a key; the highest epoch of a workspace is the one that seals.
    pub fn insert(&self, workspace: &str, epoch: Epoch, key: &[u8; 32]) {
        let mut rings = self.rings.write().expect("no holder of the key ring panics");
        let ring = rings.entry(workspace.into()).or_default();
        ring.slots.insert(epoch, Slot::Live(Box::new(Aes256GcmSiv::new(key.into()))));
        ring.current = ring.current.max(Some(epoch));
    }

    /// Marks an epoch as destroyed: opening answers [`KeyError::Destroyed`] from now on, and when this returns, who
    /// keeps decoded copies has dropped them.
    pub fn destroy(&self, workspace: &str, epoch: Epoch) {
        {
            let mut rings = self.rings.write().expect("no holder of the key ring panics");
            rings.entry(workspace.into()).or_default().slots.insert(epoch, Slot::Destroyed);
        }
        let holders: Vec<_> = self.holders().iter().filter_map(Weak::upgrade).collect();
        for forget in &holders {
            forget(workspace, epoch);
        }
    }

    /// For who keeps decoded copies: while the returned value lives, `forget` is called with the workspace of every
    /// epoch that is destroyed, after its key has gone, so that what is decoded later fails by itself.
    pub fn on_destroy(&self, forget: impl Fn(&str, Epoch) + Send + Sync + 'static) -> Holder {
        let forget: Arc<Forget> = Arc::new(forget);
        let mut holders = self.holders();
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(Arc::downgrade(&forget));
        Holder { _forget: forget }
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Weak<Forget>>> {
        self.holders.lock().expect("no holder of the list panics")
    }

    /// The epoch that seals now.
    pub fn current(&self, workspace: &str) -> Result<Epoch, KeyError> {
        let rings = self.rings.read().expect("no holder of the key ring panics");
        rings
            .get(workspace)
            .and_then(|ring| ring.current)
            .ok_or_else(|| KeyError::Unknown { workspace: workspace.to_owned(), epoch: None })
    }

    /// Seals `plaintext` with the workspace's current key: nonce, ciphertext, tag. `place` is authenticated only.
    pub fn seal(&self, workspace: &str, place: &[u8], plaintext: &[u8]) -> Result<(Epoch, Vec<u8>), KeyError> {
        let epoch = self.current(workspace)?;
        let mut sealed = Vec::with_capacity(NONCE_BYTES + plaintext.len() + TAG_BYTES);
        sealed.resize(NONCE_BYTES, 0);
        getrandom::fill(&mut sealed).map_err(|error| KeyError::Random(error.to_string()))?;
        let nonce: [u8; NONCE_BYTES] = sealed.as_slice().try_into().expect("the nonce was just sized");
        let mut body = Vec::with_capacity(plaintext.len() + TAG_BYTES);
        body.extend_from_slice(plaintext);
        self.with_cipher(workspace, epoch, |cipher| {
            cipher.encrypt_in_place(&Nonce::from(nonce), place, &mut body).map_err(|_| KeyError::Mismatch(epoch))
        })?;
        sealed.append(&mut body);
        Ok((epoch, sealed))
    }

    /// Seals `body` where it lies and returns the tag; the caller stores nonce, body and tag in this order, so that
    /// [`Keys::open`] reads it. For the log's writer, which seals many blocks per commit: one buffer, and nonces
    /// from one call of [`fill_random`].
    pub fn seal_in_place(
        &self,
        workspace: &str,
        place: &[u8],
        nonce: &[u8; NONCE_BYTES],
        body: &mut [u8],
    ) -> Result<(Epoch, [u8; TAG_BYTES]), KeyError> {
        let epoch = self.current(workspace)?;
        let tag = self.with_cipher(workspace, epoch, |cipher| {
            cipher
                .encrypt_inout_detached(&Nonce::from(*nonce), place, body.into())
                .map_err(|_| KeyError::Mismatch(epoch))
        })?;
        Ok((epoch, tag.into()))
    }

    /// Opens what [`Keys::seal`] made at the same place.
    pub fn open(&self, workspace: &str, epoch: Epoch, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Mismatch(epoch))?;
        let mut body = ciphertext.to_vec();
        self.with_cipher(workspace, epoch, |cipher| {
            cipher.decrypt_in_place(&Nonce::from(*nonce), place, &mut body).map_err(|_| KeyError::Mismatch(epoch))
        })?;
        Ok(body)
    }

    fn with_cipher<T>(
        &self,
        workspace: &str,
        epoch: Epoch,
        work: impl FnOnce(&Aes256GcmSiv) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let rings = self.rings.read().expect("no holder of the key ring panics");
        match rings.get(workspace).and_then(|ring| ring.slots.get(&epoch)) {
            Some(Slot::Live(cipher)) => work(cipher),
            Some(Slot::Destroyed) => Err(KeyError::Destroyed(epoch)),
            None => Err(KeyError::Unknown { workspace: workspace.to_owned(), epoch: Some(epoch) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        let keys = Keys::default();
        keys.insert("acme", Epoch(1), &[7; 32]);
        keys
    }

    #[test]
    fn a_sealed_block_opens_only_at_its_place() {
        let keys = keys();
        let (epoch, sealed) = keys.seal("acme", b"raw/0/64", b"hello").expect("seals");
        assert_eq!(keys.open("acme", epoch, b"raw/0/64", &sealed).as_deref(), Ok(&b"hello"[..]));
        assert_eq!(keys.open("acme", epoch, b"raw/0/65", &sealed), Err(KeyError::Mismatch(epoch)));
    }

    #[test]
    fn sealing_in_place_makes_what_open_reads() {
        let keys = keys();
        let nonce = [3; NONCE_BYTES];
        let mut body = b"hello".to_vec();
        let (epoch, tag) = keys.seal_in_place("acme", b"raw/0/64", &nonce, &mut body).expect("seals");
        let sealed = [&nonce[..], &body, &tag].concat();
        assert_eq!(keys.open("acme", epoch, b"raw/0/64", &sealed).as_deref(), Ok(&b"hello"[..]));
    }

    #[test]
    fn a_destroyed_epoch_says_so_and_a_newer_one_seals() {
        let keys = keys();
        let (old, sealed) = keys.seal("acme", b"p", b"x").expect("seals");
        keys.insert("acme", Epoch(2), &[8; 32]);
        keys.destroy("acme", old);
        assert_eq!(keys.open("acme", old, b"p", &sealed), Err(KeyError::Destroyed(old)));
        assert_eq!(keys.current("acme"), Ok(Epoch(2)));
    }

    #[test]
    fn holders_are_told_after_the_key_is_gone_for_as_long_as_they_live() {
        let keys = keys();
        let (_, sealed) = keys.seal("acme", b"p", b"x").expect("seals");
        let told = Arc::new(Mutex::new(Vec::new()));
        let holder = keys.on_destroy({
            let (keys, told) = (keys.clone(), Arc::clone(&told));
            move |workspace, epoch| {
                let gone = keys.open(workspace, epoch, b"p", &sealed) == Err(KeyError::Destroyed(epoch));
                told.lock().expect("not poisoned").push((workspace.to_owned(), epoch, gone));
            }
        });
        keys.destroy("acme", Epoch(1));
        assert_eq!(*told.lock().expect("not poisoned"), [("acme".to_owned(), Epoch(1), true)]);
        drop(holder);
        keys.destroy("acme", Epoch(2));
        assert_eq!(told.lock().expect("not poisoned").len(), 1);
    }

    #[test]
    fn another_workspace_has_no_key() {
        assert!(matches!(keys().seal("other", b"p", b"x"), Err(KeyError::Unknown { .. })));
    }
}
