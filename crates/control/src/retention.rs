//! How long records of choices are kept (`consent.record_days`): the history and what opens its leaves of the ledger.
//!
//! The leaves stay, so no proof of another's changes, and whoever kept their receipt can still verify it; the operator has
//! nothing left that leads from the leaf to anybody. What holds today is in another table and does not change.

use event::Millis;

use crate::{Store, StoreError, Tenant};

const DAY_MS: i64 = 86_400_000;
/// Looked at in one transaction: choices that are being made wait for it.
const ROWS_MAX: u32 = 500;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The arrival and the place in the history of the record before the first.
    pub after: (Millis, i64),
    /// How many at most.
    pub rows_max: u32,
}

impl Look {
    /// From the oldest on.
    pub fn first(rows_max: u32) -> Self {
        Self { after: (Millis(i64::MIN), 0), rows_max }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten {
    /// How many are gone.
    pub gone: u64,
    /// What to look at next; `None` at the end.
    pub next: Option<Look>,
}

/// Deletes what a workspace has kept for long enough; how many records.
pub async fn sweep(store: &dyn Store, tenant: &Tenant, now: Millis) -> Result<u64, StoreError> {
    let before = Millis(now.0.saturating_sub(i64::from(tenant.workspace.consent.record_days) * DAY_MS));
    let (name, mut all) = (tenant.name(), 0);
    let mut look = Some(Look::first(ROWS_MAX));
    while let Some(rows) = look {
        let forgotten = store.forget_choices(&name, before, rows).await?;
        all += forgotten.gone;
        look = forgotten.next;
    }
    Ok(all)
}
