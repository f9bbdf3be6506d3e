//! The tail of `processed`: the pipeline's cursor.

use eventlog::record::{Processed, RecordError};
use eventlog::{EventLog, Partition, Position, ReadError, Record};

/// What the tail of a partition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing was ever appended.
    Empty,
    /// The last record, and the raw position it carries.
    At {
        /// Where it stands.
        processed: Position,
        /// What it was made from.
        raw: Position,
    },
    /// Something was appended, and its last record cannot be read any more.
    Gone,
}

/// Why the tail cannot be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    /// The operating system refused; it may not the next time.
    #[error(transparent)]
    Io(std::io::Error),
    /// It was written by a newer release, or by no release.
    #[error("the last record of `processed`: {0}")]
    Record(#[from] RecordError),
}

/// Reads the last record of the partition.
pub(crate) async fn tail(processed: &dyn EventLog, partition: Partition) -> Result<Tail, TailError> {
    let Some(mark) = processed.watermark(partition) else { return Ok(Tail::Empty) };
    match processed.read(partition, before(mark), 1).await {
        Ok(records) => match records.last() {
            Some(last) => at(last),
            None => Ok(Tail::Gone),
        },
        Err(ReadError::Io(error)) => Err(TailError::Io(error)),
        Err(ReadError::Trimmed { .. } | ReadError::Damaged { .. } | ReadError::Shredded { .. }) => Ok(Tail::Gone),
    }
}

fn at(last: &Record) -> Result<Tail, TailError> {
    let raw = Processed::decode(&last.payload)?.raw_position;
    Ok(Tail::At { processed: last.position, raw })
}

/// The position after which only `mark` follows. Positions are ordered and may have gaps, so one that no record has
/// is as good a place to read on from as any.
fn before(mark: Position) -> Option<Position> {
    match (mark.block.checked_sub(1), mark.index.checked_sub(1)) {
        (_, Some(index)) => Some(Position { block: mark.block, index }),
        (Some(block), None) => Some(Position { block, index: u32::MAX }),
        (None, None) => None,
    }
}
