//! Identifiers → fingerprints → the subject's random number. New pairs are committed by the vault before this
//! returns, and so before the record that names the subject is appended: a subject in the lake whose identifier the
//! vault does not know could be found neither for access nor for erasure.
//!
//! An alias names a third id, `previousId`. It leads to its subject, or joins it if nobody has it yet, because that is
//! what the call says, and because the lake keeps only its fingerprint. It is among the identifiers by which choices are
//! found: whoever refused under the earlier id has refused this event too.
//!
//! What a browser sends under an anonymous id that was first seen longer ago than the workspace lets identifiers live
//! goes no further. The ids of Assent's own SDK say their day, and the door refuses them; those of others' (`compat`)
//! say nothing, and only the vault knows since when they are in use. Ids of servers and apps are the operator's own.

use std::borrow::Cow;
use std::sync::Arc;

use event::{Call, Fields, Fingerprint};
use eventlog::record::Raw;
use vault::{Arrival, Fingerprints, Identifiers, Resolved, VaultError};

use crate::{Batch, Identified, Reason, Valid, Verdict};

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
        let tenant = Arc::clone(&batch.tenant);
        let earlier: Vec<Option<Cow<'r, str>>> =
            batch.items.iter().map(|valid| previous_id(&valid.logged.raw)).collect();
        let earlier = earlier.iter().map(Option::as_deref);
        let identify = |(valid, earlier)| Arrival {
            identifiers: identifiers_of(&tenant.fingerprints, valid, earlier),
            at: valid.logged.raw.received_at,
            not_before: tenant.not_before(valid.logged.raw.source, valid.logged.raw.received_at),
        };
        let arrivals: Vec<Arrival<'_>> = batch.items.iter().zip(earlier).map(identify).collect();
        let subjects = match tenant.surrogates.resolve(&arrivals).await {
            Ok(subjects) => subjects,
            Err(error) => return Err((batch, error)),
        };
        let fingerprints: Vec<Vec<Fingerprint>> =
            arrivals.iter().map(|arrival| arrival.identifiers.fingerprints()).collect();
        let mut found = fingerprints.into_iter().zip(subjects);
        Ok(batch.judge(|valid| match found.next().expect("there is an answer for each item") {
            (identifiers, Resolved::Subject(subject)) => Verdict::Continue(Identified { valid, identifiers, subject }),
            (_, Resolved::Expired) => Verdict::Drop(valid.logged, Reason::AnonymousIdExpired),
        }))
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
