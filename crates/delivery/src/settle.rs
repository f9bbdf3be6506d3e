//! What follows from a finished attempt: results, retries, the receiver's state; and the checkpoint that makes it
//! last.

use event::Millis;
use eventlog::record::Processed;

use crate::attempt::{Decision, Exchange, Finished, retry_at};
use crate::cursor::before;
use crate::dead_letter::give_up;
use crate::follow::Courier;
use crate::lane::Item;
use crate::overview::{LastError, Observation};
use crate::response::Verdict;
use crate::result_log::format::{AttemptRecord, Checkpoint, Entry, PendingEvent};
use crate::{Cause, Outcome};

impl Courier {
    /// Settles one attempt; returns its record. Nothing was sent and nothing decided: no record.
    pub(crate) fn settle(&mut self, finished: Finished) -> Option<Entry> {
        let now = self.context.clock.now();
        let in_flight = self.in_flight.len() + 1;
        for exchange in &finished.exchanges {
            self.learn(exchange, now, in_flight);
        }
        let status = finished.exchanges.last().map_or(0, |exchange| exchange.status);
        // One wait for the whole attempt: its events go together again.
        let wait = finished.events.iter().find_map(|(_, decision)| match decision {
            Decision::Again(_, asked) => Some(self.retry.wait(finished.number, *asked, &mut self.random)),
            Decision::Final(_) | Decision::Paused(_) => None,
        });
        let lanes: Vec<u64> = finished.events.iter().map(|(item, _)| item.lane).collect();
        let (mut again, mut results) = (Vec::new(), Vec::with_capacity(finished.events.len()));
        for (mut item, decision) in finished.events {
            let outcome = match decision {
                Decision::Final(outcome) => outcome,
                Decision::Paused(cause) => Outcome::Waiting(cause),
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
            if let Decision::Paused(_) = decision {
                again.push((item.stub(), None));
            }
            self.tell(&item, outcome, (finished.number, status), now);
            results.push(((item.partition, item.position), outcome));
        }
        self.lanes.settle(&lanes, again, self.batching.events_max);
        self.count(&results);
        (!results.is_empty()).then(|| Entry::Attempt(AttemptRecord::new(now.0, finished.number, status, results)))
    }

    /// What a request says about its receiver.
    fn learn(&mut self, exchange: &Exchange, now: Millis, in_flight: usize) {
        self.metrics.request(&self.labels, exchange.status);
        match exchange.verdict {
            Verdict::Delivered => {
                self.concurrency.success(in_flight);
                self.breaker.success();
            }
            // It answered, so it works; what it was sent is another matter.
            Verdict::Rejected(_) | Verdict::Split => self.breaker.success(),
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
        if let Some(text) = &exchange.error {
            let mut status = self.shared.status.lock().expect("no holder of a status panics");
            status.last_error = Some(LastError { at: now, status: exchange.status, text: text.clone() });
        }
    }

    fn count(&mut self, results: &[(crate::result_log::format::Place, Outcome)]) {
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
            message_id: record.event.message_id.to_owned(),
            outcome,
            attempt,
            status,
            at,
        });
    }

    /// Writes results. When the disk refuses, they are forgotten: their events are sent again after a restart.
    pub(crate) fn record(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        self.changed = true;
        let appended = self.results.append(entries);
        let was_failing = std::mem::replace(&mut self.is_results_failing, appended.is_err());
        if let Err(error) = appended
            && !was_failing
        {
            tracing::error!(%error, "results are not written; their events will be sent again after a restart");
        }
    }

    /// Writes the state and lets go of what it no longer needs.
    pub(crate) fn checkpoint(&mut self) {
        self.publish();
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let items = || self.lanes.items().chain(self.in_flight_items.values().flatten());
        let mut released = self.cursors.clone();
        for item in items() {
            let slot = &mut released[usize::from(item.partition.0)];
            *slot = (*slot).min(before(item.position));
        }
        let mut pending: Vec<PendingEvent> = items()
            .map(|item| PendingEvent {
                partition: item.partition.0,
                position: item.position,
                lane: item.lane,
                failures: item.failures,
                first_failed_ms: item.first_failed.map(|moment| moment.0),
            })
            .collect();
        pending.sort_unstable_by_key(|event| (event.partition, event.position));
        let checkpoint = Checkpoint {
            at_ms: self.context.clock.now().0,
            read_through: (0..).zip(self.cursors.iter().copied()).collect(),
            pending,
            totals: self.folded.totals.iter().map(|(outcome, count)| (outcome.to_bytes(), *count)).collect(),
        };
        match self.results.checkpoint(checkpoint) {
            Ok(()) => *self.shared.released.lock().expect("no holder of the released panics") = released,
            Err(error) => {
                self.changed = true;
                tracing::error!(%error, "the state is not written; the log is held");
            }
        }
    }

    /// Shows the state.
    pub(crate) fn publish(&self) {
        let flying: usize = self.in_flight_items.values().map(Vec::len).sum();
        let waiting = (self.lanes.ready() + self.lanes.waiting() + flying) as u64;
        let mut status = self.shared.status.lock().expect("no holder of a status panics");
        status.totals.clone_from(&self.folded.totals);
        status.waiting = waiting;
        status.in_flight = self.in_flight.len() as u64;
        status.concurrency = self.concurrency.limit() as u64;
        status.backlog_bytes = self.ruler.behind(&self.cursors);
        status.paused = self.breaker.paused();
        self.metrics.state(&self.labels, &status);
    }

    /// Gives up what is behind the budget.
    pub(crate) async fn enforce_budget(&mut self) {
        let now = self.context.clock.now();
        let oldest = self.needed();
        for (partition, through) in self.ruler.cut(&oldest, now) {
            let dropped = give_up(self, partition, through, now).await;
            tracing::warn!(
                destination = self.labels.destination,
                partition = partition.0,
                events = dropped.events,
                "the backlog is over its budget: a range became one dead letter"
            );
            let outcome = Outcome::DeadLettered(Cause::BacklogOverBudget);
            self.metrics.count(&self.labels, outcome, dropped.events);
            *self.folded.totals.entry(outcome).or_default() += dropped.events;
            self.record(&[Entry::Dropped(dropped)]);
        }
    }

    /// Per partition: up to where nothing is needed now, in flight not counted.
    fn needed(&self) -> Vec<Option<eventlog::Position>> {
        let mut needed = self.cursors.clone();
        for item in self.lanes.items() {
            let slot = &mut needed[usize::from(item.partition.0)];
            *slot = (*slot).min(before(item.position));
        }
        needed
    }
}
