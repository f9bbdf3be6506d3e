//! What follows from a finished attempt: results, retries, the receiver's state; and the checkpoint that makes it
//! last.

use std::ops::Range;
use std::sync::Arc;

use event::Millis;
use eventlog::record::Processed;
use eventlog::{Partition, Position};

use crate::attempt::{Decision, Exchange, Finished, retry_at};
use crate::cursor::before;
use crate::dead_letter::give_up;
use crate::desk::Failure;
use crate::follow::Courier;
use crate::lane::Item;
use crate::overview::{LastError, Observation, Observed};
use crate::recorder::Files;
use crate::response::Verdict;
use crate::result_log::format::{AttemptRecord, Checkpoint, Entry, PendingEvent, Place, Progress};
use crate::{Cause, Outcome};

/// Whether halving the batch cost more than single events would have.
fn has_many_refused(finished: &Finished) -> bool {
    let is_split = |exchange: &Exchange| matches!(exchange.verdict, Verdict::Split(_)) && exchange.events > 1;
    let count = |decided: fn(&Decision) -> bool| finished.events.iter().filter(|(_, of)| decided(of)).count();
    !finished.is_held
        && finished.exchanges.iter().any(is_split)
        && (count(|of| *of == Decision::Unsent) > 0
            || count(|of| matches!(of, Decision::Final(Outcome::Rejected(_)))) * 4 > finished.events.len())
}

/// What one request decided.
struct Answered {
    decided: Range<usize>,
    status: u16,
    said: String,
    results: Vec<(Place, Outcome)>,
    /// The first event of each outcome that is a failure.
    samples: Vec<(Outcome, String)>,
}

impl Answered {
    fn by(exchange: Exchange) -> Self {
        let Exchange { decided, status, said, .. } = exchange;
        let results = Vec::with_capacity(decided.len());
        Self { decided, status, said, results, samples: Vec::new() }
    }

    fn by_nobody() -> Self {
        Self { decided: 0..usize::MAX, status: 0, said: String::new(), results: Vec::new(), samples: Vec::new() }
    }

    fn sample(&mut self, item: &Item, outcome: Outcome) {
        if !outcome.is_failure() || self.samples.iter().any(|(of, _)| *of == outcome) {
            return;
        }
        let record = item.payload.as_deref().and_then(|payload| Processed::decode(payload).ok());
        self.samples.extend(record.map(|record| (outcome, record.event.message_id.to_owned())));
    }
}

impl Courier {
    /// Settles one attempt; returns its records, one for each request. Nothing was sent and nothing decided: none.
    pub(crate) fn settle(&mut self, finished: Finished) -> Vec<Entry> {
        let now = self.context.clock.now();
        let in_flight = self.flight.len() + 1;
        for exchange in &finished.exchanges {
            self.learn(exchange, now, in_flight);
        }
        self.measure(&finished, now);
        // One wait for the whole attempt: its events go together again.
        let wait = finished.events.iter().find_map(|(_, decision)| match decision {
            Decision::Again(_, asked) => Some(self.retry.wait(finished.number, *asked, &mut self.random)),
            Decision::Final(_) | Decision::Paused(_) | Decision::Unsent => None,
        });
        if has_many_refused(&finished) {
            self.size.too_many_refused();
        }
        let lanes: Vec<u64> = finished.events.iter().map(|(item, _)| item.lane).collect();
        let mut again = Vec::new();
        let mut results: Vec<Answered> = finished.exchanges.into_iter().map(Answered::by).collect();
        // Those that no request decided.
        results.push(Answered::by_nobody());
        for (at, (mut item, decision)) in finished.events.into_iter().enumerate() {
            let outcome = match decision {
                Decision::Final(outcome) => outcome,
                Decision::Unsent => {
                    again.push((item, None));
                    continue;
                }
                Decision::Paused(cause) => {
                    again.push((item.stub(), None));
                    Outcome::Waiting(cause)
                }
                Decision::Again(cause, _) => {
                    item.failures += 1;
                    item.first_failed.get_or_insert(now);
                    let until = retry_at(&item, wait.unwrap_or_default(), now, self.retry.give_up_ms);
                    match until {
                        None => Outcome::DeadLettered(Cause::RetriesExhausted),
                        Some(until) => {
                            again.push((item.stub(), Some(until)));
                            Outcome::Waiting(cause)
                        }
                    }
                }
            };
            let deciding = results.iter_mut().find(|answered| answered.decided.contains(&at));
            let Some(answered) = deciding else { continue };
            self.tell(&item, outcome, (finished.number, answered.status), now);
            answered.sample(&item, outcome);
            answered.results.push(((item.partition, item.position), outcome));
        }
        self.lanes.settle(&lanes, again, self.size.now().events_max);
        results.into_iter().flat_map(|answered| self.enter(answered, finished.number, now)).collect()
    }

