//! Passwords as Argon2id strings, which name their own parameters, so these can be raised later.
//!
//! Hashing takes 19 MiB and tens of milliseconds on purpose: it runs on blocking threads, two at a time at most, or a
//! burst of sign-ins would take the memory and the processors of the data path.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use event::Secret;
use tokio::sync::Semaphore;

use super::AccountError;

/// Hashings at once.
const AT_ONCE: usize = 2;
/// The shortest password that somebody may choose (NIST SP 800-63B).
const CHARS_MIN: usize = 8;
/// The longest one; beyond it nobody types, and the first step of Argon2 reads all of it.
const BYTES_MAX: usize = 1_024;

/// What hashing costs.
#[derive(Debug, Clone, Copy)]
pub struct HashingCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for HashingCost {
    /// What OWASP's cheat sheet on password storage asks for: 19 MiB, two passes, one lane.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2 }
    }
}

/// Hashes and verifies.
#[derive(Debug)]
pub(crate) struct Hashing {
    cost: HashingCost,
    at_once: Arc<Semaphore>,
}

impl Hashing {
    pub(crate) fn new(cost: HashingCost) -> Self {
        Self { cost, at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The string to store.
    pub(crate) async fn hash(&self, password: &Secret<String>) -> Result<Secret<String>, AccountError> {
        let (cost, password) = (self.cost, password.clone());
        let hash = move || {
            let mut salt = [0; 16];
            vault::keys::fill_random(&mut salt).map_err(|error| AccountError::Hashing(error.to_string()))?;
            let hashed: PasswordHash = argon2(cost)?
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .map_err(|error| AccountError::Hashing(error.to_string()))?;
            Ok(Secret::new(hashed.to_string()))
        };
        self.run(hash).await
    }

    /// Whether the password is the stored one. Without a stored one the answer is `false` and takes as long: the time
    /// of an answer must not tell which names exist.
    pub(crate) async fn verify(
        &self,
        password: &Secret<String>,
        stored: Option<Secret<String>>,
    ) -> Result<bool, AccountError> {
        if password.expose().len() > BYTES_MAX {
            return Ok(false);
        }
        let Some(stored) = stored else {
            self.hash(password).await?;
            return Ok(false);
        };
        let (cost, password) = (self.cost, password.clone());
        let verify = move || {
            let stored = PasswordHash::new(stored.expose())
                .map_err(|error| AccountError::Hashing(format!("the stored password cannot be read: {error}")))?;
            Ok(argon2(cost)?.verify_password(password.expose().as_bytes(), &stored).is_ok())
        };
        self.run(verify).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AccountError> + Send + 'static,
    ) -> Result<T, AccountError> {
        let permit = Arc::clone(&self.at_once).acquire_owned().await.expect("nobody closes the semaphore");
        let worked = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller: a caller that left must not let a third one in.
            let _permit = permit;
            work()
        });
        worked.await.map_err(|_| AccountError::Hashing("the thread that hashed ended".to_owned()))?
    }
}

fn argon2(cost: HashingCost) -> Result<Argon2<'static>, AccountError> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, None)
        .map_err(|error| AccountError::Hashing(format!("its cost cannot be used: {error}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Whether a password may be chosen. No rules about kinds of characters: they make passwords worse.
pub(crate) fn check(password: &Secret<String>) -> Result<(), AccountError> {
    let password = password.expose();
    if password.chars().count() < CHARS_MIN {
        return Err(AccountError::Password(format!("it is shorter than {CHARS_MIN} characters")));
    }
    if password.len() > BYTES_MAX {
        return Err(AccountError::Password(format!("it is longer than {BYTES_MAX} bytes")));
    }
    Ok(())
}
