//! What parts of the path tell whoever traces them: a piece of work, told when it is done.
//!
//! Told afterwards and with what it took, so that nobody carries a span through the path: where nobody traces, a piece of
//! work costs one look at an `Option`. Facts are names of configured things, codes and numbers; never a body, an identifier
//! or an address.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What kind of work it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It answered a request.
    Answered,
    /// It stayed inside the process.
    Inside,
    /// It asked somebody else.
    Asked,
}

/// Something known about a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact<'f> {
    /// A name or a code.
    Text(&'f str),
    /// A number.
    Number(i64),
}

impl From<usize> for Fact<'_> {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A piece of work that is done.
#[derive(Debug, Clone, Copy)]
pub struct Done<'d> {
    /// What it was: one of few names.
    pub name: &'d str,
    /// What kind.
    pub work: Work,
    /// How long it took, until now.
    pub took: Duration,
    /// The `traceparent` of whoever asked for it.
    pub parent: Option<&'d str>,
    /// Whether it failed.
    pub is_failed: bool,
    /// What is known about it.
    pub facts: &'d [(&'static str, Fact<'d>)],
}

type Tell = dyn Fn(&Done<'_>) + Send + Sync;

/// Who traces. Cheap to clone; nobody by default.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Tell>>);

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tracer(on: {})", self.is_on())
    }
}

impl Tracer {
    /// `tell` must not block: it runs on the path.
    pub fn new(tell: impl Fn(&Done<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Whether anybody traces: ask before anything is measured.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Something is done.
    pub fn tell(&self, done: &Done<'_>) {
        if let Some(tell) = &self.0 {
            tell(done);
        }
    }
}