    /// Counts results that share an answer; returns their record, behind what it needs.
    fn enter(&mut self, answered: Answered, number: u32, now: Millis) -> Vec<Entry> {
        let Answered { status, said, results, samples, .. } = answered;
        if results.is_empty() {
            return Vec::new();
        }
        self.count(&results);
        let desk = &mut self.folded.desk;
        for (place, outcome) in &results {
            desk.settled(*place, *outcome, now);
            self.folded.replays.settled(*place, *outcome);
            if outcome.is_final() && self.context.log.is_replayed(place.0) {
                self.metrics.replayed(&self.labels, *outcome, 1);
            }
        }
        let attempt = AttemptRecord::new(now.0, number, status, results);
        if !attempt.has(Outcome::is_failure) {
            return vec![Entry::Attempt(attempt)];
        }
        let (text, is_new) = desk.groups.number(&said).unwrap_or((u32::MAX, false));
        for (outcome, events) in attempt.counts() {
            let sample = samples.iter().find(|(of, _)| *of == outcome).map(|(_, sample)| sample.as_str());
            if outcome.is_failure() {
                desk.groups.count(Failure { outcome, status, text: &said, at: now }, events, sample);
            }
        }
        let said = is_new.then_some(Entry::Text(said));
        said.into_iter().chain([Entry::Failed { text, attempt }]).collect()
    }

    /// How long what arrived took, and how new it is.
    fn measure(&mut self, finished: &Finished, now: Millis) {
        for exchange in finished.exchanges.iter().filter(|exchange| !exchange.arrived.is_empty()) {
            let newest = exchange.arrived.iter().copied().max();
            self.folded.desk.newest_delivered = self.folded.desk.newest_delivered.max(newest);
            // What is sent again, or replayed, is late because somebody asked for it late.
            let is_late = |(item, _): &(Item, Decision)| {
                item.is_replayed() || self.folded.desk.is_resending((item.partition, item.position))
            };
            if finished.events[exchange.decided.clone()].iter().any(is_late) {
                continue;
            }
            for received in &exchange.arrived {
                self.latency.add(*received, now);
            }
        }
    }

    /// What a request says about its receiver.
    fn learn(&mut self, exchange: &Exchange, now: Millis, in_flight: usize) {
        // While the configuration is being changed none was made.
        if exchange.verdict != Verdict::Pause(Cause::NotServed) {
            self.metrics.request(&self.labels, exchange.status);
        }
        match exchange.verdict {
            Verdict::Delivered => {
                self.concurrency.success(in_flight);
                self.size.arrived(exchange.events, exchange.bytes);
                self.breaker.success();
            }
            // It answered, so it works; what it was sent is another matter.
            Verdict::Rejected(_) | Verdict::Split(_) => {
                if exchange.verdict == Verdict::Split(Cause::TooLarge) && exchange.events > 1 {
                    self.size.too_large(exchange.bytes);
                }
                self.breaker.success();
            }
            Verdict::Pause(cause) => self.breaker.broken(cause, now, &mut self.random),
            Verdict::Retry { cause, after } => {
                if matches!(cause, Cause::RateLimited | Cause::ReceiverFailed | Cause::Timeout) {
                    self.concurrency.overload();
                }
                self.breaker.failure(cause, now, &mut self.random);
                if let Some(after) = after {
                    let wait = i64::try_from(after.as_millis()).unwrap_or(i64::MAX);
                    self.breaker.hold(Millis(now.0.saturating_add(wait)));
                }
            }
        }
        if let Some(text) = exchange.error() {
            let mut status = self.shared.status.lock().expect("no holder of a status panics");
            status.last_error = Some(LastError { at: now, status: exchange.status, text });
        }
    }

    pub(crate) fn count(&mut self, results: &[(crate::result_log::format::Place, Outcome)]) {
        let mut run: Option<(Outcome, u64)> = None;
        let outcomes = results.iter().map(|(_, outcome)| Some(*outcome)).chain([None]);
        for outcome in outcomes {
            match (&mut run, outcome) {
                (Some((last, count)), Some(outcome)) if *last == outcome => *count += 1,
                (_, outcome) => {
                    if let Some((last, count)) = run.take() {
                        self.metrics.count(&self.labels, last, count);
                        if last.is_final() {
                            *self.folded.totals.entry(last).or_default() += count;
                        }
                    }
                    run = outcome.map(|outcome| (outcome, 1));
                }
            }
        }
    }

