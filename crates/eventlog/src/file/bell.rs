//! Waking everybody who waited for a commit.
//!
//! A task that is woken from a thread outside its runtime goes through the runtime's shared queue, and often costs a
//! system call to wake a worker, which finds nothing more and sleeps again: with 64 waiting appenders that was more
//! than the commit itself (measured: 40 system calls per commit). So the writer wakes one task, the *ringer*, and the
//! ringer wakes the others from inside the runtime, where waking is a push to the worker's own queue.
//!
//! The ringer must not be able to keep anybody waiting: it is a task of its own that does nothing else, and when its
//! runtime ends, the bell falls back to waking directly. (Letting the first appender wake the others would save the
//! task, but an appender may be held without being polled.) What it asks for: the runtime that appended first is either
//! running or dropped, not kept without being driven.

use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// Up to so many, waking directly costs no more.
const DIRECT_MAX: usize = 2;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    /// Spares the lock on the way of every append.
    has_ringer: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// To be woken by the ringer.
    waiting: Vec<Waker>,
    ringer: Place,
}

#[derive(Debug, Default)]
enum Place {
    /// Nobody is there, or not yet.
    #[default]
    Empty,
    Taken(Waker),
    /// The log is closed.
    Down,
}

struct Ringer(Arc<Bell>);

impl Bell {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the bell panics")
    }

    /// Starts the ringer on the caller's runtime unless there is one.
    pub(super) fn hang(self: &Arc<Self>) {
        if self.has_ringer.load(Ordering::Relaxed) || self.has_ringer.swap(true, Ordering::AcqRel) {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Ringer(Arc::clone(self)))),
            // Without a runtime the bell wakes directly.
            Err(_) => self.has_ringer.store(false, Ordering::Release),
        }
    }

    /// Wakes all, and leaves `wakers` empty.
    pub(super) fn ring(&self, wakers: &mut Vec<Waker>) {
        if wakers.len() > DIRECT_MAX {
            let mut state = self.state();
            if let Place::Taken(ringer) = &state.ringer {
                let ringer = ringer.clone();
                state.waiting.append(wakers);
                drop(state);
                return ringer.wake();
            }
        }
        wakers.drain(..).for_each(Waker::wake);
    }

    /// Ends the ringer; what it still had to wake is woken.
    pub(super) fn take_down(&self) {
        let place = mem::replace(&mut self.state().ringer, Place::Down);
        if let Place::Taken(ringer) = place {
            ringer.wake();
        }
    }
}

impl Future for Ringer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state();
        let is_down = matches!(state.ringer, Place::Down);
        if !is_down {
            state.ringer = Place::Taken(context.waker().clone());
        }
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
        if is_down { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The runtime ends, perhaps before the log does: another runtime's appender may start the next ringer.
impl Drop for Ringer {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if !matches!(state.ringer, Place::Down) {
            state.ringer = Place::Empty;
        }
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        self.0.has_ringer.store(false, Ordering::Release);
        waiting.into_iter().for_each(Waker::wake);
    }
}
