//! What destinations are to be told of refusals, from the choice to the row that waits for its telling.
//!
//! A row is written in the transaction of the choice, so that neither is there without the other. Whom it is about is
//! sealed by the workspace's current key and stands in no other column; the row goes when it is told or given up, and a
//! destroyed key makes it unreadable before.
//!
//! It carries those identifiers of the request that were known before the choice. Of an identifier that came with it for the
//! first time no event was ever stored, so no destination can have received one: telling it would be the first that it
//! learns of that person.

use std::collections::{BTreeSet, HashSet};

use async_trait::async_trait;
use consent::{Refusal, Use, concerns};
use event::{Fingerprint, Millis, Pii};
use serde::{Deserialize, Serialize};
use vault::{Epoch, KeyError, Keys};
use workspace::Destination;

use crate::{ChoiceMade, StoreError, Tenant};

/// Something that a destination is to be told, as it is put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The destination.
    pub destination: String,
    /// Which making of its name it is.
    pub made_in: i64,
    /// The same in every attempt.
    pub message_id: String,
    /// Of the key that sealed.
    pub epoch: Epoch,
    /// Who, what, when: [`open`] reads it.
    pub sealed: Vec<u8>,
    /// When the refusal arrived.
    pub at: Millis,
}

/// The same while it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    /// Its number.
    pub id: i64,
    /// What is told to whom.
    pub untold: Untold,
    /// Attempts so far.
    pub attempts: u32,
}

/// A destination that something waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToldDestination {
    /// The workspace.
    pub workspace: String,
    /// Its name.
    pub destination: String,
    /// Which making of that name.
    pub made_in: i64,
}

/// How much waits for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldCount {
    /// The destination.
    pub of: ToldDestination,
    /// Refusals that it was not told of yet.
    pub waiting: u64,
    /// When the oldest of them arrived.
    pub oldest: Millis,
}

/// Says what is to be told of the choice at a place of those that are recorded, given the names that it newly refuses.
/// Asked within the transaction, about choices of known people only.
pub type Tell<'t> = &'t (dyn Fn(usize, &BTreeSet<String>) -> Result<Vec<Untold>, KeyError> + Send + Sync);

/// The store's part.
#[async_trait]
pub trait TellingStore {
    /// What waits, by destination, of all workspaces.
    async fn untold(&self) -> Result<Vec<UntoldCount>, StoreError>;

    /// What is due for a destination at a moment, at most so many, what has waited longest since its last attempt first.
    async fn due_tellings(&self, of: &ToldDestination, now: Millis, most: u32) -> Result<Vec<Telling>, StoreError>;

    /// Notes attempts that failed, and when the next one may be made.
    async fn put_off_telling(&self, id: i64, attempts: u32, next_at: Millis) -> Result<(), StoreError>;

    /// Forgets what was told, or has nothing to tell any more. Whether it was there.
    async fn end_telling(&self, id: i64) -> Result<bool, StoreError>;

    /// Gives up what arrived before a moment and was not told, with an entry of the audit log that says how much and why.
    /// Returns how much.
    async fn give_up_tellings(
        &self,
        of: &ToldDestination,
        before: Millis,
        why: &'static str,
        now: Millis,
    ) -> Result<u64, StoreError>;
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    anonymous_id: Option<String>,
    user_id: Option<String>,
    refused: Vec<String>,
    made_at: i64,
}

/// Why something sealed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableTelling {
    /// Its key does not open it, or was destroyed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is in it is not what this program writes.
    #[error("what was sealed is no refusal")]
    Shape,
}

/// Binds what is sealed to its row: another destination's cannot take its place.
fn place(workspace: &str, destination: &str, message_id: &str) -> Vec<u8> {
    format!("untold/{workspace}/{destination}/{message_id}").into_bytes()
}

