//! From the table of leaves to the published log, and from a choice's number to the receipt of its maker.

use std::sync::Arc;

use ledger::receipt::notice_reference;
use ledger::{Ledger, LedgerError, Opening, Record, SignedCheckpoint};

use crate::{Receipt, Store, StoreError};

/// Leaves published with one checkpoint at most, unless the log has more to make up for.
const BATCH_LEAVES_MAX: u32 = 4_096;

/// Why nothing was published, or no receipt given.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The state could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The state is older than the log.
    #[error(
        "the state has no leaf {leaf} of workspace `{workspace}`, and the ledger has published it: an older `state.db` \
         was restored beside a newer ledger. Restore the state that belongs to it"
    )]
    StateBehind {
        /// The workspace.
        workspace: String,
        /// The last leaf of the log.
        leaf: u64,
    },
    /// The thread that works on the files ended.
    #[error("the ledger's thread ended: {0}")]
    Ended(String),
}

/// What somebody who asks for a receipt gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    /// The receipt, to be stored as it is: every byte counts.
    Receipt(String),
    /// There is no such choice, or what opens its leaf was erased.
    Unknown,
}

/// What a stranger with a receipt's number gets, for whom nothing is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// The receipt, to be stored as it is.
    Receipt(String),
    /// The choice is recorded, and no checkpoint has it yet.
    Waiting,
    /// There is no such choice, or what opens its leaf was erased.
    Unknown,
}

/// The log of one workspace with the table that it is made from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Evidence {
    store: Arc<dyn Store>,
    log: Arc<Ledger>,
    workspace: Arc<str>,
}

impl Evidence {
    /// Of a workspace.
    pub fn new(store: Arc<dyn Store>, log: Arc<Ledger>, workspace: &str) -> Self {
        Self { store, log, workspace: workspace.into() }
    }

    /// The log: its files, checkpoints and proofs.
    pub fn log(&self) -> &Arc<Ledger> {
        &self.log
    }

    /// Publishes what was recorded since the last time. Calling it again does no harm, also at the same time.
    pub async fn publish(&self) -> Result<SignedCheckpoint, EvidenceError> {
        loop {
            let (size, held) = (self.log.size(), self.log.held_size());
            // From the last leaf that is known: that it is the same one shows that table and log belong together.
            let first = size.saturating_sub(1);
            let missing = u32::try_from(held.saturating_sub(first)).unwrap_or(u32::MAX);
            let leaves_max = BATCH_LEAVES_MAX.max(missing);
            let leaves = self.store.leaves_from(&self.workspace, first, leaves_max).await?;
            if leaves.is_empty() && size > 0 {
                return Err(EvidenceError::StateBehind { workspace: self.workspace.to_string(), leaf: first });
            }
            let is_all = (leaves.len() as u64) < u64::from(leaves_max);
            let log = Arc::clone(&self.log);
            let appended = tokio::task::spawn_blocking(move || log.append(first, &leaves)).await;
            let signed = appended.map_err(|error| EvidenceError::Ended(error.to_string()))??;
            if is_all {
                return Ok(signed);
            }
        }
    }

    /// The receipt of a choice. One that was recorded a moment ago is published first.
    pub async fn receipt(&self, number: Receipt) -> Result<Issued, EvidenceError> {
        let Some(leaf) = self.store.leaf_of(&self.workspace, number).await? else { return Ok(Issued::Unknown) };
        if leaf >= self.log.size() {
            self.publish().await?;
        }
        self.of_leaf(leaf).await
    }

    /// The receipt of a choice, if a checkpoint has it already.
    pub async fn published(&self, number: Receipt) -> Result<Published, EvidenceError> {
        let Some(leaf) = self.store.leaf_of(&self.workspace, number).await? else { return Ok(Published::Unknown) };
        if leaf >= self.log.size() {
            return Ok(Published::Waiting);
        }
        // Of other leaves (a configuration names who made it) nothing is for the public.
        let is_choice = |opening: &Opening| opening.record.value()["kind"] == "choice";
        if !self.store.opening(&self.workspace, leaf).await?.as_ref().is_some_and(is_choice) {
            return Ok(Published::Unknown);
        }
        Ok(match self.of_leaf(leaf).await? {
            Issued::Receipt(text) => Published::Receipt(text),
            Issued::Unknown => Published::Unknown,
        })
    }

    async fn of_leaf(&self, leaf: u64) -> Result<Issued, EvidenceError> {
        let Some(opening) = self.store.opening(&self.workspace, leaf).await? else { return Ok(Issued::Unknown) };
        let log = Arc::clone(&self.log);
        let proof = tokio::task::spawn_blocking(move || log.prove(leaf)).await;
        let proof = proof.map_err(|error| EvidenceError::Ended(error.to_string()))??;
        let notice = self.notice(&opening).await?;
        Ok(Issued::Receipt(ledger::Receipt::new(opening, notice, proof).to_text()))
    }

    /// The words that the record names, when they are kept: a page may name what this workspace never showed.
    async fn notice(&self, opening: &Opening) -> Result<Option<Record>, StoreError> {
        let record = opening.record.value();
        let Some(named) = record["notice"].as_str() else { return Ok(None) };
        let hash = named.strip_prefix("sha256:").unwrap_or(named);
        let kept = self.store.published_words(&self.workspace, hash).await?;
        let notice = kept.and_then(|kept| {
            let parsed = Record::parse(&kept.words);
            parsed.inspect_err(|error| tracing::warn!(%error, hash, "a receipt goes without the words it names")).ok()
        });
        Ok(notice.filter(|notice| notice_reference(notice) == named))
    }
}
