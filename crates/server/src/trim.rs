//! Trimming `processed`: what the lake has and no destination needs any more may go. Only pipeline and lake hold the
//! log; a destination's backlog is bounded by `delivery` itself.
//!
//! The last record of a partition always stays: it is the pipeline's cursor.

use std::sync::Arc;
use std::time::Duration;

use eventlog::{EventLog, Partition, Position};
use tokio_util::sync::CancellationToken;

/// How often. Segments are deleted whole, so more often gains nothing.
const EVERY: Duration = Duration::from_secs(5);

/// What somebody still needs of a partition.
pub(crate) enum Need {
    /// Nothing before this has to stay: it is done with through it.
    Through(Position),
    /// Everything: it has not read anything yet.
    All,
}

/// Trims until stopped. `needs` answers for each partition what every holder needs.
pub(crate) async fn run(log: Arc<dyn EventLog>, needs: impl Fn(Partition) -> Vec<Need>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        for partition in (0..log.partitions()).map(Partition) {
            if let Some(through) = through(&needs(partition), log.watermark(partition)) {
                log.trim(partition, through).await;
            }
        }
    }
}

/// The last position that may go: before the last record, and through what everybody is done with.
fn through(needs: &[Need], watermark: Option<Position>) -> Option<Position> {
    let last = before(watermark?)?;
    needs.iter().try_fold(last, |through, need| match need {
        Need::Through(position) => Some(through.min(*position)),
        Need::All => None,
    })
}

/// The greatest position before this one that is certain not to be after any earlier record.
fn before(position: Position) -> Option<Position> {
    match (position.block, position.index) {
        (block, index) if index > 0 => Some(Position { block, index: index - 1 }),
        (0, _) => None,
        (block, _) => Some(Position { block: block - 1, index: u32::MAX }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(block: u64, index: u32) -> Position {
        Position { block, index }
    }

    #[test]
    fn the_slowest_holder_decides_and_the_cursor_stays() {
        let done = |block| Need::Through(at(block, 3));
        assert_eq!(through(&[done(10), done(7)], Some(at(20, 0))), Some(at(7, 3)));
        assert_eq!(through(&[done(30), done(40)], Some(at(20, 5))), Some(at(20, 4)));
        assert_eq!(through(&[done(30)], Some(at(20, 0))), Some(at(19, u32::MAX)));
        assert_eq!(through(&[done(30), Need::All], Some(at(20, 5))), None);
        assert_eq!(through(&[done(30)], None), None);
        assert_eq!(through(&[done(30)], Some(at(0, 0))), None);
    }
}
