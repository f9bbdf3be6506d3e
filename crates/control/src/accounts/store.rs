//! What an engine must do for accounts. Each operation is one transaction, with its entry in the audit log.

use async_trait::async_trait;
use event::{Millis, Secret};

use super::{Role, Token, User};
use crate::StoreError;
use crate::audit::Entry;

/// An account with its password's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAccount {
    /// What is shown of it.
    pub user: User,
    /// An Argon2id string.
    pub password: Secret<String>,
}

/// A change of the accounts.
#[derive(Debug, Clone)]
pub enum AccountChange {
    /// A new one, only if there is none at all.
    AddFirst(StoredAccount),
    /// A new one.
    Add(StoredAccount),
    /// Other rights, another password, or both. What is `None` stays as it is by then, not as it was when somebody looked:
    /// a password may be changed while an owner takes rights away. A new password ends all sessions of the account.
    Set {
        /// Whose.
        name: String,
        /// The new role.
        role: Option<Role>,
        /// The new right to see personal data.
        personal_data: Option<bool>,
        /// The new hash.
        password: Option<Secret<String>>,
        /// The hash that must still hold, by which its owner showed who they are.
        verified: Option<Secret<String>>,
    },
    /// It goes, with its sessions and tokens.
    Remove {
        /// Its name.
        name: String,
    },
}

/// What became of a change. Only `Done` changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountChanged {
    /// It is committed.
    Done,
    /// There is one (of that name) already.
    Exists,
    /// There is none of that name, or it has another password by now than the one that was verified.
    Missing,
    /// No owner would be left.
    LastOwner,
}

/// A session to open.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'n> {
    /// What is stored.
    pub stored: &'n StoredSession,
    /// The hash by which its owner showed who they are.
    pub verified: &'n Secret<String>,
}

/// A session as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// SHA-256 of its id.
    pub key: [u8; 32],
    /// Whose it is.
    pub account: String,
    /// When it was opened.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub seen_at: Millis,
}

/// The moments before which sessions are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionsOver {
    /// Opened before this.
    pub created_before: Millis,
    /// Not used since this.
    pub seen_before: Millis,
}

/// The part of the store that keeps accounts, sessions and tokens.
#[async_trait]
pub trait AccountStore {
    /// All accounts by name.
    async fn accounts(&self) -> Result<Vec<StoredAccount>, StoreError>;

    /// One account.
    async fn account(&self, name: &str) -> Result<Option<StoredAccount>, StoreError>;

    /// Changes one account. An owner is always left.
    async fn change_account(
        &self,
        change: &AccountChange,
        entry: &Entry,
        at: Millis,
    ) -> Result<AccountChanged, StoreError>;

    /// Opens a session and forgets those that are over. False, and nothing is written, when the account is gone or has
    /// another password by now than the hash that was verified.
    async fn open_session(
        &self,
        session: NewSession<'_>,
        over: SessionsOver,
        entry: &Entry,
        at: Millis,
    ) -> Result<bool, StoreError>;

    /// A session with its account.
    async fn session(&self, key: &[u8; 32]) -> Result<Option<(StoredSession, User)>, StoreError>;

    /// Notes that a session, and so its account, was used.
    async fn touch_session(&self, key: &[u8; 32], at: Millis) -> Result<(), StoreError>;

    /// Ends a session. Nothing happens, and nothing is written, when there is none.
    async fn end_session(&self, key: &[u8; 32], entry: &Entry, at: Millis) -> Result<(), StoreError>;

    /// All tokens by name.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// A token, by the SHA-256 of its text, with the account that made it.
    async fn token(&self, key: &[u8; 32]) -> Result<Option<(Token, User)>, StoreError>;

    /// Adds a token. `false` when its maker's account is gone.
    async fn add_token(&self, token: &Token, key: &[u8; 32], entry: &Entry) -> Result<bool, StoreError>;

    /// Notes that a token was used.
    async fn touch_token(&self, id: &str, at: Millis) -> Result<(), StoreError>;

    /// Removes a token. `false`, and nothing is written, when there is none.
    async fn remove_token(&self, id: &str, entry: &Entry, at: Millis) -> Result<bool, StoreError>;
}
