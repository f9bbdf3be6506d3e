//! The audit log: who changed what, from what to what.
//!
//! Append-only, and written in the transaction of the change itself: a change without its entry cannot exist, nor an
//! entry without its change. Values come masked ([`crate::configuration`] does that for objects); the log is read by
//! more people than the secrets are.

use async_trait::async_trait;
use event::Millis;
use serde_json::Value;

use crate::StoreError;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is new.
    Create,
    /// It was changed.
    Update,
    /// It is gone.
    Delete,
    /// A file that the server applies at start declares it now; nothing in it changed.
    Declare,
    /// No such file declares it any more, so it can be edited again.
    Release,
    /// Somebody signed in.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// A password was changed.
    ChangePassword,
    /// A destination was paused.
    Pause,
    /// A destination was resumed.
    Resume,
    /// Dead letters were sent again.
    Retry,
    /// A replay was started or stopped.
    Replay,
    /// A connection was tried out.
    Test,
    /// Personal data was looked at.
    Reveal,
    /// What was to be done was not, in the time that it had.
    GiveUp,
}

impl Action {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Declare => "declare",
            Self::Release => "release",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::ChangePassword => "change_password",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Replay => "replay",
            Self::Test => "test",
            Self::Reveal => "reveal",
            Self::GiveUp => "give_up",
        }
    }
}

/// What is about to be written. The store adds time and number.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who: see [`crate::Principal::actor`].
    pub actor: String,
    /// What was done.
    pub action: Action,
    /// In which workspace; `None` for what belongs to the whole server.
    pub workspace: Option<String>,
    /// The kind of what was changed: `source`, `destination`, `consent`, `user`, `token`, `session`, …
    pub kind: &'static str,
    /// Its name.
    pub object: String,
    /// What it was, secrets masked.
    pub before: Option<Value>,
    /// What it is now, secrets masked.
    pub after: Option<Value>,
}

/// An entry as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Its number: later entries have higher ones.
    pub id: i64,
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: String,
    /// What was done: a name of [`Action`].
    pub action: String,
    /// In which workspace.
    pub workspace: Option<String>,
    /// The kind of what was changed.
    pub kind: String,
    /// Its name.
    pub object: String,
    /// What it was.
    pub before: Option<Value>,
    /// What it is now.
    pub after: Option<Value>,
}

impl AuditRecord {
    /// The fields that differ between before and after, by name; of what is new or gone, all.
    pub fn changed_fields(&self) -> Vec<&str> {
        let fields = |value: &'_ Option<Value>| value.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, after) = (fields(&self.before), fields(&self.after));
        let names = [&self.before, &self.after].into_iter().flatten().filter_map(Value::as_object);
        let mut names: Vec<&str> = names.flat_map(|fields| fields.keys().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| before.get(*name) != after.get(*name));
        names
    }
}

/// Which entries to read. `None` asks for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this workspace.
    pub workspace: Option<String>,
    /// By this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Of this kind of object.
    pub kind: Option<String>,
    /// Of this object.
    pub object: Option<String>,
    /// Older than the entry of this number: the cursor of the next page.
    pub before: Option<i64>,
    /// At most so many.
    pub rows_max: u32,
}

impl Default for AuditQuery {
    fn default() -> Self {
        const ROWS: u32 = 100;
        Self { workspace: None, actor: None, action: None, kind: None, object: None, before: None, rows_max: ROWS }
    }
}

/// The part of the store that keeps the audit log.
#[async_trait]
pub trait AuditStore {
    /// Entries, newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Writes entries of acts that change nothing in the store. Changes bring theirs with them.
    async fn append_audit(&self, entries: &[Entry], at: Millis) -> Result<(), StoreError>;
}
