//! What waits for the disk: a bounded queue between many appenders and the one writer thread.
//!
//! The bound is in bytes, because bytes are what fills memory. The writer sleeps on a condition variable and is
//! woken only when it really sleeps, so a busy writer costs an appender one uncontended lock.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::answer::Asked;
use crate::{Append, AppendError};

/// How long a commit waits for company at most, when the one before had some.
const GATHER_WAIT: Duration = Duration::from_micros(300);

/// A batch that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: Vec<Append>,
    /// What it counts for in the bound.
    pub(super) bytes: u64,
    pub(super) asked: Asked,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    writer: Condvar,
    pending_bytes_max: u64,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Waiting or being written.
    pending_bytes: u64,
    /// The writer sleeps until so many batches wait; zero while it is awake.
    wake_at: usize,
    /// How many batches the last group had.
    last_batches: usize,
    closed: bool,
    /// Why nothing is taken until the engine has re-opened its files.
    broken: Option<String>,
}

impl Queue {
    pub(super) fn new(pending_bytes_max: u64) -> Self {
        Self { state: Mutex::default(), writer: Condvar::new(), pending_bytes_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the queue panics")
    }

    /// Adds a batch, or says why not. A batch over the bound is taken when nothing else waits, else it never would.
    pub(super) fn push(&self, waiting: Waiting) -> Result<(), AppendError> {
        let mut state = self.state();
        state.check()?;
        let pending_bytes = state.pending_bytes + waiting.bytes;
        if pending_bytes > self.pending_bytes_max && state.pending_bytes > 0 {
            return Err(AppendError::Overloaded { pending_bytes, limit_bytes: self.pending_bytes_max });
        }
        state.pending_bytes = pending_bytes;
        state.waiting.push_back(waiting);
        let wake = state.wake_at > 0 && state.waiting.len() >= state.wake_at;
        if wake {
            state.wake_at = 0;
        }
        drop(state);
        if wake {
            self.writer.notify_one();
        }
        Ok(())
    }

    /// Moves whole batches into `group` until it holds `bytes_max`; sleeps while there is none. False when the queue
    /// is closed and empty.
    pub(super) fn take(&self, group: &mut Vec<Waiting>, bytes_max: u64) -> bool {
        let mut state = self.state();
        while state.waiting.is_empty() {
            if state.closed {
                return false;
            }
            state.wake_at = 1;
            state = self.writer.wait(state).expect("no holder of the queue panics");
        }
        state = self.gather(state);
        let mut bytes = 0;
        while bytes < bytes_max {
            let Some(waiting) = state.waiting.pop_front() else { break };
            bytes += waiting.bytes;
            group.push(waiting);
        }
        state.last_batches = group.len();
        true
    }

    /// The appenders of one commit come back together, but the first of them wakes the writer: it would commit that
    /// one alone, then a few, then the rest, and every commit costs a write, a sync and two wake-ups. So it sleeps until
    /// as many wait as last time, [`GATHER_WAIT`] at most. A lone appender never waits, and on a slow disk they are all
    /// there when the sync before returns.
    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let expected = state.last_batches;
        if state.waiting.len() >= expected || state.closed {
            return state;
        }
        state.wake_at = expected;
        let waited =
            self.writer.wait_timeout_while(state, GATHER_WAIT, |state| state.waiting.len() < expected && !state.closed);
        let (mut state, _) = waited.expect("no holder of the queue panics");
        state.wake_at = 0;
        state
    }

    /// Bytes that are answered no longer count.
    pub(super) fn release(&self, bytes: u64) {
        self.state().pending_bytes -= bytes;
    }

    /// Refuses what waits and what comes, until [`Self::mend`].
    pub(super) fn break_off(&self, detail: &str) {
        let waiting = {
            let mut state = self.state();
            state.broken = Some(detail.to_owned());
            state.take_all()
        };
        refuse(waiting, detail);
    }

    /// Takes batches again.
    pub(super) fn mend(&self) {
        self.state().broken = None;
    }

    /// Sleeps for `wait` or until closed; true when closed.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let state = self.state();
        let waited = self.writer.wait_timeout_while(state, wait, |state| !state.closed);
        waited.expect("no holder of the queue panics").0.closed
    }

    /// Takes no more batches; the writer ends when it has written what waits.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.writer.notify_all();
    }

    /// For the end of the writer, however it came: nobody may wait for an answer that never comes.
    pub(super) fn abandon(&self) {
        let waiting = {
            let mut state = self.state();
            state.closed = true;
            state.take_all()
        };
        refuse(waiting, "the log is closed");
    }

    /// Whether a batch would be let in; how much waits passes by itself and does not count.
    pub(super) fn check(&self) -> Result<(), AppendError> {
        self.state().check()
    }

    pub(super) fn pending_bytes(&self) -> u64 {
        self.state().pending_bytes
    }
}

impl State {
    fn check(&self) -> Result<(), AppendError> {
        if let Some(detail) = &self.broken {
            return Err(AppendError::Broken { detail: detail.clone() });
        }
        if self.closed {
            return Err(AppendError::Broken { detail: "the log is closed".to_owned() });
        }
        Ok(())
    }

    fn take_all(&mut self) -> VecDeque<Waiting> {
        let waiting = std::mem::take(&mut self.waiting);
        self.pending_bytes -= waiting.iter().map(|waiting| waiting.bytes).sum::<u64>();
        waiting
    }
}

fn refuse(waiting: VecDeque<Waiting>, detail: &str) {
    for waiting in waiting {
        if let Some(waker) = waiting.asked.give(Err(AppendError::Broken { detail: detail.to_owned() })) {
            waker.wake();
        }
    }
}