    fn tell(&self, item: &Item, outcome: Outcome, (attempt, status): (u32, u16), at: Millis) {
        if !(self.observer.wanted)() {
            return;
        }
        let payload = item.payload.as_deref().unwrap_or_default();
        let Ok(record) = Processed::decode(payload) else { return };
        (self.observer.tell)(Observation {
            workspace: self.context.workspace.clone(),
            destination: self.context.model.name.shared(),
            of: Observed::Event(record.event.message_id.to_owned()),
            outcome,
            attempt,
            status,
            at,
        });
    }

    /// Writes results. When the disk refuses, they are forgotten: their events are sent again after a restart.
    pub(crate) async fn record(&mut self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        self.changed = true;
        let append = move |files: &mut Files| {
            files.results.append(&entries)?;
            Ok(files.results.is_checkpoint_due())
        };
        let appended = self.recorder.on_disk(append).await;
        let was_failing = std::mem::replace(&mut self.is_results_failing, appended.is_err());
        // What the log does not know, a whole state must say.
        self.is_checkpoint_due |= *appended.as_ref().unwrap_or(&true);
        if appended.is_err() {
            self.folded.desk.groups.lose_step();
        }
        if let Err(error) = appended
            && !was_failing
        {
            tracing::error!(%error, "results are not written; their events will be sent again after a restart");
        }
    }

    /// Writes the state and lets go of what it no longer needs.
    pub(crate) async fn checkpoint(&mut self) {
        self.publish();
        if !std::mem::take(&mut self.changed) {
            return;
        }
        self.store_spilling().await;
        let (is_whole, pending) = (self.is_checkpoint_due, self.pending());
        let cursors = self.cursors.clone();
        let mut with: Vec<Entry> = self.lost.iter().copied().map(Entry::Lost).collect();
        with.extend(is_whole.then(|| Entry::Desk(Box::new(self.begin_desk()))));
        with.extend(is_whole.then(|| Entry::Replays(self.folded.replays.clone())));
        let mut released = self.cursors.clone();
        for item in self.lanes.items().chain(self.flight.items()) {
            let slot = &mut released[usize::from(item.partition.0)];
            *slot = (*slot).min(before(item.position));
        }
        self.keep_letters(&mut released);
        let (at_ms, read_through) = (self.context.clock.now().0, (0..).zip(self.cursors.iter().copied()).collect());
        let totals = self.folded.totals.iter().map(|(outcome, count)| (outcome.to_bytes(), *count)).collect();
        let index = Arc::clone(&self.index);
        let write = move |files: &mut Files| {
            // An aid, not a record.
            let noted = index.lock().expect("no holder of the index panics").flush();
            noted.unwrap_or_else(|error| tracing::warn!(%error, "replayed events have no trace"));
            if is_whole {
                files.results.checkpoint(Checkpoint { at_ms, read_through, pending, totals }, with, &files.spill)?;
            } else {
                files.results.progress(Progress { at_ms, read_through, taken: pending }, with)?;
            }
            for (partition, slot) in (0..).zip(&mut released) {
                *slot = files.spill.released(Partition(partition), *slot);
            }
            Ok((released, files.results.is_checkpoint_due()))
        };
        match self.recorder.on_disk(write).await {
            Ok((released, is_due)) => {
                let replayed = released.last().copied().flatten();
                *self.shared.released.lock().expect("no holder of the released panics") = released;
                self.release_replayed(replayed).await;
                (self.saved, self.is_checkpoint_due) = (cursors, is_due);
                self.fresh.clear();
                self.lost_is_written();
            }
            Err(error) => {
                (self.changed, self.is_checkpoint_due) = (true, true);
                self.folded.desk.groups.lose_step();
                tracing::error!(%error, "the state is not written; the log is held");
            }
        }
    }

    /// What waits and has to be in the next state: everything but what is in the spill, or only what was read since
    /// the last state.
    fn pending(&self) -> Vec<PendingEvent> {
        let in_memory = self.lanes.items().chain(self.flight.items()).map(Item::pending);
        if self.is_checkpoint_due {
            return in_memory.collect();
        }
        let is_new = |event: &PendingEvent| Some(event.position) > self.saved[usize::from(event.partition)];
        let mut pending: Vec<_> = in_memory.chain(self.fresh.iter().copied()).filter(is_new).collect();
        // Stable: what is in memory now stands before what was written of it when it was spilled.
        pending.sort_by_key(PendingEvent::place);
        pending.dedup_by_key(|event| event.place());
        pending
    }

