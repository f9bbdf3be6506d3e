//! The echo: what a demo destination was given, the latest few, in memory. No route serves it: the edge has no login.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use consent::Permitted;
use http::StatusCode;

use crate::{Answer, Request};

/// Bodies kept per name.
const KEPT_MAX: usize = 100;

/// What the echoes received.
#[derive(Debug, Default)]
pub struct Echoes {
    kept: Mutex<HashMap<Arc<str>, VecDeque<Bytes>>>,
}

impl Echoes {
    /// Keeps the bodies of a request, and lets the oldest go.
    pub(crate) fn keep(&self, request: Permitted<Request>) -> Answer {
        let Request::Echo(echo) = request.into_inner() else { return Answer::of(StatusCode::BAD_REQUEST) };
        let mut kept = self.kept.lock().expect("no holder of the echoes panics");
        let latest = kept.entry(echo.name).or_default();
        // Copied: a slice would keep the whole block of the log alive that it was read from.
        latest.extend(echo.bodies.iter().map(|body| Bytes::copy_from_slice(body)));
        let surplus = latest.len().saturating_sub(KEPT_MAX);
        latest.drain(..surplus);
        Answer::of(StatusCode::OK)
    }

    /// The latest bodies given under a name, oldest first.
    pub fn latest(&self, name: &str) -> Vec<Bytes> {
        let kept = self.kept.lock().expect("no holder of the echoes panics");
        kept.get(name).map(|latest| latest.iter().cloned().collect()).unwrap_or_default()
    }
}
