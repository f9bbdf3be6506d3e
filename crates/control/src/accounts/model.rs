//! People, tokens, and what each may do.

use std::fmt;
use std::str::FromStr;

use event::{Millis, Secret};
use serde::{Deserialize, Serialize};

use super::AccountError;

/// What somebody may do; each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees configuration, results and figures.
    Viewer,
    /// Also asks the lake.
    Analyst,
    /// Also changes configuration and makes tokens.
    Admin,
    /// Also manages people.
    Owner,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Analyst, Self::Admin, Self::Owner];

    /// The name in the store and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role: roles are `viewer`, `analyst`, `admin`, `owner`")]
pub struct UnknownRole(pub String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// What somebody may do, and whether they may see personal data: an admin need not, an analyst may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// The role.
    pub role: Role,
    /// Whether identifiers, traits and contents of events are shown.
    pub personal_data: bool,
}

impl Rights {
    /// What both may.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { role: self.role.min(other.role), personal_data: self.personal_data && other.personal_data }
    }

    /// Nobody gives what they do not have.
    pub(crate) fn may_give(self, given: Self) -> Result<(), AccountError> {
        if self.and(given) == given { Ok(()) } else { Err(AccountError::Exceeds) }
    }
}

/// Who asks, authenticated for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account. For [`Via::Local`] a word for the command line, which has no account.
    pub name: String,
    /// What they may do in this request.
    pub rights: Rights,
    /// How they came in.
    pub via: Via,
}

impl Principal {
    /// Whoever may read the data directory: may do everything, because the files could be changed as well.
    pub fn local(name: &str) -> Self {
        let rights = Rights { role: Role::Owner, personal_data: true };
        Self { name: name.to_owned(), rights, via: Via::Local }
    }

    /// The name for the audit log.
    pub fn actor(&self) -> String {
        match &self.via {
            Via::Session { .. } | Via::Local => self.name.clone(),
            Via::Token { name, .. } => format!("{} (token {name})", self.name),
        }
    }
}

/// How somebody came in.
#[derive(Clone, PartialEq, Eq)]
pub enum Via {
    /// With the cookie of a session.
    Session {
        /// The key of the session in the store, not its id.
        key: [u8; 32],
    },
    /// With a bearer token.
    Token {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// From the command line or a file, on the data directory itself.
    Local,
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { .. } => f.write_str("Session(…)"),
            Self::Token { id, .. } => write!(f, "Token({id})"),
            Self::Local => f.write_str("Local"),
        }
    }
}

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name to sign in with.
    pub name: String,
    /// What they may do.
    pub rights: Rights,
    /// When they were added.
    pub created_at: Millis,
    /// When they last asked for something, to the minute.
    pub last_seen_at: Option<Millis>,
}

/// Somebody to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name to sign in with.
    pub name: String,
    /// The first password.
    pub password: Secret<String>,
    /// What they may do.
    pub rights: Rights,
}

/// What of a user is to change; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// The role.
    pub role: Option<Role>,
    /// The right to see personal data.
    pub personal_data: Option<bool>,
    /// The password. Ends all sessions of the user.
    pub password: Option<Secret<String>>,
}

/// A bearer token as it is shown; the token itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do, at most: never more than its maker may today.
    pub rights: Rights,
    /// The account that made it.
    pub made_by: String,
    /// When it was made.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Millis>,
    /// Until when it is good.
    pub expires_at: Option<Millis>,
}

/// A token to make.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// Until when it is good; `None` until it is removed.
    pub expires_at: Option<Millis>,
}

/// An open session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The value of the cookie.
    pub session: Secret<String>,
    /// Who signed in.
    pub user: User,
    /// When the session ends at the latest.
    pub expires_at: Millis,
}
