//! Identifiers → fingerprints → the subject's random number. New pairs are committed by the vault before this
//! returns, and so before the record that names the subject is appended: a subject in the lake whose identifier the
//! vault does not know could be found neither for access nor for erasure.
//!
//! An alias names a third id, `previousId`. It leads to its subject, or joins it if nobody has it yet, because that is
//! what the call says, and because the lake keeps only its fingerprint. It is among the identifiers by which choices are
//! found: whoever refused under the earlier id has refused this event too.

use std::borrow::Cow;

use event::{Call, Fields, Fingerprint};
use eventlog::record::Raw;
use vault::{Fingerprints, Identifiers, VaultError};

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
        let earlier: Vec<Option<Cow<'r, str>>> =
            batch.items.iter().map(|valid| previous_id(&valid.logged.raw)).collect();
        let earlier = earlier.iter().map(Option::as_deref);
        let identify = |(valid, earlier)| identifiers_of(fingerprints, valid, earlier);
        let identifiers: Vec<Identifiers<'_>> = batch.items.iter().zip(earlier).map(identify).collect();
        let subjects = match batch.tenant.surrogates.resolve(&identifiers).await {
            Ok(subjects) => subjects,
            Err(error) => return Err((batch, error)),
        };
        let identifiers: Vec<Vec<Fingerprint>> = identifiers.iter().map(Identifiers::fingerprints).collect();
        let Batch { tenant, partition, items, dropped } = batch;
        let items = items
            .into_iter()
            .zip(identifiers)
            .zip(subjects)
            .map(|((valid, ids), subject)| Identified { valid, identifiers: ids, subject })
            .collect();
        Ok(Batch { tenant, partition, items, dropped })
    }
}

fn identifiers_of<'t>(fingerprints: &Fingerprints, valid: &'t Valid<'_>, earlier: Option<&'t str>) -> Identifiers<'t> {
    let raw = &valid.logged.raw;
    let previous = earlier.map(|id| fingerprints.previous(id));
    Identifiers { previous, ..fingerprints.identify(raw.anonymous_id, raw.user_id) }
}

/// The earlier id that an alias names.
pub(crate) fn previous_id<'r>(raw: &Raw<'r>) -> Option<Cow<'r, str>> {
    if raw.call != Call::Alias {
        return None;
    }
    let mut fields = Fields::parse(raw.json).ok()?;
    let Cow::Borrowed(text) = fields.take("previousId")? else { return None };
    serde_json::from_str(text).map(Cow::Owned).ok()
}
