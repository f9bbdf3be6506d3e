//! A one-time answer from the writer to a waiting appender.
//!
//! Like a oneshot channel, except that answering does not wake: it hands the waker back, so that the writer can wake
//! everybody of a commit together (see [`super::bell`]).

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use crate::{AppendError, Position};

/// What an appender waits for.
pub(super) type Answer = Result<Vec<Position>, AppendError>;

/// The writer's end. Dropped without an answer, it says that the log is closed.
#[derive(Debug)]
pub(super) struct Asked(Arc<Slot>);

/// The appender's end.
#[derive(Debug)]
pub(super) struct Answered(Arc<Slot>);

#[derive(Debug)]
struct Slot(Mutex<State>);

#[derive(Debug)]
enum State {
    Open(Option<Waker>),
    Ready(Answer),
    Taken,
}

/// The two ends of one answer.
pub(super) fn answer() -> (Asked, Answered) {
    let slot = Arc::new(Slot(Mutex::new(State::Open(None))));
    (Asked(Arc::clone(&slot)), Answered(slot))
}

fn closed() -> AppendError {
    AppendError::Broken { detail: "the log is closed".to_owned() }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder of an answer panics")
    }

    fn fill(&self, answer: impl FnOnce() -> Answer) -> Option<Waker> {
        let mut state = self.state();
        match &mut *state {
            State::Open(waker) => {
                let waker = waker.take();
                *state = State::Ready(answer());
                waker
            }
            State::Ready(_) | State::Taken => None,
        }
    }
}

impl Asked {
    /// Gives the answer; the caller must wake what is returned.
    #[must_use = "the appender sleeps until it is woken"]
    pub(super) fn give(self, answer: Answer) -> Option<Waker> {
        self.0.fill(|| answer)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if let Some(waker) = self.0.fill(|| Err(closed())) {
            waker.wake();
        }
    }
}

impl Future for Answered {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mut state = self.0.state();
        match mem::replace(&mut *state, State::Taken) {
            State::Ready(answer) => Poll::Ready(answer),
            State::Open(_) => {
                *state = State::Open(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Taken => Poll::Ready(Err(closed())),
        }
    }
}
