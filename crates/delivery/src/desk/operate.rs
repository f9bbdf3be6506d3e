//! What operators ask of a running destination. Each wish is carried out by its courier between two steps of its loop,
//! and answered when it is written down.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event::Millis;
use eventlog::record::Processed;
use eventlog::{Partition, Position};
use tokio::sync::{Notify, oneshot};

use crate::Delivery;
use crate::cursor::before;
use crate::desk::letters::page;
use crate::desk::{DeadLetters, ErrorGroup, Held, LetterFilter, LetterMark, Resend};
use crate::follow::{Courier, Shared};
use crate::replay::Wish;
use crate::result_log::ResultLogError;
use crate::result_log::format::Entry;

/// Wishes that wait at a destination.
const WISHES_MAX: usize = 64;
/// A courier that waits for its disk answers late; whoever asked should hear that.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Requests to send again that are not over.
const OPEN_MAX: usize = 20;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// It is disabled, or could not be started.
    #[error("the destination does not run: {0}")]
    NotRunning(String),
    /// Too much was asked already.
    #[error("too much was asked of the destination already: wait until some of it is done")]
    Busy,
    /// Its files failed.
    #[error(transparent)]
    Results(#[from] ResultLogError),
}

/// One wish, with where to answer it.
pub(crate) enum Command {
    Hold(Option<Held>, oneshot::Sender<Result<bool, OperateError>>),
    Resend(LetterFilter, String, oneshot::Sender<Result<u64, OperateError>>),
    Look(oneshot::Sender<Sight>),
    Replay(Wish),
}

impl Command {
    /// Whether whoever asked was told already that it is not done, or went away.
    fn is_over(&self) -> bool {
        match self {
            Self::Hold(_, answer) => answer.is_closed(),
            Self::Resend(_, _, answer) => answer.is_closed(),
            Self::Look(answer) => answer.is_closed(),
            Self::Replay(wish) => wish.is_over(),
        }
    }
}

/// What is known of errors and of what is sent again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sight {
    errors: Vec<ErrorGroup>,
    resends: Vec<Resend>,
}

/// Wishes on their way to a courier.
#[derive(Default)]
pub(crate) struct Wishes {
    queue: Mutex<VecDeque<Command>>,
    came: Notify,
}

impl std::fmt::Debug for Wishes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wishes(…)")
    }
}

impl Wishes {
    fn push(&self, command: Command) -> bool {
        let mut queue = self.queue.lock().expect("no holder of the wishes panics");
        queue.retain(|waiting| !waiting.is_over());
        let has_room = queue.len() < WISHES_MAX;
        if has_room {
            queue.push_back(command);
            self.came.notify_one();
        }
        has_room
    }

    /// The next that somebody still waits for.
    fn pop(&self) -> Option<Command> {
        let mut queue = self.queue.lock().expect("no holder of the wishes panics");
        std::iter::from_fn(|| queue.pop_front()).find(|command| !command.is_over())
    }

    /// Returns when there may be one.
    pub(crate) async fn came(&self) {
        self.came.notified().await;
    }
}

impl Courier {
    /// Does what was asked.
    pub(crate) async fn obey(&mut self) {
        while let Some(command) = self.shared.wishes.pop() {
            // Whoever asked may go from here on: what was begun is done all the same.
            match command {
                Command::Hold(held, answer) => drop(answer.send(self.hold(held).await)),
                Command::Resend(filter, by, answer) => drop(answer.send(self.ask_again(filter, by).await)),
                Command::Replay(wish) => self.obey_replay(wish).await,
                Command::Look(answer) => {
                    let desk = &self.folded.desk;
                    let resends = desk.resends.iter().rev().cloned().collect();
                    drop(answer.send(Sight { errors: desk.groups.shown(), resends }));
                }
            }
        }
    }

