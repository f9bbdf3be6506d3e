//! Who may do what: people with passwords, their sessions, and bearer tokens.
//!
//! - `model`: roles, people, tokens. `store`: what an engine must do. `password`: Argon2id. `pace`: how often a
//!   sign-in may be tried. Here: signing in and being recognised; `manage`: people and tokens added, changed, removed.
//!
//! Sessions and tokens are 256 random bits; the store has their SHA-256. That needs neither salt nor a slow hash:
//! nobody guesses 256 bits, and looking a hash up takes no comparison whose time could tell something.
//!
//! Rights are read at each request, so a demotion bites at once: in open sessions, and in tokens, which never may
//! more than their maker may today.

mod manage;
mod model;
mod pace;
mod password;
mod store;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use event::{Clock, Millis, Secret};
use serde_json::json;
use sha2::{Digest as _, Sha256};

pub use model::{NewToken, NewUser, Principal, Rights, Role, SignedIn, Token, UnknownRole, User, UserChange, Via};
pub use pace::{Allowance, PaceLimits};
pub use password::HashingCost;
pub use store::{AccountChange, AccountChanged, AccountStore, NewSession, SessionsOver, StoredAccount, StoredSession};

use crate::audit::{Action, Entry};
use crate::hex::hex;
use crate::{Store, StoreError};
use pace::Pace;
use password::Hashing;

/// The name of the first owner.
pub const FIRST_OWNER: &str = "admin";
/// How a bearer token begins, so that scanners of repositories find one.
pub const TOKEN_PREFIX: &str = "asn_";
/// The last use of a session or a token is written once in this time: a request should not cost a sync.
const TOUCH_EVERY_MS: i64 = 60_000;

/// Why an account was not changed, or nobody signed in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccountError {
    /// The name is unknown or the password is another one; which of both is not said.
    #[error("name or password is wrong")]
    BadCredentials,
    /// Too many attempts.
    #[error("too many attempts to sign in: try again in {wait_s} s")]
    TooMany {
        /// Seconds until the next attempt.
        wait_s: u64,
    },
    /// Somebody must be able to manage people.
    #[error("this is the last owner: make somebody else an owner first")]
    LastOwner,
    /// More rights than one has.
    #[error("you cannot give rights that you do not have")]
    Exceeds,
    /// No such user.
    #[error("there is no user `{0}`")]
    NoUser(String),
    /// The name is taken.
    #[error("there is a user `{0}` already")]
    UserExists(String),
    /// No such token.
    #[error("there is no token `{0}`")]
    NoToken(String),
    /// The password cannot be chosen.
    #[error("this password cannot be used: {0}")]
    Password(String),
    /// The name cannot be chosen.
    #[error("`{0}` cannot be used as a name: use 1 to 128 characters without spaces at the ends or control characters")]
    Name(String),
    /// A token that would be over before it begins.
    #[error("the token would expire in the past")]
    Expired,
    /// A session of a person is needed.
    #[error("this needs a person who is signed in, not a token or the command line")]
    NotSignedIn,
    /// The password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What bounds accounts.
#[derive(Debug, Clone, Copy)]
pub struct AccountLimits {
    /// A session ends so long after it was opened, used or not.
    pub session_ms_max: i64,
    /// A session ends when it was not used for so long.
    pub session_idle_ms_max: i64,
    /// How often a sign-in may be tried.
    pub pace: PaceLimits,
    /// What hashing a password costs.
    pub hashing: HashingCost,
}

impl Default for AccountLimits {
    fn default() -> Self {
        const HOUR_MS: i64 = 3_600_000;
        Self {
            session_ms_max: 7 * 24 * HOUR_MS,
            session_idle_ms_max: 12 * HOUR_MS,
            pace: PaceLimits::default(),
            hashing: HashingCost::default(),
        }
    }
}

/// The accounts of this server.
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limits: AccountLimits,
    pace: Pace,
    hashing: Hashing,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accounts({:?})", self.store)
    }
}

