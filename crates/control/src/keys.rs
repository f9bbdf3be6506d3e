//! The keys of a workspace, in the store and in memory together.
//!
//! The order is always disk first: a key that seals is stored before the first block names its epoch, and a key that
//! is wiped is wiped from disk before memory forgets it, so that a crash in between leaves it readable rather than
//! half gone, and asking again finishes it.

use event::Millis;
use vault::{Epoch, Fingerprints, Keys};

use crate::{Store, StoreError, StoredEpoch};

/// Fills `keys` with a workspace's epochs, making what is missing, and returns its fingerprints.
pub async fn open(store: &dyn Store, keys: &Keys, workspace: &str, now: Millis) -> Result<Fingerprints, StoreError> {
    let stored = store.keys(workspace, now).await?;
    stored.epochs.iter().for_each(|epoch| place(keys, workspace, epoch));
    Ok(Fingerprints::new(&stored.fingerprint))
}

/// Begins a new epoch: blocks are sealed with it from now on.
pub async fn rotate(store: &dyn Store, keys: &Keys, workspace: &str, now: Millis) -> Result<Epoch, StoreError> {
    let stored = store.add_epoch(workspace, now).await?;
    place(keys, workspace, &stored);
    Ok(stored.epoch)
}

/// Destroys the key of a past epoch: every block sealed with it is unreadable from now on, wherever a copy lies.
pub async fn destroy(
    store: &dyn Store,
    keys: &Keys,
    workspace: &str,
    epoch: Epoch,
    now: Millis,
) -> Result<(), StoreError> {
    let epochs = store.keys(workspace, now).await?.epochs;
    let refuse = |reason| StoreError::KeepsKey { workspace: workspace.to_owned(), epoch, reason };
    if !epochs.iter().any(|stored| stored.epoch == epoch) {
        return Err(refuse("there is no such epoch"));
    }
    if epochs.last().is_some_and(|last| last.epoch == epoch) {
        return Err(refuse("it is the one that seals now; begin a new epoch first"));
    }
    store.destroy_epoch(workspace, epoch, now).await?;
    keys.destroy(workspace, epoch);
    Ok(())
}

fn place(keys: &Keys, workspace: &str, stored: &StoredEpoch) {
    match &stored.key {
        Some(key) => keys.insert(workspace, stored.epoch, key),
        None => keys.destroy(workspace, stored.epoch),
    }
}
