//! Destinations that are told of refusals: the one task that looks for what is untold, tells it, and gives up what could not
//! be told in the time that the law leaves.
//!
//! What is to be told was put on record with the choice (`control::telling`); nothing here decides whom it concerns. A row
//! goes when the destination took it: who is killed between the answer and the note tells again, with the same message id.
//! Each destination has places of its own, so one that hangs holds up no other, and after a failure it has one place and
//! waits longer each time: what waits for it is not worth knocking over a receiver that comes back.
//!
//! An operator's pause holds for these requests too, and for their days nothing stands still: what a paused, disabled or
//! failing destination was not told in time is given up, which the alert says days before.

mod business_days;
mod tell;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use control::{Store, StoreError, Telling, ToldDestination, UntoldCount};
use event::Millis;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use vault::Keys;

use crate::attempt::Context;
use crate::delivery::{Delivery, Key};
use crate::metrics::DestinationLabels;
use crate::{Random, RetryPolicy};

pub use business_days::business_days_since;
use tell::{Ended, attempt};

/// Requests of one destination at once, and of one that fails.
const PLACES: usize = 4;
const PLACES_FAILING: usize = 1;
/// How long a stop waits for what is being told.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// After all that can wait: what has nobody to be told to is given up as a whole.
const EVERYTHING: Millis = Millis(i64::MAX);
/// For so long after something was given up its destination shows it.
const SHOWN_MS: i64 = 86_400_000;

/// What telling needs beside delivery.
#[derive(Debug, Clone)]
pub struct TellerOptions {
    /// Where it is on record.
    pub store: Arc<dyn Store>,
    /// What it is sealed with.
    pub keys: Keys,
    /// How often is looked for what is untold.
    pub look_every: Duration,
}

/// What a destination was not told of yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UntoldWithdrawals {
    /// How many refusals.
    pub waiting: u64,
    /// When the oldest of them arrived.
    pub oldest: Option<Millis>,
    /// When the last ones were given up for lack of time, for a day and as long as this process runs.
    pub given_up: Option<Millis>,
}

/// Under way: which row of which destination.
type Way = (Key, Telling);

/// How a destination took it lately.
#[derive(Debug, Clone, Copy, Default)]
struct Target {
    /// Failed attempts since the last that succeeded.
    failures: u32,
    /// Nothing begins before.
    not_before: Option<Millis>,
}

/// The task's own state.
struct Teller<'d> {
    delivery: &'d Delivery,
    options: TellerOptions,
    targets: HashMap<Key, Target>,
    tasks: JoinSet<Ended>,
    under_way: HashMap<Id, Way>,
    /// Of this process, by destination.
    given_up: BTreeMap<Key, Millis>,
    retry: RetryPolicy,
    random: Random,
}

impl Delivery {
    /// Tells what is untold until it is stopped. Not for a server that only collects: it knows no destination, and would
    /// take each for gone.
    pub async fn tell_withdrawals(&self, options: TellerOptions, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(options.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut teller = Teller {
            delivery: self,
            options,
            targets: HashMap::new(),
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            given_up: BTreeMap::new(),
            retry: self.options.retry,
            random: Random::new(self.options.seed),
        };
        // Said once, not at each look.
        let mut is_failing = false;
        loop {
            let looked = tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = teller.tasks.join_next_with_id(), if !teller.tasks.is_empty() => teller.settle(done).await,
                _ = ticks.tick() => teller.look().await,
            };
            if let Err(error) = &looked
                && !is_failing
            {
                tracing::error!(%error, "withdrawals are not told: the state does not answer");
            }
            is_failing = looked.is_err();
        }
        // What does not end in time is told again after the next start.
        let ending = async {
            while let Some(done) = teller.tasks.join_next_with_id().await {
                drop(teller.note(done).await);
            }
        };
        drop(tokio::time::timeout(STOP_WITHIN, ending).await);
    }