impl Accounts {
    /// Over a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, limits: AccountLimits) -> Self {
        let (pace, hashing) = (Pace::new(limits.pace), Hashing::new(limits.hashing));
        Self { store, clock, limits, pace, hashing }
    }

    /// Makes the user [`FIRST_OWNER`] when there is no user at all. Returns the password when none was given, to be
    /// shown once: it is stored nowhere.
    pub async fn ensure_owner(&self, given: Option<Secret<String>>) -> Result<Option<Secret<String>>, AccountError> {
        if !self.store.accounts().await?.is_empty() {
            return Ok(None);
        }
        let (password, generated) = match given {
            // The operator's own choice, so its length is not ours to refuse; an empty one is an unset variable.
            Some(given) if !given.expose().is_empty() => (given, None),
            _ => {
                let made = Secret::new(hex(&random::<12>()?));
                (made.clone(), Some(made))
            }
        };
        let now = self.clock.now();
        let rights = Rights { role: Role::Owner, personal_data: true };
        let user = User { name: FIRST_OWNER.to_owned(), rights, created_at: now, last_seen_at: None };
        let entry = user_entry(&Principal::local("first start"), Action::Create, None, Some(&user));
        let added = StoredAccount { user, password: self.hashing.hash(&password).await? };
        match self.store.change_account(&AccountChange::AddFirst(added), &entry, now).await? {
            AccountChanged::Done => Ok(generated),
            _ => Ok(None),
        }
    }

    /// Opens a session for whoever knows the password. `from` is the peer's address, for the pace.
    pub async fn sign_in(&self, name: &str, password: &Secret<String>, from: IpAddr) -> Result<SignedIn, AccountError> {
        if check_name(name).is_err() {
            return Err(AccountError::BadCredentials);
        }
        self.pace.take(name, from, self.clock.now()).map_err(|wait_s| AccountError::TooMany { wait_s })?;
        let found = self.store.account(name).await?;
        let stored = found.as_ref().map(|account| account.password.clone());
        if !self.hashing.verify(password, stored).await? {
            return Err(AccountError::BadCredentials);
        }
        self.pace.give_back(name, from);
        let Some(StoredAccount { user, password }) = found else { return Err(AccountError::BadCredentials) };
        self.open_session(user, &password).await
    }

    async fn open_session(&self, user: User, verified: &Secret<String>) -> Result<SignedIn, AccountError> {
        let now = self.clock.now();
        let session = Secret::new(hex(&random::<32>()?));
        let key = key(session.expose());
        let stored = StoredSession { key, account: user.name.clone(), created_at: now, seen_at: now };
        let principal = Principal { name: user.name.clone(), rights: user.rights, via: Via::Session { key } };
        let entry = session_entry(&principal, Action::SignIn);
        let over = SessionsOver {
            created_before: Millis(now.0 - self.limits.session_ms_max),
            seen_before: Millis(now.0 - self.limits.session_idle_ms_max),
        };
        if !self.store.open_session(NewSession { stored: &stored, verified }, over, &entry, now).await? {
            return Err(AccountError::BadCredentials);
        }
        Ok(SignedIn { session, user, expires_at: Millis(now.0 + self.limits.session_ms_max) })
    }

    /// Who has this cookie. `None` for an unknown session and for one that is over.
    pub async fn by_session(&self, session: &str) -> Result<Option<Principal>, AccountError> {
        let key = key(session);
        let Some((stored, user)) = self.store.session(&key).await? else { return Ok(None) };
        let now = self.clock.now();
        let is_over = now.0 - stored.created_at.0 > self.limits.session_ms_max
            || now.0 - stored.seen_at.0 > self.limits.session_idle_ms_max;
        if is_over {
            return Ok(None);
        }
        if now.0 - stored.seen_at.0 >= TOUCH_EVERY_MS {
            noted(self.store.touch_session(&key, now).await);
        }
        Ok(Some(Principal { name: user.name, rights: user.rights, via: Via::Session { key } }))
    }

    /// Who has this bearer token. `None` for an unknown one and for one that is over.
    pub async fn by_token(&self, token: &str) -> Result<Option<Principal>, AccountError> {
        if !token.starts_with(TOKEN_PREFIX) {
            return Ok(None);
        }
        let Some((stored, maker)) = self.store.token(&key(token)).await? else { return Ok(None) };
        let now = self.clock.now();
        if stored.expires_at.is_some_and(|until| until <= now) {
            return Ok(None);
        }
        if stored.last_used_at.is_none_or(|last| now.0 - last.0 >= TOUCH_EVERY_MS) {
            noted(self.store.touch_token(&stored.id, now).await);
        }
        let rights = stored.rights.and(maker.rights);
        Ok(Some(Principal { name: maker.name, rights, via: Via::Token { id: stored.id, name: stored.name } }))
    }

    /// Ends the session of somebody who came with one.
    pub async fn sign_out(&self, who: &Principal) -> Result<(), AccountError> {
        let Via::Session { key } = &who.via else { return Err(AccountError::NotSignedIn) };
        let entry = session_entry(who, Action::SignOut);
        Ok(self.store.end_session(key, &entry, self.clock.now()).await?)
    }

    /// Gives somebody another password of their own. Ends all their sessions and opens the one that it returns.
    pub async fn change_password(
        &self,
        who: &Principal,
        current: &Secret<String>,
        new: &Secret<String>,
        from: IpAddr,
    ) -> Result<SignedIn, AccountError> {
        let Via::Session { .. } = &who.via else { return Err(AccountError::NotSignedIn) };
        password::check(new)?;
        // A stolen session must not be a way to guess the password faster.
        self.pace.take(&who.name, from, self.clock.now()).map_err(|wait_s| AccountError::TooMany { wait_s })?;
        let found = self.store.account(&who.name).await?;
        let found = found.ok_or_else(|| AccountError::NoUser(who.name.clone()))?;
        if !self.hashing.verify(current, Some(found.password.clone())).await? {
            return Err(AccountError::BadCredentials);
        }
        self.pace.give_back(&who.name, from);
        let hash = self.hashing.hash(new).await?;
        let entry = user_entry(who, Action::ChangePassword, Some(&found.user), Some(&found.user));
        let set = AccountChange::Set {
            name: who.name.clone(),
            role: None,
            personal_data: None,
            password: Some(hash.clone()),
            verified: Some(found.password),
        };
        if self.store.change_account(&set, &entry, self.clock.now()).await? != AccountChanged::Done {
            // Somebody was faster: what was verified is no longer the password.
            return Err(AccountError::BadCredentials);
        }
        self.open_session(found.user, &hash).await
    }
}

