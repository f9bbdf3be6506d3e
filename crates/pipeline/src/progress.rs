//! How far the pipeline is in `raw`, for whoever has to wait until it is empty.

use eventlog::{Partition, Position};
use tokio::sync::watch;

/// Per partition, the last position of `raw` that is durable in `processed` or dropped for good.
#[derive(Debug)]
pub struct Progress {
    reached: Vec<watch::Sender<Option<Position>>>,
}

impl Progress {
    pub(crate) fn new(partitions: u16) -> Self {
        Self { reached: (0..partitions).map(|_| watch::Sender::new(None)).collect() }
    }

    pub(crate) fn reach(&self, partition: Partition, position: Option<Position>) {
        if let Some(reached) = self.reached.get(usize::from(partition.0)) {
            reached.send_replace(position);
        }
    }

    /// Returns when the partition is handled through this position.
    pub async fn handled(&self, partition: Partition, through: Position) {
        let Some(reached) = self.reached.get(usize::from(partition.0)) else { return };
        // The sender lives as long as `self`.
        drop(reached.subscribe().wait_for(|reached| *reached >= Some(through)).await);
    }
}
