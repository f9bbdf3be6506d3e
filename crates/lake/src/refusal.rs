//! That the lake will not go on with this log, told to whoever can keep it in mind.
//!
//! A log that is behind the lake catches up by itself when events come in, and then looks like any other, although what
//! came meanwhile is in no table. So the refusal must outlive the process that found it, and the lake, which knows the
//! log only from outside, cannot keep it.

use std::fmt;
use std::sync::Arc;

use crate::LakeError;

/// Told before the lake ends.
#[derive(Clone)]
pub struct Refusal(Arc<dyn Fn(&LakeError) + Send + Sync>);

impl Refusal {
    /// Tells `note`, once.
    pub fn told(note: impl Fn(&LakeError) + Send + Sync + 'static) -> Self {
        Self(Arc::new(note))
    }

    /// Tells of an error, if it is such a one.
    pub(crate) fn tell(&self, error: &LakeError) {
        if matches!(error, LakeError::Ahead { .. }) {
            (self.0)(error);
        }
    }
}

impl Default for Refusal {
    /// Nobody.
    fn default() -> Self {
        Self::told(|_| ())
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusal")
    }
}
