//! The moment between a choice's commit and the gate's learning of it.
//!
//! In that moment the state already has what a destination is to be told of the choice, and the gate does not yet know that
//! anything is refused. Who asks the gate what to tell waits for the moment to pass: otherwise a withdrawal would look
//! taken back and never be told. The other order, the gate first, would have it enforce what no record proves.

use std::sync::Arc;

use tokio::sync::{RwLock, RwLockWriteGuard};

/// Whether choices of a workspace are being recorded now. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Learning(Arc<RwLock<()>>);

impl Learning {
    /// Held from before the commit until the gate has learnt of it.
    pub(crate) async fn begin(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().await
    }

    /// Returns when the gate knows of every choice whose commit the caller has seen.
    pub async fn caught_up(&self) {
        drop(self.0.read().await);
    }
}
