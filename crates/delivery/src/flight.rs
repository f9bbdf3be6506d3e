//! The batches of one destination that are on their way: their tasks, what each holds, and how much memory that is.
//!
//! Requests are limited by number ([`crate::concurrency`]), which says nothing about memory: a receiver that is slow
//! and never refuses is allowed many. Hence the bytes here, of which each destination has its [share](crate::share). A
//! batch that is larger than all that may fly goes alone: what fits one request must not wait for ever.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

use crate::attempt::Finished;
use crate::lane::Item;

/// What an event counts whose record the attempt has still to read.
const UNREAD_BYTES: usize = 1024;

/// What is on its way.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    attempts: JoinSet<Finished>,
    batches: HashMap<Id, Batch>,
    bytes: usize,
}

#[derive(Debug)]
struct Batch {
    /// Without their records, which the attempt has.
    items: Vec<Item>,
    bytes: usize,
}

impl Flight {
    /// Begins an attempt for a batch of events.
    pub(crate) fn begin<A>(&mut self, batch: Vec<Item>, attempt: impl FnOnce(Vec<Item>) -> A)
    where
        A: Future<Output = Finished> + Send + 'static,
    {
        let bytes = batch.iter().map(|item| if item.payload.is_some() { item.bytes() } else { UNREAD_BYTES }).sum();
        let items = batch.iter().map(Item::stub).collect();
        let task = self.attempts.spawn(attempt(batch));
        self.batches.insert(task.id(), Batch { items, bytes });
        self.bytes += bytes;
    }

    /// Bytes of records on their way.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Batches on their way.
    pub(crate) fn len(&self) -> usize {
        self.attempts.len()
    }

    /// Batches with nothing live in them.
    pub(crate) fn only_replayed(&self) -> usize {
        // What is live goes first in its batch.
        let is_replayed = |batch: &&Batch| batch.items.first().is_some_and(Item::is_replayed);
        self.batches.values().filter(is_replayed).count()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Their events.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.batches.values().flat_map(|batch| &batch.items)
    }

    /// Waits for the next that ends; `None` when there is none. An attempt that panicked gives back what it held.
    pub(crate) async fn next(&mut self) -> Option<Result<Finished, Crashed>> {
        let ended = self.attempts.join_next_with_id().await?;
        Some(self.ended(ended))
    }

    /// The next that has ended already.
    pub(crate) fn try_next(&mut self) -> Option<Result<Finished, Crashed>> {
        let ended = self.attempts.try_join_next_with_id()?;
        Some(self.ended(ended))
    }

    fn ended(&mut self, ended: Result<(Id, Finished), JoinError>) -> Result<Finished, Crashed> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let batch = self.batches.remove(&id).expect("every task that is spawned is entered");
        self.bytes -= batch.bytes;
        ended.map(|(_, finished)| finished).map_err(|error| Crashed { items: batch.items, error })
    }

    /// Ends all of them; what they held stays known, so that a state can say that it waits.
    pub(crate) fn abort(&mut self) {
        self.attempts.abort_all();
    }
}

/// An attempt that ended without a result.
#[derive(Debug)]
pub(crate) struct Crashed {
    /// The events it held.
    pub(crate) items: Vec<Item>,
    /// Why.
    pub(crate) error: JoinError,
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use eventlog::{Partition, Position};

    use super::*;

    fn batch(events: u32, bytes: usize) -> Vec<Item> {
        let item = |index| Item {
            seq: u64::from(index),
            partition: Partition(0),
            position: Position { block: 1, index },
            lane: u64::from(index),
            failures: 0,
            first_failed: None,
            arrived: tokio::time::Instant::now(),
            payload: (bytes > 0).then(|| Bytes::from(vec![0; bytes])),
        };
        (0..events).map(item).collect()
    }

    async fn held(batch: Vec<Item>) -> Finished {
        let _batch = batch;
        std::future::pending().await
    }

    async fn done(batch: Vec<Item>) -> Finished {
        let events = batch.into_iter().map(|item| (item, crate::attempt::Decision::Unsent)).collect();
        Finished { events, exchanges: Vec::new(), number: 1, is_held: false }
    }

    #[tokio::test]
    async fn what_a_batch_holds_counts_until_it_ended() {
        let mut flight = Flight::default();
        flight.begin(batch(3, 1_000), held);
        flight.begin(batch(2, 10), done);
        assert_eq!(flight.bytes(), 3_020);
        let finished = flight.next().await.expect("one flies").expect("it does not panic");
        assert_eq!((finished.events.len(), flight.len(), flight.bytes()), (2, 1, 3_000));
        flight.abort();
        let crashed = flight.next().await.expect("one flies").expect_err("it was aborted");
        assert!(crashed.error.is_cancelled());
        assert_eq!((crashed.items.len(), flight.bytes(), flight.items().count()), (3, 0, 0));
    }

    #[tokio::test]
    async fn events_that_are_still_to_be_read_count() {
        let mut flight = Flight::default();
        flight.begin(batch(100, 0), held);
        assert_eq!(flight.bytes(), 100 * UNREAD_BYTES);
    }
}
