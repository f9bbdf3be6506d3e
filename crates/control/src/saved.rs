//! Questions to the lake that people keep for everybody of a workspace.

use async_trait::async_trait;
use event::Millis;

use crate::StoreError;
use crate::audit::Entry;

/// Kept for one workspace.
pub const SAVED_QUERIES_MAX: u32 = 200;

/// A question as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// Its number, never used twice.
    pub id: i64,
    /// What it is called; unique in its workspace.
    pub name: String,
    /// The question.
    pub sql: String,
    /// Who keeps it.
    pub by: String,
    /// Since when.
    pub at: Millis,
}

/// What became of one that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saving {
    /// It is kept.
    Saved(SavedQuery),
    /// Another one has its name.
    Taken,
    /// As many are kept as may be.
    Full,
}

/// The store's part for them.
#[async_trait]
pub trait SavedQueryStore {
    /// Those of a workspace, by name.
    async fn saved_queries(&self, workspace: &str) -> Result<Vec<SavedQuery>, StoreError>;

    /// Keeps one, with the entry that tells it; `query.id` does not count.
    async fn save_query(&self, workspace: &str, query: &SavedQuery, entry: &Entry) -> Result<Saving, StoreError>;

    /// Removes one, with the entry that tells it; `false` when there is none.
    async fn delete_query(&self, workspace: &str, id: i64, entry: &Entry, at: Millis) -> Result<bool, StoreError>;
}
