//! A visitor's choice on its way from the request to its answer: durable first, then in the gate, then answered.
//!
//! It stands on the request path of the collector, so waiting choices are committed together: while one commit is on
//! its way to the disk, the next ones gather. One task does it, which also makes the order of commits the order in
//! which the gate learns of them.
//!
//! Whether a choice may be kept under its maker's name is decided here. A refusal from somebody without a user id,
//! whose anonymous id nobody has seen, is recorded with a random number and nothing else: to remember by an identifier
//! that somebody did not want to be known would contradict the refusal. Every other choice is kept under the subject's
//! surrogate and counts for all identifiers of the subject, those that join it later included (`linking`). A refusal that
//! was taken over from another platform and leaves on what the source collects under is such a choice too.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use consent::{Categories, CategorySet, Choice};
use event::{Fingerprint, Millis, Pii, Slug, SubjectId};
use tokio::sync::{mpsc, oneshot};
use vault::{Arrival, Identifiers, Keys, Resolved};
use workspace::{Basis, Model, Regime};

use crate::telling::{Plan, Tell};
use crate::{ChoiceRow, Maker, Method, Presented, Receipt, Store, StoreError, Tenant};

/// Choices committed together at most.
const GROUP_CHOICES_MAX: usize = 512;
/// Choices that may wait; further callers wait to be let in.
const QUEUE_CHOICES_MAX: usize = 4_096;

/// A choice as the collector read it.
#[derive(Debug, Clone)]
pub struct ChoiceMade {
    /// The workspace that it was made to.
    pub tenant: Arc<Tenant>,
    /// `anonymousId` of the event.
    pub anonymous_id: Option<Pii<String>>,
    /// `userId` of the event.
    pub user_id: Option<Pii<String>>,
    /// What was chosen.
    pub choice: Choice,
    /// How it came.
    pub method: Method,
    /// The source that it came through.
    pub source: Slug,
    /// The event that carried it.
    pub message_id: Option<String>,
    /// When it was made, where that can be trusted: the timestamp corrected by `sentAt`. `None` lets the arrival
    /// count. A time after the arrival is the arrival, or a wrong clock could forbid every later withdrawal.
    pub made_at: Option<Millis>,
    /// When it arrived.
    pub received_at: Millis,
    /// What was shown, where somebody says it.
    pub presented: Option<Presented>,
}

impl ChoiceMade {
    /// When it was made, as it counts.
    pub(crate) fn when(&self) -> Millis {
        self.made_at.map_or(self.received_at, |at| at.min(self.received_at))
    }

    fn arrival(&self) -> Arrival<'_> {
        let not_before = self.tenant.not_before(self.source.as_str(), self.received_at);
        Arrival { identifiers: self.identifiers(), at: self.received_at, not_before }
    }

    /// Where the anonymous id has ended: a choice counts for what was stored under it all the same, but the user id that
    /// came along does not join its subject.
    fn arrival_of_ended(&self) -> Arrival<'_> {
        let all = self.identifiers();
        let identifiers = if all.user.is_some() { Identifiers { anonymous: None, ..all } } else { all };
        Arrival { identifiers, at: self.received_at, not_before: None }
    }

    pub(crate) fn identifiers(&self) -> Identifiers<'_> {
        let [anonymous_id, user_id] =
            [&self.anonymous_id, &self.user_id].map(|id| id.as_ref().map(|id| id.expose().as_str()));
        self.tenant.fingerprints.identify(anonymous_id, user_id)
    }
}

/// What became of a choice. It is on disk and, when known, in the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Kept under its maker's surrogate.
    Known {
        /// Its number.
        receipt: Receipt,
        /// Whose it is.
        subject: SubjectId,
        /// The identifiers that came with it; it counts under all of the subject.
        identifiers: Vec<Fingerprint>,
    },
    /// A refusal from somebody unknown, or a choice that came without identifiers: kept without anything that leads to
    /// its maker.
    Anonymous {
        /// Its number.
        receipt: Receipt,
    },
    /// An import that was taken over before. Nothing was recorded: a refusal that comes again would undo what its maker
    /// has granted since.
    Again {
        /// The number that it got then.
        receipt: Receipt,
    },
    /// Nothing: what a signal or a field of an event says of somebody unknown stays with its event.
    Nothing,
}

impl Recorded {
    /// The number of what was recorded, by which its maker can ask for its receipt.
    pub fn receipt(&self) -> Option<Receipt> {
        match self {
            Self::Known { receipt, .. } | Self::Anonymous { receipt } | Self::Again { receipt } => Some(*receipt),
            Self::Nothing => None,
        }
    }
}

struct Waiting {
    made: ChoiceMade,
    answer: oneshot::Sender<Result<Recorded, StoreError>>,
}

/// Takes choices. Cheap to clone; the task behind it ends with the last clone.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: mpsc::Sender<Waiting>,
}