/// On a full disk nobody must be locked out because the time of a last use cannot be written.
fn noted(written: Result<(), StoreError>) {
    if let Err(error) = written {
        tracing::warn!(%error, "the last use of a session or token was not noted");
    }
}

/// What the store keeps of a session's id or a token.
fn key(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    vault::keys::fill_random(&mut bytes)?;
    Ok(bytes)
}

fn check_name(name: &str) -> Result<(), AccountError> {
    const BYTES_MAX: usize = 128;
    let is_good = (1..=BYTES_MAX).contains(&name.len()) && name.trim() == name && !name.contains(char::is_control);
    if is_good { Ok(()) } else { Err(AccountError::Name(name.chars().take(BYTES_MAX).collect())) }
}

fn session_entry(who: &Principal, action: Action) -> Entry {
    let (actor, object) = (who.actor(), who.name.clone());
    Entry { actor, action, workspace: None, kind: "session", object, before: None, after: None }
}

fn user_entry(by: &Principal, action: Action, before: Option<&User>, after: Option<&User>) -> Entry {
    let shown = |user: &User| json!({ "role": user.rights.role, "personal_data": user.rights.personal_data });
    Entry {
        actor: by.actor(),
        action,
        workspace: None,
        kind: "user",
        object: before.or(after).map_or_else(String::new, |user| user.name.clone()),
        before: before.map(shown),
        after: after.map(shown),
    }
}
