//! The gate: the one place that makes a [`Permitted`], with all choices in memory.
//!
//! A permission is made per attempt and carries the generation of the choices it was made under. A withdrawal first
//! becomes durable (in `control`), then visible here with a new generation, and only then is answered; a request
//! whose generation is old is decided again before it begins ([`Gate::is_current`]). So no request that a withdrawal
//! forbids begins after its answer.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use event::{Fingerprint, FingerprintHasher, Millis};
use hashbrown::HashMap;
use workspace::{ConsentRules, Regime};

use crate::{
    Categories, CategorySet, Choice, Choices, Decision, Held, Reason, Refusal, Rules, Stamp, Told, TooManyCategories,
    Use, When, Wishes, decide,
};

/// What the gate must know about a thing to decide on it.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The fingerprints of all identifiers that it carries.
    pub identifiers: &'a [Fingerprint],
    /// What held at capture.
    pub stamp: &'a Stamp<'a>,
    /// What the event itself asks for.
    pub wishes: Wishes<'a>,
}

/// Something about a person that can be used.
pub trait HasSubject {
    /// What the gate must know.
    fn subject(&self) -> Subject<'_>;
}

/// The state of the choices under which a permission was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u64);

/// A thing that may be used, now, for the purpose it was asked for. Only [`Gate::permit`] makes one, and [`Gate::tell`] that
/// of a refusal; it can neither be copied nor stored.
pub struct Permitted<T> {
    item: T,
    generation: Generation,
}

impl<T: fmt::Debug> fmt::Debug for Permitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permitted").field(&self.item).finish()
    }
}

impl<T> Permitted<T> {
    /// The thing.
    pub fn get(&self) -> &T {
        &self.item
    }

    /// What is made of it is as permitted as it was.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<Permitted<U>, E> {
        Ok(Permitted { item: make(self.item)?, generation: self.generation })
    }

    /// What is made of a batch is as permitted as its oldest part; `None` for an empty batch.
    pub fn try_combine<U, E>(
        batch: &[Self],
        make: impl FnOnce(&[Self]) -> Result<U, E>,
    ) -> Option<Result<Permitted<U>, E>> {
        let generation = batch.iter().map(|part| part.generation).min()?;
        Some(make(batch).map(|item| Permitted { item, generation }))
    }

    /// Gives the thing up for good; used where a request begins.
    pub fn into_inner(self) -> T {
        self.item
    }
}

/// A refusal, with the thing given back for the trace.
#[derive(Debug)]
pub struct Withheld<T> {
    /// The thing that may not be used.
    pub item: T,
    /// Why.
    pub reason: Reason,
}

/// The choices and rules of one workspace, in memory.
#[derive(Debug)]
pub struct Gate {
    rules: arc_swap::ArcSwap<Rules>,
    /// The categories that are about to be in force. Held to read while choices are turned into bits and put in, so
    /// that what is put in says all that today's and tomorrow's rules ask.
    coming: RwLock<Option<Coming>>,
    choices: Vec<RwLock<HashMap<Fingerprint, Held, FingerprintHasher>>>,
    generation: AtomicU64,
}

/// Categories on their way into force.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Coming {
    categories: Categories,
    /// Those about which the gate may know less than is on record.
    fresh: CategorySet,
}

/// Choices are spread over this many maps, so that a write blocks few readers.
const SHARDS: usize = 64;

