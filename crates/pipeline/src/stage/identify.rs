//! Identifiers → fingerprints → the subject's random number. New pairs are committed by the vault before this
//! returns, and so before the record that names the subject is appended: a subject in the lake whose identifier the
//! vault does not know could be found neither for access nor for erasure.

use vault::{Identifiers, VaultError};

use crate::{Batch, Identified, Valid};

/// See the module.
#[derive(Debug, Default)]
pub struct Identify {}

impl Identify {
    /// The only one there is: keys and tables are the workspace's own.
    pub fn new() -> Self {
        Self {}
    }

    /// Finds the subjects of the whole batch with one question. When the vault does not answer, the batch comes back
    /// unchanged, to be tried again.
    pub async fn run<'r>(
        &self,
        batch: Batch<'r, Valid<'r>>,
    ) -> Result<Batch<'r, Identified<'r>>, (Batch<'r, Valid<'r>>, VaultError)> {
        let fingerprints = &batch.tenant.fingerprints;
        let identify = |valid: &Valid<'r>| {
            let raw = &valid.logged.raw;
            fingerprints.identify(raw.anonymous_id, raw.user_id)
        };
        let identifiers: Vec<Identifiers<'r>> = batch.items.iter().map(identify).collect();
        let subjects = match batch.tenant.surrogates.resolve(&identifiers).await {
            Ok(subjects) => subjects,
            Err(error) => return Err((batch, error)),
        };
        let Batch { tenant, partition, items, dropped } = batch;
        let items = items
            .into_iter()
            .zip(identifiers)
            .zip(subjects)
            .map(|((valid, ids), subject)| Identified { valid, identifiers: ids.fingerprints(), subject })
            .collect();
        Ok(Batch { tenant, partition, items, dropped })
    }
}