impl Recorder {
    /// Starts the task that writes to `store`, and seals with `keys` what names people there. Needs a tokio runtime.
    pub fn start(store: Arc<dyn Store>, keys: Keys) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_CHOICES_MAX);
        tokio::spawn(run(store, keys, waiting));
        Self { queue }
    }

    /// Records a choice. When it returns `Ok`, the choice is durable, and no request that it forbids begins any more.
    pub async fn record(&self, made: ChoiceMade) -> Result<Recorded, StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Failed { doing: "record a choice", reason: "the server is stopping".to_owned() };
        self.queue.send(Waiting { made, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(store: Arc<dyn Store>, keys: Keys, mut queue: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(GROUP_CHOICES_MAX);
    while queue.recv_many(&mut waiting, GROUP_CHOICES_MAX).await > 0 {
        while let Some(first) = waiting.first() {
            let tenant = Arc::clone(&first.made.tenant);
            let group: Vec<Waiting> =
                waiting.extract_if(.., |other| Arc::ptr_eq(&other.made.tenant, &tenant)).collect();
            let (made, answers): (Vec<_>, Vec<_>) = group.into_iter().map(|one| (one.made, one.answer)).unzip();
            match record(&*store, &keys, &tenant, &made).await {
                Ok(recorded) => answers.into_iter().zip(recorded).for_each(|(to, one)| answer(to, Ok(one))),
                Err(error) => {
                    tracing::error!(%error, choices = made.len(), "choices were not recorded");
                    for to in answers {
                        answer(to, Err(error.clone()));
                    }
                }
            }
        }
    }
}

fn answer(to: oneshot::Sender<Result<Recorded, StoreError>>, what: Result<Recorded, StoreError>) {
    if to.send(what).is_err() {
        tracing::debug!("a choice's request ended before its answer");
    }
}

/// Records the choices of one workspace in one commit (two, when identifiers are new).
async fn record(
    store: &dyn Store,
    keys: &Keys,
    tenant: &Tenant,
    made: &[ChoiceMade],
) -> Result<Vec<Recorded>, StoreError> {
    let rules = tenant.gate.rules();
    // Before anybody becomes known by these choices.
    let plan = Plan::make(keys, tenant, made).await?;
    let all: Vec<Identifiers<'_>> = made.iter().map(ChoiceMade::identifiers).collect();
    let nameless = nameless(tenant, made, &all, &rules.categories).await?;
    let named: Vec<&ChoiceMade> =
        made.iter().zip(&nameless).filter(|(_, nameless)| !**nameless).map(|(made, _)| made).collect();
    let mut subjects = subjects(tenant, &named).await?.into_iter();
    let (mut rows, mut said) = (Vec::with_capacity(made.len()), Vec::with_capacity(made.len()));
    for ((made, identifiers), nameless) in made.iter().zip(&all).zip(&nameless) {
        if *nameless && !is_chosen(made) {
            continue;
        }
        let subject = if *nameless { None } else { subjects.next().flatten() };
        let maker = subject.map(|subject| Maker {
            subject,
            identifiers: identifiers.fingerprints(),
            message_id: made.message_id.clone(),
        });
        rows.push(row(made, maker, &rules.categories)?);
        said.push(made);
    }
    let known = imported(store, tenant, &rows).await?;
    let (rows, known): (Vec<_>, Vec<_>) = rows.into_iter().zip(known).unzip();
    let fresh = rows.iter().zip(said).zip(&known).filter(|(_, known)| known.is_none());
    let (fresh, said): (Vec<ChoiceRow>, Vec<&ChoiceMade>) = fresh.map(|((row, said), _)| (row.clone(), said)).unzip();
    let tell = plan.as_ref().map(|plan| move |at: usize, newly: &BTreeSet<String>| plan.untold(said[at], newly));
    let tell = tell.as_ref().map(|tell| -> Tell<'_> { tell });
    if !fresh.is_empty() {
        commit(store, tenant, &fresh, tell).await?;
    }
    let answer = |(row, known): (ChoiceRow, Option<Receipt>)| match known {
        Some(receipt) => Recorded::Again { receipt },
        None => recorded(row),
    };
    let mut told = rows.into_iter().zip(known).map(answer);
    let of_each = made.iter().zip(nameless).map(|(made, nameless)| {
        let is_kept = !nameless || is_chosen(made);
        is_kept.then(|| told.next()).flatten().unwrap_or(Recorded::Nothing)
    });
    Ok(of_each.collect())
}

/// Puts choices on disk and then into the gate.
async fn commit(
    store: &dyn Store,
    tenant: &Tenant,
    fresh: &[ChoiceRow],
    tell: Option<Tell<'_>>,
) -> Result<(), StoreError> {
    let learning = tenant.learning.begin().await;
    let standings = store.record_and_tell(&tenant.name(), fresh, tell).await?;
    if !standings.is_empty() {
        tenant.gate.learn(|categories| {
            standings.iter().map(|(one, standing)| (*one, standing.held(categories))).collect::<Vec<_>>()
        });
    }
    drop(learning);
    Ok(())
}

/// Whose choices these are, in their order.
async fn subjects(tenant: &Tenant, made: &[&ChoiceMade]) -> Result<Vec<Option<SubjectId>>, StoreError> {
    let arrivals: Vec<Arrival<'_>> = made.iter().map(|made| made.arrival()).collect();
    let found = tenant.surrogates.resolve(&arrivals).await?;
    let has_ended = made.iter().zip(&found).filter(|(_, found)| **found == Resolved::Expired);
    let ended: Vec<Arrival<'_>> = has_ended.map(|(made, _)| made.arrival_of_ended()).collect();
    let mut of_ended = tenant.surrogates.resolve(&ended).await?.into_iter();
    let subject = |found: Resolved| found.subject().or_else(|| of_ended.next().and_then(Resolved::subject));
    Ok(found.into_iter().map(subject).collect())
}

/// Whether somebody chose it, so that it is proved also where its maker stays unknown.
fn is_chosen(made: &ChoiceMade) -> bool {
    !matches!(made.method, Method::Gpc | Method::Age)
}

/// Which rows are imports that were taken over before, by an earlier request or earlier in this group.
async fn imported(store: &dyn Store, tenant: &Tenant, rows: &[ChoiceRow]) -> Result<Vec<Option<Receipt>>, StoreError> {
    if rows.iter().all(|row| row.method != Method::Import) {
        return Ok(vec![None; rows.len()]);
    }
    let mut known = store.imported(&tenant.name(), rows).await?;
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.method == Method::Import) {
        let earlier = rows[..at].iter().find(|earlier| earlier.is_same_import(row));
        known[at] = known[at].or(earlier.map(|earlier| earlier.receipt));
    }
    Ok(known)
}

/// Which choices must be recorded without a name. An identifier is known when the vault has it, when its
/// event is on the way there, or when an earlier choice of the group makes it known.
async fn nameless(
    tenant: &Tenant,
    made: &[ChoiceMade],
    all: &[Identifiers<'_>],
    categories: &Categories,
) -> Result<Vec<bool>, StoreError> {
    // Who imports a refusal holds the identifier already, and asks that it be obeyed: without it nobody could.
    let is_imported = |made: &ChoiceMade| matches!(made.method, Method::Import | Method::ParentVerified);
    let refuses = |made: &ChoiceMade| {
        let is_told = is_imported(made) || goes_on(tenant, made, categories);
        made.user_id.is_none() && made.choice.is_refusal(categories) && !is_told
    };
    let asked: Vec<Fingerprint> = made
        .iter()
        .zip(all)
        .filter(|(made, _)| refuses(made))
        .flat_map(|(_, identifiers)| identifiers.fingerprints())
        .collect();
    let answers = tenant.surrogates.knows(&asked).await?;
    let is_known = |one: Fingerprint, in_vault: bool| in_vault || tenant.recent.contains(one);
    let mut known: HashSet<Fingerprint> =
        asked.iter().zip(answers).filter(|(one, in_vault)| is_known(**one, *in_vault)).map(|(one, _)| *one).collect();
    let decide = |(made, identifiers): (&ChoiceMade, &Identifiers<'_>)| {
        let fingerprints = identifiers.fingerprints();
        // What comes without an identifier, a grant too, is nobody's, and proves only itself.
        let is_nobodys = fingerprints.is_empty();
        let nameless = is_nobodys || (refuses(made) && !fingerprints.iter().any(|one| known.contains(one)));
        if !nameless {
            known.extend(fingerprints);
        }
        nameless
    };
    Ok(made.iter().zip(all).map(decide).collect())
}

/// Whether a refusal that was taken over from another platform leaves on what its source collects under: then events come
/// under this identifier, and must obey it. Where each needs a grant none come, and nobody is kept who may still refuse all.
fn goes_on(tenant: &Tenant, made: &ChoiceMade, categories: &Categories) -> bool {
    let Some(source) = tenant.source(made.source.as_str()) else { return false };
    let category = source.category.as_str();
    let regime = made.presented.as_ref().filter(|presented| presented.is_imported());
    let regime = regime.and_then(|presented| Regime::named(presented.regime.as_deref()?));
    // Events without a stamp come before a grant too, and so do those on another basis.
    let is_ungranted = source.compat.is_some() || source.basis.is_some_and(|basis| basis != Basis::Consent);
    let is_on = |regime: Regime| is_ungranted || regime.model(category) != Model::OptIn;
    regime.is_some_and(is_on) && !made.choice.refused.intersects(categories.key(category))
}

fn row(made: &ChoiceMade, maker: Option<Maker>, categories: &Categories) -> Result<ChoiceRow, StoreError> {
    // `required` is nobody's choice.
    let chosen = |set: CategorySet| -> Vec<String> {
        categories.names(set.without(categories.required())).into_iter().map(str::to_owned).collect()
    };
    Ok(ChoiceRow {
        receipt: Receipt::random()?,
        maker,
        granted: chosen(made.choice.granted),
        refused: chosen(made.choice.refused),
        method: made.method,
        source: made.source.to_string(),
        made_at: made.when(),
        received_at: made.received_at,
        presented: made.presented.clone(),
    })
}

fn recorded(row: ChoiceRow) -> Recorded {
    match row.maker {
        Some(Maker { subject, identifiers, .. }) => Recorded::Known { receipt: row.receipt, subject, identifiers },
        None => Recorded::Anonymous { receipt: row.receipt },
    }
}
