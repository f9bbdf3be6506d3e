//! How long records of choices are kept (`consent.record_days`): the history and what opens its leaves of the ledger.
//!
//! The leaves stay, so no proof of another's changes, and whoever kept their receipt can still verify it; the operator has
//! nothing left that leads from the leaf to anybody. What holds today is in another table and does not change.

use event::Millis;

use crate::{Store, StoreError, Tenant};

const DAY_MS: i64 = 86_400_000;
/// Deleted in one transaction: choices that are being made wait for it.
const ROWS_MAX: u32 = 500;

/// Deletes what a workspace has kept for long enough; how many records.
pub async fn sweep(store: &dyn Store, tenant: &Tenant, now: Millis) -> Result<u64, StoreError> {
    let before = Millis(now.0 - i64::from(tenant.workspace.consent.record_days) * DAY_MS);
    let name = tenant.name();
    let mut all = 0;
    loop {
        let gone = store.forget_choices(&name, before, ROWS_MAX).await?;
        all += gone;
        if gone < u64::from(ROWS_MAX) {
            return Ok(all);
        }
    }
}
