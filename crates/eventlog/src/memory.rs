//! The engine for tests of everything above the log: nothing survives, nothing is sealed, the contract is the same.
//! It drops trimmed records at once where `file` keeps whole segments, so that a reader who relies on released
//! records is found out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::own::Owners;
use crate::{
    Append, AppendError, EventLog, Lease, Owned, Partition, Position, RECORD_BYTES_MAX, ReadError, Record, Usage,
};

/// A stream in memory.
#[derive(Debug)]
pub struct MemoryLog {
    state: Mutex<State>,
    marks: Vec<watch::Sender<Option<Position>>>,
    owners: Owners,
}

#[derive(Debug)]
struct State {
    /// Grows with every append of records to a partition, as the offsets of `file` do.
    next_block: u64,
    partitions: Vec<Held>,
}

#[derive(Debug, Default)]
struct Held {
    records: VecDeque<Record>,
    trimmed: Option<Position>,
}

impl MemoryLog {
    /// An empty stream.
    pub fn new(partitions: u16) -> Self {
        let held = (0..partitions).map(|_| Held::default()).collect();
        Self {
            state: Mutex::new(State { next_block: 1, partitions: held }),
            marks: (0..partitions).map(|_| watch::Sender::new(None)).collect(),
            owners: Owners::new(partitions),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the log panics")
    }
}

impl State {
    fn append(&mut self, batch: Vec<Append>) -> Vec<Position> {
        let first_block = self.next_block;
        let mut blocks: Vec<(Partition, Arc<str>, u32)> = Vec::new();
        let mut positions = Vec::with_capacity(batch.len());
        let mut records = Vec::with_capacity(batch.len());
        for append in batch {
            let is_of = |block: &(Partition, Arc<str>, u32)| block.0 == append.partition && block.1 == append.workspace;
            let at = blocks.iter().position(is_of).unwrap_or_else(|| {
                blocks.push((append.partition, Arc::clone(&append.workspace), 0));
                blocks.len() - 1
            });
            let position = Position { block: first_block + at as u64, index: blocks[at].2 };
            blocks[at].2 += 1;
            positions.push(position);
            let record = Record { position, workspace: append.workspace, payload: append.payload };
            records.push((append.partition, record));
        }
        // Two workspaces in one partition may alternate in the batch; their blocks follow each other.
        records.sort_by_key(|(_, record)| record.position);
        for (partition, record) in records {
            self.partitions[usize::from(partition.0)].records.push_back(record);
        }
        self.next_block += blocks.len() as u64;
        positions
    }
}

fn check(append: &Append, partitions: usize) -> Result<(), AppendError> {
    let detail = if usize::from(append.partition.0) >= partitions {
        format!("partition {} does not exist, there are {partitions}", append.partition.0)
    } else if append.payload.len() > RECORD_BYTES_MAX {
        format!("a payload of {} bytes, at most {RECORD_BYTES_MAX} are allowed", append.payload.len())
    } else {
        return Ok(());
    };
    Err(AppendError::Invalid { detail })
}

#[async_trait]
impl EventLog for MemoryLog {
    fn partitions(&self) -> u16 {
        u16::try_from(self.marks.len()).expect("the log was made with a u16 of partitions")
    }

    async fn append(&self, batch: Vec<Append>) -> Result<Vec<Position>, AppendError> {
        batch.iter().try_for_each(|append| check(append, self.marks.len()))?;
        let mut touched: Vec<Partition> = batch.iter().map(|append| append.partition).collect();
        touched.sort_unstable();
        touched.dedup();
        let mut state = self.state();
        let positions = state.append(batch);
        for partition in touched {
            let partition = usize::from(partition.0);
            let last = state.partitions[partition].records.back().map(|record| record.position);
            self.marks[partition].send_replace(last);
        }
        Ok(positions)
    }

    fn accepts(&self) -> Result<(), AppendError> {
        Ok(())
    }

    async fn read(
        &self,
        partition: Partition,
        after: Option<Position>,
        bytes_max: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let state = self.state();
        let Some(held) = state.partitions.get(usize::from(partition.0)) else { return Ok(Vec::new()) };
        if let (Some(after), Some(through)) = (after, held.trimmed)
            && after < through
        {
            return Err(ReadError::Trimmed { through });
        }
        let first = held.records.partition_point(|record| after.is_some_and(|after| record.position <= after));
        let mut bytes = 0;
        let mut records: Vec<Record> = Vec::new();
        for record in held.records.range(first..) {
            let same_block = records.last().is_some_and(|last| last.position.block == record.position.block);
            if !records.is_empty() && bytes >= bytes_max && !same_block {
                break;
            }
            bytes += record.payload.len();
            records.push(record.clone());
        }
        Ok(records)
    }

    fn watermark(&self, partition: Partition) -> Option<Position> {
        *self.marks.get(usize::from(partition.0))?.borrow()
    }

    async fn changed(&self, partition: Partition, after: Option<Position>) {
        match self.marks.get(usize::from(partition.0)) {
            // The sender lives as long as `self`.
            Some(mark) => drop(mark.subscribe().wait_for(|mark| *mark > after).await),
            None => std::future::pending().await,
        }
    }

    async fn trim(&self, partition: Partition, through: Position) {
        let mut state = self.state();
        let Some(held) = state.partitions.get_mut(usize::from(partition.0)) else { return };
        let gone = held.records.partition_point(|record| record.position <= through);
        if let Some(last) = held.records.drain(..gone).next_back() {
            held.trimmed = Some(last.position);
        }
    }

    fn own(&self, partition: Partition) -> Result<Lease, Owned> {
        self.owners.own(partition)
    }

    fn usage(&self) -> Usage {
        let state = self.state();
        let records = || state.partitions.iter().flat_map(|held| &held.records);
        let bytes = records().map(|record| record.payload.len() as u64).sum();
        let mut blocks: Vec<u64> = records().map(|record| record.position.block).collect();
        blocks.sort_unstable();
        blocks.dedup();
        Usage { bytes, segments: blocks.len() as u64, pending_bytes: 0 }
    }
}
