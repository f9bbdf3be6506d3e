//! The real clock. The one place in the product that reads the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use event::{Clock, Millis};

/// The operating system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        // A clock before 1970 is a broken machine; zero keeps the order of goals: store first, complain later.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
