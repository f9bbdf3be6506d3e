//! New identifiers on their way into the vault: whoever joins a subject takes over what the subject refused.
//!
//! A person refuses in a browser, and later a login links a user id to the same subject. An event that carries only
//! the user id must be withheld too, so the refusals are copied to the new identifier, in the transaction that makes it
//! known, and are in the gate before the caller goes on: before any record can name the subject.
//!
//! Only refusals. A grant stays with the identifiers under which it was given, so linking never widens what an
//! identifier permits; the subject's next choice counts for all of them.

use std::sync::Arc;

use async_trait::async_trait;
use consent::Gate;
use event::{Fingerprint, SubjectId};
use vault::{IdentifierTable, Inserted, Pair, VaultError};

use crate::{Joined, Store};

/// The vault's table of one workspace, with its gate kept in step.
#[derive(Debug)]
pub(crate) struct Linking {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gate: Arc<Gate>,
}

#[async_trait]
impl IdentifierTable for Linking {
    async fn subjects(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<SubjectId>>, VaultError> {
        self.store.subjects(workspace, of).await
    }

    async fn insert(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        let standings = match self.store.join(workspace, pairs).await? {
            Joined::Known(known) => return Ok(Inserted::Known(known)),
            Joined::All(standings) => standings,
        };
        if !standings.is_empty() {
            // Adds and never replaces: a choice that was recorded since may be in the gate already.
            self.gate.learn_refusals(|categories| {
                let refused = |standing: &crate::Standing| standing.held(categories).refused();
                standings.iter().map(|(identifier, standing)| (*identifier, refused(standing))).collect::<Vec<_>>()
            });
        }
        Ok(Inserted::All)
    }
}
