//! Before the edge opens: who has an event in `raw` that has no subject yet.
//!
//! A refusal from somebody unknown is recorded without a name, and somebody whose event lies in the log is not unknown
//! ([`control::Recent`]). A running server learns of them as it takes their events; one that starts after a crash has
//! to look into the log, or their refusals in its first moments would not reach the events that wait there.
//!
//! Only what the pipeline has not handled is read: a few milliseconds of events after a crash, more after a time in
//! which nothing was processed. Of those it remembers as many as a running server would, the latest.

use event::Fingerprint;
use eventlog::record::Raw;
use eventlog::{Position, ReadError, Record};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::Pipeline;
use crate::stage::previous_id;
use crate::worker::{Ended, READ_BYTES, Worker};

impl Pipeline {
    /// Makes everybody known to their workspace's [`control::Recent`] whose event waits in `raw`, and returns how many
    /// events that were. Call it before the first request is taken. What cannot be read is said in the log and
    /// skipped: the pipeline deals with it.
    pub async fn remember_waiting(&self) -> usize {
        let mut events = 0;
        for partition in (0..self.shared.raw.partitions()).map(eventlog::Partition) {
            let worker = Worker { shared: self.shared.clone(), partition, stop: CancellationToken::new() };
            match worker.cursor().await {
                Ok(handled) => events += remember(&worker, handled).await,
                Err(Ended::Stopped) => {}
                Err(Ended::Broken(reason)) => {
                    error!(partition = partition.0, %reason, "who has an event in this partition is not known");
                }
            }
        }
        events
    }
}

/// Reads a partition to what is its end now.
async fn remember(worker: &Worker, handled: Option<Position>) -> usize {
    let (raw, partition) = (&worker.shared.raw, worker.partition);
    let (mut after, end) = (handled, raw.watermark(partition));
    let mut events = 0;
    while after < end {
        match raw.read(partition, after, READ_BYTES).await {
            Ok(records) => {
                let Some(last) = records.last() else { break };
                after = Some(last.position);
                events += records.len();
                for record in &records {
                    remember_one(worker, record);
                }
            }
            Err(ReadError::Trimmed { through }) => after = Some(through),
            Err(ReadError::Shredded { next, .. }) => after = Some(next),
            Err(ReadError::Damaged { block, detail }) => {
                warn!(partition = partition.0, block, %detail, "who has an event in a damaged block is not known");
                after = Some(Position { block, index: u32::MAX });
            }
            Err(ReadError::Io(error)) => {
                error!(partition = partition.0, %error, "who has an event in the rest of this partition is not known");
                break;
            }
        }
    }
    events
}

fn remember_one(worker: &Worker, record: &Record) {
    // The worker says what is wrong with a record, or that nobody serves its workspace.
    let (Some(tenant), Ok(raw)) =
        (worker.shared.site.directory.tenant(&record.workspace), Raw::decode(&record.payload))
    else {
        return;
    };
    let mut identifiers: Vec<Fingerprint> = tenant.fingerprints.of_event(raw.anonymous_id, raw.user_id);
    if let Some(earlier) = previous_id(&raw) {
        identifiers.extend(tenant.fingerprints.of_previous(&earlier));
    }
    tenant.recent.add(&identifiers);
}