/// Opens what is to be told.
pub fn open(keys: &Keys, workspace: &str, untold: &Untold) -> Result<Refusal, UnreadableTelling> {
    let place = place(workspace, &untold.destination, &untold.message_id);
    let text = keys.open(workspace, untold.epoch, &place, &untold.sealed)?;
    let sealed: Sealed = serde_json::from_slice(&text).map_err(|_| UnreadableTelling::Shape)?;
    Ok(Refusal {
        message_id: untold.message_id.clone(),
        anonymous_id: sealed.anonymous_id.map(Pii::new),
        user_id: sealed.user_id.map(Pii::new),
        refused: sealed.refused,
        made_at: Millis(sealed.made_at),
    })
}

/// Whom the choices of one commit are told to.
pub(crate) struct Plan<'p> {
    keys: &'p Keys,
    tenant: &'p Tenant,
    /// The destinations that are told, with what they use events for.
    told: Vec<(&'p Destination, Use)>,
    known: HashSet<Fingerprint>,
}

impl<'p> Plan<'p> {
    /// `None` where no destination of the workspace is told of anything: then nobody is asked for anything either.
    pub(crate) async fn make(
        keys: &'p Keys,
        tenant: &'p Tenant,
        made: &[ChoiceMade],
    ) -> Result<Option<Self>, StoreError> {
        let rules = tenant.gate.rules();
        let told = tenant.workspace.destinations.iter();
        let told = told.filter(|destination| destination.enabled && destination.withdrawals.tells());
        // The title only matters to what an event asks for itself.
        let told: Vec<_> =
            told.map(|destination| (destination, Use::of_destination(destination, "", &rules.categories))).collect();
        if told.is_empty() {
            return Ok(None);
        }
        let asked: Vec<Fingerprint> = made.iter().flat_map(|made| made.identifiers().fingerprints()).collect();
        let answers = tenant.surrogates.knows(&asked).await?;
        let is_known = |(one, in_vault): (Fingerprint, bool)| (in_vault || tenant.recent.contains(one)).then_some(one);
        let known = asked.into_iter().zip(answers).filter_map(is_known).collect();
        Ok(Some(Self { keys, tenant, told, known }))
    }

    /// What is told of one choice that newly refuses these.
    pub(crate) fn untold(&self, made: &ChoiceMade, newly: &BTreeSet<String>) -> Result<Vec<Untold>, KeyError> {
        let identifiers = made.identifiers();
        let was_known = |fingerprint: Option<Fingerprint>| fingerprint.is_some_and(|one| self.known.contains(&one));
        let is_anonymous_known = was_known(identifiers.anonymous.map(|one| one.fingerprint));
        let is_user_known = was_known(identifiers.user.map(|one| one.fingerprint));
        if !is_anonymous_known && !is_user_known {
            return Ok(Vec::new());
        }
        let exposed = |id: &Option<Pii<String>>| id.as_ref().map(|id| id.expose().clone());
        let sealed = Sealed {
            anonymous_id: exposed(&made.anonymous_id).filter(|_| is_anonymous_known),
            user_id: exposed(&made.user_id).filter(|_| is_user_known),
            refused: newly.iter().cloned().collect(),
            made_at: made.when().0,
        };
        let text = serde_json::to_vec(&sealed).expect("plain values");
        let rules = self.tenant.gate.rules();
        let refused = rules.categories.set(newly.iter().map(String::as_str));
        let concerned = self.told.iter().filter(|(_, purpose)| concerns(refused, purpose, &rules.categories));
        let rows = concerned.map(|(destination, _)| {
            let (workspace, name) = (self.tenant.name(), destination.name.as_str());
            let message_id = format!("withdrawal-{}", event::new_message_id());
            let (epoch, sealed) = self.keys.seal(&workspace, &place(&workspace, name, &message_id), &text)?;
            let (destination, made_in, at) = (name.to_owned(), destination.made_in, made.received_at);
            Ok(Untold { destination, made_in, message_id, epoch, sealed, at })
        });
        rows.collect()
    }
}
