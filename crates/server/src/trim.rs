//! What lets events go from the log: both streams hold whole events, so none may stay longer than the retention.
//!
//! Segments are deleted whole. So the one being written is ended by age, also when nothing comes any more, and of
//! `processed` everything is released that nobody needs (`raw` is released by the pipeline itself). Pipeline and lake
//! hold the log for as long as they need it. A destination's backlog is bounded by `delivery`; when that fails to let
//! go, its hold ends here, in time for the segment to be gone when the retention ends.
//!
//! The last record of a partition stays for as long as the segment after its own is young: it is the pipeline's
//! cursor. Then it goes too, because the last visitor of a week is a person as well; the pipeline goes on from the
//! checkpoint of its index, which is one of those who must have passed the record.

use std::sync::Arc;
use std::time::Duration;

use event::{Clock, Millis};
use eventlog::{EventLog, Partition, Position};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How often. Segments are deleted whole, so more often gains nothing.
const EVERY: Duration = Duration::from_secs(5);
const HOUR_MS: i64 = 3_600_000;
/// What the retention has left over for a restart, a full disk, a slow deletion.
const MARGIN_HOURS: u64 = 1;

/// Who needs what of a partition: everything after a position, or everything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holders {
    /// Pipeline and lake: they get what they need, however long it takes.
    pub(crate) firm: [Option<Position>; 2],
    /// The destinations: until the retention ends.
    pub(crate) bounded: Option<Position>,
}

/// When what has to go.
#[derive(Debug, Clone, Copy)]
struct Ages {
    /// Of a segment, when it is ended.
    segment_ms: i64,
    /// Of the segment after a record's own, when destinations hold that record no more.
    hold_ms: i64,
}

impl Ages {
    fn new(settings: &Settings) -> Self {
        let ms = |hours: u64| i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
        let hold = settings.log_retention_hours.saturating_sub(settings.log_segment_hours_max + MARGIN_HOURS);
        Self { segment_ms: ms(settings.log_segment_hours_max), hold_ms: ms(hold) }
    }
}

/// Refuses settings that cannot all be kept.
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    let Settings { log_segment_hours_max: segment, log_retention_hours: retention, backlog_hours_max: backlog, .. } =
        settings;
    anyhow::ensure!(*segment > 0, "`log_segment_hours_max` is 0, at least 1 is needed");
    let least = backlog.saturating_add(*segment).saturating_add(MARGIN_HOURS);
    anyhow::ensure!(
        *retention >= least,
        "`log_retention_hours` is {retention}: with `backlog_hours_max` {backlog} and `log_segment_hours_max` {segment} \
         it must be at least {least}; shorten those or keep the log longer"
    );
    Ok(())
}

/// See the module.
pub(crate) struct Trimmer {
    raw: Arc<dyn EventLog>,
    processed: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ages: Ages,
    /// Whether the last sealing failed: said once, not every few seconds.
    is_failing: bool,
}

impl Trimmer {
    pub(crate) fn new(
        raw: &Arc<dyn EventLog>,
        processed: &Arc<dyn EventLog>,
        clock: &Arc<dyn Clock>,
        settings: &Settings,
    ) -> Self {
        let (raw, processed, clock) = (Arc::clone(raw), Arc::clone(processed), Arc::clone(clock));
        Self { raw, processed, clock, ages: Ages::new(settings), is_failing: false }
    }

    /// Trims until stopped. `holders` answers for each partition who needs what of it.
    pub(crate) async fn run(mut self, holders: impl Fn(Partition) -> Holders, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => self.pass(&holders).await,
            }
        }
    }

    async fn pass(&mut self, holders: &impl Fn(Partition) -> Holders) {
        let now = self.clock.now().0;
        let begun_before = Millis(now - self.ages.segment_ms);
        let sealed = self.raw.seal(begun_before).await.and(self.processed.seal(begun_before).await);
        let was_failing = std::mem::replace(&mut self.is_failing, sealed.is_err());
        if let (Err(error), false) = (sealed, was_failing) {
            tracing::warn!(%error, "cannot end a segment of the log that is old enough; trying again");
        }
        let expired = Millis(now - self.ages.hold_ms);
        for partition in (0..self.processed.partitions()).map(Partition) {
            let log = &self.processed;
            let told = Told {
                watermark: log.watermark(partition),
                idle: log.older_than(partition, begun_before),
                expired: log.older_than(partition, expired),
            };
            if let Some(through) = through(holders(partition), told) {
                log.trim(partition, through).await;
            }
        }
    }
}

/// What the log says about a partition.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    watermark: Option<Position>,
    /// Through here, the segment after a record's own is old enough to be ended too.
    idle: Option<Position>,
    /// Through here, no destination holds a record any more.
    expired: Option<Position>,
}

/// The last position that may go.
fn through(holders: Holders, told: Told) -> Option<Position> {
    let watermark = told.watermark?;
    let last = if told.idle >= told.watermark { watermark } else { before(watermark)? };
    let [pipeline, lake] = holders.firm;
    let destinations = holders.bounded.max(told.expired);
    Some(last.min(pipeline?).min(lake?).min(destinations?))
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
mod tests;
