//! Drops what was seen before; see [`crate::dedup`].

use std::sync::Arc;

use super::Stage;
use crate::dedup::{Index, Place, Seen};
use crate::{Batch, Logged, Reason, Verdict};

/// See the module.
#[derive(Debug)]
pub struct Deduplicate {
    pub(crate) index: Arc<Index>,
}

impl Deduplicate {
    /// By this index.
    pub fn new(index: Arc<Index>) -> Self {
        Self { index }
    }
}

impl Stage for Deduplicate {
    type From<'r> = Logged<'r>;
    type To<'r> = Logged<'r>;

    fn run<'r>(&self, batch: Batch<'r, Logged<'r>>) -> Batch<'r, Logged<'r>> {
        let partition = batch.partition;
        batch.judge(|logged| match self.index.claim(logged.id, Place::new(partition, logged.position)) {
            Seen::New => Verdict::Continue(logged),
            Seen::Done => Verdict::Drop(logged, Reason::AlreadyProcessed),
            Seen::Elsewhere => Verdict::Drop(logged, Reason::Duplicate),
        })
    }
}
