//! Giving up a range: one record for all of it, so that a destination that was down for a week costs a line.
//!
//! The range can be replayed from the lake, which has every event.

use event::Millis;
use eventlog::record::Processed;
use eventlog::{Partition, Position, ReadError};

use crate::follow::Courier;
use crate::result_log::format::Dropped;

const READ_BYTES: usize = 1024 * 1024;

/// Drops what is lined up and what is unread of a partition up to `through`; the cursor jumps there.
pub(crate) async fn give_up(courier: &mut Courier, partition: Partition, through: Position, now: Millis) -> Dropped {
    let after = courier.cursors[usize::from(partition.0)];
    let lined_up = courier.lanes.remove_through(partition, through);
    let unread = count_unread(courier, partition, after, through).await;
    courier.cursors[usize::from(partition.0)] = after.max(Some(through));
    Dropped { at_ms: now.0, partition: partition.0, after: None, through, events: lined_up + unread }
}

/// Counts this destination's events after the cursor and up to `through`, for the record.
async fn count_unread(courier: &Courier, partition: Partition, after: Option<Position>, through: Position) -> u64 {
    let (mut events, mut at) = (0, after);
    while at < Some(through) {
        let read = courier.context.log.read(partition, at, READ_BYTES).await;
        match read {
            Ok(records) => {
                let within: Vec<_> = records.into_iter().take_while(|record| record.position <= through).collect();
                let Some(last) = within.last() else { break };
                at = Some(last.position);
                events += within.iter().filter(|record| is_ours(courier, record)).count() as u64;
            }
            Err(ReadError::Trimmed { through }) => at = Some(through),
            Err(ReadError::Shredded { next, .. }) => at = Some(next),
            Err(ReadError::Damaged { block, .. }) => at = Some(Position { block, index: u32::MAX }),
            Err(ReadError::Io(_)) => break,
        }
    }
    events
}

fn is_ours(courier: &Courier, record: &eventlog::Record) -> bool {
    let name = courier.context.model.name.as_str();
    record.workspace == courier.context.workspace
        && Processed::decode(&record.payload).is_ok_and(|record| record.outputs.contains(&name))
}