    /// Shows the state.
    pub(crate) fn publish(&self) {
        let flying: usize = self.flight.items().count();
        let waiting = (self.lanes.ready() + self.lanes.waiting() + flying) as u64 + self.lanes.spilled();
        let mut status = self.shared.status.lock().expect("no holder of a status panics");
        status.totals.clone_from(&self.folded.totals);
        status.waiting = waiting;
        status.in_flight = self.flight.len() as u64;
        status.concurrency = self.concurrency.limit() as u64;
        status.backlog_bytes = self.ruler.behind(&self.cursors);
        status.paused = self.breaker.paused();
        status.held.clone_from(&self.folded.desk.held);
        status.newest_delivered = self.folded.desk.newest_delivered;
        status.oldest_waiting = self.oldest_waiting.filter(|_| waiting > 0);
        status.has_backlog = self.has_backlog;
        let is_running = |replay: &crate::Replay| replay.state == crate::ReplayState::Running;
        self.metrics.is_replaying(&self.labels, self.folded.replays.open().is_some_and(is_running));
    }

    /// Gives up what is behind the budget.
    pub(crate) async fn enforce_budget(&mut self) {
        let now = self.context.clock.now();
        let oldest = self.needed().await;
        let cuts = {
            let log = &self.context.log;
            self.ruler.cut(&oldest, now, |partition, time| log.older_than(partition, time))
        };
        // A spool has no line on the ruler, and the same age.
        let too_old = Millis(now.0.saturating_sub(self.ruler.budget().age_ms_max));
        let replayed = self.context.log.replayed();
        self.context.log.seal(too_old).await;
        let old = self.context.log.older_than(replayed, too_old);
        let old = old.filter(|old| Some(*old) > oldest[usize::from(replayed.0)]);
        // What is given up is counted to one replay each.
        let old = old.into_iter().flat_map(|old| self.folded.replays.parts(old)).map(|part| (replayed, part));
        let old: Vec<_> = old.collect();
        for (partition, through) in cuts.into_iter().chain(old) {
            let cursor = self.cursors[usize::from(partition.0)];
            let dropped = give_up(self, partition, through, now).await;
            if dropped.events == 0 && cursor >= Some(through) {
                // The spill knows what it holds to a group of blocks only.
                continue;
            }
            tracing::warn!(
                destination = self.labels.destination,
                partition = partition.0,
                events = dropped.events,
                "the backlog is over its budget: a range became one dead letter"
            );
            let outcome = Outcome::DeadLettered(Cause::BacklogOverBudget);
            self.metrics.count(&self.labels, outcome, dropped.events);
            *self.folded.totals.entry(outcome).or_default() += dropped.events;
            let (partition, records) = (partition.0, dropped.events);
            self.tell_range(Observed::Range { partition, after: dropped.after, through, records }, outcome, now);
            self.folded.desk.given_up(|place| dropped.covers(place));
            self.folded.replays.dropped(&dropped);
            self.record(vec![Entry::Dropped(dropped)]).await;
            self.is_checkpoint_due = true;
        }
    }

    /// Per partition: up to where nothing is needed now, in flight not counted.
    async fn needed(&mut self) -> Vec<Option<Position>> {
        let mut needed = self.cursors.clone();
        // What an operator sends again is no backlog: it would be given up for its age at once.
        let is_backlog = |item: &&Item| !self.folded.desk.is_resending((item.partition, item.position));
        // What is replayed is no backlog either: it has no line on the ruler.
        for item in self.lanes.items().filter(is_backlog) {
            let slot = &mut needed[usize::from(item.partition.0)];
            *slot = (*slot).min(before(item.position));
        }
        if self.lanes.spilled() > 0 {
            let cursors = needed.clone();
            let lower = move |files: &mut Files| {
                let cursors = (0..).zip(cursors);
                Ok(cursors.map(|(of, cursor)| files.spill.released(Partition(of), cursor)).collect::<Vec<_>>())
            };
            // When the disk does not say, nothing behind the cursor is given up.
            needed = self.recorder.on_disk(lower).await.unwrap_or(needed);
        }
        needed
    }
}
