//! Identifiers → fingerprints → the subject's random number. New pairs are committed by the vault before this
//! returns, and so before the record that names the subject is appended: a subject in the lake whose identifier the
//! vault does not know could be found neither for access nor for erasure.
//!
//! An alias names a third id, `previousId`. It joins the subject too (if nobody has it yet), because that is what the
//! call says, and because the lake keeps only its fingerprint.

use std::borrow::Cow;

use event::{Call, Fields};
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
        let aliased: Vec<(Cow<'r, str>, &'r str)> = batch.items.iter().filter_map(aliased).collect();
        let joined = aliased.iter().map(|(previous, user)| fingerprints.identify(Some(previous), Some(user)));
        // Behind the events themselves: an id that has a subject keeps it.
        let asked: Vec<Identifiers<'_>> = identifiers.iter().copied().chain(joined).collect();
        let subjects = match batch.tenant.surrogates.resolve(&asked).await {
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

/// The earlier id that an alias names, and the user it becomes.
fn aliased<'r>(valid: &Valid<'r>) -> Option<(Cow<'r, str>, &'r str)> {
    let raw = &valid.logged.raw;
    if raw.call != Call::Alias {
        return None;
    }
    let mut fields = Fields::parse(raw.json).ok()?;
    let Cow::Borrowed(text) = fields.take("previousId")? else { return None };
    Some((serde_json::from_str(text).map(Cow::Owned).ok()?, raw.user_id?))
}