    /// Pauses, or goes on. `false`: it is so already. Whoever lets it go on says that what was wrong is repaired: what
    /// waits for its next attempt, and for the breaker, is tried at once.
    async fn hold(&mut self, held: Option<Held>) -> Result<bool, OperateError> {
        if held.is_some() == self.folded.desk.held.is_some() {
            if held.is_none() {
                self.try_now();
            }
            return Ok(false);
        }
        // First: what is being prepared while this is written is not sent either.
        self.context.held.store(held.is_some(), Ordering::SeqCst);
        if held.is_some()
            && let Some(tenant) = self.context.directory.tenant(&self.context.workspace)
        {
            // What is on its way to the receiver but has not begun there asks the gate again, and finds the flag.
            tenant.gate.outdate();
        }
        let entry = vec![Entry::Held(held.clone())];
        let written = self.recorder.on_disk(move |files| files.results.append_synced(&entry)).await;
        if let Err(error) = written {
            self.context.held.store(held.is_none(), Ordering::SeqCst);
            return Err(error.into());
        }
        if held.is_none() {
            self.try_now();
        }
        self.folded.desk.held = held;
        self.changed = true;
        self.publish();
        Ok(true)
    }

    fn try_now(&mut self) {
        self.breaker.probe_at(self.context.clock.now());
        self.lanes.wake(Millis(i64::MAX), self.size.now().events_max);
    }

    async fn ask_again(&mut self, filter: LetterFilter, by: String) -> Result<u64, OperateError> {
        let desk = &self.folded.desk;
        if desk.resends.iter().filter(|resend| !resend.is_over()).count() >= OPEN_MAX {
            return Err(OperateError::Busy);
        }
        let at = self.context.clock.now();
        let last = desk.resends.last().map_or(0, |resend| resend.number);
        let number = at.0.unsigned_abs().max(last + 1);
        let asked = self.recorder.on_disk(move |files| {
            let (next, end) = (Some(LetterMark::default()), files.results.mark());
            let (taken, delivered, withheld, failed, gone) = (0, 0, 0, 0, 0);
            let resend = Resend { number, at, by, filter, next, end, taken, delivered, withheld, failed, gone };
            files.results.append_synced(&[Entry::ResendAsked(resend.clone())])?;
            Ok(resend)
        });
        self.folded.desk.asked(asked.await?);
        self.changed = true;
        Ok(number)
    }

    /// How many requests may be in flight now.
    pub(crate) fn requests_max(&self) -> usize {
        if self.folded.desk.held.is_some() {
            return 0;
        }
        self.breaker.limit(self.context.clock.now()).unwrap_or(usize::MAX).min(self.concurrency.limit())
    }
}

impl Delivery {
    /// Pauses a destination until somebody lets it go on, over restarts. When this returns nothing more is sent; what
    /// was on its way may still arrive. It keeps its place, within the backlog's budget. `false`: it was paused already.
    pub async fn pause(&self, workspace: &str, destination: &str, held: Held) -> Result<bool, OperateError> {
        self.wish(workspace, destination, |answer| Command::Hold(Some(held), answer)).await?
    }

    /// Whether a destination is paused, as it was last shown: without asking its courier.
    pub fn is_paused(&self, workspace: &str, destination: &str) -> Result<bool, OperateError> {
        let shared = self.running(workspace, destination)?;
        Ok(shared.status.lock().expect("no holder of a status panics").held.is_some())
    }

    /// Lets a paused destination go on. `false`: it was not paused.
    pub async fn resume(&self, workspace: &str, destination: &str) -> Result<bool, OperateError> {
        self.wish(workspace, destination, |answer| Command::Hold(None, answer)).await?
    }

    /// Sends dead letters again; returns the number of the request, see [`Self::resends`]. What the log does not have
    /// any more is counted and stays given up.
    pub async fn resend(
        &self,
        workspace: &str,
        destination: &str,
        filter: LetterFilter,
        by: String,
    ) -> Result<u64, OperateError> {
        self.wish(workspace, destination, |answer| Command::Resend(filter, by, answer)).await?
    }