impl Gate {
    /// A gate without choices. Load what `control` has before anything is let through.
    pub fn new(rules: &ConsentRules) -> Arc<Self> {
        Arc::new(Self {
            rules: arc_swap::ArcSwap::from_pointee(Rules::new(rules)),
            coming: RwLock::default(),
            choices: (0..SHARDS).map(|_| RwLock::default()).collect(),
            generation: AtomicU64::new(0),
        })
    }

    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// The generation of the choices now.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Makes a durable choice count, for all identifiers of its maker at once. Call it after the choice is on disk and
    /// before it is answered.
    pub fn apply(&self, identifiers: &[Fingerprint], said: Held) {
        for identifier in identifiers {
            let mut shard = self.shard(*identifier).write().expect("no holder of a shard panics");
            let held = shard.entry(*identifier).or_default();
            *held = held.then(said);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Sets what is on record about many identifiers, with one new generation for all of them. For what `control` has
    /// merged already: the choices found at start, and those of one commit.
    pub fn load(&self, on_record: impl IntoIterator<Item = (Fingerprint, Held)>) {
        for (identifier, held) in on_record {
            self.shard(identifier).write().expect("no holder of a shard panics").insert(identifier, held);
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Adds refusals to what is on record about some identifiers, for those that join a subject which refused. Nothing
    /// that was refused is granted by it, whatever the gate learnt since.
    pub fn narrow(&self, refused: impl IntoIterator<Item = (Fingerprint, CategorySet)>) {
        for (identifier, refused) in refused {
            let mut shard = self.shard(identifier).write().expect("no holder of a shard panics");
            let held = shard.entry(identifier).or_default();
            *held = held.then(Held::refusing(refused));
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Does as [`Gate::load`] with what is on record by name, which must not become bits while other rules come into
    /// force: the choices are made, where that is under way, of both.
    pub fn learn(&self, on_record: impl Fn(&Categories) -> Vec<(Fingerprint, Held)>) {
        let coming = self.coming.read().expect("no holder of the coming rules panics");
        let mut all = on_record(&self.rules.load().categories);
        if let Some(Coming { categories, fresh }) = &*coming {
            for ((_, held), (_, then)) in all.iter_mut().zip(on_record(categories)) {
                *held = held.then(then.within(*fresh));
            }
        }
        self.load(all);
    }

    /// Does as [`Gate::narrow`] with what is on record by name: see [`Gate::learn`].
    pub fn learn_refusals(&self, on_record: impl Fn(&Categories) -> Vec<(Fingerprint, CategorySet)>) {
        let coming = self.coming.read().expect("no holder of the coming rules panics");
        let mut refused = on_record(&self.rules.load().categories);
        if let Some(Coming { categories, fresh }) = &*coming {
            let then = on_record(categories).into_iter();
            refused.extend(then.map(|(identifier, refused)| (identifier, refused.intersection(*fresh))));
        }
        self.narrow(refused);
    }

    /// First of three steps to other rules while running: their new names get bits, and whatever is learnt from now on
    /// speaks of them too. The rules in force stay. Returns the categories to [`Gate::fill`] with, when there is
    /// something on record that the gate could not know.
    pub fn expect(&self, rules: &ConsentRules) -> Result<Option<Categories>, TooManyCategories> {
        let mut coming = self.coming.write().expect("no holder of the coming rules panics");
        let now = self.rules.load();
        let categories = now.categories.widened(rules)?.under(rules);
        let fresh = categories.newly_meant(&now.categories);
        *coming = Some(Coming { categories: categories.clone(), fresh });
        Ok((!fresh.is_empty()).then_some(categories))
    }

    /// Second step: what is on record about the new ones, where nothing was learnt about them since.
    pub fn fill(&self, on_record: impl IntoIterator<Item = (Fingerprint, Held)>) {
        let coming = self.coming.read().expect("no holder of the coming rules panics");
        let Some(Coming { fresh, .. }) = &*coming else { return };
        for (identifier, found) in on_record {
            let mut shard = self.shard(identifier).write().expect("no holder of a shard panics");
            let known = shard.entry(identifier).or_default();
            *known = found.within(*fresh).then(*known);
        }
    }

    /// Last step: the expected rules come into force, and every permission is outdated.
    pub fn follow(&self, rules: &ConsentRules) {
        let mut coming = self.coming.write().expect("no holder of the coming rules panics");
        if let Some(Coming { categories, .. }) = coming.take() {
            self.rules.store(Arc::new(Rules::with(categories, rules)));
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Outdates every permission: the uses that they were given for may have changed.
    pub fn outdate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// What is on record about some identifiers, taken together, as it counts at a moment under the regime of a region.
    pub fn choices(&self, identifiers: &[Fingerprint], now: Millis, regime: Regime) -> Choices {
        let when = When::new(now, regime, &self.rules.load());
        self.known(identifiers, |known, held| known.and_held(held, when))
    }

    /// What is refused under some identifiers. It has no end, so nobody needs to say when.
    pub fn refused(&self, identifiers: &[Fingerprint]) -> Choices {
        self.known(identifiers, |known, held| known.and(Choice { granted: CategorySet::NONE, refused: held.refused() }))
    }

    fn known(&self, identifiers: &[Fingerprint], add: impl Fn(Choices, Held) -> Choices) -> Choices {
        identifiers.iter().fold(Choices::default(), |known, identifier| {
            let shard = self.shard(*identifier).read().expect("no holder of a shard panics");
            shard.get(identifier).map_or(known, |held| add(known, *held))
        })
    }

    fn shard(&self, identifier: Fingerprint) -> &RwLock<HashMap<Fingerprint, Held, FingerprintHasher>> {
        &self.choices[usize::from(identifier.0[0]) % SHARDS]
    }

    /// Lets a thing through for a use, or says why not.
    pub fn permit<T: HasSubject>(&self, item: T, purpose: &Use) -> Result<Permitted<T>, Withheld<T>> {
        // Read before the choices: a choice made in between makes the permission look old, never new.
        let generation = self.generation();
        let subject = item.subject();
        // A grant permits an event when it is captured, and is in its stamp; what counts today are refusals.
        let known = self.refused(subject.identifiers);
        match decide(known, subject.stamp, subject.wishes, purpose, &self.rules.load()) {
            Decision::Allow => Ok(Permitted { item, generation }),
            Decision::Deny(reason) => Err(Withheld { item, reason }),
        }
    }

    /// Permits telling of a refusal: who refuses, what, since when, and what they say today. It needs no consent, because it
    /// is what the person asked for, and it permits this and no event. `None`: nothing of it is refused any more.
    pub fn tell(&self, refusal: &Refusal, identifiers: &[Fingerprint], now: Millis) -> Option<Permitted<Told>> {
        // As in `permit`: a choice made in between makes it look old.
        let generation = self.generation();
        // Whose region it is nobody knows any more: a grant is told only as long as it counts everywhere.
        let known = self.choices(identifiers, now, Regime::OPT_IN);
        let item = Told::of(refusal, known, &self.rules.load().categories)?;
        Some(Permitted { item, generation })
    }

    /// Whether no choice was made since the permission. An old one must be asked for again before its request begins.
    pub fn is_current<T>(&self, permitted: &Permitted<T>) -> bool {
        permitted.generation == self.generation()
    }
}
