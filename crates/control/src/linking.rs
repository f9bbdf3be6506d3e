//! New identifiers on their way into the vault: whoever joins a subject takes over what the subject refused.
//!
//! A person refuses in a browser, and later a login links a user id to the same subject. An event that carries only
//! the user id must be withheld too, so the refusals are copied to the new identifier, in the transaction that makes it
//! known, and are in the gate before the caller goes on: before any record can name the subject.
//!
//! Only refusals. A grant stays with the identifiers under which it was given, so linking never widens what an
//! identifier permits; the subject's next choice counts for all of them.
//!
//! Several partitions may meet the same new identifier at once. One of them commits it; the others find it known, and
//! could go on before the first has told the gate. So whoever finds an identifier in the table waits until nobody is
//! still at telling what its subject refused ([`Joining`]).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use consent::Gate;
use event::Fingerprint;
use tokio::sync::watch;
use vault::{IdentifierTable, Inserted, Pair, Sighting, VaultError};

use crate::{Joined, Store};

/// The vault's table of one workspace, with its gate kept in step.
#[derive(Debug)]
pub(crate) struct Linking {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) joining: Joining,
}

/// The identifiers that are being made known: perhaps in the table already, not yet in the gate.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    under_way: Mutex<HashMap<Fingerprint, Vec<watch::Receiver<()>>>>,
}

impl Joining {
    /// From before the commit until what is returned is dropped, after the gate was told.
    fn enter(&self, identifiers: impl IntoIterator<Item = Fingerprint>) -> Entered<'_> {
        let (done, waits) = watch::channel(());
        let identifiers: Vec<Fingerprint> = identifiers.into_iter().collect();
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for identifier in &identifiers {
            under_way.entry(*identifier).or_default().push(waits.clone());
        }
        drop(under_way);
        Entered { joining: self, identifiers, waits, _done: done }
    }

    /// Returns when the gate knows all that those who are at it now have to tell about these.
    async fn settled(&self, identifiers: impl IntoIterator<Item = Fingerprint>) {
        let waits: Vec<_> = {
            let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            if under_way.is_empty() {
                return;
            }
            identifiers.into_iter().filter_map(|one| under_way.get(&one)).flatten().cloned().collect()
        };
        for mut wait in waits {
            // Nothing is ever sent: it ends when the other side is dropped.
            while wait.changed().await.is_ok() {}
        }
    }
}

/// See [`Joining::enter`].
struct Entered<'a> {
    joining: &'a Joining,
    identifiers: Vec<Fingerprint>,
    waits: watch::Receiver<()>,
    /// Dropped with this, after the entries are gone, which lets those who wait go on.
    _done: watch::Sender<()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let mut under_way = self.joining.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        for identifier in &self.identifiers {
            if let Some(waits) = under_way.get_mut(identifier) {
                waits.retain(|wait| !wait.same_channel(&self.waits));
                if waits.is_empty() {
                    under_way.remove(identifier);
                }
            }
        }
    }
}

#[async_trait]
impl IdentifierTable for Linking {
    async fn sightings(&self, workspace: &str, of: &[Fingerprint]) -> Result<Vec<Option<Sighting>>, VaultError> {
        let found = self.store.sightings(workspace, of).await?;
        self.joining.settled(of.iter().zip(&found).filter(|(_, known)| known.is_some()).map(|(one, _)| *one)).await;
        Ok(found)
    }

    async fn insert(&self, workspace: &str, pairs: &[Pair<'_>]) -> Result<Inserted, VaultError> {
        let entered = self.joining.enter(pairs.iter().map(|pair| pair.identifier.fingerprint));
        let standings = match self.store.join(workspace, pairs).await? {
            Joined::All(standings) => standings,
            Joined::Known(known) => {
                // Before the wait: two that each lost to the other's earlier identifier must not wait for one another.
                drop(entered);
                self.joining.settled(known.iter().map(|(identifier, _)| *identifier)).await;
                return Ok(Inserted::Known(known));
            }
        };
        if !standings.is_empty() {
            // Adds and never replaces: a choice that was recorded since may be in the gate already.
            self.gate.learn_refusals(|categories| {
                let refused = |standing: &crate::Standing| standing.held(categories).refused();
                standings.iter().map(|(identifier, standing)| (*identifier, refused(standing))).collect::<Vec<_>>()
            });
        }
        drop(entered);
        Ok(Inserted::All)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// The future, polled once now.
    fn poll(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn who_finds_an_identifier_known_waits_for_its_refusals() {
        let joining = Joining::default();
        let [first, second, other] = [1, 2, 3].map(|number| Fingerprint([number; 16]));
        let winner = joining.enter([first, second]);
        let loser = joining.enter([second]);
        drop(loser);
        let mut waiting = pin!(joining.settled([second]));
        assert_eq!(poll(waiting.as_mut()), Poll::Pending, "the gate has not been told");
        assert_eq!(poll(pin!(joining.settled([other]))), Poll::Ready(()), "of another one nothing is under way");
        drop(winner);
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(()));
        assert!(joining.under_way.lock().is_ok_and(|under_way| under_way.is_empty()), "nothing is left behind");
    }
}