    /// What a destination sends with, while its courier runs.
    fn sending(&self, of: &ToldDestination) -> Option<Arc<Context>> {
        let shared = self.shared_of(&of.workspace, &of.destination)?.ok()?;
        let context = shared.context.clone().filter(|context| context.model.made_in == of.made_in)?;
        (!shared.has_ended.load(Ordering::Relaxed)).then_some(context)
    }
}

impl Teller<'_> {
    /// Looks at everything that waits.
    async fn look(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        let counts = self.options.store.untold().await?;
        self.given_up.retain(|_, at| now.0 - at.0 < SHOWN_MS);
        let mut left = Vec::with_capacity(counts.len());
        for count in counts {
            if let Some(why) = self.over(&count, now) {
                self.give_up(&count, why, now).await?;
            } else {
                left.push(count);
            }
        }
        self.show(&left);
        let keys: Vec<Key> = left.iter().map(|count| key(&count.of)).collect();
        self.targets.retain(|of, _| keys.contains(of));
        for count in left {
            self.send_due(&count.of).await?;
        }
        Ok(())
    }

    fn show(&self, left: &[UntoldCount]) {
        let mut shown: BTreeMap<Key, UntoldWithdrawals> = BTreeMap::new();
        for (of, at) in &self.given_up {
            shown.entry(of.clone()).or_default().given_up = Some(*at);
        }
        for count in left {
            let of = shown.entry(key(&count.of)).or_default();
            (of.waiting, of.oldest) = (count.waiting, Some(count.oldest));
        }
        *self.delivery.untold.lock().expect("no holder of what is untold panics") = shown;
    }

    /// Why something of it is given up now, and what arrived before when.
    fn over(&self, count: &UntoldCount, now: Millis) -> Option<(&'static str, Millis)> {
        // A workspace that is not served now may be again.
        let tenant = self.delivery.options.directory.tenant(&count.of.workspace)?;
        let known = tenant
            .workspace
            .destinations
            .iter()
            .find(|model| model.name.as_str() == count.of.destination && model.made_in == count.of.made_in);
        let within = business_days::still_within(now);
        match known {
            None => Some(("the destination is gone", EVERYTHING)),
            Some(model) if !model.withdrawals.tells() => Some(("the destination is not told any more", EVERYTHING)),
            Some(_) => (count.oldest < within).then_some(("not told within fifteen business days", within)),
        }
    }

    async fn give_up(
        &mut self,
        count: &UntoldCount,
        (why, before): (&'static str, Millis),
        now: Millis,
    ) -> Result<(), StoreError> {
        let of = &count.of;
        let given_up = self.options.store.give_up_tellings(of, before, why, now).await?;
        let (workspace, destination) = (&of.workspace, &of.destination);
        tracing::error!(workspace, destination, given_up, why, "a destination is not told of withdrawals any more");
        self.count(&key(of), "given_up", given_up);
        if before != EVERYTHING {
            self.given_up.insert(key(of), now);
        }
        Ok(())
    }

    /// Begins to tell what is due, as far as there are places.
    async fn send_due(&mut self, of: &ToldDestination) -> Result<(), StoreError> {
        let (now, key) = (self.now(), key(of));
        let Some(context) = self.delivery.sending(of) else { return Ok(()) };
        let target = self.targets.entry(key.clone()).or_default();
        let places = if target.failures > 0 { PLACES_FAILING } else { PLACES };
        let begun: Vec<i64> = self.under_way.values().filter(|way| way.0 == key).map(|way| way.1.id).collect();
        if begun.len() >= places || target.not_before.is_some_and(|at| now < at) || context.held.load(Ordering::SeqCst)
        {
            return Ok(());
        }
        let most = u32::try_from(PLACES + begun.len()).expect("few");
        let due = self.options.store.due_tellings(of, now, most).await?;
        let free = places - begun.len();
        for telling in due.into_iter().filter(|telling| !begun.contains(&telling.id)).take(free) {
            let task = self.tasks.spawn(attempt(Arc::clone(&context), self.options.keys.clone(), telling.clone()));
            self.under_way.insert(task.id(), (key.clone(), telling));
        }
        Ok(())
    }

    /// Notes what became of one, and goes on with its destination.
    async fn settle(&mut self, done: Result<(Id, Ended), JoinError>) -> Result<(), StoreError> {
        match self.note(done).await? {
            Some(of) => self.send_due(&of).await,
            None => Ok(()),
        }
    }

    async fn note(&mut self, done: Result<(Id, Ended), JoinError>) -> Result<Option<ToldDestination>, StoreError> {
        let (id, ended) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Ended::Failed { cause: "the attempt ended without a result", after: None }),
        };
        let Some((of, telling)) = self.under_way.remove(&id) else { return Ok(None) };
        let told = ToldDestination {
            workspace: of.0.to_string(),
            destination: of.1.to_string(),
            made_in: telling.untold.made_in,
        };
        let kept = match ended {
            // Nothing was tried: it was paused, or changed, in between.
            Ended::NotNow => return Ok(None),
            Ended::Failed { cause, after } => self.failed(&of, &telling, (cause, after)).await,
            Ended::Told => self.ended(&of, &telling, "told").await,
            Ended::TakenBack => self.ended(&of, &telling, "taken_back").await,
            Ended::Unreadable(error) => {
                let (workspace, destination) = (&*of.0, &*of.1);
                tracing::error!(workspace, destination, %error, "a withdrawal that was to be told cannot be read");
                self.ended(&of, &telling, "unreadable").await
            }
        };
        // What cannot be noted is told again; not at each look, or a full disk would make a flood of it.
        if kept.is_err() {
            self.back_off(&of, None);
        }
        kept.map(|()| Some(told))
    }

    async fn ended(&mut self, of: &Key, telling: &Telling, result: &'static str) -> Result<(), StoreError> {
        if let Some(target) = self.targets.get_mut(of)
            && result == "told"
        {
            *target = Target::default();
        }
        if self.options.store.end_telling(telling.id).await? {
            self.count(of, result, 1);
        }
        Ok(())
    }

    async fn failed(
        &mut self,
        of: &Key,
        telling: &Telling,
        (cause, after): (&'static str, Option<Duration>),
    ) -> Result<(), StoreError> {
        if self.back_off(of, after) == 1 {
            let (workspace, destination) = (&*of.0, &*of.1);
            tracing::warn!(workspace, destination, cause, "a destination was not told of a withdrawal yet");
        }
        let attempts = telling.attempts.saturating_add(1);
        let wait = self.retry.wait(attempts, after, &mut self.random);
        let next_at = self.now_and(wait);
        self.options.store.put_off_telling(telling.id, attempts, next_at).await
    }

    /// Leaves a destination alone for a while, longer with each failure. Returns how many there were.
    fn back_off(&mut self, of: &Key, after: Option<Duration>) -> u32 {
        let failures = self.targets.get(of).map_or(0, |target| target.failures).saturating_add(1);
        let wait = self.retry.wait(failures, after, &mut self.random);
        let not_before = Some(self.now_and(wait));
        self.targets.insert(of.clone(), Target { failures, not_before });
        failures
    }

    fn count(&self, of: &Key, result: &'static str, refusals: u64) {
        let labels = DestinationLabels { workspace: of.0.to_string(), destination: of.1.to_string() };
        self.delivery.options.metrics.withdrawals(&labels, result, refusals);
    }

    fn now(&self) -> Millis {
        self.delivery.options.clock.now()
    }

    fn now_and(&self, wait: Duration) -> Millis {
        Millis(self.now().0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
    }
}

fn key(of: &ToldDestination) -> Key {
    (of.workspace.as_str().into(), of.destination.as_str().into())
}
