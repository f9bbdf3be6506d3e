//! How long a connection may keep the server waiting for a head, without a timer per request.
//!
//! hyper has such a limit, but it sets a timer for each head and removes it again. The timers of a runtime share a
//! lock and a wake-up: with two workers that was half of all system calls of an accepted event (measured). Here a
//! connection has one timer. When it fires it looks at the clock of the last answer, and goes back to sleep for what
//! is left; a busy connection passes it once in `wait`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A request is being answered: the peer is not the one who is slow.
const BUSY: u64 = u64::MAX;

/// See the module.
#[derive(Debug)]
pub(crate) struct Patience {
    wait: Duration,
    opened: Instant,
    /// Milliseconds from `opened` to the moment since when the peer has the word, or [`BUSY`]. Atomic only because
    /// a task may move between threads; there is never more than one at a time.
    since_ms: AtomicU64,
}

/// While it lives, the server has the word.
#[derive(Debug)]
pub(crate) struct Busy<'p>(&'p Patience);

impl Patience {
    pub(crate) fn new(wait: Duration) -> Self {
        Self { wait, opened: tokio::time::Instant::now(), since_ms: AtomicU64::new(0) }
    }

    /// A head is there.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.since_ms.store(BUSY, Ordering::Relaxed);
        Busy(self)
    }

    /// Returns when the peer has had the word for `wait` without sending a head.
    pub(crate) async fn ends(&self) {
        let mut until = self.opened + self.wait;
        loop {
            tokio::time::sleep_until(until).await;
            until = match self.since_ms.load(Ordering::Relaxed) {
                BUSY => tokio::time::Instant::now() + self.wait,
                since_ms => self.opened + Duration::from_millis(since_ms) + self.wait,
            };
            if until <= tokio::time::Instant::now() {
                return;
            }
        }
    }
}

impl Busy<'_> {
    /// The server keeps the word as long as the connection lives.
    pub(crate) fn outlast(self) {
        std::mem::forget(self);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let since = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(BUSY);
        self.0.since_ms.store(since, Ordering::Relaxed);
    }
}
