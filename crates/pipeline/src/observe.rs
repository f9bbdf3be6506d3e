//! What `assent tail` shows of the pipeline.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventlog::{Partition, Position};

use crate::{Logged, Reason};

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Its workspace.
    pub workspace: Arc<str>,
    /// Its source.
    pub source: String,
    /// Its message id.
    pub message_id: String,
    /// Its partition.
    pub partition: Partition,
    /// Where it stands in `raw`.
    pub raw_position: Position,
    /// The outputs it goes on to, or why it goes no further.
    pub outcome: Result<Vec<String>, Reason>,
}

/// Somebody who may be watching. Observations are made only while `wanted` is set.
#[derive(Clone)]
pub struct Observer {
    /// Whether anybody watches now.
    pub wanted: Arc<AtomicBool>,
    /// Takes an observation; must not block.
    pub tell: Arc<dyn Fn(Observation) + Send + Sync>,
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Observer {
    /// Nobody.
    pub fn nobody() -> Self {
        Self { wanted: Arc::default(), tell: Arc::new(drop) }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(
        &self,
        (workspace, partition): (&Arc<str>, Partition),
        logged: &Logged<'_>,
        outcome: Result<Vec<String>, Reason>,
    ) {
        (self.tell)(Observation {
            workspace: Arc::clone(workspace),
            source: logged.raw.source.to_owned(),
            message_id: logged.raw.message_id.to_owned(),
            partition,
            raw_position: logged.position,
            outcome,
        });
    }
}