    /// What was asked to be sent again, latest first.
    pub async fn resends(&self, workspace: &str, destination: &str) -> Result<Vec<Resend>, OperateError> {
        Ok(self.wish(workspace, destination, Command::Look).await?.resends)
    }

    /// Errors by what was answered, latest first.
    pub async fn errors(&self, workspace: &str, destination: &str) -> Result<Vec<ErrorGroup>, OperateError> {
        Ok(self.wish(workspace, destination, Command::Look).await?.errors)
    }

    /// A page of what was not delivered and is not being sent again, latest first. Works on a destination that does not
    /// run, too.
    pub async fn dead_letters(
        &self,
        (workspace, destination): (&str, &str),
        filter: LetterFilter,
        before: Option<LetterMark>,
        letters_max: usize,
    ) -> Result<DeadLetters, OperateError> {
        let directory = self.results_dir(&(workspace.into(), destination.into()));
        let failed = |directory: &Path, error| ResultLogError::Io { path: directory.display().to_string(), error };
        let read = tokio::task::spawn_blocking({
            let directory = directory.clone();
            move || match directory.try_exists() {
                Ok(true) => page(&directory, &filter, before, letters_max),
                Ok(false) => Ok(DeadLetters::default()),
                Err(error) => Err(failed(&directory, error)),
            }
        });
        let mut found = read.await.map_err(|ended| failed(&directory, ended.into()))??;
        let running = self.running(workspace, destination).ok();
        for letter in &mut found.letters {
            if let Some(place) = letter.place {
                letter.message_id = self.message_id(running.as_deref(), place).await;
            }
        }
        Ok(found)
    }

    /// What an event is called, where the log, or what is left of its replay, still has it.
    async fn message_id(&self, running: Option<&Shared>, place: (u16, Position)) -> Option<String> {
        let after = before(place.1);
        let records = match running.and_then(|shared| shared.stream.as_ref()) {
            Some(stream) => stream.read(Partition(place.0), after, 1).await,
            None => self.log().read(Partition(place.0), after, 1).await,
        };
        let record = records.ok()?.into_iter().find(|record| record.position == place.1)?;
        Some(Processed::decode(&record.payload).ok()?.event.message_id.to_owned())
    }

    fn running(&self, workspace: &str, destination: &str) -> Result<Arc<Shared>, OperateError> {
        let found = self.shared_of(workspace, destination);
        let shared = found.ok_or_else(|| OperateError::NotRunning("it is disabled".to_owned()))?;
        shared.map_err(OperateError::NotRunning)
    }

    /// Asks a courier. An error means that it was not done, except when the answer comes at the last moment.
    pub(crate) async fn wish<T>(
        &self,
        workspace: &str,
        destination: &str,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, OperateError> {
        let shared = self.running(workspace, destination)?;
        let (answer, answered) = oneshot::channel();
        if !shared.wishes.push(command(answer)) {
            return Err(OperateError::Busy);
        }
        let stopped = || OperateError::NotRunning("it was stopped or changed at this moment: try again".to_owned());
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(answered) => answered.map_err(|_| stopped()),
            Err(_) => Err(OperateError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_any_more_is_not_done_and_takes_no_room() {
        let wishes = Wishes::default();
        let gone = || Command::Look(oneshot::channel().0);
        assert!((0..2 * WISHES_MAX).all(|_| wishes.push(gone())));
        let (answer, _waits) = oneshot::channel();
        assert!(wishes.push(Command::Hold(None, answer)));
        assert!(wishes.push(gone()));
        assert!(matches!(wishes.pop(), Some(Command::Hold(None, _))));
        assert!(wishes.pop().is_none());
        let waits: Vec<_> = (0..=WISHES_MAX)
            .map(|_| {
                let (answer, waits) = oneshot::channel();
                (wishes.push(Command::Look(answer)), waits)
            })
            .collect();
        assert_eq!(waits.iter().filter(|(is_taken, _)| *is_taken).count(), WISHES_MAX);
    }
}
